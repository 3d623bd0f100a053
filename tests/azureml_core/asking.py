"""Has azureml-core, which is for an older Python than ours, do something."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


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


def driven(driver: str, emulator: RunningEmulator, folder: Path, *arguments: str) -> Any:  # whatever JSON it prints
    """What a driver prints last that has azureml-core speak to an emulator.

    Args:
        driver: Name of a file beside this one.
        emulator: The emulator.
        folder: An empty folder, where it is run and azureml-core may keep what it likes.
        arguments: The driver's arguments.
    """
    url = emulator.https_url
    services = ("EXPERIMENTATION_HOST", "SERVICE_ENDPOINT", "MMS_TEST_ENDPOINT")
    environment = {
        **os.environ,
        **emulator.environment,
        **{f"AZUREML_{name}": url for name in services},
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{url}/discovery",
        "AZUREML_LOG_DEPRECATION_WARNING_ENABLED": "False",
        "HOME": str(folder),
    }
    command = [os.environ["AZUREML_CORE_PYTHON"], "-W", "ignore", str(Path(__file__).with_name(driver)), *arguments]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
