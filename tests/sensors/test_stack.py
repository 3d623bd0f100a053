"""Sensors in a whole Airflow: a good end is one that no worker had anything to do with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.airflow.stack import Stack
from tests.sensors.triggerer import RENDERS

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.sensors.conftest import Workspace

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not RENDERS, reason="this Airflow renders no templates in the triggerer"),
]
DAGS = Path(__file__).with_name("dags")
DAG_ID = "pure_waits"
IN_WORKER = "Filling up the DagBag"


@pytest.mark.timeout(1500)
def test_waits_take_no_worker(workspace: Workspace, simulation: RunningEmulator, tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("a model")
    with Stack(tmp_path / "airflow", DAGS, simulation.environment) as stack:
        stack.api.wait_until_parsed(DAG_ID, seconds=300)
        workspace.submit("good", 12)
        workspace.submit("bad", 0.1, **{"simulate.status": "Failed"})
        workspace.register("awaited", str(path))
        run = stack.api.begin(DAG_ID, conf={"model": "awaited"})
        run.wait_for("model", ["deferred"], seconds=300)
        workspace.register("awaited", str(path), tags={"second": "yes"})
        state = run.wait(seconds=300)
        tasks = {task.task_id: task for task in run.tasks()}
        logs = {name: stack.log(DAG_ID, run.run_id, name) for name in tasks}
        assert state == "success", logs
        assert {name: task.state for name, task in tasks.items()} == {
            "names": "success",
            "job": "success",
            "model": "success",
            "bad": "skipped",
            "statuses": "success",
        }
        assert sorted(name for name, task in tasks.items() if task.pid is None) == ["job", "model"]
        assert sorted(name for name, log in logs.items() if IN_WORKER not in log) == ["job", "model"]
        assert run.value("job")["name"] == "good"
        assert run.value("statuses") == ["Completed", "2"]
        links = stack.api.call("GET", f"{run.path}/taskInstances/job/links")["extra_links"]
        assert links == {"Azure ML studio": run.value("job")["studio_url"]}
