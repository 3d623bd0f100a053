"""A few of the kills that ``python -m tests.kills`` does by the hundred."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

REPOSITORY = Path(__file__).parents[2]


FAULTS = "429=0.08,500=0.08,reset=0.05,lost=0.05,slow=0.04,slow_seconds=1"


def test_tasks_that_are_killed_have_one_job_each_however_the_service_answers() -> None:
    options = ["--kills", "6", "--how", "both", "--job-seconds", "1.5", "--faults", FAULTS]
    command = [sys.executable, "-m", "tests.kills", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
