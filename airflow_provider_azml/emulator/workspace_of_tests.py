"""The workspace that the pytest fixture ``azml_connection`` promises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.rest import arm_ids, flows, waiting
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import discover
from airflow_provider_azml.rest.credentials import Identity, token_cache
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.target import Target
from airflow_provider_azml.spec.workspaces import create

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 30


def ensure_workspace(environment: Mapping[str, str]) -> None:
    """Create the workspace that an emulator's environment names, unless it exists.

    Args:
        environment: What ``env.sh`` of the emulator exports.

    Raises:
        AzmlError: It cannot be created.
    """
    bundle = environment["REQUESTS_CA_BUNDLE"]
    user = Identity(
        auth="client_secret",
        authority=environment["AZURE_AUTHORITY_HOST"],
        custom_cloud=True,
        tenant_id=environment["AZURE_TENANT_ID"],
        client_id=environment["AZURE_CLIENT_ID"],
        client_secret=environment["AZURE_CLIENT_SECRET"],
        ca_bundle=bundle,
    )
    workspace = arm_ids.WorkspaceId(
        environment["AZML_SUBSCRIPTION_ID"], environment["AZML_RESOURCE_GROUP"], environment["AZML_WORKSPACE"]
    )
    with Client(ca_bundle=bundle) as anonymous:
        cloud = anonymous.run(discover(environment["ARM_CLOUD_METADATA_URL"]))
    with Client(cloud, token_cache(user), ca_bundle=bundle) as client:
        client.run(_ensure(Target(workspace, cloud)))


def _ensure(target: Target) -> flows.Flow[None]:
    workspace = target.workspace
    if (yield from flows.find(str(workspace))) is not None:
        return
    ticket = yield from create(from_mapping({"name": workspace.name, "location": identity.LOCATION}), target)
    outcome = yield from waiting.settle(ticket, poll_seconds=0.1, deadlines=Deadlines(ends=time.time() + _SECONDS))
    if not outcome.succeeded:
        raise RunFailed(
            kind="workspace",
            name=workspace.name,
            status=outcome.status,
            code=outcome.code,
            message=outcome.message,
        )
