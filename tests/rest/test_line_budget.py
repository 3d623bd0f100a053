from __future__ import annotations

import math
import re
import time

import pytest

from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.job_log import JobLog
from airflow_provider_azml.rest.line_budget import LINES_PER_SECOND, MOST_LINES, QUIET_LINES, HeldLines, LineBudget
from tests.rest.jobs import STD_LOG, WORKSPACE, Clock, Told, details, discover, glance, run_path
from tests.rest.scripted_service import Answer

SHARED = MOST_LINES - QUIET_LINES


@pytest.fixture
def plane(service):
    discover(service)
    return DataPlane(WORKSPACE, service.url)


def has(service, job):
    """The log of a job, to be written to."""
    log = bytearray()
    service.answer("GET", f"{run_path(job)}/details", details(service, job, STD_LOG))
    service.answer("GET", f"/{job}/{STD_LOG}", Answer(blob=log))
    return log


def write(log, count, first=0):
    log.extend(b"".join(b"line %d\n" % number for number in range(first, first + count)))


def lines(told):
    return [int(line.removeprefix("line ")) for line in told if line.startswith("line ")]


def left_out(told):
    return [int(found[1]) for line in told if (found := re.match(r"\(left out here: (\d+) lines? of ", line))]


def test_of_more_than_the_budget_gives_the_newest_lines_are_told(service, plane, drive):
    log, told = has(service, "train"), []

    where = "the whole file is under Outputs + logs of the job in Azure ML studio)"

    def grown():
        following = JobLog("train", told.append, budget=LineBudget(told_per_second=math.inf))
        write(log, 5000)
        yield from following.look(plane, now=0)
        assert told[:2] == [
            f"{STD_LOG} of train:",
            f"(left out here: 2000 lines of {STD_LOG} of train; {where}",
        ]
        assert lines(told) == list(range(2000, 5000))
        told.clear()
        write(log, 1000, 5000)
        yield from following.look(plane, now=1)
        assert left_out(told) == [801]
        assert lines(told) == list(range(5801, 6000))

    drive(grown())


def test_without_a_budget_all_is_told(service, plane, drive):
    log, told = has(service, "train"), []
    write(log, 5000)
    drive(JobLog("train", told.append).look(plane, now=0))
    assert lines(told) == list(range(5000))


def test_what_is_not_read_for_want_of_a_budget_is_told_later(service, plane, drive):
    log, told, budget = has(service, "train"), [], LineBudget(told_per_second=math.inf)
    write(log, 50)
    for number in range(200):
        budget.take(f"loud-{number}", 10_000, now=0)

    def waited():
        following = JobLog("train", told.append, budget=budget)
        yield from following.look(plane, now=0)
        assert told == []
        yield from following.look(plane, now=15)

    asked = len(service.asked)
    drive(waited())
    assert lines(told) == list(range(50))
    assert len([one for one in service.asked[asked:] if STD_LOG in one.path]) == 1


def test_the_last_lines_are_there_when_the_budget_is_used_up(service, drive):
    discover(service)
    log, told, clock, budget = has(service, "train"), Told(), Clock(), LineBudget(told_per_second=math.inf)
    follower = Follower(WORKSPACE.child("job", "train"), told.tell, stream_logs=True, budget=budget, now=clock)

    def waited():
        yield from follower.look(glance("train", "Running"))
        write(log, 50_000)
        log.extend(b"Traceback, which matters")
        for number in range(300):
            budget.take(f"loud-{number}", 10_000, now=clock())
        yield from follower.look(glance("train", "Failed"))

    drive(waited())
    assert told[-1] == "Traceback, which matters"
    assert 200 <= len(lines(told)) <= 300
    assert lines(told)[-1] == 49_999
    assert len(lines(told)) + sum(left_out(told)) == 50_000


def test_a_quiet_log_is_whole_among_loud_ones(service, plane, drive):
    names = [f"loud-{number}" for number in range(8)]
    logs, budget = {name: has(service, name) for name in [*names, "quiet"]}, LineBudget(told_per_second=math.inf)
    told: dict[str, list[str]] = {name: [] for name in logs}

    def waited():
        followed = {name: JobLog(name, told[name].append, budget=budget) for name in logs}
        for turn in range(6):
            for name, log in logs.items():
                write(log, 3000 if name != "quiet" else 10, turn * 3000 if name != "quiet" else turn * 10)
                yield from followed[name].look(plane, now=turn * 15)

    drive(waited())
    assert lines(told["quiet"]) == list(range(60))
    shares = sorted(len(lines(told[name])) for name in names)
    assert sum(shares) <= MOST_LINES + 5 * 15 * LINES_PER_SECOND
    assert sum(shares) >= 5 * 15 * LINES_PER_SECOND / 2


def test_loud_logs_share_evenly():
    budget, taken = LineBudget(), dict.fromkeys(range(10), 0)
    for job in taken:
        budget.take(str(job), 10_000, now=0)
    for turn in range(1, 21):
        for job in taken:
            taken[job] += budget.take(str(job), 10_000, now=turn * 15)
    assert min(taken.values()) > max(taken.values()) / 3
    assert sum(taken.values()) <= MOST_LINES + 20 * 15 * LINES_PER_SECOND


def test_thousands_of_jobs_that_end_at_once_are_told_in_a_few_lines_each():
    budget = LineBudget()
    taken = [budget.take(f"job-{number}", 5000, now=0, last=True) for number in range(2000)]
    assert taken[0] == SHARED
    assert min(taken) == 20
    assert sum(taken) < 60_000


def test_a_loud_log_that_is_gone_takes_no_share():
    budget = LineBudget()
    for number in range(30):
        budget.take(f"killed-{number}", 10_000, now=0)
    assert budget.share("train", now=60) < SHARED / 20
    assert budget.share("train", now=300) == SHARED


def test_what_many_logs_took_is_told_no_faster_than_can_be_borne(service, plane, drive):
    budget, told = LineBudget(told_per_second=400), []
    logs = [has(service, name) for name in ("one", "two")]

    def waited():
        yield All([JobLog(name, told.append, budget=budget).look(plane, now=0) for name in ("one", "two")])

    for log in logs:
        write(log, 100)
    began = time.monotonic()
    drive(waited())
    assert len(lines(told)) == 200
    assert time.monotonic() - began >= (200 - 2 * 50) / 400


def test_a_pause_comes_after_so_many_lines():
    budget = LineBudget(told_per_second=500)
    pauses = [budget.pause(now=10.0) for _ in range(52)]
    assert not any(pauses[:49])
    assert pauses[50:] == pytest.approx([51 / 500, 52 / 500])
    assert budget.pause(now=10.0 + pauses[-1]) == 0


def test_a_gap_is_told_in_one_line_below_its_heading():
    held = HeldLines(2)
    held.begin("a of train", heading="a of train:")
    for line in "one", "two", "three":
        held.add(line)
    held.begin("a of train", skipped_bytes=3 * 1024 * 1024)
    held.begin("b of train", heading="b of train:")
    held.add("four")
    held.keep(1)
    where = "the whole file is under Outputs + logs of the job in Azure ML studio)"
    assert list(held.told()) == [
        "a of train:",
        f"(left out here: 3 lines and 3.0 MiB of a of train; {where}",
        "b of train:",
        "four",
    ]
    assert list(held.told()) == []
