"""The example DAG in a whole Airflow, with every wait in the triggerer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.stack import Stack

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = pytest.mark.stack

EXAMPLES = Path(__file__).parents[2] / "dags_examples"
DAG_ID = "train_register_deploy_score"
WAITING_TASKS = ("create_compute", "train", "deploy")
SETTINGS = {
    "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True",
}


@pytest.mark.timeout(1500)
def test_the_example_runs_in_a_whole_airflow(
    azml_connection: str, azml_emulator: RunningEmulator, tmp_path: Path
) -> None:
    dags = tmp_path / "dags"  # without the examples that have schedules, which would run as well
    shutil.copytree(EXAMPLES / "iris", dags / "iris")
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", dags)
    with Stack(tmp_path / "airflow", dags, {**azml_emulator.environment, **SETTINGS}) as stack:
        state = stack.run(DAG_ID, seconds=1000)
        tasks = stack.tasks(DAG_ID)
        failed = [
            f"{name}: {task.state}\n{task.log[-3000:]}" for name, task in tasks.items() if task.state != "success"
        ]
        assert state == "success", "\n".join(failed)
        assert [name for name in WAITING_TASKS if "Pausing task as DEFERRED" not in tasks[name].log] == []
        assert stack.value(DAG_ID, "score") == ["setosa", "virginica"]
        job = stack.value(DAG_ID, "train")["name"]
    submission, _, attempt = job.rpartition("-")
    submitted = [found["name"] for found in AzmlHook(azml_connection).list("job")]
    assert [name for name in submitted if name.startswith(submission)] == [job]
    assert attempt == "1"
