"""The hook against the emulator: every way to sign in, and what it does with resources."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, ConnectionIncomplete, NotFound, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.credentials import token_cache

CLUSTER = {"type": "amlcompute", "name": "hook-cluster", "size": "STANDARD_DS3_V2", "max_instances": 1}


@pytest.fixture
def connect(azml_connection, azml_emulator, monkeypatch):
    """Makes a connection like the emulator's own, less or more some fields."""

    def make(*, without: tuple[str, ...] = (), **fields: object) -> str:
        connection = json.loads(azml_emulator.environment["AIRFLOW_CONN_AZML_DEFAULT"])
        values = {**connection.pop("extra"), **connection, **fields}
        top = {key: values.pop(key, None) for key in ("conn_type", "login", "password")}
        extra = {key: value for key, value in values.items() if key not in without}
        top = {key: value for key, value in top.items() if key not in without}
        monkeypatch.setenv("AIRFLOW_CONN_AZML_TEST", json.dumps({**top, "extra": extra}))
        return "azml_test"

    return make


def test_a_good_connection_passes_its_test(azml_connection):
    works, message = AzmlHook(azml_connection).test_connection()
    assert works, message
    assert "laptop" in message


@pytest.mark.parametrize("auth", ["client_secret", "workload_identity", "default"])
def test_signing_in_works_by(auth, connect):
    hook = AzmlHook(connect(auth=auth, without=() if auth == "client_secret" else ("password",)))
    assert hook.test_connection()[0]


def test_signing_in_works_by_managed_identity(connect, monkeypatch):
    """Azure's App Service tells tokens over plain http, at a URL that it puts into the environment."""
    ours = AzmlHook(connect())
    token = ours.client._tokens.get_token_info(ours.cloud.arm_scope)
    answer = {"access_token": token.token, "expires_on": token.expires_on, "token_type": "Bearer"}

    class AppService(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["X-IDENTITY-HEADER"] == "header"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    with HTTPServer(("127.0.0.1", 0), AppService) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            hook = AzmlHook(connect(auth="managed_identity", without=("login", "password")))
            assert hook.test_connection()[0]
        finally:
            server.shutdown()
            thread.join()


def test_signing_in_works_by_azure_cli(connect, tmp_path, monkeypatch):
    """azure-identity runs ``az account get-access-token``; this one answers with a token of the emulator's."""
    token = AzmlHook(connect()).client._tokens.get_token_info(AzmlHook(connect()).cloud.arm_scope)
    answer = {"accessToken": token.token, "expiresOn": "2199-01-01 00:00:00.000000", "expires_on": token.expires_on}
    az = tmp_path / "az"
    az.write_text(f"#!{sys.executable}\nprint('''{json.dumps(answer)}''')\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert AzmlHook(connect(auth="azure_cli", without=("login", "password"))).test_connection()[0]


def test_a_wrong_secret_is_told_as_such(connect):
    hook = AzmlHook(connect(password="wrong"))
    with pytest.raises(AuthError) as caught:
        hook.get("workspace", "laptop")
    assert caught.value.code == "AADSTS7000215"
    assert "In connection 'azml_test', the password is no valid secret" in str(caught.value)
    assert "Trace ID" not in str(caught.value)
    assert "wrong" not in str(caught.value).split()
    assert not hook.test_connection()[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tenant_id": "44444444-4444-4444-4444-444444444444"}, ["gave no token", "tenant_id and cloud"]),
        ({"login": "44444444-4444-4444-4444-444444444444"}, ["AADSTS700016", "login (the client id)"]),
    ],
)
def test_an_unknown_tenant_or_client_is_told_as_such(connect, fields, words):
    works, message = AzmlHook(connect(**fields)).test_connection()
    assert not works
    assert all(word in message for word in words)


def test_a_workspace_that_does_not_exist_is_told_with_what_to_do(connect):
    works, message = AzmlHook(connect(workspace="nowhere")).test_connection()
    assert not works
    assert "nowhere" in message
    assert "workspace of the connection" in message


def test_a_subscription_that_does_not_exist_is_told_with_what_to_do(connect):
    works, message = AzmlHook(connect(subscription_id="55555555-5555-5555-5555-555555555555")).test_connection()
    assert not works
    assert "SubscriptionNotFound" in message
    assert "subscription_id of the connection" in message


def test_a_connection_without_workspace_says_so(connect):
    with pytest.raises(ConnectionIncomplete, match="no resource_group and no workspace"):
        assert AzmlHook(connect(without=("workspace", "resource_group"))).workspace_id


def test_no_connection_at_all_says_how_to_make_one():
    with pytest.raises(ConnectionIncomplete, match="AIRFLOW_CONN_AZML_NOWHERE"):
        assert AzmlHook("azml_nowhere").settings


def test_a_cloud_that_does_not_answer_is_named(connect):
    works, message = AzmlHook(connect(cloud="https://localhost:1")).test_connection()
    assert not works
    assert "localhost:1" in message


def test_arguments_win_over_the_connection(azml_connection):
    hook = AzmlHook(azml_connection, "s", "rg", "ws")
    assert str(hook.workspace_id).startswith("/subscriptions/s/resourceGroups/rg/")


def test_a_resource_is_applied_found_listed_and_deleted(azml_connection):
    hook = AzmlHook(azml_connection)
    made = hook.apply(CLUSTER)
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert hook.get("compute", "hook-cluster")["name"] == "hook-cluster"
    assert "hook-cluster" in [compute["name"] for compute in hook.list("compute")]
    hook.delete("compute", "hook-cluster")
    with pytest.raises(NotFound):
        hook.get("compute", "hook-cluster")


def test_overrides_are_merged_over_the_file(azml_connection, tmp_path):
    (tmp_path / "environment.yml").write_text("name: hooked\nimage: python:3.11\ntags: {a: file, b: file}\n")
    hook = AzmlHook(azml_connection)
    path = tmp_path / "environment.yml"
    first = hook.apply(path, kind="environment", overrides={"tags": {"b": "override"}})
    assert first["properties"]["tags"] == {"a": "file", "b": "override"}
    second = hook.apply(path, kind="environment", overrides={"image": "python:3.12"})
    assert [first["name"], second["name"]] == ["1", "2"]
    assert hook.get("environment", "hooked")["name"] == "2"
    assert hook.get("environment", "hooked", version="1")["name"] == "1"
    assert [version["name"] for version in hook.list("environment", name="hooked")] == ["1", "2"]


def test_a_bad_mapping_is_refused_before_anything_is_sent(azml_connection):
    with pytest.raises(SpecError) as caught:
        AzmlHook(azml_connection).apply({**CLUSTER, "sice": "big", "max_instances": "many"})
    assert len(caught.value.problems) == 2


def test_what_the_service_would_refuse_is_a_warning_unless_strict(azml_connection, caplog):
    hook, cluster = AzmlHook(azml_connection), {**CLUSTER, "name": "x"}
    with pytest.raises(SpecError, match="name: "):
        hook.apply(cluster, strict=True)
    with pytest.raises(ApiError, match="InvalidResourceName"):
        hook.apply(cluster)
    assert "name: " in caplog.text


def test_links_out_of_a_folder_are_followed_when_told(azml_connection, tmp_path):
    (tmp_path / "far").write_text("away")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "far")
    described = {"name": "linked", "type": "uri_folder", "path": "data"}
    hook = AzmlHook(azml_connection)
    with pytest.raises(SpecError, match="link"):
        hook.apply(described, base_path=tmp_path)
    assert hook.apply(described, base_path=tmp_path, follow_symlinks=True)["properties"]["dataType"] == "uri_folder"


