"""The examples that look after a model in production, each run whole on the emulator, as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.running import run
from tests.examples.test_dags_examples import load

if TYPE_CHECKING:
    import pytest

    from tests.airflow.running import Finished

USELESS = 1e9
"""A regularization with which nothing is learnt."""


def retrained(regularization: float = 1.0) -> Finished:
    """A run of the example that trains, whose model is deployed if it is good enough."""
    dag = load("scheduled_retraining")
    for task in dag.tasks:
        task.poll_seconds = 0.2
    return run(dag, run_conf={"regularization": regularization})


def test_scheduled_retraining(azml_connection: str, capfd: pytest.CaptureFixture[str]) -> None:
    first = retrained()
    assert first.errors == {}
    assert set(first.states.values()) == {"success"}
    assert first.value("gate")["champion"] is None
    capfd.readouterr()

    worse = retrained(USELESS)
    assert worse.errors == {}
    assert worse.states == {
        "prepare": "success",
        "train": "success",
        "gate": "success",
        "register_model": "skipped",
        "deploy": "skipped",
        "tell": "success",
    }
    verdict = worse.value("gate")
    champion, challenger = verdict["champion"], verdict["challenger"]
    assert challenger["value"] < 0.8 < champion["value"]
    assert champion["version"] == first.value("register_model")["version"]
    assert worse.value("tell") == f"The new model is not used: {verdict['reason']}"
    told = capfd.readouterr().out
    assert f"Challenger: accuracy {challenger['value']:.6g}, job {worse.value('train')['name']}" in told
    assert f"Champion: accuracy {champion['value']:.6g}, model iris:{champion['version']}" in told

    again = retrained()
    assert again.value("gate")["passed"]
    hook = AzmlHook(azml_connection)
    version = again.value("register_model")["version"]
    assert hook.score(again.value("deploy")["name"], {"data": [[5.1, 3.5, 1.4, 0.2]]}) == ["setosa"]
    assert version != champion["version"]
