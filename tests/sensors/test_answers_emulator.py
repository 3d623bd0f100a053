"""Deployments that really run, watched and waited for by what they answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import steadiness
from airflow_provider_azml.rest.waiting import settle
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from airflow_provider_azml.spec.checks import checked
from tests.airflow.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Glance

ENDPOINT = "answering"
CHECKS: list[dict[str, Any]] = [{"name": "smoke", "request": {"data": [1]}, "expect": ["@ == `[2]`"], "requests": 3}]
SCRIPT = """
import json, pathlib
MOOD = pathlib.Path({mood!r})

def init(): ...

def run(data):
    mood = MOOD.read_text()
    if mood == "cold":
        MOOD.write_text("warm")
        raise RuntimeError("not warm yet")
    return [int(value) + (mood == "warm") for value in json.loads(data)["data"]]
"""


class Model:
    """A deployment whose model answers as a test wants it to."""

    def __init__(self, hook: AzmlHook, mood: Path) -> None:
        self.id = hook.workspace_id.child("online_deployment", ENDPOINT, "green")
        self.hook, self.mood = hook, mood

    def is_(self, mood: str) -> None:
        """``cold``: it fails once; ``warm``: it answers right; ``wrong``: it does not."""
        self.mood.write_text(mood)


@pytest.fixture(scope="module")
def connection(azml_emulator: RunningEmulator) -> Iterator[str]:
    """A connection for all tests of this file."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in azml_emulator.environment.items():
            patched.setenv(name, value)
        ensure_workspace(azml_emulator.environment)
        yield "azml_default"


@pytest.fixture(scope="module")
def model(connection: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    hook, folder = AzmlHook(connection), tmp_path_factory.mktemp("answering")
    made = Model(hook, folder / "mood")
    made.is_("warm")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCRIPT.format(mood=str(made.mood)))
    hook.apply({"name": ENDPOINT, "auth_mode": "key"}, kind="online_endpoint")
    deployment = {
        "name": "green",
        "endpoint_name": ENDPOINT,
        "code_configuration": {"code": str(folder / "code"), "scoring_script": "score.py"},
        "environment": {"image": "local"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
    }
    hook.apply(deployment, kind="online_deployment")
    yield made
    hook.delete("online_endpoint", ENDPOINT)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_deployment_without_traffic_is_waited_for_until_it_is_warm(model: Model, deferrable: bool) -> None:
    model.is_("cold")
    with DAG("answering", schedule=None) as dag:
        AzmlWaitForServiceHealthySensor(
            task_id="it",
            endpoint_name=ENDPOINT,
            deployment_names=["green"],
            checks=CHECKS,
            deferrable=deferrable,
            poll_seconds=0.2,
        )
    finished = run(dag)
    assert finished.errors == {}
    assert finished.value("it")["deployments"] == {"green": "Succeeded"}
    assert model.mood.read_text() == "warm"


def test_a_model_that_turns_wrong_while_it_is_watched_is_noticed(model: Model) -> None:
    model.is_("warm")
    ticket = steadiness.ticket(model.id, until=time.time() + 3600, checks=checked(CHECKS), every_seconds=0.1)
    looks: list[Glance] = []

    def follow(glance: Glance) -> Flow[None]:
        looks.append(glance)
        model.is_("wrong")
        yield from ()

    outcome = model.hook.run(settle(ticket, poll_seconds=60, follow=follow))
    assert (outcome.succeeded, outcome.code) == (False, steadiness.CHECK_FAILED)
    assert looks[0].outcome is None
    assert outcome.message == "check 'smoke': 3 of 3 answers: expect '@ == `[2]`': is false, not true"
