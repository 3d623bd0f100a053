"""Which kind of resource does what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.assets import Asset, CodeAsset, EnvironmentAsset, ModelAsset
from airflow_provider_azml.emulator.arm.behaviour import Behaviour
from airflow_provider_azml.emulator.arm.computes import Compute
from airflow_provider_azml.emulator.arm.connections import Connection
from airflow_provider_azml.emulator.arm.datastores import Datastore
from airflow_provider_azml.emulator.arm.jobs import Job
from airflow_provider_azml.emulator.arm.online_endpoints import OnlineDeployment, OnlineEndpoint
from airflow_provider_azml.emulator.arm.schedules import Schedule
from airflow_provider_azml.emulator.arm.template_deployments import TemplateDeployment
from airflow_provider_azml.emulator.arm.workspaces import Workspace
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.emulator import Emulator

_KINDS: Mapping[str, type[Behaviour]] = {
    "code": CodeAsset,
    "component": Asset,
    "compute": Compute,
    "connection": Connection,
    "data": Asset,
    "datastore": Datastore,
    "environment": EnvironmentAsset,
    "job": Job,
    "model": ModelAsset,
    "online_deployment": OnlineDeployment,
    "online_endpoint": OnlineEndpoint,
    "schedule": Schedule,
    "template_deployment": TemplateDeployment,
    "workspace": Workspace,
}


def behaviours(emulator: Emulator) -> dict[str, Behaviour]:
    """What each kind of the resource table does, by kind; a kind that is not named here is stored and no more."""
    return {kind: _KINDS.get(kind, Behaviour)(emulator, row) for kind, row in RESOURCES.items()}
