"""Has azureml-core, which is for an older Python than ours, do something."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def answer(program: str, home: Path, *arguments: str) -> Any:  # whatever JSON the program prints
    """What a program prints last, a line of JSON, when run by the Python that has azureml-core.

    Args:
        program: The program.
        home: Where azureml-core may keep what it likes.
        arguments: The program's arguments.
    """
    command = [os.environ["AZUREML_CORE_PYTHON"], "-W", "ignore", "-c", program, *arguments]
    done = subprocess.run(command, env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
