"""What was recorded of azureml-core is what it says today."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RECORDERS = sorted(file.stem.removeprefix("record_") for file in HERE.glob("record_*.py"))


def ordered(text: str) -> object:
    """Recorded JSON with words between bars in one order: azureml-core takes them from a set."""
    return json.loads(re.sub(r'"(\w+(?:\|\w+)+)"', lambda found: json.dumps(sorted(found[1].split("|"))), text))


@pytest.mark.azureml_core
@pytest.mark.parametrize("topic", RECORDERS)
def test_azureml_core_still_says_what_was_recorded(topic: str, tmp_path: Path) -> None:
    recorded = HERE / f"{topic}.json"
    for file in (recorded, HERE / f"record_{topic}.py"):
        shutil.copy(file, tmp_path)
    command = [os.environ["AZUREML_CORE_PYTHON"], "-W", "ignore", str(tmp_path / f"record_{topic}.py")]
    done = subprocess.run(command, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert ordered((tmp_path / recorded.name).read_text()) == ordered(recorded.read_text())


@pytest.mark.parametrize("topic", RECORDERS)
def test_a_recording_names_the_packages_that_it_is_of(topic: str) -> None:
    packages = json.loads((HERE / f"{topic}.json").read_text())["packages"]
    assert packages["azureml-core"].startswith("1.61.")
