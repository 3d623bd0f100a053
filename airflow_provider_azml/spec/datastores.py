"""Datastores: storage that the workspace keeps a name, and perhaps credentials, for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.needs import Named
from airflow_provider_azml.spec.rules import Rule, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.rules import Rules
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


@dataclass(frozen=True)
class _OfCloud(Named):
    """What a file need not say because the cloud of the workspace does."""

    fact: str

    def id_in(self, target: Target) -> str:
        """The cloud's word for it."""
        return str(getattr(target.cloud, self.fact))


_SUFFIX = _OfCloud("storage_suffix")
_SHARED_RULES = (Rule("description", "description"), Rule("tags", "tags"))
_PLACE_RULES = (
    Rule("account_name", "accountName"),
    Rule("endpoint", "endpoint", default=_SUFFIX),
    Rule("protocol", "protocol", default="https"),
)
_TYPES: Mapping[str, tuple[str, Rules]] = {
    "azure_blob": (
        "AzureBlob",
        (
            *_PLACE_RULES,
            Rule("endpoint", "endpoint", lambda suffix: suffix or _SUFFIX),  # for blobs alone "" is the default too
            Rule("container_name", "containerName"),
        ),
    ),
    "azure_file": ("AzureFile", (*_PLACE_RULES, Rule("file_share_name", "fileShareName"))),
    "azure_data_lake_gen1": ("AzureDataLakeGen1", (Rule("store_name", "storeName"),)),
    "azure_data_lake_gen2": ("AzureDataLakeGen2", (*_PLACE_RULES, Rule("filesystem", "filesystem"))),
    "one_lake": (
        "OneLake",
        (
            Rule("one_lake_workspace_name", "oneLakeWorkspaceName"),
            Rule("endpoint", "endpoint"),
            Rule("artifact", "artifact", lambda value: {"artifactType": "LakeHouse", "artifactName": value["name"]}),
        ),
    ),
}
"""Value of ``type`` -> what the service calls it, and the keys that it alone has."""
_TENANT_RULES = (
    Rule("authority_url", "authorityUrl", default=_OfCloud("authority")),
    Rule("authority_uri", "authorityUrl"),  # the older spelling
    Rule("resource_url", "resourceUrl"),
    Rule("tenant_id", "tenantId"),
    Rule("client_id", "clientId"),
    Rule("thumbprint", "thumbprint"),
)
_SECRETS: Mapping[str, tuple[str, str]] = {
    "account_key": ("AccountKey", "key"),
    "sas_token": ("Sas", "sasToken"),
    "client_secret": ("ServicePrincipal", "clientSecret"),
    "thumbprint": ("Certificate", "certificate"),
}
"""The key that tells the kind of credentials -> what the service calls them, and the field of the secret."""


def body(source: Source) -> Json:
    """What is sent for a datastore."""
    value = source.value
    kind, rules = _TYPES[value["type"]]
    return {
        "properties": {
            "datastoreType": kind,
            **translated(value, (*_SHARED_RULES, *rules)),
            "credentials": _credentials(value.get("credentials") or {}),
        }
    }


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a datastore besides what its schema says."""
    credentials = source.value.get("credentials")
    if isinstance(credentials, dict) and {"authority_url", "authority_uri"} <= credentials.keys():
        reason = "authority_uri is the older name of authority_url; give one of them"
        yield source.problem(("credentials", "authority_uri"), reason, at_key=True)


def _credentials(value: Json) -> Json:
    told_by = next((key for key in _SECRETS if key in value), None)
    if told_by is None:
        return {"credentialsType": "None"}
    kind, field = _SECRETS[told_by]
    secret = value.get("certificate") if kind == "Certificate" else value[told_by]
    about = translated(value, _TENANT_RULES) if kind in {"ServicePrincipal", "Certificate"} else {}
    return {
        "credentialsType": kind,
        **about,
        "secrets": {"secretsType": kind, **({} if secret is None else {field: secret})},
    }
