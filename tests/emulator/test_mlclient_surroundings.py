"""azure-ai-ml's MLClient, unchanged: what surrounds jobs and models, from workspaces to feature stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.core.credentials import TokenCredential

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

# azure-ai-ml warns about itself: deprecations in what it imports, classes that it calls experimental
pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

NAME = "surrounded"


@pytest.fixture(scope="module")
def credential(azml_emulator: RunningEmulator) -> Iterator[TokenCredential]:
    from azure.identity import DefaultAzureCredential

    with pytest.MonkeyPatch.context() as patch:
        for name, value in azml_emulator.environment.items():
            patch.setenv(name, value)
        yield DefaultAzureCredential()


@pytest.fixture(scope="module")
def ml_client(credential: TokenCredential, azml_emulator: RunningEmulator) -> Iterator[MLClient]:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Workspace

    place = (azml_emulator.subscription_id, azml_emulator.resource_group, NAME)
    client = MLClient(credential, *place, enable_telemetry=False)
    client.workspaces.begin_create(Workspace(name=NAME, location="local")).result()
    yield client
    client.workspaces.begin_delete(NAME, delete_dependent_resources=True, permanently_delete=True).result()


class TestWorkspaces:
    def test_it_is_changed_and_diagnosed(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import Workspace

        changed = Workspace(name=NAME, description="changed", tags={"a": "b"}, display_name="Other")
        ml_client.workspaces.begin_update(changed).result()
        found = ml_client.workspaces.get(NAME)
        assert (found.description, found.tags, found.display_name) == ("changed", {"a": "b"}, "Other")
        diagnosis = ml_client.workspaces.begin_diagnose(NAME).result()
        assert (diagnosis.storage_account_results, diagnosis.key_vault_results) == ([], [])

    def test_keys_are_told_and_synchronized(self, ml_client: MLClient) -> None:
        before = ml_client.workspaces.get_keys(NAME)
        ml_client.workspaces.begin_sync_keys(NAME).result()
        after = ml_client.workspaces.get_keys(NAME)
        assert before.user_storage_key == after.user_storage_key

    def test_a_deleted_one_has_its_name_until_it_is_purged(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import Workspace

        workspace = Workspace(name="come-and-go", location="local")
        ml_client.workspaces.begin_create(workspace).result()
        ml_client.workspaces.begin_delete("come-and-go", delete_dependent_resources=False).result()
        with pytest.raises(ResourceNotFoundError):
            ml_client.workspaces.get("come-and-go")
        with pytest.raises(HttpResponseError, match="Soft-deleted workspace exists"):
            ml_client.workspaces.begin_create(workspace).result()
        operations = ml_client.workspaces._operation
        operations.begin_delete(ml_client.resource_group_name, "come-and-go", force_to_purge=True).result()
        ml_client.workspaces.begin_create(workspace).result()
        dropped = {"delete_dependent_resources": True, "permanently_delete": True}
        ml_client.workspaces.begin_delete("come-and-go", **dropped).result()

    def test_a_managed_network_has_rules(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import FqdnDestination, ManagedNetwork, Workspace

        with pytest.raises(HttpResponseError, match="managed network of workspace"):
            ml_client.workspaces.begin_provision_network(workspace_name=NAME, include_spark=True).result()
        first = FqdnDestination(name="first", destination="pypi.org")
        network = ManagedNetwork(isolation_mode="AllowOnlyApprovedOutbound", outbound_rules=[first])
        changed = ml_client.workspaces.begin_update(Workspace(name=NAME, managed_network=network)).result()
        assert [rule.name for rule in changed.managed_network.outbound_rules] == ["first"]
        second = FqdnDestination(name="second", destination="example.org")
        rules = ml_client.workspace_outbound_rules
        assert rules.begin_create(NAME, second).result().destination == "example.org"
        provisioned = ml_client.workspaces.begin_provision_network(workspace_name=NAME, include_spark=True).result()
        assert (provisioned.status, provisioned.spark_ready) == ("Active", True)
        assert {rule.name: rule.status for rule in rules.list(NAME)} == {"first": "Active", "second": "Active"}
        rules.begin_remove(NAME, "second").result()
        assert [rule.name for rule in rules.list(NAME)] == ["first"]

    def test_a_location_has_sizes_and_usages(self, ml_client: MLClient) -> None:
        sizes = {size.name: vars(size)["vCPUs"] for size in ml_client.compute.list_sizes()}
        assert sizes["Standard_DS3_v2"] == 4
        assert "Clusters" in [usage.name["value"] for usage in ml_client.compute.list_usage()]

    def test_hubs_and_projects_are_workspaces_too(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import Hub, Project

        made = ml_client.workspaces.begin_create(Hub(name="the-hub", location="local")).result()
        assert (type(made).__name__, made.associated_workspaces) == ("Hub", [])
        assert [one.name for one in ml_client.workspaces.list(filtered_kinds="hub")] == ["the-hub"]
        project = ml_client.workspaces.begin_create(Project(name="its-project", hub_id=made.id)).result()
        assert (type(project).__name__, project.hub_id) == ("Project", made.id)
        assert ml_client.workspaces.get("the-hub").associated_workspaces == [project.id]
        dropped = {"delete_dependent_resources": True, "permanently_delete": True}
        for name in ("its-project", "the-hub"):
            ml_client.workspaces.begin_delete(name, **dropped).result()


class TestRegistries:
    @pytest.fixture(scope="class")
    def registry(self, credential: TokenCredential, ml_client: MLClient) -> MLClient:
        from azure.ai.ml import MLClient

        return MLClient(credential, registry_name="azureml", enable_telemetry=False)

    def test_curated_environments_are_read(self, registry: MLClient) -> None:
        assert [one.name for one in registry.environments.list()] == ["sklearn-1.5"]
        latest = registry.environments.get("sklearn-1.5", label="latest")
        assert latest.id == "azureml://registries/azureml/environments/sklearn-1.5/versions/1"
        assert "scikit-learn=1.5" in latest.conda_file["dependencies"]
        for kind in (registry.components, registry.data, registry.models):
            assert list(kind.list()) == []
        with pytest.raises(ResourceNotFoundError):
            registry.environments.get("none", version="1")

    def test_nothing_is_written(self, registry: MLClient, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import Environment, Registry

        with pytest.raises(HttpResponseError, match="registries are read-only"):
            registry.environments.create_or_update(Environment(name="mine", version="1", image="i"))
        mine = Registry(name="mine", location="local", replication_locations=[])
        with pytest.raises(HttpResponseError, match="registries are read-only"):
            ml_client.registries.begin_create(mine).result()

    def test_it_is_found_in_the_subscription(self, credential: TokenCredential, ml_client: MLClient) -> None:
        from azure.ai.ml import MLClient

        assert [one.name for one in ml_client.registries.list(scope="subscription")] == ["azureml"]
        with pytest.raises(ResourceNotFoundError, match="'none' was not found"):
            MLClient(credential, registry_name="none", enable_telemetry=False)


class TestEndpointsWithoutServers:
    def test_a_serverless_endpoint_has_keys(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import ServerlessEndpoint

        endpoints = ml_client.serverless_endpoints
        model = "azureml://registries/azureml-meta/models/Llama"
        made = endpoints.begin_create_or_update(ServerlessEndpoint(name="quick", model_id=model)).result()
        assert (made.provisioning_state, made.model_id) == ("succeeded", model)
        keys = endpoints.get_keys("quick")
        place = {"resource_group_name": ml_client.resource_group_name, "workspace_name": NAME, "name": "quick"}
        # azure-ai-ml's own method names the endpoint by a parameter that its client does not have
        endpoints._service_client.begin_regenerate_keys(**place, body={"keyType": "Primary"}).result()
        after = endpoints.get_keys("quick")
        assert keys.primary_key != after.primary_key
        assert keys.secondary_key == after.secondary_key
        assert [one.name for one in endpoints.list()] == ["quick"]
        endpoints.begin_delete("quick").result()
        assert list(endpoints.list()) == []

    def test_a_marketplace_subscription_is_kept(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import MarketplaceSubscription

        subscriptions = ml_client.marketplace_subscriptions
        model = "azureml://registries/azureml-meta/models/Llama"
        made = subscriptions.begin_create_or_update(MarketplaceSubscription(name="mine", model_id=model)).result()
        assert (made.status, made.marketplace_plan.offer_id) == ("subscribed", "Llama")
        assert [one.name for one in subscriptions.list()] == ["mine"]
        subscriptions.begin_delete("mine").result()
        with pytest.raises(ResourceNotFoundError):
            subscriptions.get("mine")


class TestConnections:
    def test_they_are_listed_by_type_and_tell_their_keys(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import ApiKeyConfiguration, PatTokenConfiguration, WorkspaceConnection

        key = ApiKeyConfiguration(key="key-1")
        wanted = {
            "search": WorkspaceConnection(name="search", type="custom", target="https://x", credentials=key),
            "sources": WorkspaceConnection(
                name="sources", type="git", target="https://y", credentials=PatTokenConfiguration(pat="token-1")
            ),
        }
        connections = ml_client.connections
        for connection in wanted.values():
            connections.create_or_update(connection)
        assert [one.name for one in connections.list()] == ["search", "sources"]
        assert [one.name for one in connections.list(connection_type="git")] == ["sources"]
        assert connections.get("search").credentials.key is None
        assert connections.get("search", populate_secrets=True).credentials.key == "key-1"
        for name in wanted:
            connections.delete(name)
        assert list(connections.list()) == []


class TestFeatureStores:
    def test_a_feature_set_knows_its_features(self, ml_client: MLClient, tmp_path: Path) -> None:
        from azure.ai.ml import MLClient
        from azure.ai.ml.entities import (
            DataColumn,
            FeatureSet,
            FeatureSetSpecification,
            FeatureStore,
            FeatureStoreEntity,
        )

        ml_client.feature_stores.begin_create(FeatureStore(name="the-store", location="local")).result()
        place = (ml_client.subscription_id, ml_client.resource_group_name, "the-store")
        store = MLClient(ml_client._credential, *place, enable_telemetry=False)
        entity = FeatureStoreEntity(
            name="account",
            version="1",
            index_columns=[DataColumn(name="accountID", type="string")],
            stage="Development",
        )
        made = store.feature_store_entities.begin_create_or_update(entity).result()
        assert made.index_columns[0].name == "accountID"
        feature_set = FeatureSet(
            name="transactions",
            version="1",
            entities=["azureml:account:1"],
            specification=FeatureSetSpecification(path=str(specification(tmp_path))),
            tags={"a": "b"},
        )
        kept = store.feature_sets.begin_create_or_update(feature_set).result()
        assert (kept.entities, kept.tags) == (["azureml:account:1"], {"a": "b"})
        assert [one.name for one in store.feature_sets.list("transactions")] == ["transactions"]
        features = {
            one.name: one.data_type
            for one in store.feature_sets.list_features(feature_set_name="transactions", version="1")
        }
        assert features == {"spent": "Double", "visits": "Integer"}
        spent = store.feature_sets.get_feature(feature_set_name="transactions", version="1", feature_name="spent")
        assert spent.description == "How much"
        backfilled: Any = store.feature_sets.begin_backfill(name="transactions", version="1").result()
        (job,) = backfilled.job_ids
        listed = list(store.feature_sets.list_materialization_operations("transactions", "1"))
        assert [one.name for one in listed] == [job]
        ml_client.feature_stores.begin_delete("the-store", delete_dependent_resources=True).result()


def specification(folder: Path) -> Path:
    (folder / "FeatureSetSpec.yaml").write_text(
        """
