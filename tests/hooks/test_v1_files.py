"""Files of CLI v1 as the hook, an operator and the command line take them: as they are."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlApplyOperator, AzmlCreateScheduleOperator
from airflow_provider_azml.rest.changes import switch
from tests.airflow.running import run
from tests.cli.conftest import azml  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cli.conftest import Done

PIPELINE = """\
pipeline:
  parameters: {Word: {type: string, default: one}}
  default_compute: serverless
  steps:
    Only:
      type: PythonScriptStep
      script_name: only.py
      runconfig: plain.runconfig
      arguments: ["parameter:word"]
      parameters: {word: {source: Word}}
"""
SCHEDULE = """\
Schedule:
  recurrence: {frequency: Day, interval: 1, start_time: 2099-01-01T03:00:00, time_of_day: '03:00'}
  pipeline_parameters: {Word: "two {{ params.words }}"}
"""
RUNCONFIG = """\
script: only.py
arguments: [hello]
environment: {docker: {baseImage: local}, python: {condaDependencies: {name: bare, dependencies: [python=3.11]}}}
"""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of CLI v1, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    dataset = {
        "datasetType": "Tabular",
        "parameters": {
            "path": [{"datastoreName": "workspaceblobstore", "relativePath": "iris/*.csv"}],
            "sourceType": "delimited_files",
        },
        "registration": {"name": f"t{time.time_ns()}"},
    }
    files = {
        "pipeline.yml": PIPELINE,
        "schedule.yml": SCHEDULE,
        "plain.runconfig": RUNCONFIG,
        "only.py": "import sys; print('said', *sys.argv[1:])",
        "table.json": json.dumps(dataset),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_scaffold_registers_and_is_fetched_again(
    old: Path,
    azml_connection: str,
    azml: Callable[..., Done],  # noqa: F811
) -> None:
    name = f"e{time.time_ns()}"
    assert azml("environment", "scaffold", "-n", name, "-d", "mine").code == 0
    made = AzmlHook(azml_connection).apply("mine/azureml_environment.json")
    assert made["id"].endswith(f"/environments/{name}/versions/1")

    fetched = azml("environment", "download", "-n", name, "-d", "fetched")
    assert (fetched.code, fetched.err) == (0, "")
    assert fetched.lines == ["fetched/azureml_environment.json", "fetched/conda_dependencies.yml"]
    again = AzmlHook(azml_connection).apply("fetched/azureml_environment.json")
    assert again["properties"]["condaFile"] == made["properties"]["condaFile"]
    assert again["properties"]["image"] == made["properties"]["image"]
    assert json.loads(Path("fetched/azureml_environment.json").read_text())["name"] == name

    over = azml("environment", "download", "-n", name, "-d", "fetched")
    assert (over.code, over.out) == (1, "")
    assert over.err.startswith("fetched/azureml_environment.json: is there already")
    nobodys = azml("environment", "download", "-n", "nobodys", "--version", "9", "-d", "none")
    assert nobodys.code == 1
    assert not Path("none").exists()


def test_a_dataset_is_registered_with_its_table(
    old: Path, azml_connection: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "airflow_provider_azml"):
        made = AzmlHook(azml_connection).apply("table.json")
    assert made["properties"]["dataType"] == "mltable"
    assert any("note: " in record.message and "table.json" in record.message for record in caplog.records)


def test_a_run_configuration_is_a_job_and_an_hdconfig_alone_is_none(old: Path, azml_connection: str) -> None:
    made = AzmlHook(azml_connection).apply("plain.runconfig", overrides={"experiment_name": "old"})
    assert made["properties"]["command"] == "python only.py hello"
    (old / "hd.yml").write_text("sampling: {type: random, parameter_space: []}\npolicy: {type: BanditPolicy}\n")
    with pytest.raises(SpecError, match="is a HyperDrive configuration of CLI v1, which is nothing by itself; Azml"):
        AzmlHook(azml_connection).apply("hd.yml")


@pytest.fixture
def schedule(azml_connection: str) -> Iterator[str]:
    """The name of a schedule, which is gone afterwards."""
    name, hook = f"s{time.time_ns()}", AzmlHook(azml_connection)
    yield name
    hook.run(switch(hook.workspace_id.child("schedule", name), "isEnabled", on=False))
    hook.delete("schedule", name)


@pytest.mark.parametrize("operator", [AzmlApplyOperator, AzmlCreateScheduleOperator])
def test_a_schedule_submits_a_pipeline_of_v1(
    old: Path, azml_connection: str, schedule: str, operator: type[AzmlApplyOperator | AzmlCreateScheduleOperator]
) -> None:
    told = {"name": schedule, "create_job": "pipeline.yml"}
    given = {"overrides": {**told, "create_job": {"job": "pipeline.yml"}}} if operator is AzmlApplyOperator else told
    with DAG("old", schedule=None, params={"words": "too"}) as dag:
        operator(task_id="it", file=str(old / "schedule.yml"), **given)
    assert run(dag).errors == {}
    action = AzmlHook(azml_connection).get("schedule", schedule)["properties"]["action"]["jobDefinition"]
    assert action["inputs"]["Word"]["value"] == "two too"
    assert action["jobs"]["only"]["inputs"]["word"]["value"] == "${{parent.inputs.Word}}"


def test_an_operator_finds_the_workspace_of_its_folder(
    old: Path, azml_connection: str, azml_emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = json.loads(azml_emulator.environment["AIRFLOW_CONN_AZML_DEFAULT"])
    workspace = connection["extra"].pop("workspace")
    monkeypatch.setenv("AIRFLOW_CONN_AZML_LESS", json.dumps(connection))
    keys = {"subscription_id": "s", "resource_group": "g", "workspace_name": workspace}
    (old / "config.json").write_text(json.dumps(keys))
    with DAG("old", schedule=None) as dag:
        AzmlApplyOperator(
            task_id="it", file=str(old / "plain.runconfig"), azml_conn_id="azml_less", config_path=str(old), wait=False
        )
    assert run(dag).errors == {}
