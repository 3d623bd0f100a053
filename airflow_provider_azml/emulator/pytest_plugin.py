"""pytest plugin ``azml``: a local Azure Machine Learning for tests of DAGs that use one.

It comes with the package, so every pytest run that finds the package loads it; it imports nothing but pytest and the
standard library until a fixture is asked for::

    def test_training(azml_connection):
        assert dag.test().state == "success"

``azml_emulator`` is the emulator alone, one for the whole run; ``azml_connection`` is the id of a connection to it,
with all in the environment that the provider, ``az`` and ``MLClient(DefaultAzureCredential(), ...)`` need.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECTION_ID = "azml_default"


@dataclass(frozen=True)
class RunningEmulator:
    """A running emulator.

    Args:
        home: Folder that holds all that it keeps.
        environment: What its clients need in their environment, as ``home/env.sh`` exports it.
        log: File that its output goes to.

    Example:
        >>> def test_it(azml_emulator):
        ...     subprocess.run(COMMAND, env={**os.environ, **azml_emulator.environment}, check=True)
    """

    home: Path
    environment: Mapping[str, str]
    log: Path

    @property
    def url(self) -> str:
        """The http URL, for tools that cannot be taught its certificate."""
        return self.environment["AZML_EMULATOR_URL"]

    @property
    def headers(self) -> Mapping[str, str]:
        """What requests to the emulator's own routes, below ``/emulator/``, have to carry."""
        return {"Authorization": f"Bearer {self.environment['AZML_EMULATOR_TOKEN']}"}

    @property
    def https_url(self) -> str:
        """The https URL, which stands in for all of Azure's."""
        return self.environment["AZURE_AUTHORITY_HOST"].rstrip("/")

    @property
    def subscription_id(self) -> str:
        """The one subscription that there is."""
        return self.environment["AZML_SUBSCRIPTION_ID"]

    @property
    def resource_group(self) -> str:
        """The resource group that is there from the start."""
        return self.environment["AZML_RESOURCE_GROUP"]

    @property
    def workspace(self) -> str:
        """The workspace that the connection names; it exists from the first use of ``azml_connection`` on."""
        return self.environment["AZML_WORKSPACE"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--azml-emulator-home``."""
    parser.getgroup("azml", "local Azure Machine Learning").addoption(
        "--azml-emulator-home",
        metavar="DIR",
        help="folder that the azml_emulator fixture keeps data and log in, and leaves there (default: a temporary one)",
    )


@pytest.fixture(scope="session")
def azml_emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningEmulator]:
    """An emulator, started at its first use in the test run and stopped at the end of the run."""
    chosen: str | None = request.config.getoption("--azml-emulator-home")
    home = Path(chosen).absolute() if chosen else tmp_path_factory.mktemp("azml")
    home /= os.environ.get("PYTEST_XDIST_WORKER", "")  # processes that run tests beside each other must not share one
    with running_emulator(home) as emulator:
        yield emulator


@contextmanager
def running_emulator(home: Path, *options: str) -> Iterator[RunningEmulator]:
    """An emulator of one's own, for as long as the block runs.

    Args:
        home: Its folder; made if need be.
        options: Options of ``azml emulator``.

    Example:
        >>> with running_emulator(tmp_path, "--simulate", "1", "--create-workspace") as emulator:
        ...     requests.get(f"{emulator.url}/emulator/requests", headers=emulator.headers)
    """
    from airflow_provider_azml.emulator.launcher import (  # noqa: PLC0415 (only when asked for)
        EmulatorDown,
        EmulatorProcess,
        with_lasting_cache,
    )

    home.mkdir(parents=True, exist_ok=True)
    log = home / "emulator.log"
    process = EmulatorProcess(home, log, with_lasting_cache(os.environ), options)
    try:
        process.wait()
        yield RunningEmulator(home, process.exports(), log)
    except EmulatorDown as down:
        raise pytest.fail.Exception(f"{down}\nThe whole log: {log}", pytrace=False) from None
    finally:
        process.stop()


@pytest.fixture
def azml_connection(azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of a connection to the emulator, and to a workspace that exists; for one test, by environment variables."""
    from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace  # noqa: PLC0415 (only when asked for)

    for name, value in azml_emulator.environment.items():
        monkeypatch.setenv(name, value)
    ensure_workspace(azml_emulator.environment)
    return CONNECTION_ID
