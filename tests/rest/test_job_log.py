from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.job_log import CHUNK_BYTES, MOST_BYTES, JobLog
from tests.rest.jobs import STD_LOG, WORKSPACE, details, discover, run_path
from tests.rest.scripted_service import Answer

DETAILS = f"{run_path('train')}/details"
BEGIN = f"{STD_LOG} of train:"
LINE = "a line of a log that has no end and tells nothing new"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"


class Generated:
    """A blob of lines that are made when they are read."""

    def __init__(self, size: int, line: bytes = f"{LINE}\n".encode()) -> None:
        self._size = size
        self._line = line

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop = part.start, min(part.stop, self._size)
        first, width = start % len(self._line), stop - start
        return (self._line * (width // len(self._line) + 2))[first : first + width]


@pytest.fixture
def workspace(service):
    discover(service)
    return service


@pytest.fixture
def plane(service):
    return DataPlane(WORKSPACE, service.url)


def has(service, blob, *, file=STD_LOG, files=(STD_LOG,)):
    service.answer("GET", DETAILS, details(service, "train", *files))
    service.answer("GET", f"/train/{file}", Answer(blob=blob))


def reads(service):
    """The ranges that were read, in bytes."""
    asked = [asked.headers["x-ms-range"] for asked in service.asked if "x-ms-range" in asked.headers]
    return [tuple(int(number) for number in span.removeprefix("bytes=").split("-")) for span in asked]


def looks(log, plane, *moments, ended=False):
    for moment in moments:
        yield from log.look(plane, now=moment)
    if ended:
        yield from log.look(plane, now=moments[-1] + 15 if moments else 0, ended=True)


def test_each_byte_is_told_once_as_the_log_grows(workspace, plane, drive):
    log, told = bytearray(b"one\ntwo\nthr"), []

    def grown():
        follower = JobLog("train", told.append)
        yield from looks(follower, plane, 0)
        assert told == [BEGIN, "one", "two"]
        log.extend(b"ee\n")
        yield from looks(follower, plane, 15)
        assert told[3:] == ["three"]
        log.extend(b"last")
        yield from looks(follower, plane, 30, ended=True)

    has(workspace, log)
    drive(grown())
    assert told == [BEGIN, "one", "two", "three", "last"]
    spans = reads(workspace)
    assert spans[0] == (0, CHUNK_BYTES - 1)
    assert all(start >= 0 for start, _ in spans)
    assert [asked.path for asked in workspace.asked].count(DETAILS) == 1
    assert not [asked for asked in workspace.asked if "sig=s" in asked.query and "Authorization" in asked.headers]


def test_a_character_across_the_border_of_two_reads_stays_whole(workspace, plane, drive):
    has(workspace, b"x" * (CHUNK_BYTES - 1) + "€uro\n".encode() + b"y\n")
    told = []
    drive(looks(JobLog("train", told.append), plane, 0))
    assert told[-2:] == ["x" * (CHUNK_BYTES - 1 - 3 * 64 * 1024) + "€uro", "y"]
    assert "".join(told[1:]) == "x" * (CHUNK_BYTES - 1) + "€uroy"


def test_a_huge_log_is_told_in_part_and_takes_neither_memory_nor_time(workspace, plane, drive):
    has(workspace, Generated(1 << 30))
    shown = []

    def tell(line):
        if line != LINE:  # those are held by nobody
            shown.append(line)

    tracemalloc.start()
    try:
        drive(looks(JobLog("train", tell), plane, 0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    begin, cut, gap = shown
    assert begin == BEGIN
    assert LINE.startswith(cut)
    assert gap.startswith("(left out here: 1020.0 MiB of user_logs/std_log.txt of train;")
    assert sum(end - start + 1 for start, end in reads(workspace)) < MOST_BYTES + CHUNK_BYTES
    assert reads(workspace)[-1][1] >= (1 << 30) - 1
    assert peak < 20 * 1024 * 1024


def test_what_is_left_out_ends_at_the_begin_of_a_line(workspace, plane, drive):
    has(workspace, Generated(10 * 1024 * 1024, b"0123456789\n"))
    told = []
    drive(looks(JobLog("train", told.append), plane, 0, ended=True))
    gap = next(index for index, line in enumerate(told) if line.startswith("("))
    assert "6.0 MiB" in told[gap]
    assert set(told[gap + 1 : -1]) == {"0123456789"}


def test_a_log_that_is_begun_anew_is_told_from_its_begin(workspace, plane, drive):
    log, told = bytearray(b"first try, line 1\nfirst try, line 2\n"), []

    def replaced():
        follower = JobLog("train", told.append)
        yield from looks(follower, plane, 0)
        log[:] = b"short\n"
        yield from looks(follower, plane, 15)
        log[:] = b"third try, which says more than the others\nand more\n"
        yield from looks(follower, plane, 30)

    has(workspace, log)
    drive(replaced())
    anew = f"{STD_LOG} of train was begun anew:"
    assert [line for line in told if line == anew] == [anew, anew]
    assert told[-2:] == ["third try, which says more than the others", "and more"]
    assert "short" in told


def test_an_expired_sas_is_renewed_and_nothing_is_told_twice(workspace, plane, drive):
    log, told = bytearray(b"one\n"), []
    expired = Answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>")
    workspace.answer("GET", DETAILS, details(workspace, "train", STD_LOG))
    workspace.answer("GET", f"/train/{STD_LOG}", Answer(blob=log), expired, Answer(blob=log))

    def waited():
        follower = JobLog("train", told.append)
        yield from looks(follower, plane, 0)
        log.extend(b"two\n")
        yield from looks(follower, plane, 15)

    drive(waited())
    assert told == [BEGIN, "one", "two"]
    assert [asked.path for asked in workspace.asked].count(DETAILS) == 2


def test_storage_that_refuses_a_fresh_url_is_an_error_without_its_signature(workspace, plane, drive):
    workspace.answer("GET", DETAILS, details(workspace, "train", STD_LOG))
    workspace.answer("GET", f"/train/{STD_LOG}", Answer(403, b"<Error/>"))
    with pytest.raises(ApiError) as refused:
        drive(looks(JobLog("train", print), plane, 0))
    assert refused.value.status == 403
    assert "sig=" not in str(refused.value)


def test_a_job_without_a_log_is_asked_for_less_and_less_often(workspace, plane, drive):
    workspace.answer("GET", DETAILS, details(workspace, "train", "system_logs/lifecycler.log"))
    told = []
    drive(looks(JobLog("train", told.append), plane, *range(0, 3600, 15), ended=True))
    assert told == []
    assert 5 <= len(workspace.asked) <= 14


def test_a_quiet_log_is_read_less_and_less_often_until_it_grows(workspace, plane, drive):
    log, told = bytearray(b"one\n"), []

    def quiet():
        follower = JobLog("train", told.append)
        yield from looks(follower, plane, *range(0, 7200, 15))
        before = len(reads(workspace))
        assert 10 <= before <= 22
        log.extend(b"two\n")
        yield from looks(follower, plane, *range(7200, 7800, 15))
        assert told[-1] == "two"
        log.extend(b"three\n")
        follower.look_at(0)
        yield from looks(follower, plane, 7800)

    has(workspace, log)
    drive(quiet())
    assert told == [BEGIN, "one", "two", "three"]


def test_an_empty_log_is_nothing_to_tell(workspace, plane, drive):
    has(workspace, bytearray())
    told = []
    drive(looks(JobLog("train", told.append), plane, 0, 15, ended=True))
    assert told == []


def test_the_log_of_an_images_build_comes_first(workspace, plane, drive):
    build, told = bytearray(b"Step 1\n"), []
    workspace.answer(
        "GET",
        DETAILS,
        details(workspace, "train", BUILD_LOG),
        details(workspace, "train", BUILD_LOG),
        details(workspace, "train", BUILD_LOG, STD_LOG),
    )
    workspace.answer("GET", f"/train/{BUILD_LOG}", Answer(blob=build))
    workspace.answer("GET", f"/train/{STD_LOG}", Answer(blob=b"epoch 1\n"))

    def built():
        follower = JobLog("train", told.append)
        yield from looks(follower, plane, 0, 15)
        build.extend(b"Step 2")
        yield from looks(follower, plane, 45, 60)

    drive(built())
    assert told == [f"{BUILD_LOG} of train:", "Step 1", "Step 2", BEGIN, "epoch 1"]


def test_files_of_an_older_runtime_follow_each_other(workspace, plane, drive):
    names = ["azureml-logs/55_azureml-execution.txt", "azureml-logs/70_driver_log.txt", "azureml-logs/75_job_post.txt"]
    workspace.answer("GET", DETAILS, details(workspace, "train", *names))
    for name in names:
        workspace.answer("GET", f"/train/{name}", Answer(blob=name[13:15].encode()))
    told = []
    drive(looks(JobLog("train", told.append), plane, ended=True))
    assert told[1::2] == ["55", "70", "75"]


def test_a_proxy_that_knows_no_ranges_does_not_make_lines_come_twice(workspace, plane, drive):
    workspace.answer("GET", DETAILS, details(workspace, "train", STD_LOG))
    workspace.answer("GET", f"/train/{STD_LOG}", Answer(200, b"one\n"), Answer(200, b"one\ntwo\n"))
    told = []
    drive(looks(JobLog("train", told.append), plane, 0, 15))
    assert told == [BEGIN, "one", "two"]


def test_many_lines_leave_the_event_loop_to_others(workspace, plane, credential):
    has(workspace, b"\n" * CHUNK_BYTES)
    lines, turns = 0, 0

    def tell(_line):
        nonlocal lines
        lines += 1

    async def turn():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both():
        client = Client(workspace.cloud, credential, ca_bundle=workspace.ca_bundle)
        other = asyncio.create_task(turn())
        try:
            await client.arun(looks(JobLog("train", tell), plane, 0))
        finally:
            other.cancel()
            await client.aclose()

    asyncio.run(both())
    assert lines == CHUNK_BYTES + 1
    assert turns > lines / 50
