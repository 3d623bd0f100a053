"""Many records of an operator: where they come from, what is made of their answers, and what the task says of it."""

from __future__ import annotations

import io
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from airflow_provider_azml.operators.arguments import refused
from airflow_provider_azml.operators.record_files import Placed, fetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from airflow.sdk.types import Logger

    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.record_bodies import Form, RecordBatch
    from airflow_provider_azml.rest.records import Format
    from airflow_provider_azml.rest.score_tallies import Tally

MOST_RESULT_BYTES = 256 << 10
"""How long the results of a task may be that are not written to a file."""
_TOLD_SECONDS = 30.0


class Sending(Protocol):
    """Sends batches, tells their answers in order, and looks up every second."""

    def __call__(
        self,
        batches: Iterator[RecordBatch],
        answered: Callable[[RecordBatch, bytes | ApiError], None],
        glance: Callable[[], None],
    ) -> int:
        """Send them all; how many requests were sent again."""


@dataclass(frozen=True)
class RecordScoring:
    """Scores the records of a task.

    Args:
        hook: The hook of the workspace.
        log: The task's log.
        name: Name of the endpoint.
        folder: The folder of the DAG file.
        mark: What tells the unfinished results of this task from another's.
        form: How records are sent.
        batch_size: How many are sent with one request.
        records_format: The format of a file whose name does not say it.
        output_file: Where results go; ``None`` for the result of the task.
        with_records: Whether each result has its record too.
        max_error_ratio: Which part of the records may fail.
    """

    hook: AzmlHook
    log: Logger
    name: str
    folder: Path
    mark: str
    form: Form
    batch_size: int
    records_format: Format | None
    output_file: str | None
    with_records: bool
    max_error_ratio: float

    def run(self, records: Iterable[object] | str, send: Sending) -> Json:
        """Score them, and put the results where they belong.

        Args:
            records: The records, or the place of the file that holds them.
            send: Sends them.

        Returns:
            What came of them; without ``output_file`` with the ``results``.

        Raises:
            RunFailed: More failed than may.
            SpecError: Records cannot be read, or results not be written.
            ApiError: The endpoint takes nothing.
        """
        from airflow_provider_azml.rest.record_bodies import batches
        from airflow_provider_azml.rest.score_tallies import ResultsTooLong, Tally

        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="azml-score-") as scratch:
            found, most = self._found(records, Path(scratch))
            with self._results(Path(scratch)) as (lines, placed):
                tally = Tally(
                    self.name,
                    lines,
                    most_errors=self.max_error_ratio * most,
                    with_records=self.with_records,
                    most_bytes=None if placed else MOST_RESULT_BYTES,
                )
                try:
                    look = _Teller(self.log, tally).look
                    again = send(batches(found, self.form, self.batch_size), tally.answered, look)
                except ResultsTooLong as error:
                    kilobytes = MOST_RESULT_BYTES >> 10
                    reason = f"is needed: the results of {error.records} records have more than {kilobytes} kB already"
                    raise refused("output_file", reason) from error
                self._check(tally)
                result = self._told(tally, again, time.monotonic() - begun, placed)
                if placed:
                    lines.close()
                    placed.put()
                else:
                    assert isinstance(lines, io.BytesIO)
                    result["results"] = [json.loads(line).get("answer") for line in lines.getvalue().splitlines()]
        return result

    def _found(self, records: Iterable[object] | str, scratch: Path) -> tuple[Iterable[object], int]:
        """The records, and how many there are at most."""
        from airflow_provider_azml.rest.records import FORMATS, format_of, of_file

        if isinstance(records, str) and records.lstrip().startswith("["):  # a list, as a template renders it
            try:
                records = json.loads(records)
            except ValueError as error:
                raise refused(
                    "records", f"is text that is no JSON: {error}; pass the list itself, or | tojson"
                ) from error
        if not isinstance(records, str):
            if isinstance(records, (bytes, Mapping)) or not hasattr(records, "__iter__"):
                raise refused("records", f"is {type(records).__name__}; it must be a list, or the path of a file")
            listed = records if isinstance(records, Sequence) else list(records)
            return listed, len(listed)
        kind = self.records_format or format_of(records)
        if kind is None:
            raise refused(
                "records_format", f"is needed, {' or '.join(FORMATS)}: the name of {records!r} does not say it"
            )
        path = fetched(self.hook, records, self.folder, scratch)
        return of_file(path, kind), _lines_of(path)

    @contextmanager
    def _results(self, scratch: Path) -> Iterator[tuple[IO[bytes], Placed | None]]:
        """Where lines are written to, and what puts them in place; nothing stays of them otherwise."""
        if self.output_file is None:
            yield io.BytesIO(), None
            return
        placed = Placed(self.hook, self.output_file, self.folder, scratch, self.mark)
        try:
            with placed.opened() as lines:
                yield lines, placed
        finally:
            placed.drop()

    def _check(self, tally: Tally) -> None:
        if tally.failed > self.max_error_ratio * tally.records:
            raise tally.failure(
                f"{tally.failed} of {tally.records} records failed, more than max_error_ratio={self.max_error_ratio:g}"
            )
        if tally.failed:
            for error in tally.errors:
                self.log.warning("Record %d failed by %s: %s", error["index"], error["code"], error["message"])
        if not tally.records:
            self.log.warning("There were no records to score")

    def _told(self, tally: Tally, again: int, seconds: float, placed: Placed | None) -> Json:
        succeeded = tally.records - tally.failed
        self.log.info(
            "%d of %d records scored with %d requests in %.1f s%s%s",
            succeeded,
            tally.records,
            tally.requests,
            seconds,
            f"; {again} were not taken at once, and sent again" if again else "",
            f", results in {placed.shown}" if placed else "",
        )
        return {
            "name": self.name,
            "records": tally.records,
            "succeeded": succeeded,
            "failed": tally.failed,
            "requests": tally.requests,
            "sent_again": again,
            "seconds": round(seconds, 3),
            "errors": tally.errors,
            "output": placed.shown if placed else None,
        }


class _Teller:
    """Tells every half a minute how far it has come.

    Args:
        log: The task's log.
        tally: What has come so far.
    """

    def __init__(self, log: Logger, tally: Tally) -> None:
        self._log = log
        self._tally = tally
        self._at = time.monotonic()
        self._records = 0

    def look(self) -> None:
        """Tell it, if it is time."""
        now = time.monotonic()
        if now - self._at < _TOLD_SECONDS:
            return
        records, failed = self._tally.records, self._tally.failed
        rate = (records - self._records) / (now - self._at)
        self._log.info("%d records scored, %d failed; %.0f a second", records - failed, failed, rate)
        self._at, self._records = now, records


def _lines_of(path: Path) -> int:
    """How many lines a file has, and so how many records at most."""
    count, last = 0, b"\n"
    with path.open("rb") as opened:
        while chunk := opened.read(1 << 20):
            count += chunk.count(b"\n")
            last = chunk[-1:]
    return count + (last != b"\n")
