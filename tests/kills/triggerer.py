"""``python -m tests.kills.triggerer --waits 1000``: restart the triggerer while tasks wait, and see what comes of it.

Half of the tasks are sensors, half wait as operators do for a job that they have submitted, and would cancel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.airflow.postgres import is_installed
from tests.airflow.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.rest_api import DagRun, Task

DAGS = Path(__file__).with_name("waiting_dags")
JOB = "waited-for-"
PER_DAG = 250
LONGEST_SECONDS = 1200
SETTINGS = {
    "AIRFLOW__CORE__PARALLELISM": "2",
    "AIRFLOW__TRIGGERER__CAPACITY": "2000",
    "AIRFLOW__TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP": "500",
}


class Waits:
    """Tasks that wait, in an Airflow whose triggerer is restarted.

    Args:
        stack: The Airflow.
        runs: The DAG runs whose tasks they are.
        count: How many.
    """

    def __init__(self, stack: Stack, runs: list[DagRun], count: int) -> None:
        self._stack = stack
        self._runs = runs
        self._count = count
        self._triggerers: set[int | None] = {None}

    def tasks(self) -> list[Task]:
        return [task for run in self._runs for task in run.tasks()]

    def wait_until_taken_up(self) -> None:
        """Wait until a triggerer that is new has all of them, but for those that have ended."""
        begun = time.monotonic()
        tasks = self._until(
            lambda task: (
                task.state == "success" or (task.state == "deferred" and task.triggerer not in self._triggerers)
            )
        )
        self._triggerers |= {task.triggerer for task in tasks}
        _tell(f"all waited for again after {time.monotonic() - begun:.0f} s: {_states(tasks)}")

    def wait_until_ended(self) -> list[Task]:
        """Wait until none waits."""
        begun = time.monotonic()
        tasks = self._until(lambda task: task.state in {"success", "failed"})
        _tell(f"all ended after {time.monotonic() - begun:.0f} s: {_states(tasks)}")
        return tasks

    def restart(self, sign: signal.Signals) -> None:
        """End the triggerer, and start another."""
        _tell(f"{sign.name} to the triggerer: {_states(self.tasks())}")
        self._stack.end("triggerer", sign)
        time.sleep(3)
        self._stack.start("triggerer")
        self.wait_until_taken_up()

    def _until(self, is_done: Callable[[Task], bool]) -> list[Task]:
        deadline = time.monotonic() + LONGEST_SECONDS
        while True:
            tasks = self.tasks()
            if len(tasks) == self._count and all(map(is_done, tasks)):
                return tasks
            assert time.monotonic() < deadline, _states(tasks)
            time.sleep(2)


def main() -> int:
    """Run, print what became of the waits, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills.triggerer", description=__doc__)
    parser.add_argument("--waits", type=int, default=1000, help="how many tasks (default: %(default)s)")
    parser.add_argument("--job-seconds", type=float, default=300, help="how long jobs take (default: %(default)s)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="waits-"))
    with running_emulator(folder / "emulator", "--simulate", "1", "--create-workspace") as emulator:
        os.environ.update(emulator.environment)
        wrong = _run(emulator, folder, given.waits, given.job_seconds)
    if wrong:
        _tell("\n".join([f"logs are in {folder}", *wrong]))
        return 1
    shutil.rmtree(folder)
    return 0


def _run(emulator: RunningEmulator, folder: Path, count: int, job_seconds: float) -> list[str]:
    from tests.benchmarks.simulation import Simulation

    seconds_of = {f"{JOB}{number}": job_seconds for number in range(count)}
    ids = asyncio.run(Simulation(emulator.url).submit(seconds_of))
    settings = {**SETTINGS, "KILLS_WAITS": str(count), "KILLS_JOB_ID": ids[0][: -len("0")]}
    _tell(f"{count} waits, jobs of {job_seconds:.0f} s, {'PostgreSQL' if is_installed() else 'SQLite'}")
    with Stack(folder / "airflow", DAGS, settings) as stack:
        tasks = _restarted(stack, count)
    return _wrong(tasks, ids)


def _restarted(stack: Stack, count: int) -> list[Task]:
    dag_ids = [f"waits_{number}" for number in range(-(-count // PER_DAG))]
    for dag_id in dag_ids:
        stack.api.wait_until_parsed(dag_id, seconds=120)
    waits = Waits(stack, [stack.api.begin(dag_id) for dag_id in dag_ids], count)
    waits.wait_until_taken_up()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        time.sleep(10)
        waits.restart(sign)
    return waits.wait_until_ended()


def _wrong(tasks: list[Task], ids: list[str]) -> list[str]:
    """What is not as it should be: each task succeeded at the first try, and each job completed."""
    from airflow_provider_azml.hooks.azml import AzmlHook

    jobs = {job["name"]: job["properties"]["status"] for job in AzmlHook().list("job")}
    _tell(f"jobs: {len(jobs)}, {_counted(Counter(jobs.values()))}")
    tries = Counter(f"try {task.try_number}" for task in tasks)
    _tell(f"tasks: {len(tasks)}, {_states(tasks)}, {_counted(tries)}")
    wrong = [str(task) for task in tasks if task.state != "success" or task.try_number > 1]
    wrong += [f"{name}: {status}" for name, status in jobs.items() if status != "Completed"]
    return wrong if len(jobs) == len(ids) else [*wrong, f"{len(jobs)} jobs instead of {len(ids)}"]


def _states(tasks: list[Task]) -> str:
    return _counted(Counter(str(task.state) for task in tasks))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _tell(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
