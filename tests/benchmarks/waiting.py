"""What many waits cost one triggerer, beside what they cost as other providers wait.

::

    python -m tests.benchmarks.waiting --jobs 10000 --poll-seconds 30 --cycles 4

prints a table. Jobs only take time, in an emulator that is a process of its own. The triggers run on one event loop, as
in the triggerer; beside them, in the same run, the same jobs are waited for with a GET for each every interval.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.simulation import simulation
from tests.benchmarks.waiting_jobs import (
    SLACK_SECONDS,
    Load,
    idle,
    wait_as_peers_do,
    wait_for_ends_at_once,
    wait_in_triggers,
)
from tests.benchmarks.waiting_logs import follow, follow_large, log_of_tasks
from tests.benchmarks.waiting_outage import wait_through

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.simulation import Simulation
    from tests.benchmarks.triggerer import LoopWatch
    from tests.benchmarks.waiting_jobs import Waits
    from tests.benchmarks.waiting_logs import Followed, LogOfTasks
    from tests.benchmarks.waiting_outage import Outage

_PARTS = ("jobs", "wave", "logs", "large", "outage")


LONGEST_PAUSE_SECONDS = 32
"""After how long a service that is back is noticed; see ``rest/patience.py``."""
EARLY = 0.2
"""What share of a pause a look may come early, so that one request does for many: then there are more of them."""


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Args:
        what: What was measured.
        measured: How much it was.
        limit: How much it may be; ``None`` for what is only told.
    """

    what: str
    measured: float
    limit: float | None = None

    def __str__(self) -> str:
        limit = "" if self.limit is None else f"{self.limit:12,.3g}"
        late = "" if self.limit is None or self.measured <= self.limit else "  <- too much"
        return f"{self.what:<76}{limit:>12}{self.measured:12,.3g}{late}"


async def of_jobs(simulated: Simulation, load: Load) -> list[Figure]:
    """Figures of waits without logs, in triggers and as others wait."""
    idle_bytes, idle_loop = await idle(load.jobs)
    ours = await wait_in_triggers(simulated, load)
    theirs = await wait_as_peers_do(simulated, load)
    one_look = ours.waiting.cpu_seconds_per_cycle / (load.jobs + load.ending)
    one_get = theirs.cpu_seconds / theirs.requests["GET job"]
    share = load.jobs / 10_000
    return [
        Figure("requests per cycle", ours.waiting.requests_per_cycle, 150 * share),
        Figure("requests of the first cycle", ours.starting.requests.total()),
        Figure("requests per cycle, one GET per trigger", theirs.requests_per_cycle),
        Figure("CPU seconds per cycle", ours.waiting.cpu_seconds_per_cycle, 1 * share),
        Figure("CPU seconds of the first cycle", ours.starting.cpu_seconds),
        Figure("CPU seconds per cycle, one GET per trigger", theirs.cpu_seconds_per_cycle),
        Figure("CPU of one GET, as a multiple of what a look at a job costs in triggers", one_get / one_look),
        *_of_loops("", ours.loops),
        Figure("the same with as many idle tasks", idle_loop.collection_seconds),
        Figure("the same once all have begun", ours.loops[-1].collection_seconds),
        Figure("bytes per waiting trigger", ours.bytes_per_trigger, 30_000),
        Figure("of these, bytes of an idle task of the triggerer", idle_bytes),
        Figure("jobs that ended", len(ours.delays)),
        Figure("requests for each job that ended", ours.ending.requests["GET job"] / load.ending, 1.1),
        Figure("longest delay from a job's end to its event, seconds", _longest(ours), _latest(load)),
        Figure("mean delay from a job's end to its event, seconds", _mean(ours)),
        Figure("jobs that ended without an event", ours.silent, 0),
    ]


async def of_wave(simulated: Simulation, load: Load) -> list[Figure]:
    """Figures of jobs that end at one moment."""
    delays = await wait_for_ends_at_once(simulated, load)
    return [
        Figure("wave: jobs that end at once", load.jobs),
        Figure("wave: time from there to the last event, seconds", max(delays), _latest(load)),
    ]


