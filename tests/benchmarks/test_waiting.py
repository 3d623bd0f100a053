"""What many waits cost, in a quick size and as ratios; ``python -m tests.benchmarks.waiting`` measures the full one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JOBS = 300
POLL_SECONDS = 0.6
PAUSE_OF_MACHINE = 15
"""How long another process may have the processor at worst, in seconds; on the mean it leaves no mark."""
SIZE = ["--jobs", JOBS, "--ending", 20, "--poll-seconds", POLL_SECONDS, "--cycles", 2]
LOGS = ["--logs", 100, "--beside", 50, "--large-bytes", 20_000_000]


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """What was measured, by name; in a process of its own, whose memory and log are nobody else's."""
    file = tmp_path_factory.mktemp("waiting") / "figures.json"
    words = map(str, [*SIZE, *LOGS, "--parts", "jobs", "logs", "large", "--json", file])
    command = [sys.executable, "-m", "tests.benchmarks.waiting", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert file.exists(), ran.stderr
    return {what: figure["measured"] for what, figure in json.loads(file.read_text(encoding="utf-8")).items()}


def test_jobs_are_looked_at_many_with_a_request(figures):
    assert figures["requests per cycle"] < JOBS / 10  # one GET per trigger is as many as there are jobs
    # of which a slow machine does not send all in a cycle
    assert figures["requests per cycle"] < figures["requests per cycle, one GET per trigger"] / 3


def test_a_look_costs_a_fraction_of_a_request(figures):
    assert figures["CPU of one GET, as a multiple of what a look at a job costs in triggers"] > 5


def test_a_wait_takes_little_memory(figures):
    assert figures["bytes per waiting trigger"] < 30_000


def test_nothing_holds_the_loop_up(figures):
    for part in ("", "logs: ", "large log: "):
        assert figures[f"{part}longest use of the loop in one go, the same, CPU seconds"] < 0.2


def test_an_end_is_noticed_within_a_pause_and_two_seconds(figures):
    assert figures["jobs that ended"] == 20
    assert figures["jobs that ended without an event"] == 0
    assert figures["mean delay from a job's end to its event, seconds"] < POLL_SECONDS + 2
    assert figures["longest delay from a job's end to its event, seconds"] < POLL_SECONDS + PAUSE_OF_MACHINE
    assert figures["requests for each job that ended"] < 1.5


def test_logs_are_read_once_a_look_where_there_is_something_new(figures):
    assert 0 < figures["logs: ranged reads per cycle and job that writes"] < 1.5
    assert figures["logs: ranged reads at once"] <= 64
    assert figures["logs: lines told per cycle and job that writes"] > 1


def test_a_large_log_neither_fills_memory_nor_holds_others_up(figures):
    assert figures["large log: megabytes of memory that all that takes"] < 100
    assert figures["large log: mean delay from a job's end to its event, seconds"] < POLL_SECONDS + 2
    assert figures["large log: longest delay from a job's end to its event, seconds"] < POLL_SECONDS + PAUSE_OF_MACHINE
