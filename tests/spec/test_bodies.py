"""What is sent for what is written; the oracle's cases compare the same with azure-ai-ml's bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import command_jobs, compute, endpoints, environments, jobs
from airflow_provider_azml.spec.assets import data_properties, model_properties
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import Asset, Code, Local
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

LOCATION = {WS: {"location": "westeurope"}}
JOB = {"command": "echo", "environment": "azureml:e:1"}
DEPLOYMENT = {"name": "blue", "endpoint_name": "scores", "instance_type": "s"}

JOB_PARTS = {
    "defaults": (
        {},
        {
            "jobType": "Command",
            "command": "echo",
            "environmentId": f"{WS}/environments/e/versions/1",
            "isArchived": False,
            "displayName": "job-1",
            "inputs": {},
            "outputs": {},
            "tags": {},
            "properties": {},
            "environmentVariables": {},
        },
    ),
    "names": ({"display_name": "A", "experiment_name": "x y"}, {"displayName": "A", "experimentName": "x y"}),
    "older braces": ({"command": "a {inputs.x} ${{inputs.y}}"}, {"command": "a ${{inputs.x}} ${{inputs.y}}"}),
    "compute": ({"compute": "azureml:c"}, {"computeId": f"{WS}/computes/c"}),
    "this machine": (
        {"compute": "local"},
        {
            "computeId": None,
            "resources": {"properties": {"IsLocal": {"IsLocal": True}}},
            "environmentVariables": {"AZUREML_COMPUTE_USE_COMMON_RUNTIME": "true"},
        },
    ),
    "time": ({"limits": {"timeout": 90061}}, {"limits": {"jobLimitsType": "Command", "timeout": "P1DT1H1M1S"}}),
    "no time": ({"limits": {"timeout": 0}}, {"limits": {"jobLimitsType": "Command"}}),
    "literals": (
        {"inputs": {"a": 1, "b": True, "c": 0.001, "d": "x", "e": {"value": 2}}},
        {
            "inputs": {
                "a": {"jobInputType": "literal", "value": "1"},
                "b": {"jobInputType": "literal", "value": "True"},
                "c": {"jobInputType": "literal", "value": "0.001"},
                "d": {"jobInputType": "literal", "value": "x"},
                "e": {"jobInputType": "literal", "value": "2"},
            }
        },
    ),
    "data": (
        {
            "inputs": {
                "a": {"path": "azureml:d:1", "mode": "ro_mount"},
                "b": {"path": "https://x/y", "type": "uri_file"},
            }
        },
        {
            "inputs": {
                "a": {"jobInputType": "uri_folder", "mode": "ReadOnlyMount", "uri": f"{WS}/data/d/versions/1"},
                "b": {"jobInputType": "uri_file", "uri": "https://x/y"},
            },
        },
    ),
    "models": (
        {"inputs": {"a": {"path": "azureml:m:1", "type": "triton_model"}}},
        {
            "inputs": {"a": {"jobInputType": "triton_model", "uri": f"{WS}/models/m/versions/1"}},
        },
    ),
    "outputs": (
        {"outputs": {"a": None, "b": {"type": "mlflow_model", "mode": "upload", "name": "n", "version": 2}}},
        {
            "outputs": {
                "a": {"jobOutputType": "uri_folder"},
                "b": {"jobOutputType": "mlflow_model", "mode": "Upload", "assetName": "n", "assetVersion": "2"},
            },
        },
    ),
    "variables keep their types": (
        {"environment_variables": {"A": 1, "B": True, "C": None}},
        {
            "environmentVariables": {"A": 1, "B": True, "C": None},
        },
    ),
    "distribution": (
        {"distribution": {"type": "TensorFlow", "worker_count": 2}},
        {
            "distribution": {"distributionType": "TensorFlow", "workerCount": 2, "parameterServerCount": 0},
        },
    ),
    "resources": (
        {"resources": {"instance_count": "2", "docker_args": "--x", "shm_size": "2g"}},
        {
            "resources": {"instanceCount": 2, "dockerArgs": "--x", "shmSize": "2g", "properties": {}},
        },
    ),
    "docker arguments as a list": (
        {"resources": {"docker_args": ["--x"], "locations": ["a"]}},
        {
            "resources": {"dockerArgsList": ["--x"], "properties": {}},
        },
    ),
    "identity": (
        {"identity": {"type": "managed", "client_id": "i"}},
        {"identity": {"identityType": "Managed", "clientId": "i"}},
    ),
    "queue": (
        {"queue_settings": {"job_tier": "Spot", "priority": "high"}},
        {"queueSettings": {"jobTier": "Spot", "priority": 3}},
    ),
    "services": (
        {"services": {"a": {"type": "tensor_board", "log_dir": "l", "nodes": "all"}}},
        {
            "services": {
                "a": {
                    "jobServiceType": "TensorBoard",
                    "properties": {"logDir": "l"},
                    "nodes": {"nodesValueType": "All"},
                },
            }
        },
    ),
}


@pytest.mark.parametrize("name", JOB_PARTS)
def test_command_jobs(service: StandIn, name: str, tmp_path: Path) -> None:
    given, expected = JOB_PARTS[name]
    source = from_mapping({**JOB, **given}, base_path=tmp_path)
    sent = service.run(filled(command_jobs.properties(source, "job-1"), TARGET))
    assert {key: sent.get(key) for key in expected} == expected


def test_the_experiment_is_the_working_folder_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "my project.v2"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert command_jobs.properties(from_mapping(JOB), "j")["experimentName"] == "myproject"


def test_a_job_without_a_name_gets_one_of_its_own() -> None:
    assert jobs.name_of({"name": "N"}) == jobs.name_of({"name": "N", "type": "spark"}) == "n"
    assert jobs.name_of({"name": "N", "type": "sweep"}) == "N"
    assert jobs.name_of({}) != jobs.name_of({})


def test_local_paths_are_uploaded(tmp_path: Path) -> None:
    for name in ("src", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a", encoding="utf-8")
    given = {**JOB, "code": "src", "inputs": {"d": {"path": "./data"}, "f": {"path": "data/a.txt", "type": "uri_file"}}}
    body = command_jobs.properties(from_mapping(given, base_path=tmp_path), "j")
    assert body["codeId"] == Code(snapshot.take(tmp_path / "src"))
    assert body["inputs"]["d"]["uri"] == Local(snapshot.take(tmp_path / "data"), end="/")
    assert body["inputs"]["f"]["uri"] == Local(snapshot.take(tmp_path / "data" / "a.txt"))


def test_an_environment_s_conda_file_is_sent_as_text(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("name: x\ndependencies: [python=3.11, {pip: [a]}]\n", encoding="utf-8")
    source = from_mapping(
        {"name": "e", "image": "i", "conda_file": "conda.yml", "os_type": "Linux"}, base_path=tmp_path
    )
    assert environments.properties(source) == {
        "image": "i",
        "osType": "linux",
        "condaFile": "dependencies:\n- python=3.11\n- pip:\n  - a\nname: x\n",
        "isAnonymous": False,
        "isArchived": False,
    }


def test_an_inline_environment_is_the_same_version_as_azure_ai_ml_s(tmp_path: Path) -> None:
    from azure.ai.ml.entities import Environment

    conda = {"name": "x", "dependencies": ["python=3.11"]}
    theirs = Environment(image="i", conda_file=conda, is_anonymous=True)
    environment = {"image": "i", "conda_file": conda, "name": "ignored"}
    ours = environments.used(from_mapping({"environment": environment}), ("environment",), may_be_named=False)
    assert isinstance(ours, Asset)
    assert (ours.name, ours.version) == ("CliV2AnonymousEnvironment", theirs.version)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    built = {"environment": {"build": {"path": "docker"}}}
    again = [
        environments.used(from_mapping(built, base_path=tmp_path), ("environment",), may_be_named=False)
        for _ in range(2)
    ]
    assert again[0] == again[1]


def test_a_named_environment_of_a_deployment_is_registered() -> None:
    source = from_mapping({"environment": {"name": "e", "image": "i"}})
    made = environments.used(source, ("environment",), may_be_named=True)
    assert isinstance(made, Asset)
    assert (made.name, made.version, made.keep) == ("e", None, False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("azureml://jobs/j/outputs/o", "azureml://jobs/j/outputs/o"),
        ("runs:/j/m", "runs:/j/m"),
        (
            "azureml://datastores/d/paths/p",
            "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/d/paths/p",
        ),
    ],
)
def test_where_a_model_is(service: StandIn, path: str, expected: str) -> None:
    source = from_mapping({"name": "m", "path": path, "tags": {"a": 1, "b": None}, "flavors": {"f": {"x": 1}}})
    assert service.run(filled(model_properties(source), TARGET)) == {
        "modelUri": expected,
        "modelType": "custom_model",
        "tags": {"a": "1"},
        "flavors": {"f": {"data": {"x": 1}}},
        "isAnonymous": False,
        "isArchived": False,
    }


def test_a_table_names_the_files_that_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "MLTable").write_text("paths:\n- file: ./a.csv\n- pattern: ./*.csv\n", encoding="utf-8")
    body = data_properties(from_mapping({"name": "t", "path": ".", "type": "mltable"}, base_path=tmp_path))
    assert (body["dataType"], body["referencedUris"]) == ("mltable", ["./a.csv", "./*.csv"])


def test_an_endpoint(service: StandIn) -> None:
    traffic = {"Blue": "90", "green": 0}
    source = from_mapping({"name": "scores", "auth_mode": "AML_TOKEN", "traffic": traffic, "tags": {"a": 1}})
    assert service.holds(LOCATION).run(filled(endpoints.endpoint_body(source), TARGET)) == {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "tags": {"a": 1},
        "properties": {"authMode": "AMLToken", "traffic": {"blue": 90}, "mirrorTraffic": {}, "properties": {}},
    }


def test_an_endpoint_with_identities_of_the_user_s() -> None:
    identity = {"type": "user_assigned", "user_assigned_identities": [{"resource_id": "/subscriptions/i"}]}
    body = endpoints.endpoint_body(from_mapping({"name": "scores", "identity": identity}))
    assert body["identity"] == {"type": "UserAssigned", "userAssignedIdentities": {"/subscriptions/i": {}}}


def test_a_deployment(service: StandIn) -> None:
    given = {
        **DEPLOYMENT,
        "model": "azureml:m:1",
        "environment": "azureml:e:2",
        "instance_count": 2,
        "request_settings": {"request_timeout_ms": 500},
        "liveness_probe": {"initial_delay": 2000},
        "scale_settings": {"type": "default"},
        "egress_public_network_access": "Disabled",
    }
    body: Any = service.holds(LOCATION).run(filled(endpoints.deployment_body(from_mapping(given)), TARGET))
    assert body == {
        "location": "westeurope",
        "tags": {},
        "sku": {"name": "Default", "capacity": 2},
        "properties": {
            "endpointComputeType": "Managed",
            "model": f"{WS}/models/m/versions/1",
            "environmentId": f"{WS}/environments/e/versions/2",
            "instanceType": "s",
            "appInsightsEnabled": False,
            "environmentVariables": {},
            "properties": {},
            "requestSettings": {"requestTimeout": "PT0.5S"},
            "livenessProbe": {"initialDelay": "PT33M20S"},
            "scaleSettings": {"scaleType": "Default"},
            "egressPublicNetworkAccess": "disabled",
        },
    }


def test_what_a_deployment_collects_goes_to_data_assets_made_first(service: StandIn) -> None:
    collector = {"collections": {"model_inputs": {"enabled": "true"}}, "sampling_rate": 0.5}
    body = service.holds(LOCATION).run(
        filled(endpoints.deployment_body(from_mapping({**DEPLOYMENT, "data_collector": collector})), TARGET)
    )
    data_id = f"{WS}/data/scores-blue-model_inputs/versions/1"
    assert body["properties"]["dataCollector"] == {
        "collections": {"model_inputs": {"dataCollectionMode": "enabled", "dataId": data_id, "samplingRate": 0.5}}
    }
    assert [path for path, _ in service.puts()] == [data_id]


def test_a_cluster(service: StandIn) -> None:
    source = from_mapping({
        "name": "c",
        "type": "AmlCompute",
        "tier": "low_priority",
        "ssh_public_access_enabled": "no",
    })
    assert service.holds(LOCATION).run(filled(compute.body(source), TARGET)) == {
        "location": "westeurope",
        "properties": {
            "computeType": "AmlCompute",
            "disableLocalAuth": True,
            "properties": {
                "vmSize": "STANDARD_DS3_V2",
                "vmPriority": "LowPriority",
                "enableNodePublicIp": True,
                "osType": "Linux",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"},
                "remoteLoginPortPublicAccess": "Disabled",
            },
        },
    }


def test_a_subnet_is_in_the_workspace_s_group_unless_it_is_given_by_its_id(service: StandIn) -> None:
    cluster = {"name": "c", "type": "amlcompute"}
    near = from_mapping({**cluster, "network_settings": {"vnet_name": "v", "subnet": "s"}})
    far = from_mapping({**cluster, "network_settings": {"subnet": "/subscriptions/x/subnets/s"}})
    sent = [service.holds(LOCATION).run(filled(compute.body(source), TARGET)) for source in (near, far)]
    assert [body["properties"]["properties"]["subnet"]["id"] for body in sent] == [
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
        "/subscriptions/x/subnets/s",
    ]


def test_attached_machines(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("private", encoding="utf-8")
    ssh = {"admin_username": "u", "ssh_private_key_file": "key"}
    machine = from_mapping(
        {"name": "v", "type": "virtualmachine", "resource_id": "r", "ssh_settings": ssh}, base_path=tmp_path
    )
    assert compute.body(machine)["properties"] == {
        "computeType": "VirtualMachine",
        "resourceId": "r",
        "properties": {"sshPort": 22, "administratorAccount": {"username": "u", "privateKeyData": "private"}},
    }
    cluster = from_mapping({"name": "k", "type": "kubernetes", "resource_id": "r"})
    assert compute.body(cluster)["properties"]["properties"] == {"namespace": "default"}
