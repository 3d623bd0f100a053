"""Traffic, deletions and keys of an endpoint that really serves, on the emulator."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, chain

from airflow_provider_azml import operators
from airflow_provider_azml.emulator.workspace_of_tests import ensure_workspace
from airflow_provider_azml.exceptions import Conflict, NotFound, RunFailed, SpecError, TrafficChanged, TrafficRefused
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlDeleteDeploymentOperator,
    AzmlDeleteEndpointOperator,
    AzmlRegenerateEndpointKeysOperator,
    AzmlSetTrafficOperator,
)
from airflow_provider_azml.operators.traffic import percentages
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.rollouts import ROLLOUT
from airflow_provider_azml.rest.traffic import TRAFFIC_BEFORE, shares
from airflow_provider_azml.rest.traffic_changes import change, settled
from airflow_provider_azml.rest.waiting import settle
from tests.airflow.running import Finished, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = pytest.mark.usefixtures("azml_connection")
BOTH = pytest.mark.parametrize("deferrable", [False, True])
SCORE = """\
import os

def init(): pass

def run(raw): return os.environ["VERSION"]
"""


def deployed(hook: AzmlHook, folder: Path, endpoint: str, name: str, tags: Mapping[str, str] | None = None) -> None:
    """Begin to make a deployment that answers with its name."""
    (folder / "serving").mkdir(exist_ok=True)
    (folder / "serving" / "score.py").write_text(SCORE)
    (folder / "conda.yml").write_text("dependencies: [python=3.11, pip]\n")
    spec = {
        "name": name,
        "endpoint_name": endpoint,
        "tags": dict(tags or {}),
        "code_configuration": {"code": "serving", "scoring_script": "score.py"},
        "environment": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu", "conda_file": "conda.yml"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"VERSION": name, "WORKER_COUNT": "1"},
    }
    hook.apply(spec, kind="online_deployment", base_path=folder)


def ran(make: Callable[[], list[BaseOperator]], endpoint: str, *, deferrable: bool = False) -> Finished:
    """A run of tasks one after the other, on one endpoint."""
    defaults = {"poll_seconds": 0.05, "deferrable": deferrable, "endpoint_name": endpoint}
    with DAG("endpoint_acts", schedule=None, default_args=defaults) as dag:
        chain(*make())
    return run(dag)


@pytest.fixture(scope="module")
def iris(azml_emulator: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An endpoint with deployments blue and green, of which blue was there first."""
    folder, name = tmp_path_factory.mktemp("iris"), f"t{uuid.uuid4().hex[:8]}"
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in azml_emulator.environment.items():
            environment.setenv(variable, value)
        ensure_workspace(azml_emulator.environment)
        hook = AzmlHook()
        tags = {ROLLOUT: "hash blue 100"}  # green came later, without traffic, which a person gave it
        hook.apply({"name": name, "auth_mode": "key", "tags": tags}, kind="online_endpoint")
        deployed(hook, folder, name, "blue")
        deployed(hook, folder, name, "green", {TRAFFIC_BEFORE: "blue=100"})
    return name


def test_traffic_is_set_mirrored_and_rolled_back(iris: str) -> None:
    finished = ran(
        lambda: [
            AzmlSetTrafficOperator(task_id="begin", traffic="blue=100", mirror_traffic={}),
            AzmlSetTrafficOperator(task_id="mirror", mirror_traffic={"green": "20"}),
            AzmlSetTrafficOperator(task_id="canary", traffic={"blue": 90, "green": "{{ 5 + 5 }}"}),
            AzmlSetTrafficOperator(task_id="again", traffic={"blue": 90, "green": 10}, expected_traffic="blue=100"),
            AzmlSetTrafficOperator(task_id="switch", traffic={"green": 100}, expected_traffic="blue=90 green=10"),
            AzmlSetTrafficOperator(task_id="undo", rollback=True),
            AzmlSetTrafficOperator(task_id="undo_again", rollback=True),
            AzmlSetTrafficOperator(task_id="nobody", traffic={"blue": 0}),
        ],
        iris,
        deferrable=True,
    )
    assert finished.errors == {}
    shown = {task: finished.value(task) for task in finished.states}
    both = {"blue": 90, "green": 10}
    assert [
        shown[task]["traffic"] for task in ("begin", "mirror", "canary", "again", "switch", "undo", "undo_again")
    ] == [
        {"blue": 100},
        {"blue": 100},
        both,
        both,
        {"green": 100},
        {"blue": 100},
        {"blue": 100},
    ]
    assert shown["nobody"]["traffic"] == {}
    assert (shown["mirror"]["mirror_traffic"], shown["canary"]["mirror_traffic"]) == ({"green": 20}, {})
    assert shown["undo"]["scoring_uri"] == finished.value("undo", key="azml_scoring_url")


