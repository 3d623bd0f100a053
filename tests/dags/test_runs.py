"""DAGs of schedule files, run: what the service gets of a firing."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from airflow_provider_azml.dags import azml_dag
from tests.airflow.running import run
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
inputs: {day: never, fired: "${{creation_context.trigger_time}}"}
jobs:
  say:
    type: command
    command: echo ${{inputs.day}} ${{inputs.fired}}
    environment: {image: local, conda_file: {name: bare, dependencies: [python=3.11]}}
    inputs: {day: "${{parent.inputs.day}}", fired: "${{parent.inputs.fired}}"}
"""
SCHEDULE = """\
name: nightly-runs
trigger: {type: cron, expression: "30 3 * * *", time_zone: Europe/Berlin}
create_job: {job: pipeline.yml, inputs: {day: "${{name}}"}, experiment_name: nights}
"""
RETIRED = """\
Schedule:
  recurrence: {frequency: Day, interval: 1}
  pipeline_parameters: {day: "@formatDateTime(subtractFromTime(trigger().scheduledTime,1,'Day'),'yyyy-MM-dd')"}
"""
DUE = dt.datetime(2026, 3, 1, 2, 30, tzinfo=dt.timezone.utc)


def test_a_firing_submits_the_job_under_the_name_that_the_service_gives(
    azml_connection: str, azml_emulator: RunningEmulator, tmp_path: Path
) -> None:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "schedule.yml").write_text(SCHEDULE)
    (tmp_path / "retired.yml").write_text(RETIRED)
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    workspace = Workspace(azml_emulator)

    finished = run(azml_dag(tmp_path / "schedule.yml", default_args=arguments), logical_date=DUE)
    stamp = f"{finished.dag_run.run_after:%Y%m%dT%H%M%SZ}"
    job = workspace.get("job", finished.value("job")["name"])["properties"]
    assert (job["displayName"], job["experimentName"]) == (f"nightly-runs-{stamp}", "nights")
    assert job["inputs"]["day"]["value"] == f"nightly-runs-{stamp}"
    assert job["inputs"]["fired"]["value"] == f"{finished.dag_run.run_after:%Y-%m-%dT%H:%M:%SZ}"

    retired = azml_dag(tmp_path / "retired.yml", job="pipeline.yml", default_args=arguments)
    finished = run(retired, logical_date=DUE)
    job = workspace.get("job", finished.value("job")["name"])["properties"]
    assert job["inputs"]["day"]["value"] == f"{finished.dag_run.run_after - dt.timedelta(days=1):%Y-%m-%d}"
