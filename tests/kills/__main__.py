"""``python -m tests.kills --kills 100``: kill tasks at random moments, and see what has become of their jobs."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from itertools import cycle, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tests.conftest  # noqa: F401 (gives Airflow a home of its own, before it is imported)
from airflow_provider_azml.emulator.pytest_plugin import running_emulator

if TYPE_CHECKING:
    from tests.kills.lives import How

TASKS = {
    "blocking": ["blocking"],
    "deferred": ["deferred"],
    "both": ["blocking", "deferred"],
    "v1": ["v1_blocking", "v1_deferred"],
    "batch": ["batch_blocking", "batch_deferred"],
}
NEEDED: dict[str, dict[str, dict[str, Any]]] = {
    "v1": {"compute": {"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}},
    "batch": {
        "batch_endpoint": {"name": "killed", "defaults": {"deployment_name": "first"}},
        "batch_deployment": {
            "name": "first",
            "endpoint_name": "killed",
            "type": "model",
            "code_configuration": {"code": "scoring", "scoring_script": "score.py"},
            "environment": {"image": "local"},
            "compute": "azureml:serverless",
            "settings": {"mini_batch_size": 1},
        },
    },
}
"""What is there for tasks of some kinds before they begin: kind -> its content."""
DAGS = Path(__file__).parent / "dags"
_TRIES = 10
WAYS: dict[str, list[How]] = {"kill": ["kill"], "redeploy": ["redeploy"], "both": ["kill", "redeploy"]}


def main() -> int:
    """Run, print what became of the tasks, and return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many tasks (default: %(default)s)")
    parser.add_argument("--how", choices=[*WAYS], default="kill", help="SIGKILL, or SIGTERM to supervisors")
    parser.add_argument("--tasks", choices=[*TASKS], default="both", help="how they wait (default: %(default)s)")
    parser.add_argument("--job-seconds", type=float, default=2, help="how long a job takes (default: %(default)s)")
    parser.add_argument("--faults", help="what the emulator does to requests, as its own --faults takes it")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is random")
    parser.add_argument("--beside", type=int, default=4, help="tasks beside each other (default: %(default)s)")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    faults = ["--faults", given.faults] if given.faults else []
    options = ["--simulate", str(given.job_seconds), "--create-workspace", *faults]
    with running_emulator(folder / "emulator", *options) as emulator:
        os.environ.update(emulator.environment)
        wrong = _run(given, folder)
    if wrong:
        sys.stdout.write("\n".join([f"logs are in {folder}", *wrong, ""]))
        return 1
    shutil.rmtree(folder)
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)
    return 0


def _run(given: argparse.Namespace, folder: Path) -> list[str]:
    from tests.kills.lives import Story, live_side_by_side
    from tests.kills.reckoning import Reckoning

    for kind, made in NEEDED.get(given.tasks, {}).items():
        _make(kind, made)
    kinds = cycle(product(WAYS[given.how], TASKS[given.tasks]))
    stories = [
        Story(f"{how}-{number}", task_id, how, given.job_seconds)
        for number, (how, task_id) in zip(range(given.kills), kinds, strict=False)
    ]
    begun = time.monotonic()
    lives = live_side_by_side(stories, folder, seed=given.seed, beside=given.beside)
    reckoning = Reckoning.of(lives)
    seconds = time.monotonic() - begun
    sys.stdout.write(f"{reckoning.table()}\n{seconds:.0f} s, seed {given.seed}\n")
    return reckoning.wrong()


def _make(kind: str, made: dict[str, Any]) -> None:
    """Make what is needed, whatever the faults do to it."""
    from airflow_provider_azml.exceptions import ApiError
    from airflow_provider_azml.hooks.azml import AzmlHook

    for _ in range(_TRIES):
        with suppress(ApiError):
            AzmlHook().apply(made, kind=kind, base_path=DAGS)
            return
    raise AssertionError(f"the {kind} could not be made")


if __name__ == "__main__":
    sys.exit(main())
