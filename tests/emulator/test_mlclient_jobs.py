"""azure-ai-ml's MLClient, unchanged, against the emulator: jobs that are looked at, put aside and ended."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

# azure-ai-ml warns about itself: deprecations in what it imports, classes that it calls experimental
pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def ml_client(azml_emulator: RunningEmulator, azml_connection: str) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    assert azml_connection
    where = (azml_emulator.subscription_id, azml_emulator.resource_group, azml_emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False)


@pytest.fixture
def workspace(azml_emulator: RunningEmulator, azml_connection: str) -> Workspace:
    assert azml_connection
    return Workspace(azml_emulator)


def names(ml_client: MLClient, **options: Any) -> set[str]:
    return {str(job.name) for job in ml_client.jobs.list(**options)}


def test_a_job_is_archived_and_restored_by_its_run_and_by_itself(ml_client: MLClient, workspace: Workspace) -> None:
    from azure.ai.ml.constants import ListViewType

    job = workspace.run("true")
    ml_client.jobs.archive(job)
    assert workspace.get("job", job)["properties"]["isArchived"] is True
    assert job not in names(ml_client)
    assert job in names(ml_client, list_view_type=ListViewType.ARCHIVED_ONLY)
    assert job in names(ml_client, list_view_type=ListViewType.ALL)
    ml_client.jobs.restore(job)
    assert job in names(ml_client)
    document = workspace.get("job", job)
    put = {"properties": {**document["properties"], "isArchived": True}}
    workspace.call("PUT", workspace.id.child("job", job), json=put)
    assert workspace.history(f"runs/{job}")["hidden"] is True
    assert job not in names(ml_client)


def test_services_that_a_job_asks_for_are_told_not_to_run(ml_client: MLClient, workspace: Workspace) -> None:
    lab = {"jobServiceType": "JupyterLab", "nodes": {"nodesValueType": "All"}}
    job = workspace.run("true", services={"lab": lab})
    services = ml_client.jobs.show_services(job)
    assert services is not None
    assert {name: (service.type, service.status) for name, service in services.items()} == {
        "lab": ("JupyterLab", "Failed")
    }
    assert "no interactive services" in services["lab"].error
    assert ml_client.jobs.show_services(workspace.run("true")) is None
    assert set(ml_client.jobs.get(job).services) == {"lab", "Studio", "Tracking"}


def test_a_trial_is_found_by_its_name_and_deleted_with_its_sweep(ml_client: MLClient, workspace: Workspace) -> None:
    name = f"sweep-{uuid.uuid4().hex[:8]}"
    properties = {
        "jobType": "Sweep",
        "trial": {"command": "echo ${{search_space.x}}", "environmentId": workspace.shared_environment()},
        "searchSpace": {"x": ["choice", [[1]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "objective": {"goal": "maximize", "primaryMetric": "auc"},
        "limits": {"jobLimitsType": "Sweep", "maxTotalTrials": 1},
    }
    workspace.call("PUT", workspace.id.child("job", name), json={"properties": properties})
    workspace.until(name, ["Completed"])
    trial = ml_client.jobs.get(f"{name}_0")
    assert (trial.status, trial.tags["hyperparameters"]) == ("Completed", '{"x": 1}')
    assert names(ml_client, parent_job_name=name) == {f"{name}_0"}
    workspace.settle(workspace.call("DELETE", workspace.id.child("job", name)))
    while workspace.call("GET", workspace.id.child("job", name), ok=False).status_code != 404:
        pass
    with pytest.raises(ResourceNotFoundError):
        ml_client.jobs.get(f"{name}_0")


def test_a_job_that_is_canceled_cannot_be_canceled_again(ml_client: MLClient, workspace: Workspace) -> None:
    job = workspace.submit("sleep 600")
    workspace.until(job, ["Running"])
    assert workspace.call("DELETE", workspace.id.child("job", job), ok=False).status_code == 409
    ml_client.jobs.begin_cancel(job).result()
    assert ml_client.jobs.get(job).status == "Canceled"
    ml_client.jobs.begin_cancel(job).result()
