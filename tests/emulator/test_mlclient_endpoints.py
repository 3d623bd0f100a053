"""azure-ai-ml's MLClient, unchanged, with online endpoints: two deployments, their traffic, their keys, their logs."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import ManagedOnlineDeployment

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

SCORE = """
import json, os

def init():
    if os.environ["COLOUR"] == "black":
        raise RuntimeError("no such colour")

def run(raw):
    print("asked for", raw)
    return {"colour": os.environ["COLOUR"], "pid": os.getppid()}
"""


@pytest.fixture(scope="module")
def client(azml_emulator: RunningEmulator) -> Iterator[MLClient]:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    Workspace(azml_emulator).ensure()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azml_emulator.environment.items():
            patch.setenv(name, value)
        workspace = (azml_emulator.subscription_id, azml_emulator.resource_group, azml_emulator.workspace)
        yield MLClient(DefaultAzureCredential(), *workspace, enable_telemetry=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("endpoints")
    (folder / "src").mkdir()
    (folder / "src/score.py").write_text(SCORE)
    (folder / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip\n")
    (folder / "request.json").write_text(json.dumps({"data": [1, 2]}))
    return folder


@pytest.fixture(scope="module")
def endpoint(client: MLClient, folder: Path) -> str:
    """The name of an endpoint with the deployments ``blue`` and ``green``."""
    name = made(client, "key")
    begun = [
        client.online_deployments.begin_create_or_update(deployment(folder, name, each)) for each in ("blue", "green")
    ]
    assert [each.result().provisioning_state for each in begun] == ["Succeeded", "Succeeded"]
    return name


def made(client: MLClient, auth_mode: str) -> str:
    """The name of a new endpoint."""
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    wanted = ManagedOnlineEndpoint(name=f"sdk-{uuid.uuid4().hex[:8]}", auth_mode=auth_mode)
    endpoint = client.online_endpoints.begin_create_or_update(wanted).result()
    assert (endpoint.auth_mode, endpoint.provisioning_state) == (auth_mode, "Succeeded")
    return str(endpoint.name)


def deployment(folder: Path, endpoint: str, colour: str, **more: Any) -> ManagedOnlineDeployment:
    from azure.ai.ml.entities import CodeConfiguration, Environment, ManagedOnlineDeployment

    return ManagedOnlineDeployment(
        **{"name": colour, "instance_count": 1, **more},
        endpoint_name=endpoint,
        environment=Environment(image="mcr.microsoft.com/any", conda_file=str(folder / "conda.yml")),
        code_configuration=CodeConfiguration(code=str(folder / "src"), scoring_script="score.py"),
        environment_variables={"COLOUR": colour},
        instance_type="Standard_DS3_v2",
    )


def ask(client: MLClient, folder: Path, endpoint: str, deployment_name: str | None = None) -> dict[str, Any]:
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    try:
        answer = client.online_endpoints.invoke(
            endpoint, request_file=str(folder / "request.json"), deployment_name=deployment_name
        )
    finally:
        # azure-ai-ml 1.35 keeps the headers of one call for the next: a deployment, once named, would get them all
        EndpointInvokeFields.DEFAULT_HEADER.pop(EndpointInvokeFields.MODEL_DEPLOYMENT, None)
    found: dict[str, Any] = json.loads(answer)
    return found


def test_traffic_and_mirrored_traffic(client: MLClient, folder: Path, endpoint: str) -> None:
    wanted = client.online_endpoints.get(endpoint)
    wanted.traffic = {"blue": 75, "green": 25}
    shared = client.online_endpoints.begin_create_or_update(wanted).result()
    assert shared.traffic == {"blue": 75, "green": 25}
    assert Counter(ask(client, folder, endpoint)["colour"] for _ in range(4)) == {"blue": 3, "green": 1}
    assert ask(client, folder, endpoint, "green")["colour"] == "green"

    wanted.traffic, wanted.mirror_traffic = {"blue": 100}, {"green": 50}
    shared = client.online_endpoints.begin_create_or_update(wanted).result()
    assert shared.mirror_traffic == {"green": 50}
    before = client.online_deployments.get_logs("green", endpoint, lines=100).count("asked for")
    assert Counter(ask(client, folder, endpoint)["colour"] for _ in range(4)) == {"blue": 4}
    while client.online_deployments.get_logs("green", endpoint, lines=100).count("asked for") != before + 2:
        pass


def test_lists_and_logs(client: MLClient, endpoint: str) -> None:
    assert endpoint in [each.name for each in client.online_endpoints.list()]
    found = {each.name: each for each in client.online_deployments.list(endpoint)}
    assert sorted(found) == ["blue", "green"]
    assert found["blue"].environment_variables == {"COLOUR": "blue"}
    log = client.online_deployments.get_logs("blue", endpoint, lines=50, container_type="inference-server")
    assert "UserContainerStart: Succeeded" in log
    log = client.online_deployments.get_logs("blue", endpoint, lines=50, container_type="storage-initializer")
    assert "Downloaded the code" in log


def test_more_instances_of_a_deployment_do_not_end_its_server(client: MLClient, folder: Path, endpoint: str) -> None:
    before = ask(client, folder, endpoint, "blue")["pid"]
    wanted = deployment(folder, endpoint, "blue", instance_count=3, tags={"a": "b"})
    changed = client.online_deployments.begin_create_or_update(wanted).result()
    assert (changed.instance_count, changed.tags) == (3, {"a": "b"})
    assert ask(client, folder, endpoint, "blue")["pid"] == before


def test_keys(client: MLClient, folder: Path, endpoint: str) -> None:
    before = client.online_endpoints.get_keys(endpoint)
    client.online_endpoints.begin_regenerate_keys(endpoint, key_type="primary").result()
    after = client.online_endpoints.get_keys(endpoint)
    assert after.primary_key != before.primary_key
    assert after.secondary_key == before.secondary_key
    assert ask(client, folder, endpoint, "blue")["colour"] == "blue"


@pytest.mark.parametrize("auth_mode", ["aml_token", "aad_token"])
def test_tokens(client: MLClient, folder: Path, auth_mode: str) -> None:
    from azure.ai.ml.exceptions import MlException

    name = made(client, auth_mode)
    assert client.online_endpoints.get_keys(name).access_token
    # the token is let in; what is asked for is not there
    with pytest.raises(MlException, match="No valid deployments to route to"):
        ask(client, folder, name)
    client.online_endpoints.begin_delete(name).result()


def test_a_deployment_that_cannot_start_says_why(client: MLClient, folder: Path, endpoint: str) -> None:
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="User container has crashed") as caught:
        client.online_deployments.begin_create_or_update(deployment(folder, endpoint, "black")).result()
    assert "ResourceNotReady" in str(caught.value)
    assert "RuntimeError: no such colour" in client.online_deployments.get_logs("black", endpoint, lines=50)
    assert client.online_deployments.get("black", endpoint).provisioning_state == "Failed"


def test_the_end(client: MLClient, folder: Path, endpoint: str) -> None:
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    with pytest.raises(HttpResponseError, match="receives 100% of the live traffic"):
        client.online_deployments.begin_delete("blue", endpoint).result()
    client.online_deployments.begin_delete("green", endpoint).result()
    assert client.online_endpoints.get(endpoint).mirror_traffic in ({}, None)
    client.online_endpoints.begin_delete(endpoint).result()
    with pytest.raises(ResourceNotFoundError):
        client.online_endpoints.get(endpoint)
    with pytest.raises(ResourceNotFoundError):
        client.online_deployments.get("blue", endpoint)
