"""DAG files in Python that tests have written: what is in them, what their tasks would submit, how tidy they are."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from jinja2 import UndefinedError

from airflow_provider_azml.spec import references, unrendered
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.pipeline_plans import OutputOf, plan_pipeline

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_provider_azml.spec.source import Source

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
UNKNOWN = "has no such variable"
TEXTS = {"integer": "7", "number": "0.5", "boolean": "true", "string": "text"}


def node(line: str, **fields: Any) -> dict[str, Any]:
    return {"type": "command", "command": line, "environment": ENVIRONMENT, **fields}


def pipeline(jobs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    settings = {"default_compute": "azureml:serverless"}
    return {"type": "pipeline", "settings": settings, "jobs": jobs, **fields}


def dag_in(text: str, file: Path) -> DAG:
    """The DAG of a DAG file."""
    from tests.airflow.versions import DagBag

    file.write_text(text, encoding="utf-8")
    bag = DagBag(dag_folder=str(file))
    assert not bag.import_errors
    (dag,) = bag.dags.values()
    return dag


def edges_of(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, other) for task in dag.tasks for other in task.downstream_task_ids}


def ruff(*arguments: str) -> str:
    """What ruff says, with the settings of this project."""
    command = [sys.executable, "-m", "ruff", *arguments, "--config", "pyproject.toml", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def assert_tidy(place: Path) -> None:
    """DAG files are as this project's own have to be, but that a DAGs folder is no package."""
    assert ruff("format", "--diff", str(place)) == ""
    assert ruff("check", "--extend-ignore", "INP001", "--output-format", "concise", str(place)) == ""


class Results:
    """What the tasks of a pipeline's nodes would tell."""

    map_index = -1
    run_id = "run"
    try_number = 1

    def __init__(self, file: Path) -> None:
        plan = plan_pipeline(unrendered.read(file))
        self.told: dict[str, Any] = {}
        taken = [one for leaf in plan.leaves.values() for led in leaf.taken.values() for one in led]
        for one in (one for one in taken if isinstance(one, OutputOf)):
            known = plan.leaves[one.node].outputs.get(one.name)
            task = ".".join(one.node)
            told = self.told.setdefault(task, {"outputs": {}, "values": {}})
            if known and known.type in VALUE_TYPES:
                told["values"][one.name] = TEXTS[known.type]
            else:
                told["outputs"][one.name] = f"azureml://{task}/{one.name}"

    def xcom_pull(self, task_ids: str, **_: object) -> Any:
        return self.told.get(task_ids)


class Variables:
    """Airflow's variables, all of one value."""

    def __getattr__(self, name: str) -> str:
        return "secret"


def params_of(dag: DAG) -> dict[str, Any]:
    """The params of a run that is given what it must be given."""
    params = {name: dag.params.get_param(name) for name in dag.params}
    text, number = "azureml:any:1", 1
    return {
        name: param.value if param.has_value else text if "string" in param.schema.get("type", ()) else number
        for name, param in params.items()
    }


def submitted(dag: DAG, task_id: str, results: Results, **given: object) -> Any:
    """The job that a task would submit in a run that is given some params, or why it would not."""
    from airflow_provider_azml.exceptions import SpecError

    task = copy.copy(dag.get_task(task_id))
    context: Any = {
        "params": {name: None if name.startswith("azml_") else value for name, value in params_of(dag).items()} | given,
        "ds": "2026-01-01",
        "var": SimpleNamespace(value=Variables()),
        "ti": results,
        "dag_run": SimpleNamespace(conf=None, run_id="run"),
        "dag": dag,
        "task": task,
        "run_id": "run",
    }
    try:
        task.render_template_fields(context)
        return normal(task.source(context))
    except (SpecError, UndefinedError):  # in a prompt there are {{ }} that nobody can fill in
        return UNKNOWN


def normal(source: Source) -> Any:
    """A job, whatever folder its paths start from."""

    def absolute(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: absolute(item, name) for name, item in value.items() if name != "$schema"}
        if isinstance(value, list):
            return [absolute(item) for item in value]
        is_local = key in {"component", "trial", "path", "code"} and isinstance(value, str) and "${{" not in value
        if not is_local or references.is_registered(value) or references.is_remote(value):
            return value
        return os.path.normpath(source.base_path / value.removeprefix("file:"))

    return absolute(source.value)
