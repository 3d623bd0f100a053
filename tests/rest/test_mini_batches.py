"""How far jobs of batch endpoints are, in the words that the service writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.mini_batches import MiniBatches, errors, progress_in
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# printed in issue 1429 of Azure/MachineLearningNotebooks and issue 30421 of Azure/azure-sdk-for-python
BEGUN = """2021-04-15T22:03:32.226929 Start the simulator.
2021-04-15T22:03:34.285780 The overviewer on 10.0.0.4 started.
2021-04-15T22:03:54.767763 Scheduling finished. Scheduled 276 mini batches in 22 seconds. There are 276 tasks.
2021-04-15T22:03:54.899666 No task has been processed yet."""
LATER = """
2023-05-16T22:20:53.233813 Processed 4117 of 20000 mini batches in 5:02:14. Estimated remaining time 19:25:59.
2023-05-16T22:22:08.962071 The overviewer on 7 stopped."""
CONTENTS = f"/artifact/v2.0{WS}/artifacts/ExperimentRun/dcid.step/prefix/contentinfo"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", None),
        ("2021-04-15T22:03:32.226929 Start scheduling.", None),
        (BEGUN, "276 mini-batches are scheduled"),
        (LATER, "4117 of 20000 mini-batches are processed; estimated time left 19:25:59"),
        (
            "Processed 9 of 90 mini batches in 1 day, 2:00:00. Estimate remaining 10 days, 20:00:00.",
            "9 of 90 mini-batches are processed; estimated time left 10 days, 20:00:00",
        ),
        ("Processed 3 of 3 mini batches in 0:00:01. Estimated remaining time 0:00:00.", "3 of 3 mini-batches are proc"),
        ("Processed 3 of 3 mini-batches, of which 1 failed.", "3 of 3 mini-batches are processed, 1 of them failed"),
    ],
)
def test_the_last_that_is_said_of_mini_batches_counts(text: str, told: str | None) -> None:
    found = progress_in(text.splitlines())
    assert found is None if told is None else str(found).startswith(told)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path)
    yield stand_in
    stand_in.close()


def holds(service: StandIn, **files: str) -> None:
    """The files of the step's job, by the last parts of their names."""
    named = {f"logs/{name.replace('__', '/').replace('_txt', '.txt')}": text for name, text in files.items()}
    listed = [{"path": path, "contentUri": f"{service.url}/blobs/{path}"} for path in named]
    service.answer("GET", CONTENTS, Answer(body={"value": listed}))
    for path, text in named.items():
        service.answer("HEAD", f"/blobs/{path}", Answer(headers={"Content-Length": str(len(text))}))
        service.answer("GET", f"/blobs/{path}", Answer(206, text.encode()))


def test_progress_is_told_once_per_change_and_at_the_end(service: StandIn) -> None:
    told: list[str] = []
    batches, plane = MiniBatches("step", told.append), DataPlane(TARGET.workspace, service.url)

    def look(now: float, **options: Any) -> None:
        service.run(batches.look(plane, now=now, **options))

    service.answer("GET", CONTENTS, Answer(body={"value": []}))
    look(0)
    assert told == []
    service.forget()
    holds(service, **{"job_progress_overview.20230516.txt": BEGUN, "job_progress_overview.20230517.txt": LATER})
    look(5)  # the service writes every ten seconds at most
    assert service.asked == []
    look(11)
    look(22)
    look(23, ended=True)
    assert told == ["4117 of 20000 mini-batches are processed; estimated time left 19:25:59"]
    service.forget()
    service.answer("GET", CONTENTS, Answer(403))
    with pytest.raises(ApiError):
        look(24, ended=True)


def test_what_went_wrong_is_told_with_what_came_of_it(service: StandIn) -> None:
    holds(service, user__error_txt="\n".join(f"wrong {number}" for number in range(30)), job_result_txt="All failed.\n")
    plane = DataPlane(TARGET.workspace, service.url)
    assert service.run(errors(plane, "step", 3)) == ["wrong 28", "wrong 29", "All failed."]
    service.forget()
    service.answer("GET", CONTENTS, Answer(body={"value": []}))
    assert service.run(errors(plane, "step", 3)) == []
