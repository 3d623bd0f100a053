"""The examples that look after a model in production, each run whole on the emulator, as it is."""

from __future__ import annotations

from dataclasses import dataclass
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

pytestmark = pytest.mark.timeout(900)

USELESS = 1e9
"""A regularization with which nothing is learnt."""


def quick(name: str) -> DAG:
    return quickened(load(name))


def quickened(dag: DAG) -> DAG:
    """An example that looks at what it waits for more often, and watches what it has deployed for a moment."""
    for task in dag.tasks:
        task.poll_seconds = 0.2
        task.step_seconds = 0.5
    return dag


@dataclass(frozen=True)
class Retraining:
    """Three runs of the example that trains: the first, one in which nothing is learnt, and one as the first."""

    first: Finished
    worse: Finished
    again: Finished

    @property
    def version(self) -> str:
        """The version of the model that the last one has registered."""
        return str(self.again.value("register_model")["version"])


@pytest.fixture(scope="module")
def retraining(azml_emulator: RunningEmulator) -> Retraining:
    with pytest.MonkeyPatch.context() as patched:
        for name, value in azml_emulator.environment.items():
            patched.setenv(name, value)
        ensure_workspace(azml_emulator.environment)
        dag = quick("scheduled_retraining")
        return Retraining(*(run(dag, run_conf={"regularization": each}) for each in (1.0, USELESS, 1.0)))


def test_scheduled_retraining(retraining: Retraining, azml_connection: str) -> None:
    first, worse, again = retraining.first, retraining.worse, retraining.again
    assert (first.errors, worse.errors, again.errors) == ({}, {}, {})
    assert set(first.states.values()) == {"success"}
    assert first.value("gate")["champion"] is None
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

    hook, deployed = AzmlHook(azml_connection), again.value("deploy")
    assert again.value("gate")["champion"]["deployment"] == first.value("deploy")["deployment"]
    assert deployed["traffic"] == {deployed["deployment"]: 100}
    assert [each["name"] for each in hook.list("online_deployment", parent=deployed["name"])] == [
        deployed["deployment"]
    ]
    assert hook.score(deployed["name"], {"data": [[5.1, 3.5, 1.4, 0.2]]}) == ["setosa"]
    assert retraining.version != champion["version"]


@pytest.mark.filterwarnings("ignore")  # Airflow's API server warns about itself
@pytest.mark.parametrize(("option", "switched"), [("Reject", False), ("Approve", True)])
def test_approval_before_switch(option: str, switched: bool, retraining: Retraining, azml_connection: str) -> None:
    dag, version = quick("approval_before_switch"), retraining.version
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


def test_canary_deploy(retraining: Retraining, azml_connection: str, caplog: pytest.LogCaptureFixture) -> None:
    dag, version = quick("canary_deploy"), retraining.version
    first = run(dag, run_conf={"version": version})
    assert first.errors == {}
    hook, endpoint = AzmlHook(azml_connection), first.value("deploy")["name"]
    old = first.value("deploy")["deployment"]

    second = run(dag, run_conf={"version": version})
    assert second.errors == {}
    new = second.value("deploy")["deployment"]
    assert new != old
    assert second.value("deploy")["traffic"] == {new: 100}
    assert second.value("score") == ["setosa", "virginica"]
    assert [each["name"] for each in hook.list("online_deployment", parent=endpoint)] == [new]
    for share in (10, 50, 100):
        assert f" {new} {share} %" in caplog.text

    trained = retraining.worse.value("train")["outputs"]["model"]
    useless = hook.apply({"name": "iris", "version": "useless", "path": trained}, kind="model")
    third = run(dag, run_conf={"version": useless["name"]})
    hook.delete("model", "iris", version="useless")  # others take the newest
    assert third.states == {"deploy": "failed", "score": "upstream_failed"}
    assert "check 'knows the flowers'" in str(third.errors["deploy"][-1])
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    assert {name: share for name, share in shown.items() if share} == {new: 100}
    assert [each["name"] for each in hook.list("online_deployment", parent=endpoint)] == [new]


@pytest.mark.usefixtures("retraining")
def test_nightly_batch_scoring(azml_connection: str, azml_emulator: RunningEmulator) -> None:
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


@pytest.mark.usefixtures("retraining")
def test_deployment_window(azml_connection: str) -> None:
    dags = load_all("deployment_window")
    assert sorted(dags) == ["deployment_window_closes", "deployment_window_opens"]
    opens, closes = quickened(dags["deployment_window_opens"]), quickened(dags["deployment_window_closes"])
    hook = AzmlHook(azml_connection)
    opened = run(opens)
    assert opened.errors == {}
    endpoint = opened.value("deploy")["name"]
    keys = hook.act("online_endpoint", endpoint, "list_keys")
    assert hook.score(endpoint, {"data": [[5.1, 3.5, 1.4, 0.2]]}) == ["setosa"]

    assert run(closes).errors == {}
    assert hook.list("online_deployment", parent=endpoint) == []
    with pytest.raises(AzmlError):
        hook.score(endpoint, {"data": [[5.1, 3.5, 1.4, 0.2]]})

    again = run(opens)
    assert again.errors == {}
    assert again.value("deploy")["scoring_uri"] == opened.value("deploy")["scoring_uri"]
    assert hook.act("online_endpoint", endpoint, "list_keys") == keys
    assert hook.score(endpoint, {"data": [[5.1, 3.5, 1.4, 0.2]]}) == ["setosa"]
