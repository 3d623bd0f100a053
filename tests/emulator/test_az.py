"""Azure's command line, unchanged, where it is installed: logged in as documented, it asks Resource Manager."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PAGE = Path(__file__).parents[2] / "docs/how-to/mlclient.md"
AZ = shutil.which("az")
pytestmark = pytest.mark.skipif(AZ is None, reason="there is no az")


@pytest.fixture(scope="module")
def az(azml_emulator: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Runs a command, logged in; what it answers."""
    environment = {
        **os.environ,
        **azml_emulator.environment,
        "AZURE_CONFIG_DIR": str(tmp_path_factory.mktemp("az")),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
    }

    def run(*words: str) -> Any:
        done = subprocess.run(
            [str(AZ), *words, "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    (commands,) = re.findall(r"```console\n(\$ export AZURE_CONFIG_DIR.*?)```", PAGE.read_text(), re.DOTALL)
    _, *rest = commands.replace("$ az", "az").splitlines()
    subprocess.run(["bash", "-ec", "\n".join(rest)], env=environment, check=True, timeout=120)
    return run


def test_it_is_logged_in(az: Callable[..., Any], azml_emulator: RunningEmulator) -> None:
    assert az("account", "show")["id"] == azml_emulator.subscription_id


def test_resource_groups(az: Callable[..., Any], azml_emulator: RunningEmulator) -> None:
    assert az("group", "show", "--name", azml_emulator.resource_group)["properties"]["provisioningState"] == "Succeeded"
    az("group", "create", "--name", "by-az", "--location", "westeurope")
    assert "by-az" in [group["name"] for group in az("group", "list")]
    az("group", "delete", "--name", "by-az", "--yes")
    assert az("group", "exists", "--name", "by-az") is False


def test_rest(az: Callable[..., Any], azml_emulator: RunningEmulator) -> None:
    workspace = Workspace(azml_emulator).ensure().id
    properties = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 2}}
    body = {"location": "local", "properties": {"computeType": "AmlCompute", "properties": properties}}
    url = f"{workspace.child('compute', 'by-az')}?api-version=2024-10-01"
    assert az("rest", "--method", "put", "--url", url, "--body", json.dumps(body))["name"] == "by-az"
    assert az("rest", "--method", "get", "--url", url)["properties"]["properties"]["vmSize"] == "Standard_DS3_v2"
    datastores = az("rest", "--method", "get", "--url", f"{workspace}/datastores?api-version=2024-10-01")["value"]
    assert "workspaceblobstore" in [one["name"] for one in datastores]


def test_providers_and_resources(az: Callable[..., Any], azml_emulator: RunningEmulator) -> None:
    workspace = Workspace(azml_emulator).ensure().id
    az("provider", "register", "--namespace", "Microsoft.MachineLearningServices")
    provider = az("provider", "show", "--namespace", "Microsoft.MachineLearningServices")
    assert provider["registrationState"] == "Registered"
    assert az("resource", "show", "--ids", str(workspace))["name"] == workspace.name
    listed = az("resource", "list", "--resource-group", azml_emulator.resource_group)
    assert {one["resourceGroup"] for one in listed} == {azml_emulator.resource_group}
    assert str(workspace) in [one["id"] for one in listed]
