"""A local Azure ML whose jobs only take time, for sensors to wait for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ENVIRONMENT = {"image": "local"}


class Workspace:
    """What others do in the workspace that sensors watch."""

    def __init__(self) -> None:
        self.hook = AzmlHook()

    def submit(self, name: str, seconds: float, **said: str) -> str:
        """Submit a job that takes so long, and ends as it is told to."""
        properties = {"simulate.seconds": str(seconds), **said}
        job = {"name": name, "command": "true", "environment": ENVIRONMENT, "properties": properties}
        return str(self.hook.apply(job, kind="job")["name"])

    def until(self, job: str, status: str) -> None:
        """Wait until a job is in some status."""
        ends = time.monotonic() + 150
        while (seen := self.hook.get("job", job)["properties"]["status"]) != status:
            assert time.monotonic() < ends, f"{job} is {seen}, not {status}"
            time.sleep(0.05)

    def register(self, name: str, path: str, **said: Any) -> str:
        """Register a version of a model."""
        return str(self.hook.apply({"name": name, "path": path, **said}, kind="model")["name"])


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """An emulator that simulates jobs."""
    with running_emulator(tmp_path_factory.mktemp("simulation"), "--simulate", "1", "--create-workspace") as emulator:
        yield emulator


@pytest.fixture
def workspace(simulation: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Its workspace, which the connection ``azml_default`` leads to."""
    for name, value in simulation.environment.items():
        monkeypatch.setenv(name, value)
    return Workspace()
