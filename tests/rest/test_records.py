"""Records: read from files, put into bodies, and matched with the answers."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError, RunFailed, SpecError
from airflow_provider_azml.rest.record_bodies import Form, NoAnswers, RecordBatch, batches
from airflow_provider_azml.rest.records import Unreadable, format_of, of_file
from airflow_provider_azml.rest.resending import verdict
from airflow_provider_azml.rest.score_tallies import ResultsTooLong, Tally

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.rest.records import Format


def read(path: Path, kind: Format, content: bytes) -> list[object]:
    path.write_bytes(content)
    return [f"wrong: {record.reason}" if isinstance(record, Unreadable) else record for record in of_file(path, kind)]


def test_lines_of_json_are_records(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\n[1, 2]\r\n{"a": \n1, 2\n"text"'
    assert read(tmp_path / "x.jsonl", "jsonl", content) == [
        {"a": 1},
        [1, 2],
        "wrong: line 4 is no JSON: '{\"a\":'",
        "wrong: line 5 is no JSON: '1, 2'",
        "text",
    ]


def test_rows_of_a_table_are_records(tmp_path: Path) -> None:
    content = b'id,area,code,ok,note\n1,5.5,007,true,"a, ""b""\nc"\n-2,1e3,tea,false,\n3,1,2\n4,1e999,-inf,null,NaN\n'
    assert read(tmp_path / "x.csv", "csv", content) == [
        {"id": 1, "area": 5.5, "code": "007", "ok": True, "note": 'a, "b"\nc'},
        {"id": -2, "area": 1000.0, "code": "tea", "ok": False, "note": None},
        "wrong: line 5 has 3 values for 5 names",
        {"id": 4, "area": "1e999", "code": "-inf", "ok": None, "note": "NaN"},
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no first row"),
        (b"a,b,a\n", "twice"),
        (b"a,b\n\xff,1\n", "cannot be read: 'utf-8'"),
        (None, "No such file"),
    ],
    ids=["empty", "names twice", "no UTF-8", "not there"],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, content: bytes | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(SpecError, match=reason):
        list(of_file(tmp_path / "x.csv", "csv"))


def test_the_name_of_a_file_says_its_format() -> None:
    names = ("a.jsonl", "s3://b/a.NDJSON", "a.csv", "a.json", "a", "csv")
    assert [format_of(name) for name in names] == ["jsonl", "jsonl", "csv", None, None, "csv"]


FLOWERS = [{"petal": 1.5, "sepal": 2}, {"petal": 3, "sepal": 4}]


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (Form(), {"data": FLOWERS}),
        (Form(shape="values"), {"data": [[1.5, 2], [3, 4]]}),
        (
            Form("input_data", "split", {"params": {"a": 1}}),
            {
                "params": {"a": 1},
                "input_data": {"columns": ["petal", "sepal"], "index": [0, 1], "data": [[1.5, 2], [3, 4]]},
            },
        ),
        (
            Form("inputs.rows", body={"inputs": {"kind": "x"}, "n": 1}),
            {"inputs": {"kind": "x", "rows": FLOWERS}, "n": 1},
        ),
    ],
    ids=["as given", "values", "split", "deep"],
)
def test_records_are_put_into_a_body(form: Form, body: object) -> None:
    assert [json.loads(batch.body) for batch in batches(FLOWERS, form, 2)] == [body]


def test_a_record_may_be_a_body(tmp_path: Path) -> None:
    form = Form(None)
    assert [batch.body for batch in batches([{"a": 1}, 2], form, 1)] == [b'{"a": 1}', b"2"]
    assert form.answers(b"[1, 2]", 1) == [[1, 2]]


def test_records_that_cannot_be_sent_keep_their_place() -> None:
    first, second = batches([1, {1, 2}, Unreadable("line 3 is no JSON"), math.nan, 5, 6], Form(), 4)
    assert (first.body, second.body) == (b'{"data": [1]}', b'{"data": [5, 6]}')
    reasons = [record.reason if isinstance(record, Unreadable) else record for record in first.records]
    assert reasons[0] == 1
    assert "set is not JSON serializable" in str(reasons[1])
    assert reasons[2] == "line 3 is no JSON"
    assert "Out of range float" in str(reasons[3])
    (alone,) = batches([math.inf], Form(), 4)
    assert alone.body == b""


def test_records_of_another_shape_keep_their_place() -> None:
    (batch,) = batches([FLOWERS[0], [1, 2], {"petal": 1}, FLOWERS[1]], Form(shape="values"), 10)
    assert json.loads(batch.body) == {"data": [[1.5, 2], [3, 4]]}
    reasons = [record.reason for record in batch.records if isinstance(record, Unreadable)]
    assert reasons == [
        "is no mapping, and record_shape='values' takes its values by their names",
        "has the names petal, where another has petal, sepal",
    ]


def test_halves_of_a_batch_stand_behind_each_other() -> None:
    (batch,) = batches(range(5), Form(), 10)
    parts = batch.halves()
    assert parts
    assert [(part.first, part.records, part.body) for part in parts] == [
        (0, [0, 1], b'{"data": [0, 1]}'),
        (2, [2, 3, 4], b'{"data": [2, 3, 4]}'),
    ]
    assert parts[0].halves()[0].halves() is None


@pytest.mark.parametrize(
    "answer",
    ["[1, 2]", '{"result": [1, 2]}', '{"result": [1, 2], "seconds": 3}', '"[1, 2]"', '"{\\"result\\": [1, 2]}"'],
)
def test_answers_are_found(answer: str) -> None:
    assert Form().answers(answer.encode(), 2) == [1, 2]


def test_answers_are_where_they_are_said_to_be() -> None:
    body = b'{"predictions": {"classes": ["a", "b"]}, "probabilities": [1, 2]}'
    assert Form(answer_key="predictions.classes").answers(body, 2) == ["a", "b"]
    with pytest.raises(NoAnswers, match=r"there is no 'predictions\.labels' in the answer"):
        Form(answer_key="predictions.labels").answers(body, 2)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"[1]", "2 records were sent, and the answer is a list of 1; answer_key"),
        (b'{"a": [1, 2], "b": [3, 4]}', "answer_key says where"),
        (b"<html>", "the answer is '\"<html>\"'"),
        (b"\xff" * 500, "2 records were sent"),
        (b"[" * 100_000, "2 records were sent"),
    ],
    ids=["too few", "two lists", "page", "no text", "deep"],
)
def test_answers_that_are_none(answer: bytes, reason: str) -> None:
    with pytest.raises(NoAnswers, match=reason) as caught:
        Form().answers(answer, 2)
    assert len(str(caught.value)) < 300


def error(status: int | None, message: str = "said") -> ApiError:
    return ApiError(method="POST", url="https://x/score", status=status, code="Code", message=message)


def told(tally: Tally) -> list[Any]:
    assert isinstance(tally.lines, io.BytesIO)
    return [json.loads(line) for line in tally.lines.getvalue().splitlines()]


def test_each_record_gets_a_line() -> None:
    tally = Tally("iris", io.BytesIO(), with_records=True)
    first, second, third = batches([1, 2, Unreadable("line 3 is no JSON"), 4, 5], Form(), 2)
    tally.answered(first, b'["a", null]')
    tally.answered(second, b'["b"]')
    tally.answered(third, error(424, "x" * 1000))
    assert told(tally) == [
        {"index": 0, "record": 1, "answer": "a"},
        {"index": 1, "record": 2, "answer": None},
        {
            "index": 2,
            "record": None,
            "error": {"status": None, "code": "UnreadableRecord", "message": "line 3 is no JSON"},
        },
        {"index": 3, "record": 4, "answer": "b"},
        {"index": 4, "record": 5, "error": {"status": 424, "code": "Code", "message": "x" * 500}},
    ]
    assert (tally.records, tally.failed, tally.requests) == (5, 2, 3)
    assert [each["index"] for each in tally.errors] == [2, 4]


def test_an_answer_without_answers_is_an_error_of_its_records() -> None:
    tally = Tally("iris", io.BytesIO())
    tally.answered(next(batches([1, 2], Form(), 2)), b"[1]")
    assert [line["error"]["code"] for line in told(tally)] == ["NoAnswers", "NoAnswers"]


def test_no_more_may_fail_than_is_said() -> None:
    tally = Tally("iris", io.BytesIO(), most_errors=2)
    some = list(batches(range(4), Form(), 1))
    tally.answered(some[0], error(424))
    tally.answered(some[1], error(424))
    with pytest.raises(RunFailed, match="3 of the first 3 records failed") as caught:
        tally.answered(some[2], error(408, "late"))
    assert "2 of them by Code, first record 0: said" not in str(caught.value)
    assert "3 of them by Code, first record 0: said" in str(caught.value)


def test_a_hundred_requests_without_success_are_enough() -> None:
    tally = Tally("iris", io.BytesIO())
    some = list(batches(range(300), Form(), 3))
    for batch in some[:99]:
        tally.answered(batch, error(424))
    with pytest.raises(RunFailed, match="the last 100 requests failed"):
        tally.answered(some[99], error(424))
    assert tally.requests == 100


def test_results_may_be_too_long() -> None:
    tally = Tally("iris", io.BytesIO(), most_bytes=40)
    first, second = batches(range(2), Form(), 1)
    tally.answered(first, b'["short"]')
    with pytest.raises(ResultsTooLong):
        tally.answered(second, b'["too long"]')


def judged(status: int | None, **how: bool | int) -> str:
    given: dict[str, Any] = {"unsent": False, "idempotent": False, "several": True, "tries": 1, **how}
    return verdict(error(status), **given)


def test_what_may_be_sent_again() -> None:
    assert {judged(status) for status in (429, 503)} == {"wait"}
    assert judged(None, unsent=True) == "wait"
    assert {judged(status, idempotent=True) for status in (401, 403, 404)} == {"all"}
    assert {judged(status) for status in (None, 400, 408, 424, 500, 502, 504, 302, 418)} == {"failed"}
    assert (judged(413), judged(413, several=False)) == ("halves", "failed")
    assert {judged(status, idempotent=True) for status in (400, 424, 502)} == {"halves"}
    assert {judged(status, idempotent=True) for status in (None, 408, 500, 504)} == {"again"}
    assert {judged(status, idempotent=True, several=False) for status in (424, 502)} == {"again"}
    assert judged(424, idempotent=True, several=False, tries=3) == "failed"
    assert judged(409, idempotent=True) == "failed"


def test_batches_are_made_as_they_are_asked_for() -> None:
    asked: list[int] = []

    def records() -> Any:
        for number in range(100):
            asked.append(number)
            yield number

    some = batches(records(), Form(), 10)
    first = next(some)
    assert isinstance(first, RecordBatch)
    assert len(asked) == 10
