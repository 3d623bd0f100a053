"""Fixtures of the tests of the documents: the block that a test is called after, and a shell to run it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.emulator.execution import Workspace
from tests.seeds.bench import Bench
from tests.seeds.documents import NUMBERS, SEEDS, Block, blocks, text
from tests.seeds.serving import Serving
from tests.seeds.shell import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator


@pytest.fixture
def block(request: pytest.FixtureRequest) -> Block:
    """The block that the test is called after."""
    if not SEEDS.is_dir():
        pytest.skip("needs ../shared/seeds")
    return blocks()[request.function.__name__]


@pytest.fixture
def document(request: pytest.FixtureRequest) -> str:
    """The whole document whose number the test has in its name."""
    if not SEEDS.is_dir():
        pytest.skip("needs ../shared/seeds")
    return text(next(number for number in NUMBERS if number in request.function.__name__))


@pytest.fixture(scope="session")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    """The emulator's own workspace; its connection and its tokens serve all tests."""
    return Workspace(azml_emulator).ensure()


@pytest.fixture
def shell(azml_connection: str, azml_emulator: RunningEmulator, tmp_path: Path) -> Shell:
    """A shell beside a workspace."""
    environment = azml_emulator.environment
    values = {
        "your-tenant-id": environment["AZURE_TENANT_ID"],
        "your-client-id": environment["AZURE_CLIENT_ID"],
        "your-client-secret": environment["AZURE_CLIENT_SECRET"],
        "your-subscription-id": azml_emulator.subscription_id,
        "your-resource-group": azml_emulator.resource_group,
        "your-workspace-name": azml_emulator.workspace,
    }
    return Shell(azml_emulator, tmp_path, values)


@pytest.fixture
def bench(azml_connection: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The workspace of the commands, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    made = Bench(workspace.emulator, workspace.tokens, workspace.session, folder=tmp_path).ensure()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", made.connection)
    monkeypatch.setenv("AZML_RESOURCE_GROUP", made.id.resource_group)
    monkeypatch.setenv("AZML_WORKSPACE", made.id.name)
    return made


@pytest.fixture
def serving(bench: Bench) -> Serving:
    """What web services are made of."""
    return Serving(bench).begin()
