"""The log of a job as it grows: increments alone, each read once."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import flows, history
from airflow_provider_azml.rest.flows import Send, Sleep, request
from airflow_provider_azml.rest.line_budget import HeldLines
from airflow_provider_azml.rest.log_lines import LogLines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.line_budget import LineBudget

CHUNK_BYTES = 256 * 1024
MOST_BYTES = 4 * 1024 * 1024
_LONGEST_PAUSE_SECONDS = 600.0
_OVERLAP_BYTES = 16
_HELD_AT_ONCE = 256
_LAST_FILES = ("user_logs/", "logs/azureml/executionlogs", "azureml-logs/hyperdrive")
"""Beginnings of the names of log files that none comes after."""
_URL_GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


class JobLog:
    """Tells a job's log, piece by piece.

    What is streamed is what ``az ml job stream`` shows: the output of the job's first process, before it is there the
    logs of an older runtime, e.g. that of the image's build. A line is told once it has ended. Every read begins some
    bytes before what is new, so that a log is noticed that was begun anew.

    Args:
        job: Name of the job.
        tell: Called with each line.
        job_type: ``Pipeline`` or ``Sweep``; anything else for what runs itself.
        budget: What it shares with other logs; of more lines than that gives at a look, the newest are told.
        is_named: Whether lines are told behind the job's name anyway.

    Example:
        >>> log = JobLog("train", print)
        >>> yield from log.look(plane, now=time.monotonic())
    """

    __slots__ = (
        "_budget",
        "_cut",
        "_due",
        "_file",
        "_held",
        "_is_named",
        "_job",
        "_job_type",
        "_last",
        "_lines",
        "_offset",
        "_read_at",
        "_tell",
        "_url",
    )

    def __init__(
        self,
        job: str,
        tell: Callable[[str], None],
        *,
        job_type: str | None = None,
        budget: LineBudget | None = None,
        is_named: bool = False,
    ) -> None:
        self._job = job
        self._tell = tell
        self._job_type = job_type
        self._budget = budget
        self._is_named = is_named
        self._held = HeldLines()
        self._due = 0.0
        self._read_at: float | None = None
        self._file = ""
        self._url: str | None = None
        self._begin()

    def look_at(self, moment: float) -> None:
        """Read at the first look from a moment on, however quiet the log has been.

        Args:
            moment: It, in seconds of the clock of the looks.
        """
        self._due = moment

    def look(self, plane: DataPlane, *, now: float, ended: bool = False, most_bytes: int = MOST_BYTES) -> Flow[None]:
        """Tell what is new, if it is time to look: a log that stays quiet is read ever less often.

        Args:
            plane: Where the job's workspace is.
            now: The moment, in seconds of a monotonic clock.
            ended: Whether the job has ended; then its last lines are told to the last byte.
            most_bytes: How much of a file is told at most; of more, the middle is left out.

        Raises:
            ApiError: The service cannot be asked, or the log cannot be read.
        """
        if now < self._due and not ended:
            return
        most = self._budget.share(self._job, now=now, last=ended) if self._budget else None
        if most == 0:
            return  # what is not read now is there later
        waited = now - self._read_at if self._read_at is not None else 0
        self._read_at, self._due = now, now + min(2 * waited, _LONGEST_PAUSE_SECONDS)
        self._held = HeldLines(most)
        self._held.begin(self._name)
        try:
            if (yield from self._follow(plane, most_bytes, ended=ended)):
                self._due = 0
            if ended:
                yield from self._hold(self._lines.end())
        except ApiError:
            yield from self._tell_held(now, ended=ended)
            raise
        yield from self._tell_held(now, ended=ended)

    def _follow(self, plane: DataPlane, most_bytes: int, *, ended: bool) -> Flow[bool]:
        """Read on, in the next file too once this one is quiet; answer whether there was anything new."""
        grown, found = False, self._url is None
        if found:
            self._open_next((yield from self._files(plane)))
        while self._url:
            try:
                more = yield from self._read(most_bytes)
            except ApiError as error:
                if found or error.status not in _URL_GONE:
                    raise
                found = True  # the SAS of the URL has expired
                self._url = (yield from self._files(plane)).get(self._file)
                continue
            grown = grown or more
            if self._file.startswith(_LAST_FILES) or (more and not ended):
                break
            if not self._open_next((yield from self._files(plane))):
                break
        return grown

    def _files(self, plane: DataPlane) -> Flow[dict[str, str]]:
        """URL of each log file of the job by its name."""
        details = yield from history.run_details(plane, self._job)
        return details.get("logFiles") or {}

    def _open_next(self, files: dict[str, str]) -> bool:
        """Go on with the file that comes after this one, if there is one."""
        names = history.streamed(files, self._job_type)
        following = names[names.index(self._file) + 1 :] if self._file in names else names
        if not following:
            return False
        for line in self._lines.end():
            self._held.add(line)
        self._file, self._url = following[0], files[following[0]]
        self._begin()
        return True

    def _begin(self) -> None:
        self._offset, self._last, self._cut, self._lines = 0, b"", False, LogLines()

    def _read(self, most_bytes: int) -> Flow[bool]:
        """Read the file to where it ends for now, and answer whether it had grown."""
        end, grown, anew = 0, False, False
        while True:
            response = yield from self._part()
            new = self._new(response)
            if new is None and not anew:
                self._held.begin(self._name, heading=f"{self._name} was begun anew:")
                self._begin()
                end, anew = 0, True
                continue
            if not new:
                return grown
            if not self._offset and not anew:
                self._held.begin(self._name, heading=f"{self._name}:")
            grown = True
            yield from self._take(new)
            if not end:
                end = _size(response)
                if end - self._offset > most_bytes:
                    self._leave_out(end - most_bytes + CHUNK_BYTES)
            if self._offset >= end:
                return grown

    def _part(self) -> Flow[HttpResponse]:
        """What stands from just before what is new.

        Source: ``x-ms-range``, and 416 for a range behind the end,
        https://learn.microsoft.com/rest/api/storageservices/get-blob
        """
        begin, end = self._offset - len(self._last), self._offset + CHUNK_BYTES
        sent = request("GET", self._url or "", headers={"x-ms-range": f"bytes={begin}-{end - 1}"})
        response: HttpResponse = yield Send(sent, scope="anonymous")
        if response.status_code < HTTPStatus.BAD_REQUEST or (
            response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        ):
            return response
        raise flows.error_of(sent, response)

    def _new(self, response: HttpResponse) -> bytes | None:
        """What is new in an answer, or ``None`` when the file is not the one that was read so far."""
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None if self._offset else b""
        content = response.content
        if response.status_code != HTTPStatus.PARTIAL_CONTENT:  # a proxy that knows no ranges sends it all
            content = content[self._offset - len(self._last) :]
        return content[len(self._last) :] if content.startswith(self._last) else None

    def _take(self, new: bytes) -> Flow[None]:
        self._offset += len(new)
        self._last = (self._last + new)[-_OVERLAP_BYTES:]
        if self._cut:  # what is left of the line that the gap ends in is of no use
            _, end, new = new.partition(b"\n")
            self._cut = not end
        yield from self._hold(self._lines.feed(new))

    def _leave_out(self, offset: int) -> None:
        """Go on further behind."""
        for line in self._lines.end():
            self._held.add(line)
        self._held.begin(self._name, skipped_bytes=offset - self._offset)
        self._offset, self._last, self._cut = offset, b"", True

    @property
    def _name(self) -> str:
        return self._file if self._is_named else f"{self._file} of {self._job}"

    def _hold(self, lines: Iterable[str]) -> Flow[None]:
        for number, line in enumerate(lines):
            self._held.add(line)
            if number % _HELD_AT_ONCE == 0:
                yield Sleep(0)
        if not self._budget:
            yield from self._say()

    def _tell_held(self, now: float, *, ended: bool) -> Flow[None]:
        if self._budget:
            found = self._held.count + self._held.left_out
            self._held.keep(self._budget.take(self._job, found, now=now, last=ended))
        yield from self._say()
        self._held = HeldLines()  # a small one, as there may be thousands

    def _say(self) -> Flow[None]:
        for line in self._held.told():
            self._tell(line)
            # to tell a line takes a triggerer up to 1 ms, and many logs may grow at once
            yield Sleep(self._budget.pause(now=time.monotonic()) if self._budget else 0)
        self._held.begin(self._name)


def _size(response: HttpResponse) -> int:
    """Size of the whole file, as far as an answer tells."""
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    return int(size) if size.isdigit() else 0