def test_what_cannot_be_is_refused_and_nothing_changes(iris: str) -> None:
    AzmlHook().apply({"name": iris, "auth_mode": "key", "traffic": {"blue": 100}}, kind="online_endpoint")
    wrong: Mapping[str, tuple[dict[str, Any], type[Exception]]] = {
        "sum": ({"traffic": {"blue": 90}}, SpecError),
        "negative": ({"traffic": {"blue": 110, "green": -10}}, SpecError),
        "words": ({"traffic": "all of it"}, SpecError),
        "mirrored_twice": ({"mirror_traffic": {"blue": 10, "green": 10}}, SpecError),
        "too_much": ({"mirror_traffic": {"green": 60}}, SpecError),
        "nothing": ({}, SpecError),
        "two_wishes": ({"traffic": {"blue": 100}, "rollback": True}, SpecError),
        "unknown": ({"traffic": {"blue": 50, "gren": 50}}, NotFound),
        "live": ({"mirror_traffic": {"blue": 10}}, TrafficRefused),
        "changed": ({"traffic": {"green": 100}, "expected_traffic": {"green": 50, "blue": 50}}, TrafficChanged),
    }
    with DAG("refused", schedule=None, default_args={"endpoint_name": iris, "retries": 1}) as dag:
        for task_id, (arguments, _) in wrong.items():
            AzmlSetTrafficOperator(task_id=task_id, **arguments)
    finished = run(dag)
    causes = {task_id: [type(error.__cause__) for error in errors] for task_id, errors in finished.errors.items()}
    assert causes == {task_id: [cause] for task_id, (_, cause) in wrong.items()}
    assert shares(AzmlHook().get("online_endpoint", iris)) == {"blue": 100}


@BOTH
def test_a_key_is_made_anew_and_told_to_nobody(iris: str, deferrable: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    before = AzmlHook().act("online_endpoint", iris, "list_keys")
    finished = ran(
        lambda: [AzmlRegenerateEndpointKeysOperator(task_id="rotate", key_type="secondary")],
        iris,
        deferrable=deferrable,
    )
    after = AzmlHook().act("online_endpoint", iris, "list_keys")
    assert finished.errors == {}
    assert finished.value("rotate")["key_type"] == "secondary"
    assert after["primaryKey"] == before["primaryKey"]
    assert after["secondaryKey"] != before["secondaryKey"]
    told = f"{caplog.text} {finished.value('rotate')}"
    assert not [key for key in (*before.values(), *after.values()) if key in told]


def test_what_serves_is_not_deleted_unless_told_so(iris: str, tmp_path: Path) -> None:
    hook = AzmlHook()
    deployed(hook, tmp_path, iris, "red")
    hook.apply({"name": iris, "auth_mode": "key", "traffic": {"blue": 90, "red": 10}}, kind="online_endpoint")
    delete = partial(AzmlDeleteDeploymentOperator, deployment_name="red")
    with DAG("refused", schedule=None, default_args={"endpoint_name": iris, "poll_seconds": 0.05}) as dag:
        chain(
            delete(task_id="refused"),
            delete(task_id="to_nobody", move_traffic_to="orange", trigger_rule="all_done"),
            delete(task_id="moved", move_traffic_to="green", trigger_rule="all_done"),
            delete(task_id="gone", stop_serving=True),
        )
    finished = run(dag)
    causes = {task_id: type(errors[0].__cause__) for task_id, errors in finished.errors.items()}
    assert causes == {"refused": TrafficRefused, "to_nobody": NotFound}
    assert "move_traffic_to" in str(finished.errors["refused"][0])
    assert finished.value("moved")["status"] == finished.value("gone")["status"] == "Deleted"
    assert shares(hook.get("online_endpoint", iris)) == {"blue": 90, "green": 10}
    with pytest.raises(NotFound):
        hook.get("online_deployment", "red", parent=iris)


@BOTH
def test_an_endpoint_is_deleted_with_all_that_is_below_it(deferrable: bool) -> None:
    hook, name = AzmlHook(), f"t{uuid.uuid4().hex[:8]}"
    hook.apply({"name": name, "auth_mode": "key"}, kind="online_endpoint")
    hook.apply({"name": name}, kind="batch_endpoint")
    finished = ran(
        lambda: [
            AzmlDeleteEndpointOperator(task_id="online"),
            AzmlDeleteEndpointOperator(task_id="online_again"),
            AzmlDeleteEndpointOperator(task_id="batch", kind="batch"),
            AzmlDeleteDeploymentOperator(task_id="below", deployment_name="blue"),
        ],
        name,
        deferrable=deferrable,
    )
    assert finished.errors == {}
    assert {finished.value(task)["status"] for task in finished.states} == {"Deleted"}
    for kind in ("online_endpoint", "batch_endpoint"):
        with pytest.raises(NotFound):
            hook.get(kind, name)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("blue=90 green=10", {"blue": 90, "green": 10}),
        ("blue=90, green=10", {"blue": 90, "green": 10}),
        ("{'blue': 100}", {"blue": 100}),
        ({"blue": "100"}, {"blue": 100}),
        ({}, {}),
        ("None", None),
        (None, None),
    ],
)
def test_percentages_are_taken_as_templates_leave_them(given: Any, expected: dict[str, int] | None) -> None:
    assert percentages("traffic", given) == expected


