"""Tokens: who gets one, what is said to who does not, and what one opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, WorkloadIdentityCredential

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


def ask(emulator: RunningEmulator, version: str = "/v2.0", tenant: str | None = None, **form: str) -> requests.Response:
    environment = emulator.environment
    defaults = {
        "grant_type": "client_credentials",
        "client_id": environment["AZURE_CLIENT_ID"],
        "scope": f"{emulator.https_url}/.default",
        "resource": "https://management.azure.com/",
    }
    return requests.post(
        f"{emulator.https_url}/{tenant or environment['AZURE_TENANT_ID']}/oauth2{version}/token",
        data=defaults | form,
        verify=environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )


def subscription(emulator: RunningEmulator, authorization: str | None) -> requests.Response:
    return requests.get(
        f"{emulator.url}/subscriptions/{emulator.subscription_id}",
        params={"api-version": "2022-12-01"},
        headers={"Authorization": authorization} if authorization else {},
        timeout=60,
    )


def signed(emulator: RunningEmulator, **claims: Any) -> str:
    """A token as the emulator signs it, with other claims."""
    key = (emulator.home / "tls" / "token.key").read_bytes()
    good = jwt.decode(token(emulator), options={"verify_signature": False})
    return jwt.encode(good | claims, key, algorithm="RS256")


def token(emulator: RunningEmulator) -> str:
    body = ask(emulator, client_secret=emulator.environment["AZURE_CLIENT_SECRET"]).json()
    return str(body["access_token"])


def test_version_2_answers_for_a_scope(azml_emulator: RunningEmulator) -> None:
    secret = azml_emulator.environment["AZURE_CLIENT_SECRET"]
    body = ask(azml_emulator, client_secret=secret).json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    keys = jwt.PyJWKSet.from_dict(
        requests.get(
            f"{azml_emulator.url}/{azml_emulator.environment['AZURE_TENANT_ID']}/discovery/v2.0/keys", timeout=60
        ).json()
    )
    claims = jwt.decode(body["access_token"], keys["emulator"].key, ["RS256"], audience=azml_emulator.https_url)
    assert claims["tid"] == azml_emulator.environment["AZURE_TENANT_ID"]
    assert claims["appid"] == azml_emulator.environment["AZURE_CLIENT_ID"]
    aml = ask(azml_emulator, client_secret=secret, scope="https://ml.azure.emu/.default").json()["access_token"]
    assert jwt.decode(aml, options={"verify_signature": False})["aud"] == "https://ml.azure.emu"


def test_version_1_answers_for_a_resource_in_strings(azml_emulator: RunningEmulator) -> None:
    body = ask(azml_emulator, "", client_secret=azml_emulator.environment["AZURE_CLIENT_SECRET"]).json()
    assert body["expires_in"] == "3599"
    assert int(body["expires_on"]) - int(body["not_before"]) == 3599
    assert body["resource"] == "https://management.azure.com/"
    assert subscription(azml_emulator, f"Bearer {body['access_token']}").status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({}, 401, "invalid_client", 7000218),
        ({"client_assertion": "wrong"}, 401, "invalid_client", 700213),
        ({"tenant": "00000000-0000-0000-0000-000000000000"}, 400, "invalid_request", 90002),
        ({"client_id": "00000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ],
)
def test_entra_s_errors(
    azml_emulator: RunningEmulator, form: dict[str, str], status: int, error: str, code: int
) -> None:
    response = ask(azml_emulator, **form)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")


@pytest.mark.parametrize(
    ("scope", "code"), [("https://graph.microsoft.com/.default", 500011), ("https://ml.azure.emu", 1002012)]
)
def test_a_token_is_for_something_that_is_there(azml_emulator: RunningEmulator, scope: str, code: int) -> None:
    secret = azml_emulator.environment["AZURE_CLIENT_SECRET"]
    response = ask(azml_emulator, client_secret=secret, scope=scope)
    assert (response.status_code, response.json()["error_codes"]) == (400, [code])


def test_a_token_opens_resource_manager(azml_emulator: RunningEmulator) -> None:
    assert subscription(azml_emulator, f"Bearer {token(azml_emulator)}").json()["state"] == "Enabled"


def test_without_a_token_nothing_opens(azml_emulator: RunningEmulator) -> None:
    response = subscription(azml_emulator, None)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "AuthenticationFailed")
    assert azml_emulator.environment["AZURE_TENANT_ID"] in response.headers["WWW-Authenticate"]
    assert requests.get(f"{azml_emulator.url}/history/v1.0/x", timeout=60).status_code == 401


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1}, "ExpiredAuthenticationToken"),
        ({"aud": "https://ml.azure.emu"}, "InvalidAuthenticationTokenAudience"),
        ({"tid": "another"}, "InvalidAuthenticationTokenTenant"),
    ],
)
def test_a_wrong_token_opens_nothing(azml_emulator: RunningEmulator, claims: dict[str, Any], code: str) -> None:
    response = subscription(azml_emulator, f"Bearer {signed(azml_emulator, **claims)}")
    assert (response.status_code, response.json()["error"]["code"]) == (401, code)


def test_a_forged_token_opens_nothing(azml_emulator: RunningEmulator) -> None:
    claims = jwt.decode(token(azml_emulator), options={"verify_signature": False})
    for forged in (
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims, "k" * 32, algorithm="HS256"),
        "x.y.z",
    ):
        response = subscription(azml_emulator, f"Bearer {forged}")
        assert (response.status_code, response.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


def client_secret_credential(emulator: RunningEmulator, **changes: str) -> ClientSecretCredential:
    environment = emulator.environment | changes
    return ClientSecretCredential(
        environment["AZURE_TENANT_ID"],
        environment["AZURE_CLIENT_ID"],
        environment["AZURE_CLIENT_SECRET"],
        authority=environment["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
        connection_verify=environment["REQUESTS_CA_BUNDLE"],
    )


def test_azure_identity_gets_tokens(azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = f"{azml_emulator.https_url}/.default"
    with client_secret_credential(azml_emulator) as credential:
        assert subscription(azml_emulator, f"Bearer {credential.get_token(scope).token}").ok
    for name, value in azml_emulator.environment.items():
        monkeypatch.setenv(name, value)
    with DefaultAzureCredential() as default:
        assert subscription(azml_emulator, f"Bearer {default.get_token(scope).token}").ok


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"AZURE_CLIENT_SECRET": "wrong"}, "AADSTS7000215"),
        ({"AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000000"}, "AADSTS700016"),
        ({"AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000000"}, "authority"),
    ],
)
def test_azure_identity_says_what_is_wrong(
    azml_emulator: RunningEmulator, changes: dict[str, str], reason: str
) -> None:
    with (
        client_secret_credential(azml_emulator, **changes) as credential,
        pytest.raises((ClientAuthenticationError, ValueError), match=reason),
    ):
        credential.get_token(f"{azml_emulator.https_url}/.default")


def test_only_the_federated_token_is_an_assertion(
    azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in azml_emulator.environment.items():
        monkeypatch.setenv(name, value)
    scope = f"{azml_emulator.https_url}/.default"
    with WorkloadIdentityCredential() as good:
        assert good.get_token(scope).token
    other = tmp_path / "token"
    other.write_text(Path(azml_emulator.environment["AZURE_FEDERATED_TOKEN_FILE"]).read_text()[:-5] + "AAAAA")
    with WorkloadIdentityCredential(token_file_path=str(other)) as bad, pytest.raises(ClientAuthenticationError):
        bad.get_token(scope)


def test_the_metadata_document_is_what_each_client_takes(azml_emulator: RunningEmulator) -> None:
    url = f"{azml_emulator.url}/metadata/endpoints"
    listed = requests.get(url, params={"api-version": "2019-05-01"}, timeout=60).json()
    alone = requests.get(url, params={"api-version": "2022-09-01"}, timeout=60).json()
    assert listed == [alone]
    assert alone["name"] == azml_emulator.environment["AZUREML_CURRENT_CLOUD"]
    assert alone["resourceManager"] == f"{azml_emulator.https_url}/"
    assert alone["mlStudio"] == f"{azml_emulator.https_url}/studio"
    discovered = requests.get(f"{azml_emulator.url}/discovery", timeout=60).json()
    assert discovered["api"] == discovered["history"] == azml_emulator.https_url
