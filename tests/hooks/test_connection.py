from __future__ import annotations

import json

import pytest

from airflow_provider_azml.exceptions import ConnectionIncomplete
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.hooks.connection import settings_of
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.credentials import AUTHS, token_cache

TENANT = {"tenant_id": "t"}


@pytest.mark.parametrize(
    ("login", "password", "extra", "auth"),
    [
        ("client", "secret", TENANT, "client_secret"),
        ("client", None, {**TENANT, "client_certificate_path": "/c.pem"}, "client_certificate"),
        (None, None, {"managed_identity_client_id": "m"}, "managed_identity"),
        (None, None, {}, "default"),
        (None, None, {"auth": "azure_cli"}, "azure_cli"),
        ("client", None, {**TENANT, "auth": "workload_identity"}, "workload_identity"),
    ],
)
def test_the_way_to_sign_in_is_taken_from_what_is_filled_in(login, password, extra, auth):
    assert settings_of("azml", login, password, extra).auth == auth


@pytest.mark.parametrize(
    ("login", "password", "extra", "words"),
    [
        ("client", None, TENANT, ["password (the client secret)"]),
        (None, "secret", {}, ["login (the client id)", "tenant_id"]),
        ("client", "secret", {}, ["tenant_id"]),
        ("client", None, {"auth": "client_certificate"}, ["client_certificate_path", "tenant_id"]),
        (None, None, {"auth": "kerberos"}, ["auth='kerberos'", "managed_identity"]),
    ],
)
def test_a_half_filled_connection_says_what_is_missing(login, password, extra, words):
    with pytest.raises(ConnectionIncomplete) as caught:
        settings_of("azml_default", login, password, extra)
    assert all(word in str(caught.value) for word in ["'azml_default'", *words])


def test_no_secret_is_shown():
    settings = settings_of("azml", "client", "hunter2", TENANT)
    identity = settings.identity(CLOUDS["public"], custom_cloud=False)
    assert "hunter2" not in repr(settings) + repr(identity)


@pytest.mark.parametrize("auth", AUTHS)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_way_to_sign_in_makes_its_credential_in_every_cloud(auth, cloud, tmp_path, certificate, monkeypatch):
    federated = tmp_path / "token"
    federated.write_text("assertion")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(federated))
    extra = {"tenant_id": "0" * 8, "auth": auth, "client_certificate_path": certificate}
    settings = settings_of("azml", "client", "secret", extra)
    identity = settings.identity(CLOUDS[cloud], custom_cloud=False)
    assert identity.authority == CLOUDS[cloud].authority
    assert token_cache(identity) is token_cache(settings.identity(CLOUDS[cloud], custom_cloud=False))


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"tenant_id": "no tenant!"}, ["tenant"]),
        ({"tenant_id": "t", "client_certificate_path": "/no/such.pem"}, ["/no/such.pem"]),
        ({"tenant_id": "t", "cloud": "mars"}, ["'mars'", "government", "https URL"]),
        (
            {"tenant_id": "t", "cloud": "http://cloud.example/metadata/endpoints"},
            ["'http://cloud.example", "https URL"],
        ),
    ],
)
def test_values_that_cannot_be_right_are_named(extra, words, monkeypatch):
    connection = {"conn_type": "azml", "login": "client", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AZML_WRONG", json.dumps(connection))
    with pytest.raises(ConnectionIncomplete) as caught:
        assert AzmlHook("azml_wrong").client
    assert all(word in str(caught.value) for word in ["azml_wrong", *words])


@pytest.fixture
def certificate(tmp_path) -> str:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )
    from trustme import CA, KeyType

    issued = CA().issue_cert("client.test", key_type=KeyType.RSA)
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path = tmp_path / "client.pem"
    path.write_bytes(sealed + issued.cert_chain_pems[0].bytes())
    return str(path)
