"""Acts on what is there, against the emulator: twice as once, blocking and deferred."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, chain

from airflow_provider_azml.exceptions import NotFound, RunFailed, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlCancelJobOperator,
    AzmlCreateComputeOperator,
    AzmlCreatePrivateEndpointOperator,
    AzmlCreateResourceGroupOperator,
    AzmlCreateWorkspaceOperator,
    AzmlDeleteComputeOperator,
    AzmlDeleteResourceGroupOperator,
    AzmlDeleteWorkspaceOperator,
    AzmlDiagnoseWorkspaceOperator,
    AzmlDownloadJobOutputsOperator,
    AzmlDownloadModelOperator,
    AzmlRegisterModelOperator,
    AzmlRegisterResourceProvidersOperator,
    AzmlRestartComputeOperator,
    AzmlStartComputeOperator,
    AzmlStopComputeOperator,
    AzmlSubmitCommandJobOperator,
    AzmlSyncWorkspaceKeysOperator,
    AzmlUpdateComputeOperator,
    AzmlUpdateWorkspaceOperator,
)
from airflow_provider_azml.rest.flows import Send, call, request
from tests.airflow.running import Finished, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import BaseOperator

pytestmark = pytest.mark.usefixtures("azml_connection")
BOTH = pytest.mark.parametrize("deferrable", [False, True])


@pytest.fixture
def mark() -> str:
    """What no other test has in its names."""
    return f"t{uuid.uuid4().hex[:8]}"


def ran(make: Callable[[], list[BaseOperator]], *, deferrable: bool = False) -> Finished:
    """A run of tasks one after the other."""
    with DAG("acts", schedule=None, default_args={"poll_seconds": 0.05, "deferrable": deferrable}) as dag:
        chain(*make())
    return run(dag)


def of_resource_manager(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    hook = AzmlHook()
    return hook.run(call(Send(request(method, url, params={"api-version": "2024-01-01"}, json=body)))).json()


@BOTH
def test_an_instance_is_stopped_started_and_restarted(deferrable: bool, mark: str) -> None:
    finished = ran(
        lambda: [
            AzmlCreateComputeOperator(task_id="create", name=mark, type="computeinstance", size="STANDARD_DS3_V2"),
            AzmlStopComputeOperator(task_id="stop", name=mark),
            AzmlStopComputeOperator(task_id="stop_again", name=mark),
            AzmlStartComputeOperator(task_id="start", name=mark),
            AzmlStartComputeOperator(task_id="start_again", name=mark),
            AzmlRestartComputeOperator(task_id="restart", name=mark),
            AzmlDeleteComputeOperator(task_id="delete", name=mark),
            AzmlDeleteComputeOperator(task_id="delete_again", name=mark),
        ],
        deferrable=deferrable,
    )
    assert finished.errors == {}
    states = [finished.value(task)["state"] for task in ("stop", "stop_again", "start", "start_again", "restart")]
    assert states == ["Stopped", "Stopped", "Running", "Running", "Running"]
    assert finished.value("delete_again")["status"] == "Deleted"
    with pytest.raises(NotFound):
        AzmlHook().get("compute", mark)


def test_a_compute_that_is_not_there_cannot_be_started() -> None:
    finished = ran(lambda: [AzmlStartComputeOperator(task_id="start", name="nobody")])
    assert "nobody" in str(finished.errors["start"][0])
    assert isinstance(finished.errors["start"][0].__cause__, NotFound)


@BOTH
def test_what_is_given_of_a_cluster_changes_and_nothing_else(deferrable: bool, mark: str) -> None:
    user = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"
    identity = {"type": "user_assigned", "user_assigned_identities": [{"resource_id": user}]}
    finished = ran(
        lambda: [
            AzmlCreateComputeOperator(
                task_id="create", name=mark, type="amlcompute", size="STANDARD_NC6", max_instances=5, tags={"a": "1"}
            ),
            AzmlUpdateComputeOperator(task_id="grow", name=mark, max_instances=7, tags={"b": "2"}),
            AzmlUpdateComputeOperator(task_id="grow_again", name=mark, max_instances=7, tags={"b": "2"}),
            AzmlUpdateComputeOperator(task_id="assign", name=mark, identity=identity),
        ],
        deferrable=deferrable,
    )
    assert finished.errors == {}
    found = AzmlHook().get("compute", mark)
    inner = found["properties"]["properties"]
    assert inner["vmSize"] == "STANDARD_NC6"
    assert inner["scaleSettings"] == {
        "minNodeCount": 0,
        "maxNodeCount": 7,
        "nodeIdleTimeBeforeScaleDown": "PT2M",
    }
    assert found["tags"] == {"a": "1", "b": "2"}
    assert list(found["identity"]["userAssignedIdentities"]) == [user]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "changes nothing; give one of identity, tags, min_instances"),
        ({"max_instances": -1}, "max_instances: is -1; it must be a whole number, 0 or more"),
        ({"max_instances": "many"}, "max_instances: is 'many'"),
        ({"tags": "red"}, "tags: is 'red'; it must be a mapping"),
    ],
)
def test_changes_of_a_compute_that_cannot_be(changes: dict[str, Any], said: str, mark: str) -> None:
    finished = ran(lambda: [AzmlUpdateComputeOperator(task_id="change", name=mark, **changes)])
    assert said in str(finished.errors["change"][0])
    assert isinstance(finished.errors["change"][0].__cause__, SpecError)


def test_an_instance_has_no_scale(mark: str) -> None:
    finished = ran(
        lambda: [
            AzmlCreateComputeOperator(task_id="create", name=mark, type="computeinstance"),
            AzmlUpdateComputeOperator(task_id="grow", name=mark, max_instances=7),
        ]
    )
    assert "max_instances: counts for clusters, and this is a ComputeInstance" in str(finished.errors["grow"][0])


@BOTH
def test_a_workspace_from_its_resource_group_to_its_end(deferrable: bool, mark: str) -> None:
    here = {"resource_group": mark, "workspace": mark}
    subnet = f"{AzmlHook().workspace_id.group}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"
    finished = ran(
        lambda: [
            AzmlRegisterResourceProvidersOperator(task_id="register"),
            AzmlCreateResourceGroupOperator(task_id="group", name=mark, location="westeurope", tags={"a": "1"}),
            AzmlCreateResourceGroupOperator(task_id="group_again", name=mark, location="northeurope"),
            AzmlCreateWorkspaceOperator(task_id="create", **here),
            AzmlUpdateWorkspaceOperator(
                task_id="update", description="new", tags={"b": "2"}, public_network_access="Disabled", **here
            ),
            AzmlSyncWorkspaceKeysOperator(task_id="sync", **here),
            AzmlDiagnoseWorkspaceOperator(task_id="diagnose", fail_on_findings=True, **here),
            AzmlCreatePrivateEndpointOperator(task_id="private", name=mark, subnet_id=subnet, **here),
            AzmlDeleteWorkspaceOperator(
                task_id="delete", delete_dependent_resources=True, permanently_delete=True, **here
            ),
            AzmlDeleteWorkspaceOperator(task_id="delete_again", **here),
            AzmlDeleteResourceGroupOperator(task_id="delete_group", name=mark),
            AzmlDeleteResourceGroupOperator(task_id="delete_group_again", name=mark),
        ],
        deferrable=deferrable,
    )
    assert finished.errors == {}
    assert finished.value("register")["status"] == "Registered"
    assert [finished.value(task)["location"] for task in ("group", "group_again")] == ["westeurope", "westeurope"]
    assert finished.value("diagnose")["findings"] == {}
    assert finished.value("private")["status"] == "Succeeded"
    assert [finished.value(task)["status"] for task in ("delete_again", "delete_group_again")] == ["Deleted"] * 2
    with pytest.raises(NotFound):
        AzmlHook(resource_group=mark).get("workspace", mark)


def test_dependents_of_a_workspace_go_with_it_only_if_that_is_asked_for(mark: str) -> None:
    finished = ran(lambda: [AzmlCreateWorkspaceOperator(task_id="create", workspace=mark)])
    assert finished.errors == {}
    storage = AzmlHook().get("workspace", mark)["properties"]["storageAccount"]
    finished = ran(lambda: [AzmlDeleteWorkspaceOperator(task_id="delete", name=mark)])
    assert finished.errors == {}
    assert of_resource_manager("GET", storage)["name"] == storage.rpartition("/")[2]


def test_a_diagnosis_tells_what_is_missing(mark: str) -> None:
    ran(lambda: [AzmlCreateWorkspaceOperator(task_id="create", workspace=mark)])
    storage = AzmlHook().get("workspace", mark)["properties"]["storageAccount"]
    AzmlHook().run(call(Send(request("DELETE", storage, params={"api-version": "2024-01-01"}))))
    finished = ran(
        lambda: [
            AzmlDiagnoseWorkspaceOperator(task_id="tell", name=mark),
            AzmlDiagnoseWorkspaceOperator(task_id="fail", name=mark, fail_on_findings=True),
        ]
    )
    (told,) = finished.value("tell")["findings"]["storageAccountResults"]
    assert told["code"] == "StorageAccountNotFound"
    (error,) = finished.errors["fail"]
    assert isinstance(error, RunFailed)
    assert "was not found" in str(error)


def test_a_group_that_is_not_named_is_not_deleted() -> None:
    finished = ran(lambda: [AzmlDeleteResourceGroupOperator(task_id="delete", name="{{ none }}")])
    assert "name: is empty; name the resource group" in str(finished.errors["delete"][0])


def test_a_provider_that_is_not_there() -> None:
    finished = ran(lambda: [AzmlRegisterResourceProvidersOperator(task_id="register", namespaces=["Storage"])])
    assert "'Storage' is no namespace; write Microsoft.Storage, say" in str(finished.errors["register"][0])


@BOTH
def test_a_job_is_cancelled_once(deferrable: bool, mark: str) -> None:
    finished = ran(
        lambda: [
            AzmlSubmitCommandJobOperator(
                task_id="submit", name=mark, command="sleep 300", environment={"image": "python:3.11"}, wait=False
            ),
            AzmlCancelJobOperator(task_id="cancel", job_name=mark),
            AzmlCancelJobOperator(task_id="cancel_again", job_name="{{ ti.xcom_pull('submit')['name'] }}"),
        ],
        deferrable=deferrable,
    )
    assert finished.errors == {}
    assert [finished.value(task)["status"] for task in ("cancel", "cancel_again")] == ["Canceled"] * 2


def test_outputs_and_models_are_fetched(mark: str, tmp_path: Path) -> None:
    made = "${{outputs.made}}/deep"
    write = f"mkdir -p outputs && echo hi > outputs/note.txt && mkdir {made} && echo 1 > {made}/a.txt"
    finished = ran(
        lambda: [
            AzmlSubmitCommandJobOperator(
                task_id="train",
                name=mark,
                command=write,
                environment={"image": "python:3.11"},
                outputs={"made": {"type": "uri_folder"}},
            ),
            AzmlDownloadJobOutputsOperator(task_id="fetch", job_name=mark, target=str(tmp_path / "all")),
            AzmlDownloadJobOutputsOperator(
                task_id="one", job_name=mark, target=str(tmp_path / "one"), output_name="made"
            ),
            AzmlRegisterModelOperator(
                task_id="register",
                name=mark,
                type="custom_model",
                path=f"azureml://jobs/{mark}/outputs/made/paths/deep",
            ),
            AzmlDownloadModelOperator(task_id="model", name=mark, target=str(tmp_path / "models")),
            AzmlDownloadJobOutputsOperator(task_id="none", job_name=mark, target=str(tmp_path), output_name="nothing"),
        ]
    )
    assert set(finished.errors) == {"none"}
    assert "the job has no output 'nothing' that it has written; it has artifacts, made" in str(
        finished.errors["none"][0]
    )
    assert (tmp_path / "all/named-outputs/made/deep/a.txt").read_text() == "1\n"
    assert (tmp_path / "all/artifacts/outputs/note.txt").read_text() == "hi\n"
    assert [*map(str, (tmp_path / "one").iterdir())] == [str(tmp_path / "one/named-outputs")]
    assert finished.value("one")["outputs"]["made"] == {
        "path": str(tmp_path / "one/named-outputs/made"),
        "files": 1,
        "bytes": 2,
    }
    assert (tmp_path / "models" / mark / "a.txt").read_text() == "1\n"
    assert AzmlHook().download_outputs(mark, tmp_path / "hook", output="made")["made"].is_dir()
