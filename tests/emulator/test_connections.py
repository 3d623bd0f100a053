"""Connections and components of AML files, as Microsoft's client reads them back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]  # azure-ai-ml warns about itself

KEY = "the key of the search service"
COMPONENT = {
    "type": "command",
    "inputs": {"day": {"type": "string", "description": "which"}},
    "outputs": {"model": {"type": "uri_folder"}},
    "command": "python train.py --day ${{inputs.day}}",
    "environment": "azureml:bare:1",
}


def client(emulator: RunningEmulator) -> Any:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    where = (emulator.subscription_id, emulator.resource_group, emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False)


def test_a_connection_tells_its_secrets_to_who_asks_for_them(
    azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    hook = AzmlHook(azml_connection)
    name = f"c{time.time_ns()}"
    described = {
        "name": name,
        "type": "custom",
        "target": "https://search.test",
        "credentials": {"type": "api_key", "key": KEY},
    }
    made = hook.apply(described, kind="connection")
    assert KEY not in str(made)
    assert KEY not in str(hook.get("connection", name))
    assert hook.act("connection", name, "list_secrets")["properties"]["credentials"]["key"] == KEY
    seen = client(azml_emulator).connections.get(name, populate_secrets=True)
    assert (seen.target, seen.credentials.key) == ("https://search.test", KEY)
    hook.delete("connection", name)
    with pytest.raises(ApiError, match="NotFound"):
        hook.act("connection", name, "list_secrets")


def test_a_component_is_a_version_like_any(azml_connection: str, azml_emulator: RunningEmulator) -> None:
    hook = AzmlHook(azml_connection)
    name = f"train_{time.time_ns()}"
    versions = [hook.apply({**COMPONENT, "name": name}, kind="component")["name"] for _ in range(2)]
    assert versions == ["1", "2"]
    seen = client(azml_emulator).components.get(name, "2")
    assert (seen.command, seen.inputs["day"].description) == (COMPONENT["command"], "which")
