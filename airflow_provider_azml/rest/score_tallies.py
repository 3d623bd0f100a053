"""What came of records that were scored: a line for each, and how many failed by what."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, RunFailed
from airflow_provider_azml.rest.record_bodies import NoAnswers
from airflow_provider_azml.rest.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.record_bodies import RecordBatch

_SHOWN = 20
_IN_A_ROW = 100
"""After how many requests without any success the others are not sent."""
_EXCERPT = 500


@dataclass
class Tally:
    """Writes what came of each record, and counts.

    Args:
        name: Name of the endpoint, for errors.
        lines: Where lines of JSON go: ``{"index": 0, "answer": ...}``, or ``{"index": 0, "error": {"status", "code",
            "message"}}``, in the order of the records.
        most_errors: How many of the records may fail, where it is known how many there are.
        with_records: Whether each line has the record too.
        most_bytes: How long the lines may be together, in bytes.
    """

    name: str
    lines: IO[bytes]
    most_errors: float | None = None
    with_records: bool = False
    most_bytes: int | None = None
    records: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    requests: int = field(default=0, init=False)
    errors: list[Json] = field(default_factory=list, init=False)
    codes: Counter[str] = field(default_factory=Counter, init=False)
    _in_a_row: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)

    def answered(self, batch: RecordBatch, answer: bytes | ApiError) -> None:
        """Take what came of a batch.

        Args:
            batch: The batch.
            answer: The body of the answer, or the error in its place.

        Raises:
            RunFailed: More have failed than may, or nothing succeeds any more.
            ResultsTooLong: The lines are longer together than they may be.
        """
        self.requests += bool(batch.body)
        error, answers = _read(batch, answer)
        self._in_a_row = self._in_a_row + 1 if error else 0
        for index, record in enumerate(batch.records, batch.first):
            if isinstance(record, Unreadable):
                self._fail(index, record, {"status": None, "code": "UnreadableRecord", "message": record.reason})
            elif error:
                self._fail(index, record, error)
            else:
                self._write(index, record, "answer", next(answers))
        self._check(error)

    def failure(self, message: str) -> RunFailed:
        """The exception that ends the task, with what most of the records failed by."""
        code, count = next(iter(self.codes.most_common(1)), (None, 0))
        first = next((error for error in self.errors if error["code"] == code), None)
        said = (
            f"{message}; {count} of them by {code}, first record {first['index']}: {first['message']}" if first else ""
        )
        return RunFailed(kind="scoring by", name=self.name, status="Failed", code=code, message=said or message)

    def _fail(self, index: int, record: object, error: Json) -> None:
        self.failed += 1
        self.codes[error["code"]] += 1
        if len(self.errors) < _SHOWN:
            self.errors.append({"index": index, **error})
        self._write(index, record, "error", error)

    def _write(self, index: int, record: object, name: str, what: object) -> None:
        self.records += 1
        line: Json = {"index": index, name: what}
        if self.with_records:
            line = {"index": index, "record": None if isinstance(record, Unreadable) else record, name: what}
        self._bytes += self.lines.write(f"{json.dumps(line)}\n".encode())

    def _check(self, error: Json | None) -> None:
        if self.most_bytes is not None and self._bytes > self.most_bytes:
            raise ResultsTooLong(self._bytes, self.records)
        if self.most_errors is not None and self.failed > self.most_errors:
            said = f"{self.failed} of the first {self.records} records failed, more than max_error_ratio lets"
            raise self.failure(said)
        if error and self._in_a_row >= _IN_A_ROW:
            raise self.failure(f"the last {self._in_a_row} requests failed, so the others were not sent")


class ResultsTooLong(Exception):
    """Results are longer than XCom should hold.

    Args:
        size: How long they are so far, in bytes.
        records: Of how many records they are.
    """

    def __init__(self, size: int, records: int) -> None:
        super().__init__(size, records)
        self.size = size
        self.records = records


def _read(batch: RecordBatch, answer: bytes | ApiError) -> tuple[Json | None, Iterator[object]]:
    """The error of the whole batch, or the answer to each record that was sent."""
    if isinstance(answer, ApiError):
        return _of_api(answer), iter(())
    try:
        return None, iter(batch.form.answers(answer, len(batch.sent)) if batch.body else ())
    except NoAnswers as wrong:
        return {"status": 200, "code": "NoAnswers", "message": str(wrong)}, iter(())


def _of_api(error: ApiError) -> Json:
    return {"status": error.status, "code": error.code, "message": error.message[:_EXCERPT]}
