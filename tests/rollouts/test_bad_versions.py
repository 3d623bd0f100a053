"""New versions that go wrong, each in its own way, under a continuous load: whom the callers of the endpoint meet."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlDeployModelOperator
from tests.airflow.running import run
from tests.rollouts.load import load_on
from tests.rollouts.versions import (
    CHECKS,
    checks,
    deployment,
    deployments_of,
    endpoint_with_an_old_version,
    folder_of_versions,
    traffic_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished
    from tests.rollouts.load import Load

pytestmark = [pytest.mark.usefixtures("azml_connection"), pytest.mark.timeout(900)]
BEFORE_IT_ANSWERS = {
    "answers wrongly": {"FACTOR": "3"},
    "fails to start": {"FAILS": "yes"},
    "is too slow": {"SECONDS_PER_ANSWER": "2.5"},
}
IN_TIME = {"is too slow": checks(2.0)}


@pytest.fixture(scope="module")
def hook(azml_emulator: RunningEmulator) -> Iterator[AzmlHook]:
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in azml_emulator.environment.items():
            environment.setenv(variable, value)
        ensure_workspace(azml_emulator.environment)
        with closing(AzmlHook()) as hook:
            yield hook


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_versions(tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="module")
def served(hook: AzmlHook, folder: Path) -> Iterator[str]:
    name = endpoint_with_an_old_version(hook, folder)
    yield name
    hook.delete("online_endpoint", name)


@pytest.fixture
def endpoint(hook: AzmlHook, served: str) -> Iterator[str]:
    """An endpoint all of whose traffic goes to ``old``, and does so again for the next test."""
    yield served
    others = deployments_of(hook, served).keys() - {"old"}
    if others:
        hook.apply({"name": served, "auth_mode": "key", "traffic": {"old": 100}}, kind="online_endpoint")
    for name in others:
        hook.delete("online_deployment", name, parent=served)


@pytest.fixture
def load(hook: AzmlHook, endpoint: str, azml_emulator: RunningEmulator) -> Iterator[Load]:
    with load_on(hook, endpoint, azml_emulator.environment["REQUESTS_CA_BUNDLE"]).running() as load:
        load.until_answered_by("old")
        yield load


def switched(
    endpoint: str, folder: Path, *, seconds: float = 2, checks: tuple[Any, ...] = CHECKS, **variables: str
) -> Finished:
    """Let a new version take over, blue/green."""
    with DAG("switching", schedule=None, default_args={"poll_seconds": 0.2}) as dag:
        AzmlDeployModelOperator(
            task_id="it",
            spec={"name": "new", **deployment(VERSION="new", **variables)},
            base_path=str(folder),
            endpoint_name=endpoint,
            strategy="blue_green",
            step_seconds=seconds,
            checks=checks,
        )
    return run(dag)


def tell(what: str, load: Load) -> None:
    """Print who answered how many requests, past what pytest captures."""
    counts = ", ".join(f"{who}: {count}" for who, count in load.counts().items())
    sys.__stdout__.write(f"\nnew version {what}: {len(load.done)} requests, {counts}\n")


def test_a_good_version_takes_over_and_no_request_is_lost(
    hook: AzmlHook, endpoint: str, folder: Path, load: Load
) -> None:
    finished = switched(endpoint, folder)
    load.until_answered_by("new")
    tell("is good", load)
    assert finished.errors == {}
    assert not load.lost
    assert not load.refused
    assert traffic_of(hook, endpoint) == {finished.value("it")["deployment"]: 100}


@pytest.mark.parametrize("what", BEFORE_IT_ANSWERS)
def test_a_version_that_is_bad_from_the_start_answers_nobody(
    hook: AzmlHook, endpoint: str, folder: Path, load: Load, what: str
) -> None:
    finished = switched(endpoint, folder, checks=IN_TIME.get(what, CHECKS), **BEFORE_IT_ANSWERS[what])
    load.until_some_more_are_answered()
    tell(what, load)
    assert finished.states == {"it": "failed"}
    assert {request.version for request in load.done} == {"old"}
    assert not load.refused
    assert traffic_of(hook, endpoint) == {"old": 100}
    assert deployments_of(hook, endpoint) == {"old": "Succeeded"}


def test_a_version_that_dies_after_the_switch_gives_the_traffic_back(
    hook: AzmlHook, endpoint: str, folder: Path, load: Load, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    died: list[float] = []

    def die() -> None:
        load.until_answered_by("new")
        died.append(time.monotonic())
        end.touch()

    killer = threading.Thread(target=die)
    killer.start()
    finished = switched(endpoint, folder, seconds=30, DIES_WITH=str(end))
    back = time.monotonic()
    killer.join()
    load.until_some_more_are_answered()
    tell("dies after the switch", load)
    assert finished.states == {"it": "failed"}
    assert traffic_of(hook, endpoint) == {"old": 100}
    assert deployments_of(hook, endpoint) == {"old": "Succeeded"}
    assert {request.version for request in load.between(back, time.monotonic())} == {"old"}
    assert not load.lost
    # what it was asked after it had died, and before the traffic was back, had to be sent again, and nothing else
    assert all(request.ended >= died[0] and request.sent < back for request in load.refused)
