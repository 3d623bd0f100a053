"""Connections of a workspace: addresses of other services, and what opens them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import Rule, boolean, sendable, snake, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.rules import Rules
    from airflow_provider_azml.spec.source import Source


@dataclass(frozen=True, kw_only=True)
class _Type:
    """One row: a type of connection.

    Args:
        category: What the service calls it.
        schema: The part of the schema that describes it.
        target: The key of its address; ``target`` is a second one wherever it has another.
        metadata: Keys of its own that the service keeps among the metadata.
        kind: What tells it from the others of its category.
        credentials: What opens it unless the file says: ``None``, or the caller's own identity (``AAD``).
        api_key: Whether nothing but an API key, or the caller's own identity, opens it.
    """

    category: str
    schema: str = "address"
    target: str = "target"
    metadata: Rules = ()
    kind: Mapping[str, str] | None = None
    credentials: str = "None"
    api_key: bool = False


TYPES: Mapping[str, _Type] = {
    "git": _Type(category="Git"),
    "container_registry": _Type(category="ContainerRegistry"),
    "python_feed": _Type(category="PythonFeed"),
    "s3": _Type(category="S3"),
    "snowflake": _Type(category="Snowflake"),
    "azure_sql_db": _Type(category="AzureSqlDb"),
    "azure_synapse_analytics": _Type(category="AzureSynapseAnalytics"),
    "azure_my_sql_db": _Type(category="AzureMySqlDb"),
    "azure_postgres_db": _Type(category="AzurePostgresDb"),
    "custom": _Type(category="CustomKeys"),
    "azure_data_lake_gen2": _Type(category="ADLSGen2", schema="azure_data_lake_gen2", credentials="AAD"),
    "azure_blob": _Type(
        category="AzureBlob",
        schema="azure_blob",
        target="url",
        metadata=(Rule("container_name", "ContainerName"), Rule("account_name", "AccountName")),
        credentials="AAD",
    ),
    "azure_one_lake": _Type(category="AzureOneLake", schema="azure_one_lake", credentials="AAD"),
    "azure_open_ai": _Type(
        category="AzureOpenAi",
        schema="azure_open_ai",
        target="azure_endpoint",
        metadata=(Rule("api_version", "ApiVersion"), Rule("open_ai_resource_id", "ResourceId")),
        kind={"ApiType": "Azure"},
        credentials="AAD",
        api_key=True,
    ),
    "azure_ai_services": _Type(
        category="AIServices",
        schema="azure_ai_services",
        target="endpoint",
        metadata=(Rule("ai_services_resource_id", "ResourceId"),),
        credentials="AAD",
        api_key=True,
    ),
    "azure_ai_search": _Type(
        category="CognitiveSearch", schema="azure_ai_search", target="endpoint", credentials="AAD", api_key=True
    ),
    "azure_content_safety": _Type(
        category="CognitiveService",
        schema="azure_content_safety",
        target="endpoint",
        kind={"Kind": "Content Safety"},
        credentials="AAD",
        api_key=True,
    ),
    "azure_speech_services": _Type(
        category="CognitiveService",
        schema="azure_speech_services",
        target="endpoint",
        kind={"Kind": "speech"},
        credentials="AAD",
        api_key=True,
    ),
    "api_key": _Type(category="ApiKey", schema="api_key", target="api_base", api_key=True),
    "open_ai": _Type(category="OpenAi", schema="open_ai", api_key=True),
    "serp": _Type(category="Serp", schema="serp", api_key=True),
    "serverless": _Type(category="Serverless", schema="serverless", target="endpoint", api_key=True),
}
"""Value of ``type`` -> its row.

Source: azure-ai-ml 1.35.2, ``_schema.workspace.connections`` (keys) and the bodies that it sends (category, metadata).
"""
_CREDENTIALS: Mapping[str, tuple[str, Rules]] = {
    "pat": ("PAT", (Rule("pat", "pat"),)),
    "sas": ("SAS", (Rule("sas_token", "sas"),)),
    "username_password": ("UsernamePassword", (Rule("username", "username"), Rule("password", "password"))),
    "managed_identity": ("ManagedIdentity", (Rule("client_id", "clientId"), Rule("resource_id", "resourceId"))),
    "service_principal": (
        "ServicePrincipal",
        (Rule("client_id", "clientId"), Rule("client_secret", "clientSecret"), Rule("tenant_id", "tenantId")),
    ),
    "access_key": (
        "AccessKey",
        (Rule("access_key_id", "accessKeyId"), Rule("secret_access_key", "secretAccessKey")),
    ),
    "api_key": ("ApiKey", (Rule("key", "key"),)),
    "account_key": ("AccountKey", (Rule("account_key", "key"),)),
    "aad": ("AAD", ()),
    "none": ("None", ()),
}
"""Value of ``credentials.type`` -> what the service calls it, and its fields."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def body(source: Source) -> Json:
    """What is sent for a connection."""
    value = source.value
    row = TYPES[snake(value["type"])]
    target = _lakehouse(value) if row.category == "AzureOneLake" else value.get(row.target, value.get("target"))
    metadata = {
        **(value.get("tags") or {}),  # what metadata was called before
        **(value.get("metadata") or {}),
        **(row.kind or {}),
        **translated(value, row.metadata),
    }
    return {
        "properties": {
            "category": row.category,
            **({} if target is None else {"target": target}),
            "isSharedToAll": boolean(value.get("is_shared", True)),
            "metadata": sendable({key: member for key, member in metadata.items() if member is not None}),
            **_opened(row, value),
        }
    }


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a connection besides what its schema says."""
    row = TYPES.get(snake(str(source.value.get("type"))))
    credentials = source.value.get("credentials")
    kind = _kind(credentials) if isinstance(credentials, dict) else None
    if row and row.api_key and kind in _CREDENTIALS and kind not in {"api_key", "aad"}:
        reason = f"{kind} does not open this type of connection and is not sent; give api_key"
        yield source.problem(("credentials",), reason, at_key=True, severity="warning")


def _kind(credentials: Mapping[str, Any]) -> str:
    return snake(str(credentials.get("type")))


def _opened(row: _Type, value: Json) -> Json:
    """What opens a connection: its type, and the secrets."""
    if value.get("api_key"):
        return {"authType": "ApiKey", "credentials": {"key": value["api_key"]}}
    given = value.get("credentials") or {}
    kind = _kind(given)
    if not given or (row.api_key and kind != "api_key") or (kind == "none" and row.credentials == "AAD"):
        return {"authType": row.credentials}
    name, rules = _CREDENTIALS[kind]
    secrets = translated(given, rules)
    return {"authType": name, **({"credentials": secrets} if secrets else {})}


def _lakehouse(value: Json) -> str:
    """The address of a lakehouse, unless the file has it whole.

    Source: Microsoft's documentation: a GUID stands for itself, a name is followed by the kind of the item.
    azure-ai-ml 1.35.2 means to do the same, but its pattern matches no GUID.
    """
    if value.get("target") is not None:
        return str(value["target"])
    name = str(value["artifact"]["name"])
    item = name if _GUID.fullmatch(name) else f"{name}.Lakehouse"
    return f"https://{value['endpoint']}/{value['one_lake_workspace_name']}/{item}"
