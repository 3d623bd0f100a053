"""What the documentation tells readers to copy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("text", [*blocks("how-to/connection.md", "json"), *blocks("../README.md", "bash")[:1]])
def test_connections_are_whole(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_azml.hooks.azml import AzmlHook

    written = re.sub(r"^export AIRFLOW_CONN_AZML_DEFAULT='|'\n$", "", text)
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", written)
    hook = AzmlHook("azml_default")
    assert hook.settings.auth == json.loads(written)["extra"].get("auth", "client_secret")
    assert str(hook.workspace_id).endswith("/workspaces/<workspace>")


@pytest.mark.sdk
def test_mlclient_works_as_shown(azml_connection: str, azml_emulator: RunningEmulator) -> None:
    default, with_secret = blocks("how-to/mlclient.md", "python")
    program = f"{default}\n{with_secret}\nprint(credential.get_token('https://management.azure.com/.default').token)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, **azml_emulator.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names, token = done.stdout.splitlines()
    assert names.startswith("[")
    assert token.count(".") == 2
