from __future__ import annotations

import logging
from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.spec import datastores, kinds
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.target import Target
from tests.spec.stand_in import TARGET, WS, StandIn

BLOB = {"name": "d", "type": "azure_blob", "account_name": "a", "container_name": "c"}
LAKE = {"name": "d", "type": "azure_data_lake_gen2", "account_name": "a", "filesystem": "f"}
PLACE = {"accountName": "a", "endpoint": "core.windows.net", "protocol": "https"}
APPLICATION = {"tenant_id": "t", "client_id": "c", "client_secret": "hidden"}
SENT_APPLICATION = {
    "credentialsType": "ServicePrincipal",
    "authorityUrl": "https://login.microsoftonline.com",
    "tenantId": "t",
    "clientId": "c",
    "secrets": {"secretsType": "ServicePrincipal", "clientSecret": "hidden"},
}
NOBODY = {"credentialsType": "None"}

TYPES = {
    "blob": (BLOB, {"datastoreType": "AzureBlob", **PLACE, "containerName": "c", "credentials": NOBODY}),
    "file": (
        {
            "name": "d",
            "type": "azure_file",
            "account_name": "a",
            "file_share_name": "s",
            "credentials": {"sas_token": "s"},
        },
        {
            "datastoreType": "AzureFile",
            **PLACE,
            "fileShareName": "s",
            "credentials": {"credentialsType": "Sas", "secrets": {"secretsType": "Sas", "sasToken": "s"}},
        },
    ),
    "lake, first generation": (
        {"name": "d", "type": "azure_data_lake_gen1", "store_name": "s", "credentials": APPLICATION},
        {"datastoreType": "AzureDataLakeGen1", "storeName": "s", "credentials": SENT_APPLICATION},
    ),
    "lake": (
        {**LAKE, "tags": {"a": "b"}, "description": "x", "credentials": {}},
        {
            "datastoreType": "AzureDataLakeGen2",
            **PLACE,
            "filesystem": "f",
            "tags": {"a": "b"},
            "description": "x",
            "credentials": NOBODY,
        },
    ),
    "lakehouse": (
        {
            "name": "d",
            "type": "one_lake",
            "one_lake_workspace_name": "w",
            "endpoint": "e",
            "artifact": {"name": "l", "type": "lake_house"},
        },
        {
            "datastoreType": "OneLake",
            "oneLakeWorkspaceName": "w",
            "endpoint": "e",
            "artifact": {"artifactType": "LakeHouse", "artifactName": "l"},
            "credentials": NOBODY,
        },
    ),
}


@pytest.mark.parametrize("name", TYPES)
def test_what_is_sent(service: StandIn, name: str) -> None:
    given, properties = TYPES[name]
    assert service.run(kinds.apply(from_mapping(given), "datastore", TARGET)).arm_id == f"{WS}/datastores/d"
    assert service.sent[-1] == (f"PUT {WS}/datastores/d", {"properties": properties})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"account_key": "k"}, {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "k"}}),
        (APPLICATION, SENT_APPLICATION),
        ({**APPLICATION, "authority_uri": "https://x"}, {**SENT_APPLICATION, "authorityUrl": "https://x"}),
        (
            {"tenant_id": "t", "client_id": "c", "thumbprint": "p", "certificate": "pem", "resource_url": "r"},
            {
                "credentialsType": "Certificate",
                "authorityUrl": "https://login.microsoftonline.com",
                "tenantId": "t",
                "clientId": "c",
                "thumbprint": "p",
                "resourceUrl": "r",
                "secrets": {"secretsType": "Certificate", "certificate": "pem"},
            },
        ),
    ],
)
def test_credentials(service: StandIn, given: dict[str, str], sent: dict[str, Any]) -> None:
    body = datastores.body(from_mapping({**(BLOB if "account_key" in given else LAKE), "credentials": given}))
    assert service.run(filled(body, TARGET))["properties"]["credentials"] == sent


def test_the_cloud_says_what_the_file_does_not(service: StandIn) -> None:
    target = Target(TARGET.workspace, CLOUDS["china"])
    body = service.run(filled(datastores.body(from_mapping({**LAKE, "credentials": APPLICATION})), target))
    assert body["properties"]["endpoint"] == "core.chinacloudapi.cn"
    assert body["properties"]["credentials"]["authorityUrl"] == "https://login.chinacloudapi.cn"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**BLOB, "type": "azureblob"}, "type: is 'azureblob'; it must be one of azure_blob, azure_file"),
        ({"name": "d", "account_name": "a", "container_name": "c"}, "'type' is missing"),
        ({**BLOB, "credentials": APPLICATION}, "unknown key"),
        ({**BLOB, "tags": {"a": 1}}, "tags.a: is 1; it must be text"),
        ({**LAKE, "credentials": {**APPLICATION, "authority_url": "a", "authority_uri": "b"}}, "give one of them"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given), "datastore")


def test_a_name_that_the_service_refuses() -> None:
    assert "must be 1 to 255 letters, digits and _" in str(
        kinds.check(from_mapping({**BLOB, "name": "a-b"}), "datastore")
    )
    with pytest.raises(SpecError):
        kinds.check(from_mapping({**BLOB, "name": "a-b"}), "datastore", strict=True)


SECRET = 8675309.25


@pytest.mark.parametrize("secret", [SECRET, str(SECRET), [str(SECRET)], {str(SECRET): 1}, {"a": str(SECRET)}])
@pytest.mark.parametrize(
    "place", ["credentials", "account_key", "sas_token", "client_secret", "certificate", "account-key"]
)
@pytest.mark.parametrize("base", [BLOB, LAKE])
def test_secrets_are_never_shown(
    service: StandIn, caplog: pytest.LogCaptureFixture, base: dict[str, Any], place: str, secret: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = secret if place == "credentials" else {"tenant_id": "t", "client_id": "c", place: secret}
    given = {**base, "name": "a-b", "credentials": credentials}
    shown = ""
    try:
        service.run(kinds.apply(from_mapping(given), "datastore", TARGET))
    except SpecError as error:
        shown = f"{error} {error!r}"
    if isinstance(secret, dict) and str(SECRET) in secret:
        return  # a key is no secret
    assert str(SECRET) not in shown + caplog.text


def test_a_source_does_not_show_what_it_holds() -> None:
    assert "hidden" not in repr(from_mapping({**LAKE, "credentials": APPLICATION}))
