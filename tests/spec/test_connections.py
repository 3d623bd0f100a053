from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import connections, kinds
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

GIT = {"name": "repo", "type": "git", "target": "https://x"}
LAKEHOUSE = {
    "name": "lake",
    "type": "azure_one_lake",
    "endpoint": "e",
    "one_lake_workspace_name": "w",
    "artifact": {"type": "lake_house", "name": "l"},
}

TYPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "feed": ({**GIT, "type": "PythonFeed"}, {"category": "PythonFeed", "authType": "None", "target": "https://x"}),
    "anything": (
        {**GIT, "type": "custom", "credentials": {"type": "api_key", "key": "k"}, "is_shared": "no"},
        {"category": "CustomKeys", "authType": "ApiKey", "credentials": {"key": "k"}, "isSharedToAll": False},
    ),
    "metadata over tags": (
        {**GIT, "tags": {"a": "1", "b": "2"}, "metadata": {"a": 3, "c": None}},
        {"category": "Git", "metadata": {"a": 3, "b": "2"}},
    ),
    "blobs": (
        {"name": "blobs", "type": "azure_blob", "url": "u", "account_name": "a", "container_name": "c"},
        {
            "category": "AzureBlob",
            "target": "u",
            "authType": "AAD",
            "metadata": {"ContainerName": "c", "AccountName": "a"},
        },
    ),
    "lake": ({**GIT, "type": "azure_data_lake_gen2"}, {"category": "ADLSGen2", "authType": "AAD"}),
    "lakehouse": (LAKEHOUSE, {"category": "AzureOneLake", "target": "https://e/w/l.Lakehouse", "authType": "AAD"}),
    "lakehouse by its id": (
        {**LAKEHOUSE, "artifact": {"type": "lake_house", "name": "12345678-1234-1234-1234-123456789abc"}},
        {"target": "https://e/w/12345678-1234-1234-1234-123456789abc"},
    ),
    "lakehouse by its address": ({**LAKEHOUSE, "target": "t"}, {"target": "t"}),
    "models": (
        {"name": "aoai", "type": "azure_open_ai", "azure_endpoint": "e", "api_key": "k", "api_version": "v"},
        {
            "category": "AzureOpenAi",
            "target": "e",
            "authType": "ApiKey",
            "credentials": {"key": "k"},
            "metadata": {"ApiType": "Azure", "ApiVersion": "v"},
        },
    ),
    "services without a key": (
        {"name": "ais", "type": "azure_ai_services", "endpoint": "e", "ai_services_resource_id": "r", "api_key": None},
        {"category": "AIServices", "target": "e", "authType": "AAD", "metadata": {"ResourceId": "r"}},
    ),
    "search": (
        {"name": "find", "type": "azure_ai_search", "endpoint": "e", "credentials": {"type": "api_key", "key": "k"}},
        {"category": "CognitiveSearch", "authType": "ApiKey", "credentials": {"key": "k"}},
    ),
    "safety": (
        {"name": "safe", "type": "azure_content_safety", "endpoint": "e", "metadata": {"Kind": "x"}},
        {"category": "CognitiveService", "metadata": {"Kind": "Content Safety"}},
    ),
    "speech": (
        {"name": "say", "type": "azure_speech_services", "endpoint": "e", "target": "other"},
        {"category": "CognitiveService", "metadata": {"Kind": "speech"}, "target": "e"},
    ),
    "key": (
        {"name": "key", "type": "api_key", "api_base": "b", "api_key": "k"},
        {"category": "ApiKey", "target": "b", "credentials": {"key": "k"}},
    ),
    "OpenAI": ({"name": "oai", "type": "open_ai", "api_key": "k"}, {"category": "OpenAi", "target": None}),
    "Serp": ({"name": "serp", "type": "serp", "api_key": "k"}, {"category": "Serp", "authType": "ApiKey"}),
    "serverless": (
        {"name": "less", "type": "serverless", "endpoint": "e", "api_key": "k"},
        {"category": "Serverless", "target": "e", "authType": "ApiKey"},
    ),
}