async def of_logs(simulated: Simulation, load: Load, log: LogOfTasks) -> list[Figure]:
    """Figures of waits with logs, of which a third grows."""
    writing = max(1, load.jobs // 3)
    followed = await follow(simulated, load, log, writing=writing)
    cost = followed.cost
    reads = cost.requests["GET blob (range)"]
    return [
        Figure("logs: jobs that are followed", load.jobs),
        Figure("logs: of these, jobs that write", writing),
        Figure("logs: ranged reads per cycle and job that writes", reads / cost.cycles / writing, 1 + EARLY),
        Figure("logs: ranged reads at once", cost.most_at_once.get("GET blob (range)", 0), 64),
        Figure("logs: requests per cycle", cost.requests_per_cycle),
        Figure("logs: CPU seconds per cycle", cost.cpu_seconds_per_cycle),
        Figure("logs: lines told per cycle and job that writes", followed.lines / cost.cycles / writing),
        *_of_loops("logs: ", [followed.loop]),
    ]


async def of_large_log(simulated: Simulation, load: Load, log: LogOfTasks, size: int) -> list[Figure]:
    """Figures of waits beside a log that is very large."""
    followed = await follow_large(simulated, load, log, size=size)
    return [
        Figure("large log: megabytes that one job writes", size / 1e6),
        Figure("large log: jobs beside it", load.jobs + load.ending),
        Figure("large log: megabytes of memory that all that takes", followed.peak_bytes / 1e6, 100),
        Figure(
            "large log: longest delay from a job's end to its event, seconds",
            _longest(followed),
            _latest(load),
        ),
        Figure("large log: mean delay from a job's end to its event, seconds", _mean(followed)),
        *_of_loops("large log: ", [followed.loop]),
    ]


async def of_outage(simulated: Simulation, load: Load, down_seconds: float) -> list[Figure]:
    """Figures of a service that is out of reach for some time."""
    outage = await wait_through(simulated, load, down_seconds=down_seconds)
    often = 150 * load.jobs / 10_000 / load.poll_seconds
    return [
        Figure("outage: seconds", down_seconds),
        Figure("outage: requests meanwhile", outage.down.requests.total()),
        Figure("outage: CPU seconds meanwhile", outage.down.cpu_seconds),
        Figure("outage: most looks in one second afterwards", max(outage.per_second)),
        Figure("outage: the same, as a multiple of what is usual", max(outage.per_second) / often),
        Figure("outage: waits that failed", outage.failed, 0),
        Figure("outage: ends meanwhile that were not noticed afterwards", outage.silent, 0),
        Figure(
            "outage: longest time from its end to such an event, seconds",
            _longest(outage),
            _latest(load),
        ),
    ]


def _of_loops(prefix: str, loops: Sequence[LoopWatch]) -> list[Figure]:
    lag, held = max(loop.lag_seconds for loop in loops), max(loop.held_seconds for loop in loops)
    return [
        Figure(f"{prefix}longest loop lag, garbage collections aside, seconds", lag, 0.1),
        Figure(f"{prefix}longest use of the loop in one go, the same, CPU seconds", held, 0.1),
        Figure(f"{prefix}longest garbage collection, seconds", max(loop.collection_seconds for loop in loops)),
    ]


def _mean(found: Waits | Followed) -> float:
    return sum(found.delays) / max(1, len(found.delays))


def _longest(found: Waits | Followed | Outage) -> float:
    return max(found.delays, default=math.inf)


def _latest(load: Load) -> float:
    return load.poll_seconds + SLACK_SECONDS


async def measure(arguments: argparse.Namespace, home: Path) -> list[Figure]:
    """All figures that are asked for."""
    load = Load(arguments.jobs, arguments.ending, arguments.poll_seconds, arguments.cycles)
    figures: list[Figure] = []
    with simulation(home / "emulator") as simulated, log_of_tasks(home / "triggerer.log") as log:
        if "jobs" in arguments.parts:
            figures += await of_jobs(simulated, load)
        if "wave" in arguments.parts:
            together = replace(load, jobs=min(load.jobs, arguments.at_once), poll_seconds=min(load.poll_seconds, 10))
            figures += await of_wave(simulated, together)
        if "logs" in arguments.parts:
            few = replace(load, jobs=min(load.jobs, arguments.logs), cycles=min(load.cycles, 3))
            figures += await of_logs(simulated, few, log)
        if "large" in arguments.parts:
            beside = replace(load, jobs=min(load.jobs, arguments.beside), poll_seconds=min(load.poll_seconds, 5))
            figures += await of_large_log(simulated, beside, log, arguments.large_bytes)
        if "outage" in arguments.parts:
            figures += await of_outage(simulated, replace(load, cycles=2), arguments.down_seconds)
    return figures


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 when something is above its limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.waiting", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs that are waited for (default: %(default)s)")
    parser.add_argument("--ending", type=int, default=300, help="and more that end meanwhile (default: %(default)s)")
    parser.add_argument("--poll-seconds", type=float, default=30, help="pause between looks (default: %(default)s)")
    parser.add_argument("--cycles", type=int, default=4, help="pauses that are measured (default: %(default)s)")
    parser.add_argument("--at-once", type=int, default=3000, help="jobs that end at once (default: %(default)s)")
    parser.add_argument("--logs", type=int, default=1000, help="jobs followed with their logs (default: %(default)s)")
    parser.add_argument("--beside", type=int, default=1000, help="jobs beside a large log (default: %(default)s)")
    parser.add_argument("--large-bytes", type=int, default=10**9, help="size of the large log (default: %(default)s)")
    parser.add_argument("--down-seconds", type=float, default=60, help="length of the outage (default: %(default)s)")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what to measure (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="waiting-") as home:
        figures = asyncio.run(measure(arguments, Path(home)))
    sys.stdout.write(f"{'':<76}{'limit':>12}{'measured':>12}\n" + "".join(f"{figure}\n" for figure in figures))
    if arguments.json:
        arguments.json.write_text(json.dumps({figure.what: asdict(figure) for figure in figures}), encoding="utf-8")
    return any(figure.limit is not None and figure.measured > figure.limit for figure in figures)


if __name__ == "__main__":
    sys.exit(main())