def test_a_workspace_is_waited_for_and_shown(azml_connection):
    made = AzmlHook(azml_connection).apply({"name": "by-hook", "location": "westeurope"}, kind="workspace")
    assert made["type"] == "Microsoft.MachineLearningServices/workspaces"
    assert made["properties"]["provisioningState"] == "Succeeded"


def test_an_action_is_posted_by_the_name_in_its_row(azml_connection):
    hook = AzmlHook(azml_connection)
    assert "userStorageKey" in hook.act("workspace", "laptop", "list_keys")
    with pytest.raises(ValueError, match="no action 'explode'"):
        hook.act("workspace", "laptop", "explode")


def test_flows_run_on_an_event_loop_too(azml_connection):
    async def name() -> str:
        hook = AzmlHook(azml_connection)
        try:
            return (await hook.arun(flows.get(str(hook_id))))["name"]
        finally:
            await hook.aclose()

    hook_id = AzmlHook(azml_connection).workspace_id
    assert asyncio.run(name()) == "laptop"


def test_scoring_an_endpoint_that_does_not_exist_is_an_error(azml_connection):
    with pytest.raises(NotFound, match=r"no-such-endpoint.*or create it first"):
        AzmlHook(azml_connection).score("no-such-endpoint", {})


def test_requests_and_tokens_leave_no_trace_in_the_log(azml_connection, caplog):
    caplog.set_level(logging.INFO)
    token_cache.cache_clear()
    assert AzmlHook(azml_connection).test_connection()[0]
    loggers = {record.name for record in caplog.records}
    assert {name for name in loggers if name.startswith(("azure", "airflow_provider_azml"))} == set()


def test_a_folder_says_what_the_connection_leaves_out_of_the_workspace(connect, azml_emulator, tmp_path):
    whole = AzmlHook(connect()).test_connection()
    left_out = connect(without=("subscription_id", "workspace"))
    extra = json.loads(azml_emulator.environment["AIRFLOW_CONN_AZML_DEFAULT"])["extra"]
    (tmp_path / ".azureml").mkdir()
    told = {"subscription_id": extra["subscription_id"], "resource_group": "not asked for"}
    config = tmp_path / ".azureml/config.json"
    config.write_text(json.dumps({**told, "workspace_name": extra["workspace"]}))
    (tmp_path / "dags").mkdir()

    hook = AzmlHook(left_out, config_path=tmp_path / "dags")
    assert hook.test_connection() == whole
    assert hook.workspace_id.resource_group == extra["resource_group"]
    assert AzmlHook(left_out, workspace="mine", config_path=config).workspace_id.name == "mine"

    config.write_text(json.dumps(told))
    works, message = AzmlHook(left_out, config_path=config).test_connection()
    assert (works, message) == (False, f"{config}:1:1: 'workspace_name' is missing, a text")
    works, message = AzmlHook(left_out).test_connection()
    assert not works
    assert "has no subscription_id and no workspace in its extra" in message
