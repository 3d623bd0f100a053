"""``env.sh``: everything that clients of an emulator need in their environment."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.cloud_metadata import CLOUD_NAME, METADATA_VERSION
from airflow_provider_azml.emulator.identity import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.emulator import Emulator

NAME = "env.sh"


def environment(emulator: Emulator) -> dict[str, str]:
    """The environment variables by which azure-identity, azure-ai-ml, az and this provider find an emulator."""
    metadata = f"metadata/endpoints?api-version={METADATA_VERSION}"
    connection = {
        "conn_type": "azml",
        "login": identity.CLIENT_ID,
        "password": emulator.auth.client_secret,
        "extra": {
            "auth": "client_secret",
            "tenant_id": identity.TENANT_ID,
            "subscription_id": identity.SUBSCRIPTION_ID,
            "resource_group": identity.RESOURCE_GROUP,
            "workspace": identity.WORKSPACE,
            "cloud": f"{emulator.https_url}/{metadata}",
            "ca_bundle": str(emulator.ca_bundle),
        },
    }
    return {
        # azure-ai-ml asks for it with each job of a list, and over https would read all of the bundle each time
        "ARM_CLOUD_METADATA_URL": f"{emulator.http_url}/{metadata}",
        "AZUREML_CURRENT_CLOUD": CLOUD_NAME,
        "REGISTRY_DISCOVERY_ENDPOINT_URL": f"{emulator.https_url}/",
        "REQUESTS_CA_BUNDLE": str(emulator.ca_bundle),
        # for what asks neither requests nor azure-core, e.g. how az reads the URL of the metadata
        "SSL_CERT_FILE": str(emulator.ca_bundle),
        "AZURE_AUTHORITY_HOST": emulator.https_url,
        "AZURE_TENANT_ID": identity.TENANT_ID,
        "AZURE_CLIENT_ID": identity.CLIENT_ID,
        "AZURE_CLIENT_SECRET": emulator.auth.client_secret,
        "AZURE_FEDERATED_TOKEN_FILE": str(emulator.auth.federated_token_file),
        # of all that DefaultAzureCredential tries, this alone asks no other host whether the authority is a real one
        "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential",
        "AZML_SUBSCRIPTION_ID": identity.SUBSCRIPTION_ID,
        "AZML_RESOURCE_GROUP": identity.RESOURCE_GROUP,
        "AZML_WORKSPACE": identity.WORKSPACE,
        "AZML_EMULATOR_URL": emulator.http_url,
        "AZML_EMULATOR_TOKEN": emulator.auth.controls_token(),
        "AIRFLOW_CONN_AZML_DEFAULT": json.dumps(connection),
    }


def write_environment(emulator: Emulator) -> Path:
    """Write ``env.sh`` at once, readable by its owner alone, as the sign that all is ready, and return its path."""
    file = emulator.home / NAME
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment(emulator).items()]
    write_private(file, "\n".join([f"# written by azml emulator: source {file}", *lines, ""]))
    return file
