"""azure-ai-ml's MLClient, unchanged, against the emulator: everything but running jobs and serving models.

Asserts on what comes of each call: this client is silent about much that is missing in an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

# azure-ai-ml warns about itself: deprecations in what it imports, classes that it calls experimental
pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module", params=["secret", "default"])
def ml_client(request: pytest.FixtureRequest, azml_emulator: RunningEmulator) -> Iterator[MLClient]:
    """A client with nothing but the environment that ``env.sh`` exports, in a workspace that it has created."""
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Workspace

    with pytest.MonkeyPatch.context() as patch:
        for name, value in azml_emulator.environment.items():
            patch.setenv(name, value)
        client = MLClient(
            credential(request.param, azml_emulator.environment),
            azml_emulator.subscription_id,
            azml_emulator.resource_group,
            f"by-{request.param}",
            enable_telemetry=False,
        )
        workspace = Workspace(name=f"by-{request.param}", location="westeurope", tags={"made": "here"})
        client.workspaces.begin_create(workspace).result()
        yield client
        client.workspaces.begin_delete(f"by-{request.param}", delete_dependent_resources=True).result()
        with pytest.raises(ResourceNotFoundError):
            client.workspaces.get(f"by-{request.param}")


def credential(kind: str, environment: dict[str, str]) -> TokenCredential:
    from azure.identity import ClientSecretCredential, DefaultAzureCredential

    if kind == "default":
        return DefaultAzureCredential()
    return ClientSecretCredential(
        environment["AZURE_TENANT_ID"],
        environment["AZURE_CLIENT_ID"],
        environment["AZURE_CLIENT_SECRET"],
        authority=environment["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
    )


def test_the_template_made_the_workspace_and_what_it_needs(ml_client: MLClient, azml_emulator: RunningEmulator) -> None:
    workspace = ml_client.workspaces.get(ml_client.workspace_name)
    assert (workspace.location, workspace.tags["made"]) == ("westeurope", "here")
    assert "/Microsoft.Storage/storageAccounts/" in workspace.storage_account
    assert "/Microsoft.KeyVault/vaults/" in workspace.key_vault
    assert "/Microsoft.Insights/components/" in workspace.application_insights
    assert workspace.container_registry is None
    # the template has "false", which Python would take for true
    assert (workspace.hbi_workspace, workspace.enable_data_isolation, workspace.provision_network_now) == (
        False,
        False,
        False,
    )
    assert workspace.mlflow_tracking_uri.startswith(azml_emulator.url)
    assert ml_client.workspace_name in [one.name for one in ml_client.workspaces.list()]
    assert ml_client.workspaces.get_keys(ml_client.workspace_name).user_storage_key
    stores = {one.name: one for one in ml_client.datastores.list()}
    assert set(stores) == {"workspaceblobstore", "workspaceartifactstore"}
    assert ml_client.datastores.get_default().name == "workspaceblobstore"


def test_computes(ml_client: MLClient) -> None:
    from azure.ai.ml.entities import AmlCompute, ComputeInstance

    made = ml_client.compute.begin_create_or_update(
        AmlCompute(
            name="cpu", size="Standard_DS3_v2", min_instances=0, max_instances=2, idle_time_before_scale_down=180
        )
    ).result()
    assert (made.provisioning_state, made.size, made.max_instances) == ("Succeeded", "Standard_DS3_v2", 2)
    assert ml_client.compute.get("cpu").idle_time_before_scale_down == 180
    ml_client.compute.begin_create_or_update(ComputeInstance(name="desk", size="Standard_DS3_v2")).result()
    assert ml_client.compute.get("desk").state == "Running"
    ml_client.compute.begin_stop("desk").result()
    assert ml_client.compute.get("desk").state == "Stopped"
    assert [one.name for one in ml_client.compute.list()] == ["cpu", "desk"]
    ml_client.compute.begin_delete("desk").result()
    assert [one.name for one in ml_client.compute.list()] == ["cpu"]
    with pytest.raises(ResourceNotFoundError):
        ml_client.compute.get("desk")


def test_environments(ml_client: MLClient, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Environment

    conda = tmp_path / "conda.yml"
    conda.write_text("name: x\ndependencies:\n- python=3.11\n- pip:\n  - six\n")
    versions = [
        ml_client.environments.create_or_update(Environment(name="sk", image=image, conda_file=conda)).version
        for image in ("one", "two")
    ]
    assert versions == ["1", "2"]
    latest = ml_client.environments.get("sk", label="latest")
    assert (latest.version, latest.image) == ("2", "two")
    assert latest.conda_file["dependencies"][1] == {"pip": ["six"]}
    assert {one.version for one in ml_client.environments.list("sk")} == {"1", "2"}
    with pytest.raises(ResourceExistsError):
        ml_client.environments.create_or_update(Environment(name="sk", version="1", image="three"))


def test_data(ml_client: MLClient, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Data

    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "x.csv").write_text("a,b\n1,2\n")
    (folder / "deep" / "empty").touch()
    first, again = (
        ml_client.data.create_or_update(Data(name="table", path=str(folder), type="uri_folder")) for _ in range(2)
    )
    assert (first.version, again.version) == ("1", "2")
    assert first.path == again.path
    assert ml_client.data.get("table", label="latest").version == "2"
    assert [one.version for one in ml_client.data.list("table")] == ["1", "2"]
    (folder / "x.csv").write_text("a,b\n3,4\n")
    changed = ml_client.data.create_or_update(Data(name="table", path=str(folder), type="uri_folder"))
    assert changed.path != first.path
    ml_client.data.archive("table", version="1")
    assert [one.version for one in ml_client.data.list("table")] == ["2", "3"]


def test_a_model_comes_back_as_it_went(ml_client: MLClient, tmp_path: Path) -> None:
    from azure.ai.ml.entities import Model

    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.pkl").write_bytes(bytes(range(256)))
    (folder / "deep" / "empty").touch()
    made = ml_client.models.create_or_update(Model(name="iris", path=str(folder), type="custom_model", tags={"a": "b"}))
    assert (made.version, made.tags) == ("1", {"a": "b"})
    ml_client.models.download("iris", version="1", download_path=str(tmp_path / "target"))
    target = tmp_path / "target" / "iris" / "model"
    assert (target / "model.pkl").read_bytes() == bytes(range(256))
    assert (target / "deep" / "empty").read_bytes() == b""
    assert [one.name for one in ml_client.models.list()] == ["iris"]
    assert ml_client.models.get("iris", label="latest").version == "1"


def test_a_model_of_a_job_that_wrote_none_is_refused(ml_client: MLClient) -> None:
    from azure.ai.ml.entities import Model

    path = "azureml://jobs/no_such_job/outputs/artifacts/paths/model/"
    with pytest.raises(HttpResponseError, match="NoMatchingArtifactsFoundFromJob"):
        ml_client.models.create_or_update(Model(name="ghost", path=path, type="custom_model"))
    with pytest.raises(ResourceNotFoundError):
        ml_client.models.get("ghost", version="1")


def test_code_is_uploaded_once(ml_client: MLClient, tmp_path: Path) -> None:
    from azure.ai.ml.entities._assets import Code

    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text("print('hi')")
    codes = ml_client._code
    first, again = (codes.create_or_update(Code(path=str(source))) for _ in range(2))
    assert first.id == again.id
    (source / "train.py").write_text("print('ho')")
    assert codes.create_or_update(Code(path=str(source))).id != first.id


def test_a_component_comes_back_as_it_went(ml_client: MLClient) -> None:
    from azure.ai.ml import Input, command

    node = command(
        command="echo ${{inputs.x}}",
        environment="azureml://registries/r/environments/e/versions/1",
        inputs={"x": Input(type="number", default=1.0)},
        name="say",
    )
    made = ml_client.components.create_or_update(node.component, version="1")
    found = ml_client.components.get("say", made.version)
    assert found.command == "echo ${{inputs.x}}"
    assert found.inputs["x"].default == pytest.approx(1.0)


def test_endpoints_without_deployments(ml_client: MLClient, azml_emulator: RunningEmulator) -> None:
    from azure.ai.ml.entities import ManagedOnlineEndpoint

    endpoints: Any = ml_client.online_endpoints
    made = endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="iris-ep", auth_mode="key", tags={"a": "b"})
    ).result()
    assert (made.provisioning_state, made.auth_mode, made.tags) == ("Succeeded", "key", {"a": "b"})
    assert made.scoring_uri.startswith(f"{azml_emulator.https_url}/score/")
    keys = endpoints.get_keys("iris-ep")
    endpoints.begin_regenerate_keys("iris-ep", key_type="secondary").result()
    after = endpoints.get_keys("iris-ep")
    assert (after.primary_key == keys.primary_key, after.secondary_key == keys.secondary_key) == (True, False)
    assert [one.name for one in endpoints.list()] == ["iris-ep"]
    made.traffic = {"blue": 100}
    with pytest.raises(HttpResponseError, match="'blue', which does not exist"):
        endpoints.begin_create_or_update(made).result()
    endpoints.begin_delete("iris-ep").result()
    assert list(endpoints.list()) == []


def test_what_is_missing_is_not_found(ml_client: MLClient) -> None:
    for get in (
        lambda: ml_client.jobs.get("none"),
        lambda: ml_client.environments.get("none", "1"),
        lambda: ml_client.online_endpoints.get("none"),
        lambda: ml_client.online_deployments.get("blue", "none"),
        lambda: ml_client.datastores.get("none"),
    ):
        with pytest.raises(ResourceNotFoundError):
            get()
