"""The examples that look after a model in production, each run whole on the emulator, as it is."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace
from airflow_provider_azml.exceptions import AzmlError
from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.approvals import answered
from tests.airflow.running import run
from tests.emulator.execution import Workspace
from tests.examples.test_dags_examples import load, load_all

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished

USELESS = 1e9
"""A regularization with which nothing is learnt."""


def quick(name: str) -> DAG:
    """An example that looks at what it waits for more often."""
    dag = load(name)
    for task in dag.tasks:
        task.poll_seconds = 0.2
    return dag


@pytest.fixture(scope="module")
def version(azml_emulator: RunningEmulator) -> str:
    """The version of the model that the example which trains has registered."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in azml_emulator.environment.items():
            patched.setenv(name, value)
        ensure_workspace(azml_emulator.environment)
        first = retrained()
    assert first.errors == {}
    return str(first.value("register_model")["version"])


def retrained(regularization: float = 1.0) -> Finished:
    """A run of the example that trains, whose model is deployed if it is good enough."""
    return run(quick("scheduled_retraining"), run_conf={"regularization": regularization})


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


@pytest.mark.filterwarnings("ignore")  # Airflow's API server warns about itself
@pytest.mark.parametrize(("option", "switched"), [("Reject", False), ("Approve", True)])
def test_approval_before_switch(option: str, switched: bool, version: str, azml_connection: str) -> None:
    dag = quick("approval_before_switch")
    with answered(dag.dag_id, "approve", option) as asked:
        finished = run(dag, run_conf={"version": version})
    assert finished.errors == {}
    assert asked["subject"] == f"Shall version {version} of iris get all requests?"
    assert asked["body"] == (
        "It takes the flowers for setosa and virginica; they are setosa and virginica. Traffic now: none."
    )
    rest = {"switch": "success", "delete": "skipped"} if switched else {"switch": "skipped", "delete": "success"}
    assert finished.states == {"deploy": "success", "try_it": "success", "approve": "success", **rest}
    hook, endpoint = AzmlHook(azml_connection), finished.value("deploy")["name"]
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    assert shown == ({f"iris-v{version}": 100} if switched else {})
    assert len(hook.list("online_deployment", parent=endpoint)) == int(switched)


def test_canary_deploy(version: str, azml_connection: str, capfd: pytest.CaptureFixture[str]) -> None:
    dag = quick("canary_deploy")
    first = run(dag, run_conf={"version": version})
    assert first.errors == {}
    hook, endpoint = AzmlHook(azml_connection), first.value("deploy")["name"]
    old = first.value("deploy")["deployment"]
    capfd.readouterr()

    second = run(dag, run_conf={"version": version})
    assert second.errors == {}
    new = second.value("deploy")["deployment"]
    assert new != old
    assert second.value("deploy")["traffic"] == {new: 100}
    assert [each["name"] for each in hook.list("online_deployment", parent=endpoint)] == [new]
    told = capfd.readouterr().out
    for share in (10, 50, 100):
        assert f"{new} {share} %" in told

    useless = hook.apply({"name": "iris", "path": retrained(USELESS).value("train")["outputs"]["model"]}, kind="model")
    third = run(dag, run_conf={"version": useless["name"]})
    assert third.states == {"deploy": "failed", "healthy": "upstream_failed"}
    assert "check 'knows the flowers'" in str(third.errors["deploy"][-1])
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    assert {name: share for name, share in shown.items() if share} == {new: 100}
    assert [each["name"] for each in hook.list("online_deployment", parent=endpoint)] == [new]


def test_nightly_batch_scoring(version: str, azml_connection: str, azml_emulator: RunningEmulator) -> None:
    workspace, day = Workspace(azml_emulator), datetime(2026, 3, 2, tzinfo=timezone.utc)
    flowers = {"monday.csv": "5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n", "evening.csv": "5.9,3.0,4.2,1.5\n"}
    workspace.data(flowers, "incoming/2026-03-02/flowers")
    workspace.data({"_SUCCESS": ""}, "incoming/2026-03-02")
    finished = run(quick("nightly_batch_scoring"), logical_date=day)
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    registered = finished.value("register")
    read = {"x": {"jobInputType": "uri_file", "uri": registered["path"]}}
    species = workspace.log(workspace.run("cat ${{inputs.x}}", inputs=read))
    assert sorted(species.split()) == [
        "5.1,3.5,1.4,0.2,setosa",
        "5.9,3.0,4.2,1.5,versicolor",
        "6.7,3.0,5.2,2.3,virginica",
    ]
    shown = AzmlHook(azml_connection).get("data", "iris-species", version=registered["version"])
    assert shown["properties"]["tags"]["day"] == "2026-03-02"


def test_deployment_window(version: str, azml_connection: str) -> None:
    dags = load_all("deployment_window")
    assert sorted(dags) == ["deployment_window_closes", "deployment_window_opens"]
    for task in (task for dag in dags.values() for task in dag.tasks):
        task.poll_seconds = 0.2
    opens, closes = dags["deployment_window_opens"], dags["deployment_window_closes"]
    hook, found = AzmlHook(azml_connection), []
    for _ in ("today", "tomorrow"):
        opened = run(opens)
        assert opened.errors == {}
        endpoint = opened.value("deploy")["name"]
        assert hook.score(endpoint, {"data": [[5.1, 3.5, 1.4, 0.2]]}) == ["setosa"]
        closed = run(closes)
        assert closed.errors == {}
        assert hook.list("online_deployment", parent=endpoint) == []
        with pytest.raises(AzmlError):
            hook.score(endpoint, {"data": [[5.1, 3.5, 1.4, 0.2]]})
        keys = hook.act("online_endpoint", endpoint, "list_keys")
        found.append((hook.get("online_endpoint", endpoint)["properties"]["scoringUri"], keys))
    assert found[0] == found[1]