$schema: http://azureml/sdk-2-0/FeatureSetSpec.json
source:
  type: parquet
  path: abfs://file_system@account_name.dfs.core.windows.net/datasources/*.parquet
  timestamp_column:
    name: timestamp
features:
  - name: spent
    type: double
    description: How much
  - name: visits
    type: integer
index_columns:
  - name: accountID
    type: string
"""
    )
    return folder


class TestDatastores:
    @pytest.mark.parametrize("kind", ["blob", "files", "gen1", "gen2", "lake"])
    def test_every_type_comes_back_with_its_secrets(self, ml_client: MLClient, kind: str) -> None:
        wanted, secrets = datastores()[kind]
        ml_client.datastores.create_or_update(wanted)
        shown = ml_client.datastores.get(wanted.name)
        assert type(shown) is type(wanted)
        assert all(value not in str(shown) for value in secrets.values())
        found = ml_client.datastores.get(wanted.name, include_secrets=True)
        assert {name: getattr(found.credentials, name) for name in secrets} == secrets
        assert wanted.name in [one.name for one in ml_client.datastores.list()]
        ml_client.datastores.delete(wanted.name)

    def test_one_without_credentials_has_no_secrets(self, ml_client: MLClient) -> None:
        from azure.ai.ml.entities import AzureBlobDatastore

        open_to_all = AzureBlobDatastore(name="open", account_name="a", container_name="c")
        ml_client.datastores.create_or_update(open_to_all)
        operations = ml_client.datastores._operation
        with pytest.raises(HttpResponseError, match="No secrets for credentials of type None"):
            operations.list_secrets(name="open", resource_group_name=ml_client.resource_group_name, workspace_name=NAME)
        ml_client.datastores.delete("open")


def datastores() -> dict[str, tuple[Any, dict[str, str]]]:
    """By kind a datastore, and the secrets that its credentials hold."""
    from azure.ai.ml.entities import (
        AccountKeyConfiguration,
        AzureBlobDatastore,
        AzureDataLakeGen1Datastore,
        AzureDataLakeGen2Datastore,
        AzureFileDatastore,
        OneLakeDatastore,
        SasTokenConfiguration,
        ServicePrincipalConfiguration,
    )
    from azure.ai.ml.entities._datastore.one_lake import OneLakeArtifact

    tenant = "22222222-2222-2222-2222-222222222222"
    principal = ServicePrincipalConfiguration(tenant_id=tenant, client_id=tenant, client_secret="secret-1")
    secret = {"client_secret": "secret-1"}
    return {
        "blob": (
            AzureBlobDatastore(
                name="blob_one",
                account_name="a",
                container_name="c",
                credentials=SasTokenConfiguration(sas_token="sas-1"),
            ),
            {"sas_token": "sas-1"},
        ),
        "files": (
            AzureFileDatastore(
                name="files_one",
                account_name="a",
                file_share_name="s",
                credentials=AccountKeyConfiguration(account_key="key-1"),
            ),
            {"account_key": "key-1"},
        ),
        "gen1": (AzureDataLakeGen1Datastore(name="gen1_one", store_name="s", credentials=principal), secret),
        "gen2": (
            AzureDataLakeGen2Datastore(name="gen2_one", account_name="a", filesystem="f", credentials=principal),
            secret,
        ),
        "lake": (
            OneLakeDatastore(
                name="lake_one",
                artifact=OneLakeArtifact(name="artifact", type="lake_house"),
                one_lake_workspace_name="w",
                credentials=principal,
            ),
            secret,
        ),
    }
