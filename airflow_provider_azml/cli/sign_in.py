"""The workspace that a command speaks to, and the identity that it signs in with, without any Airflow."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ConnectionIncomplete
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import CLOUDS, Cloud, discover
from airflow_provider_azml.rest.credentials import Identity, token_cache

if TYPE_CHECKING:
    import argparse

METADATA_URL = "ARM_CLOUD_METADATA_URL"
CLOUD_NAME = "AZUREML_CURRENT_CLOUD"
_OPTIONS = {"subscription": "SUBSCRIPTION_ID", "resource-group": "RESOURCE_GROUP", "workspace": "WORKSPACE"}
_OWNERS = ("AZML", "AZURE")


def add_workspace_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which workspace is spoken to."""
    where = parser.add_argument_group("the workspace")
    for name, variable in _OPTIONS.items():
        variables = " or ".join(f"{owner}_{variable}" for owner in _OWNERS)
        same = [f"--{name}-id"] if name == "subscription" else []  # as 'az' has it, and as 'azml translate' has it
        where.add_argument(f"--{name}", *same, metavar="NAME", help=f"default: {variables} of the environment")


def workspace_of(arguments: argparse.Namespace) -> WorkspaceId:
    """The workspace that options and environment name.

    Raises:
        ConnectionIncomplete: They do not name it wholly.
    """
    found = {name: getattr(arguments, name.replace("-", "_")) or _variable(name) for name in _OPTIONS}
    missing = [name for name, value in found.items() if not value]
    if missing:
        told = " and ".join(f"--{name} (or {_OWNERS[0]}_{_OPTIONS[name]})" for name in missing)
        raise ConnectionIncomplete(f"no workspace is named; give {told}")
    return WorkspaceId(*(str(value) for value in found.values()))


def subscription_of_environment() -> str | None:
    """The subscription that the environment names."""
    return _variable("subscription")


def signed_in() -> Client:
    """A client with azure-identity's default credential, in the cloud that the environment names.

    Raises:
        ConnectionIncomplete: There is no such cloud.
        ApiError: It does not answer.
    """
    ca_bundle = os.environ.get("REQUESTS_CA_BUNDLE") or None
    metadata_url = os.environ.get(METADATA_URL)
    if metadata_url:
        with Client(ca_bundle=ca_bundle) as anonymous:
            cloud = anonymous.run(discover(metadata_url))
    else:
        cloud = _named(os.environ.get(CLOUD_NAME) or CLOUDS["public"].name)
    identity = Identity(
        auth="default",
        authority=cloud.authority,
        custom_cloud=metadata_url is not None,
        client_id=os.environ.get("AZURE_CLIENT_ID"),
        ca_bundle=ca_bundle,
    )
    return Client(cloud, token_cache(identity), ca_bundle=ca_bundle, origin="azure-identity's default credential")


def _named(name: str) -> Cloud:
    for cloud in CLOUDS.values():
        if cloud.name.lower() == name.lower():
            return cloud
    names = ", ".join(cloud.name for cloud in CLOUDS.values())
    raise ConnectionIncomplete(f"{CLOUD_NAME}={name!r} is none of {names}; for any other cloud set {METADATA_URL}")


def _variable(name: str) -> str | None:
    return next(filter(None, (os.environ.get(f"{owner}_{_OPTIONS[name]}") for owner in _OWNERS)), None)
