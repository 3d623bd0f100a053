"""What Airflow is told of this provider: hook, connection form, links, settings."""

from __future__ import annotations

from typing import Any

_OPTIONAL_TEXT = {"type": ["string", "null"]}
_AUTHS = ("client_secret", "client_certificate", "managed_identity", "workload_identity", "azure_cli", "default")
_OPERATORS = (
    "operators.apply",
    "operators.workspace",
    "operators.workspace_acts",
    "operators.resource_groups",
    "operators.compute",
    "operators.compute_acts",
    "operators.data",
    "operators.environments",
    "operators.jobs",
    "operators.job_acts",
    "operators.orphaned_jobs",
    "operators.pipeline_nodes",
    "operators.watched_pipelines",
    "operators.control_flow",
    "operators.spark",
    "operators.sweeps",
    "operators.models",
    "operators.quality_gates",
    "operators.deployments",
    "operators.scoring",
    "operators.traffic",
    "operators.endpoint_acts",
    "operators.batch_deployments",
    "operators.batch_endpoints",
    "operators.schedules",
    "operators.takeover",
    "operators.v1_runs",
    "operators.webservices",
    "operators.profiling",
)


def _text(label: str, description: str) -> dict[str, object]:
    return {"label": label, "description": description, "schema": _OPTIONAL_TEXT}


def get_provider_info() -> dict[str, Any]:
    """The provider's description, as ``provider_info.schema.json`` of Airflow wants it.

    Imports nothing: Airflow calls it in every process.
    """
    return {
        "package-name": "airflow-provider-azml",
        "name": "Azure Machine Learning",
        "description": "Run, register, deploy, score and schedule on Azure Machine Learning.",
        "connection-types": [_CONNECTION_TYPE],
        "integrations": [
            {
                "integration-name": "Azure Machine Learning",
                "external-doc-url": "https://learn.microsoft.com/azure/machine-learning/",
                "tags": ["azure"],
            }
        ],
        "hooks": [_modules("hooks.azml")],
        "triggers": [_modules("triggers.datastore", "triggers.sensing", "triggers.wait")],
        "operators": [_modules(*_OPERATORS)],
        "sensors": [_modules("sensors.azml", "sensors.datastores", "sensors.services")],
        "asset-uris": [{"schemes": ["azml"], "handler": "airflow_provider_azml.spec.asset_uris.sanitize_uri"}],
        "extra-links": ["airflow_provider_azml.links.AzmlStudioLink", "airflow_provider_azml.links.AzmlEndpointLink"],
        "plugins": [{"name": "azml", "plugin-class": "airflow_provider_azml.plugin.AzmlPlugin"}],
        "config": {"azml": {"description": "Settings of the Azure Machine Learning provider.", "options": _OPTIONS}},
    }


_CONNECTION_FIELDS = {
    "tenant_id": _text("Tenant ID", "Microsoft Entra tenant of the client."),
    "subscription_id": _text("Subscription ID", "Azure subscription that holds the workspace."),
    "resource_group": _text("Resource group", "Resource group that holds the workspace."),
    "workspace": _text("Workspace", "Azure ML workspace; operators may name another."),
    "cloud": _text("Cloud", "public (the default), government, china, or the URL of a metadata endpoint."),
    "auth": {
        "label": "Sign in by",
        "description": "Left alone: certificate, client secret or managed identity, as filled in; else default.",
        "schema": {
            "type": ["string", "null"],
            "enum": [None, *_AUTHS],
            "values_display": {"null": "(by what is filled in)", **{auth: auth for auth in _AUTHS}},
        },
    },
    "client_certificate_path": _text(
        "Client certificate path",
        "PEM or PKCS12 file on every machine of Airflow; its password goes into Client secret.",
    ),
    "managed_identity_client_id": _text("Managed identity client ID", "Client ID of a user-assigned managed identity."),
    "ca_bundle": _text(
        "CA bundle", "Path of a PEM file of the certificate authorities to trust, for clouds with their own."
    ),
}

_CONNECTION_TYPE = {
    "connection-type": "azml",
    "hook-class-name": "airflow_provider_azml.hooks.azml.AzmlHook",
    "hook-name": "Azure Machine Learning",
    "ui-field-behaviour": {
        "hidden-fields": ["host", "port", "schema"],
        "relabeling": {"login": "Client ID", "password": "Client secret"},
        "placeholders": {"login": "of the application that signs in; empty for other ways to sign in"},
    },
    "conn-fields": _CONNECTION_FIELDS,
}

_OPTIONS = {
    "deployment": {
        "description": "Name of this Airflow deployment. Jobs of two deployments that share a workspace, a DAG id and "
        "a run id never take each other's names when this differs.",
        "version_added": "0.1.0",
        "type": "string",
        "example": "production",
        "default": "",
    },
    "shortest_deferral_seconds": {
        "description": "How long a task is deferred at least, in seconds. Airflow up to 3.3.2 may fail a task that "
        "comes back sooner, without a word in its log; an Airflow that does not may be given 0.",
        "version_added": "0.1.0",
        "type": "float",
        "example": "0",
        "default": "5.0",
    },
}


def _modules(*names: str) -> dict[str, object]:
    return {
        "integration-name": "Azure Machine Learning",
        "python-modules": [f"airflow_provider_azml.{name}" for name in names],
    }