@pytest.mark.parametrize("given", ["{", "{[1]: 2}", "{'blue'}", ["blue"], "blue", {"blue": 99.5}, {"blue": "half"}])
def test_what_are_no_percentages_is_said(given: Any) -> None:
    with pytest.raises(SpecError, match="traffic"):
        percentages("traffic", given)


def test_what_the_documentation_shows_can_be_written() -> None:
    page = Path(__file__).parents[2] / "docs/how-to/traffic.md"
    with DAG("documentation", schedule=None) as dag:
        names: dict[str, Any] = dict(vars(operators), check=EmptyOperator(task_id="check"))
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            with TaskGroup(f"block_{len(dag.tasks)}"):
                exec(block, names)
    assert len(dag.tasks) == 10


@pytest.fixture
def faults(azml_emulator: RunningEmulator) -> Iterator[Callable[..., None]]:
    """Lets things go wrong in the emulator, until the test has ended."""
    url, headers = f"{azml_emulator.url}/emulator/faults", azml_emulator.headers

    def let(*rules: Mapping[str, object]) -> None:
        requests.put(url, headers=headers, json={"rules": rules}, timeout=60).raise_for_status()

    yield let
    requests.delete(url, headers=headers, timeout=60).raise_for_status()


@BOTH
def test_traffic_that_is_seen_late_is_waited_for(iris: str, deferrable: bool, faults: Callable[..., None]) -> None:
    AzmlHook().apply({"name": iris, "auth_mode": "key", "traffic": {"blue": 100}}, kind="online_endpoint")
    faults({"fault": "late_view", "method": "PUT", "path": f"/onlineEndpoints/{iris}$", "seconds": 1})
    finished = ran(
        lambda: [AzmlSetTrafficOperator(task_id="switch", traffic={"green": 100})], iris, deferrable=deferrable
    )
    assert finished.errors == {}
    assert finished.value("switch")["traffic"] == {"green": 100}


def test_of_many_who_change_it_at_once_all_but_the_last_are_told(iris: str) -> None:
    hook = AzmlHook()
    hook.apply({"name": iris, "auth_mode": "key", "traffic": {"blue": 100}}, kind="online_endpoint")
    endpoint_id = hook.workspace_id.child("online_endpoint", iris)
    succeeded: list[dict[str, int]] = []
    sums: set[int] = set()

    def write(percent: int) -> None:
        own, wanted = AzmlHook(), {"blue": percent, "green": 100 - percent}
        seen = shares(own.get("online_endpoint", iris))
        sums.add(sum(seen.values()))
        try:
            while pending := own.run(change(endpoint_id, wanted, expected=seen)):
                settled(own.run(settle(pending, poll_seconds=0.05)))
        except (TrafficChanged, RunFailed):  # the latter where the emulator ends an operation for a later one
            return
        succeeded.append(wanted)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(5, 95, 10)))
    assert sums == {100}
    assert shares(hook.get("online_endpoint", iris)) in succeeded


def test_an_endpoint_that_is_being_deleted_gets_no_traffic(faults: Callable[..., None]) -> None:
    hook, name = AzmlHook(), f"t{uuid.uuid4().hex[:8]}"
    hook.apply({"name": name, "auth_mode": "key"}, kind="online_endpoint")
    faults({"fault": "stuck_operation", "method": "DELETE", "path": f"/onlineEndpoints/{name}$", "times": 1})
    hook.delete("online_endpoint", name, wait=False)
    with pytest.raises(Conflict, match="Deleting provisioning state"):
        hook.apply({"name": name, "auth_mode": "key"}, kind="online_endpoint")
    (refused,) = ran(lambda: [AzmlSetTrafficOperator(task_id="refused", traffic={}, retries=1)], name).errors["refused"]
    assert isinstance(refused.__cause__, TrafficRefused)
    # another DELETE takes the place of the one that is stuck, while a task waits for that, or before
    ending = threading.Timer(1, hook.run, [flows.delete(hook.workspace_id.child("online_endpoint", name))])
    ending.start()
    finished = ran(lambda: [AzmlDeleteEndpointOperator(task_id="delete")], name)
    ending.join()
    assert finished.value("delete")["status"] == "Deleted"
