"""Which kind of resource does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.assets import Asset, CodeAsset, ComponentAsset, EnvironmentAsset, ModelAsset
from airflow_provider_azml.emulator.arm.batch_endpoints import BatchDeployment, BatchEndpoint
from airflow_provider_azml.emulator.arm.behaviour import Behaviour
from airflow_provider_azml.emulator.arm.computes import Compute
from airflow_provider_azml.emulator.arm.connections import Connection
from airflow_provider_azml.emulator.arm.datastores import Datastore
from airflow_provider_azml.emulator.arm.feature_stores import FeatureSet, FeatureStoreAsset
from airflow_provider_azml.emulator.arm.jobs import Job
from airflow_provider_azml.emulator.arm.managed_networks import OutboundRule
from airflow_provider_azml.emulator.arm.online_deployments import OnlineDeployment
from airflow_provider_azml.emulator.arm.online_endpoints import OnlineEndpoint
from airflow_provider_azml.emulator.arm.private_endpoints import PrivateEndpointConnection
from airflow_provider_azml.emulator.arm.registries import Registry, RegistryAsset
from airflow_provider_azml.emulator.arm.schedules import Schedule
from airflow_provider_azml.emulator.arm.serverless import MarketplaceSubscription, ServerlessEndpoint
from airflow_provider_azml.emulator.arm.template_deployments import TemplateDeployment
from airflow_provider_azml.emulator.arm.workspaces import Workspace
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.emulator import Emulator

_KINDS: Mapping[str, type[Behaviour]] = {
    "batch_deployment": BatchDeployment,
    "batch_endpoint": BatchEndpoint,
    "code": CodeAsset,
    "component": ComponentAsset,
    "compute": Compute,
    "connection": Connection,
    "data": Asset,
    "datastore": Datastore,
    "environment": EnvironmentAsset,
    "feature_set": FeatureSet,
    "feature_store_entity": FeatureStoreAsset,
    "job": Job,
    "marketplace_subscription": MarketplaceSubscription,
    "model": ModelAsset,
    "online_deployment": OnlineDeployment,
    "online_endpoint": OnlineEndpoint,
    "outbound_rule": OutboundRule,
    "private_endpoint_connection": PrivateEndpointConnection,
    "registry": Registry,
    **{kind: RegistryAsset for kind, row in RESOURCES.items() if row.parent == "registry"},
    "schedule": Schedule,
    "serverless_endpoint": ServerlessEndpoint,
    "template_deployment": TemplateDeployment,
    "workspace": Workspace,
}


def behaviours(emulator: Emulator) -> dict[str, Behaviour]:
    """What each kind of the resource table does, by kind; a kind that is not named here is stored and no more."""
    return {kind: _KINDS.get(kind, Behaviour)(emulator, row) for kind, row in RESOURCES.items()}
