"""A few of the canaries that ``python -m tests.rollouts`` kills by the dozen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_canaries_that_are_killed_end_with_the_new_version_alone() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    command = [sys.executable, "-m", "tests.rollouts", "--kills", "2"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
