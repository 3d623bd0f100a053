"""What is sent for some records at a time, and which part of the answer is whose."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_provider_azml.rest.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

RecordShape: TypeAlias = Literal["as_given", "values", "split"]
SHAPES: tuple[RecordShape, ...] = ("as_given", "values", "split")
_ENCODER = json.JSONEncoder(allow_nan=False)


class NoAnswers(ValueError):
    """An answer does not hold one for each record."""


@dataclass(frozen=True)
class Form:
    """How records are put into a body, and answers found in what comes back.

    Args:
        record_key: Dotted path of the records in the body; ``None`` for a record that is a body itself.
        shape: ``as_given``; ``values``: of each mapping its values alone; ``split``: one mapping for all of them, with
            ``columns``, ``index`` and ``data``, as MLflow takes data frames.
        body: What else is in each body.
        answer_key: Dotted path of the answers in what comes back; without one they are all that comes back, or the only
            list in it.

    Sources: ``{"data": [...]}``, https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints;
    ``{"input_data": {"columns", "index", "data"}}``,
    https://learn.microsoft.com/azure/machine-learning/how-to-deploy-mlflow-models-online-endpoints.
    """

    record_key: str | None = "data"
    shape: RecordShape = "as_given"
    body: Mapping[str, object] = field(default_factory=dict)
    answer_key: str | None = None

    def encoded(self, records: Sequence[object]) -> bytes:
        """The body for some records.

        Raises:
            ValueError: One of them is nothing that JSON can hold, or not of the shape.
        """
        if self.record_key is None:
            return _json(records[0])
        *above, last = self.record_key.split(".")
        body: Json = dict(self.body)
        inner = body
        for name in above:
            inner[name] = dict(inner.get(name) or {})
            inner = inner[name]
        inner[last] = self._shaped(records)
        return _json(body)

    def answers(self, body: bytes, count: int) -> Sequence[object]:
        """One answer for each record, in their order.

        Args:
            body: What came back.
            count: How many records were sent.

        Raises:
            NoAnswers: There are not as many.
        """
        answer = _read(body)
        if self.record_key is None:
            return [_within(answer, self.answer_key)]
        found = _within(answer, self.answer_key)
        if self.answer_key is None and isinstance(found, dict):
            lists = [value for value in found.values() if isinstance(value, list)]
            found = lists[0] if len(lists) == 1 else found
        if isinstance(found, list) and len(found) == count:
            return found
        held = f"a list of {len(found)}" if isinstance(found, list) else f"{json.dumps(answer)[:80]!r}"
        hint = "" if self.answer_key else "; answer_key says where answers are"
        raise NoAnswers(f"{count} records were sent, and the answer is {held}{hint}")

    def problem(self, record: object, like: object) -> str | None:
        """Why a record cannot be sent, or ``None`` if it can.

        Args:
            record: The record.
            like: The first of those that are sent with it.
        """
        if self.shape != "as_given":
            if not isinstance(record, dict):
                return f"is no mapping, and record_shape={self.shape!r} takes its values by their names"
            if isinstance(like, dict) and record.keys() != like.keys():
                return f"has the names {', '.join(map(str, record))}, where another has {', '.join(map(str, like))}"
        try:
            _json(record)
        except (ValueError, TypeError, RecursionError) as error:
            return f"cannot be sent as JSON: {error}"
        return None

    def _shaped(self, records: Sequence[object]) -> object:
        if self.shape == "as_given":
            return records
        rows = [record for record in records if isinstance(record, dict)]
        columns = list(rows[0]) if rows else []
        if len(rows) < len(records) or any(row.keys() != rows[0].keys() for row in rows):
            raise ValueError
        data = [[row[name] for name in columns] for row in rows]
        return data if self.shape == "values" else {"columns": columns, "index": list(range(len(data))), "data": data}


@dataclass(slots=True)
class RecordBatch:
    """Records that are sent with one request.

    Args:
        form: How they are sent.
        first: The place of the first among all records; they stand behind each other.
        records: The records, and what stands in the place of those that cannot be sent.
        sent: Those of them that are sent.
        body: What is sent; empty where all of them cannot be.
    """

    form: Form
    first: int
    records: Sequence[object]
    sent: Sequence[object]
    body: bytes = field(repr=False)

    def halves(self) -> tuple[RecordBatch, RecordBatch] | None:
        """Two batches in its place."""
        if len(self.records) < 2:  # noqa: PLR2004 (what has two halves)
            return None
        middle = len(self.records) // 2
        return (
            _batch(self.form, self.first, self.records[:middle]),
            _batch(self.form, self.first + middle, self.records[middle:]),
        )


def batches(records: Iterable[object], form: Form, size: int) -> Iterator[RecordBatch]:
    """Batches of records, made as they are asked for.

    Args:
        records: The records.
        form: How they are sent.
        size: How many are sent with one request.
    """
    left, first = iter(records), 0
    while some := list(islice(left, size)):
        yield _batch(form, first, some)
        first += len(some)


def _batch(form: Form, first: int, records: Sequence[object]) -> RecordBatch:
    sent = _sendable(records)
    try:
        return RecordBatch(form, first, records, sent, form.encoded(sent) if sent else b"")
    except (ValueError, TypeError, RecursionError):
        records = list(_parted(form, records))
        sent = _sendable(records)
        return RecordBatch(form, first, records, sent, form.encoded(sent) if sent else b"")


def _sendable(records: Sequence[object]) -> Sequence[object]:
    return [record for record in records if not isinstance(record, Unreadable)]


def _parted(form: Form, records: Sequence[object]) -> Iterator[object]:
    """The records, with what is wrong in the place of those that cannot be sent."""
    like = None
    for record in records:
        if isinstance(record, Unreadable):
            yield record
            continue
        problem = form.problem(record, like)
        if problem is None and like is None:
            like = record
        yield record if problem is None else Unreadable(problem)


def _json(value: object) -> bytes:
    return _ENCODER.encode(value).encode()


def _read(body: bytes) -> object:
    """What an answer holds: JSON, or JSON in a text of JSON, as scripts answer that encode it themselves, or text."""
    try:
        answer: object = json.loads(body.decode())
    except (ValueError, RecursionError):
        return body.decode(errors="replace")
    if isinstance(answer, str):
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            return answer
    return answer


def _within(answer: object, key: str | None) -> object:
    for name in key.split(".") if key else ():
        if not isinstance(answer, dict) or name not in answer:
            raise NoAnswers(f"there is no {key!r} in the answer")
        answer = answer[name]
    return answer
