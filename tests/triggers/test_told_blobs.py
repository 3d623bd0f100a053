from __future__ import annotations

import json

import pytest

from airflow_provider_azml.rest.listed_blobs import ListedBlob
from airflow_provider_azml.triggers import told_blobs
from airflow_provider_azml.triggers.told_blobs import ToldBlobs


def blob(name: str, etag: str = "1", modified: str = "2026-01-31T09:00:00Z") -> ListedBlob:
    return ListedBlob(name, etag, modified, 1)


def names(blobs: list[ListedBlob]) -> list[str]:
    return [one.name for one in blobs]


def test_several_changes_of_one_second_and_clocks_that_go_wrong() -> None:
    told = ToldBlobs()
    assert told.changes([blob("a")]) == []
    listed = [blob("a", "2"), blob("b"), blob("c", modified="1999-01-01T00:00:00Z")]
    new = told.changes(listed)
    assert names(new) == ["c", "a", "b"]
    told.tell(new)
    assert told.changes(listed) == []
    assert names(told.changes([blob("a", "3"), *listed[1:]])) == ["a"]


def test_what_was_not_told_stays_new() -> None:
    told = ToldBlobs()
    told.changes([])
    listed = [blob("a"), blob("b")]
    told.tell(told.changes(listed)[:1])
    assert names(told.changes(listed)) == ["b"]


def test_renamed_blobs_are_new_and_deleted_ones_when_they_come_back() -> None:
    told = ToldBlobs()
    told.changes([blob("a"), blob("b")])
    renamed = told.changes([blob("c"), blob("b")])
    assert names(renamed) == ["c"]
    told.tell(renamed)
    told.changes([blob("c")])
    assert names(told.changes([blob("c"), blob("b")])) == ["b"]


def test_restarts_lose_nothing_and_double_nothing() -> None:
    first = ToldBlobs()
    first.changes([blob("a"), blob("b")])
    assert first.unstored
    again = ToldBlobs(json.loads(json.dumps(first.stored())))
    assert (first.unstored, again.unstored) == (False, False)
    moved_in = blob("d", modified="1999-01-01T00:00:00Z")
    new = again.changes([blob("a"), blob("b", "2"), blob("c"), moved_in])
    assert names(new) == ["d", "b", "c"]
    again.tell(new)
    assert again.unstored
    assert ToldBlobs(again.stored()).changes([blob("a"), blob("b", "2"), blob("c"), moved_in]) == []


def test_ten_thousand_blobs_fit_into_the_state_store() -> None:
    listed = [blob(f"incoming/2026/01/31/part-{number:05}.snappy.parquet") for number in range(10_000)]
    told = ToldBlobs()
    told.changes(listed)
    stored = told.stored()
    assert len(json.dumps(stored)) < 65_535
    new = blob("incoming/2026/01/31/new.parquet")
    assert ToldBlobs(stored).changes([*listed, new]) == [new]


def test_of_more_the_newest_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_blobs, "MOST_KEPT", 3)
    listed = [blob(f"{day}", modified=f"2026-01-{day:02}T00:00:00Z") for day in range(1, 9)]
    told = ToldBlobs()
    told.changes(listed)
    stored = told.stored()
    assert stored["before"] == "2026-01-05T00:00:00Z"
    late = blob("late", modified="2026-01-07T00:00:00Z")
    assert ToldBlobs(stored).changes([*listed, late]) == [late]


@pytest.mark.parametrize(
    "stored",
    [{}, {"version": 2, "told": "", "before": ""}, {"version": 1}, [], {"version": 1, "told": '"', "before": ""}],
)
def test_what_is_no_watermark_is_refused(stored: object) -> None:
    with pytest.raises(ValueError, match=r"no version|base85"):
        ToldBlobs(stored)  # type: ignore[arg-type]  # whatever somebody has put there
