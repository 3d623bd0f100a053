"""Parallel nodes of pipelines: a script that runs over mini-batches of files, as a job that runs its driver."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines import parallel_driver
from airflow_provider_azml.emulator.serving import batch_mlflow_score

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json

_DRIVER = "driver/amlbi_main.py"
_COMMAND = f"python {_DRIVER}"
MLFLOW_SCRIPT = "driver/batch_mlflow_score.py"
"""The entry script of an MLflow model that brings none."""
_OPTIONS = ("error_threshold", "mini_batch_error_threshold", "mini_batch_size")
_RETRIES = ("max_retries", "timeout")
_OF_BATCH = ("model", "model_folder", "output_path", "needs_results")
"""What jobs of batch endpoints tell the driver besides."""


def parallel_command(spec: Json, given: Json) -> str:
    """The command of a parallel node.

    Args:
        spec: Its component.
        given: What the pipeline says of it, which wins.

    Raises:
        KeyError: Its script or its input is missing.

    Sources: azure-ai-ml 1.35.2, ``entities._builders.parallel``; the driver's name: printed tracebacks of such jobs.
    """
    asked = {**spec, **{key: value for key, value in given.items() if value is not None}}
    task = {**(spec.get("task") or {}), **(given.get("task") or {})}
    options = {
        "entry_script": f"'{task['entry_script']}'",
        "input_data": asked["input_data"],
        "append_row_to": task.get("append_row_to"),
        **{name: asked.get(name) for name in _OPTIONS},
        **{name: (asked.get("retry_settings") or {}).get(name) for name in _RETRIES},
        "process_count": _processes(asked),
        **{name: task.get(name) for name in _OF_BATCH},
    }
    written = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join([_COMMAND, *written, "--", str(task.get("program_arguments") or "")]).strip()


def place_driver(properties: Json, working: Path) -> None:
    """Give a job whose command runs the driver its copy of it.

    Args:
        properties: The job's ``properties``.
        working: Where its command runs.
    """
    command = str(properties.get("command") or "")
    if runs_driver(properties):
        target = working / _DRIVER
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(str(parallel_driver.__file__), target)
        if f"'{MLFLOW_SCRIPT}'" in command:
            shutil.copyfile(str(batch_mlflow_score.__file__), working / MLFLOW_SCRIPT)


def runs_driver(properties: Json) -> bool:
    """Whether the command of a job runs the driver."""
    return str(properties.get("command") or "").startswith(_COMMAND)


def _processes(asked: Json) -> int | None:
    """How many processes work at once; as many as there are cores where nothing is said."""
    each = asked.get("max_concurrency_per_instance")
    return None if each is None else int(each) * int((asked.get("resources") or {}).get("instance_count") or 1)