@pytest.mark.parametrize("name", TYPES)
def test_what_is_sent(service: StandIn, name: str) -> None:
    given, expected = TYPES[name]
    service.run(kinds.apply(from_mapping(given), "connection", TARGET))
    path, body = service.sent[-1]
    assert path == f"PUT {WS}/connections/{given['name']}"
    assert {key: body["properties"].get(key) for key in expected} == expected


@pytest.mark.parametrize(
    ("given", "kind", "sent"),
    [
        ({"type": "pat", "pat": "p"}, "PAT", {"pat": "p"}),
        ({"type": "SAS", "sas_token": "s"}, "SAS", {"sas": "s"}),
        (
            {"type": "username_password", "username": "u", "password": "p"},
            "UsernamePassword",
            {"username": "u", "password": "p"},
        ),
        ({"type": "managed_identity", "client_id": "c"}, "ManagedIdentity", {"clientId": "c"}),
        ({"type": "managed_identity"}, "ManagedIdentity", None),
        (
            {"type": "service_principal", "client_id": "c", "client_secret": "s", "tenant_id": "t"},
            "ServicePrincipal",
            {"clientId": "c", "clientSecret": "s", "tenantId": "t"},
        ),
        (
            {"type": "access_key", "access_key_id": "a", "secret_access_key": "s"},
            "AccessKey",
            {"accessKeyId": "a", "secretAccessKey": "s"},
        ),
        ({"type": "account_key", "account_key": "k"}, "AccountKey", {"key": "k"}),
        ({"type": "aad"}, "AAD", None),
        ({"type": "none"}, "None", None),
    ],
)
def test_credentials(given: dict[str, str], kind: str, sent: dict[str, str] | None) -> None:
    source = from_mapping({**GIT, "credentials": given})
    assert kinds.check(source, "connection") == []
    properties = connections.body(source)["properties"]
    assert (properties["authType"], properties.get("credentials")) == (kind, sent)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**GIT, "type": "redis"}, "type: is 'redis'; it must be one of git, container_registry"),
        ({"name": "repo", "type": "git"}, "'target' is missing"),
        ({**GIT, "credentials": {"type": "pat"}}, "'pat' is missing"),
        ({**GIT, "credentials": {"type": "oauth"}}, "it must be one of pat, sas, username_password"),
        ({**GIT, "type": "azure_data_lake_gen2", "credentials": {"type": "pat", "pat": "p"}}, "service_principal"),
        ({"name": "oai", "type": "open_ai", "api_key": ""}, "api_key"),
        ({"name": "lake", "type": "azure_one_lake", "endpoint": "e"}, "'artifact' is missing"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given), "connection")


def test_credentials_that_are_not_used_are_told() -> None:
    given = {
        "name": "find",
        "type": "azure_ai_search",
        "endpoint": "e",
        "credentials": {"type": "pat", "pat": "p"},
    }
    (warning,) = kinds.check(from_mapping(given), "connection")
    assert "pat does not open this type of connection" in warning.reason


SECRET = 8675309.25
SECRETS = ["pat", "sas_token", "password", "client_secret", "secret_access_key", "key", "account_key"]
TOLD_BY = dict(
    zip(
        SECRETS,
        ["pat", "sas", "username_password", "service_principal", "access_key", "api_key", "account_key"],
        strict=True,
    )
)


@pytest.mark.parametrize("secret", [SECRET, str(SECRET), [str(SECRET)], {"a": str(SECRET)}])
@pytest.mark.parametrize("place", [*SECRETS, "credentials", "api_key"])
def test_secrets_are_never_shown(service: StandIn, caplog: pytest.LogCaptureFixture, place: str, secret: Any) -> None:
    caplog.set_level(logging.DEBUG)
    given: dict[str, Any] = {**GIT, "credentials": {"type": TOLD_BY.get(place), place: secret}}
    if place == "credentials":
        given["credentials"] = secret
    if place == "api_key":
        given = {"name": "oai", "type": "open_ai", "api_key": secret}
    shown = ""
    try:
        service.run(kinds.apply(from_mapping(given), "connection", TARGET))
    except SpecError as error:
        shown = f"{error} {error!r}"
    assert str(SECRET) not in shown + caplog.text
