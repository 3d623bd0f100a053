"""What labels stand for in the tasks of a DAG run: the same for all of them, whatever is registered meanwhile."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.listeners import hookimpl
from airflow.sdk import DAG, task

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlSubmitPipelineOperator
from airflow_provider_azml.operators.label_pins import KEY, LabelPins, held_by_others, pins_at_parse
from airflow_provider_azml.rest.waiting import Ticket
from airflow_provider_azml.spec.labelled import Newest
from airflow_provider_azml.spec.source import from_mapping, read
from airflow_provider_azml.spec.target import Target
from tests.airflow.running import run
from tests.airflow.versions import get_listener_manager
from tests.emulator.execution import Workspace
from tests.spec.stand_in import TARGET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.spec.source import Source

ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
STARTED = datetime(2020, 11, 21, 10, tzinfo=timezone.utc)
CLEARED = STARTED + timedelta(hours=5)
LATEST = "data numbers@latest"


class Numbers:
    """A data asset of a workspace, whose versions are registered while a DAG runs."""

    def __init__(self, workspace: Workspace) -> None:
        self.name = f"numbers-{uuid.uuid4().hex[:8]}"
        self.label = f"data {self.name}@latest"
        self.workspace = workspace

    def register(self, version: str) -> None:
        uri = self.workspace.data({"number.txt": version}, f"{self.name}/{version}")
        properties = {"dataUri": f"{uri}number.txt", "dataType": "uri_file"}
        self.workspace.put("data", self.name, version, properties=properties)

    def pipeline(self, command: str = "cat ${{inputs.number}}") -> dict[str, Any]:
        node = {
            "type": "command",
            "command": command,
            "environment": ENVIRONMENT,
            "inputs": {"number": "${{parent.inputs.number}}"},
        }
        return {
            "type": "pipeline",
            "inputs": {"number": {"type": "uri_file", "path": f"azureml:{self.name}@latest"}},
            "settings": {"default_compute": "azureml:serverless"},
            "jobs": {"look": node},
        }

    def taken_by(self, job: str) -> str:
        """The version that a job has for its input."""
        uri: str = self.workspace.get("job", job)["properties"]["inputs"]["number"]["uri"]
        return uri.rpartition("/versions/")[2]


@pytest.fixture
def numbers(azml_connection: str, azml_emulator: RunningEmulator) -> Numbers:
    found = Numbers(Workspace(azml_emulator).ensure())
    found.register("2")
    found.register("1")
    return found


def test_all_tasks_of_a_run_take_what_was_the_newest_when_it_began_and_the_next_run_takes_what_is_new(
    azml_connection: str, numbers: Numbers, capsys: pytest.CaptureFixture[str]
) -> None:
    with DAG("labels", schedule=None, default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.1}) as dag:
        first = AzmlSubmitPipelineOperator(task_id="first", spec=numbers.pipeline())
        second = AzmlSubmitPipelineOperator(task_id="second", deferrable=True, spec=numbers.pipeline())

        @task
        def register() -> None:
            numbers.register("3")

        first >> register() >> second
    finished = run(dag)
    assert finished.errors == {}
    results = [finished.value(task_id) for task_id in ("first", "second")]
    assert [result["labels"] for result in results] == [{numbers.label: "1"}] * 2
    assert [numbers.taken_by(result["name"]) for result in results] == ["1", "1"]
    log = capsys.readouterr().out
    assert f"{numbers.label} is version 1: the newest of {finished.dag_run.start_date.isoformat()}" in log
    assert f"{numbers.label} is version 1: as for task first of this run" in log

    again = run(dag.partial_subset("first"))
    assert numbers.taken_by(again.value("first")["name"]) == "3"


def test_a_retry_takes_what_the_first_try_took(azml_connection: str, numbers: Numbers) -> None:
    class Registrar:
        @hookimpl
        def on_task_instance_failed(self) -> None:
            numbers.register("3")

    with DAG("labels_retried", schedule=None, default_args={"azml_conn_id": azml_connection, "retries": 1}) as dag:
        AzmlSubmitPipelineOperator(task_id="fails", poll_seconds=0.1, spec=numbers.pipeline("exit 4"))
    registrar, listeners = Registrar(), get_listener_manager()
    listeners.add_listener(registrar)
    try:
        finished = run(dag)
    finally:
        listeners.pm.unregister(registrar)
    jobs = [error.name for error in finished.errors["fails"]]  # type: ignore[attr-defined]
    assert [numbers.taken_by(job) for job in jobs] == ["1", "1"]
    assert jobs[0] != jobs[1]


def test_an_asset_that_the_run_itself_registers_is_taken_by_its_first_version(
    azml_connection: str, azml_emulator: RunningEmulator, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Numbers(Workspace(azml_emulator).ensure())
    with DAG("labels_fresh", schedule=None, default_args={"azml_conn_id": azml_connection}) as dag:

        @task
        def register() -> None:
            fresh.register("7")
            fresh.register("8")

        register() >> AzmlSubmitPipelineOperator(task_id="look", poll_seconds=0.1, spec=fresh.pipeline())
    finished = run(dag)
    assert numbers_of(finished.value("look")) == ["7"]
    assert f"{fresh.label} is version 7: the first there is" in capsys.readouterr().out


def numbers_of(result: Mapping[str, Any]) -> list[str]:
    return list(result["labels"].values())


def test_a_mapping_of_labels_goes_first(azml_connection: str, numbers: Numbers) -> None:
    given = {"labels": {numbers.label: "2"}, "spec": numbers.pipeline()}
    with DAG("labels_given", schedule=None, default_args={"azml_conn_id": azml_connection}) as dag:
        AzmlSubmitPipelineOperator(task_id="look", poll_seconds=0.1, **given)
    result = run(dag).value("look")
    assert numbers_of(result) == ["2"]
    assert numbers.taken_by(result["name"]) == "2"


@pytest.mark.parametrize("labels", ["parse", None, 3])
def test_what_labels_cannot_be_is_refused(labels: Any, azml_connection: str) -> None:
    with DAG("labels_wrong", schedule=None, default_args={"azml_conn_id": azml_connection}) as dag:
        AzmlSubmitPipelineOperator(task_id="look", labels=labels, jobs={})
    (error,) = run(dag).errors["look"]
    assert "labels: is" in str(error)


# -- when a DAG file is parsed --------------------------------------------------------------------------------------


def test_labels_can_be_looked_up_when_a_dag_is_parsed(azml_connection: str, numbers: Numbers, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text(yaml.safe_dump(numbers.pipeline()))
    assert pins_at_parse(read(file), azml_conn_id=azml_connection) == {numbers.label: "1"}
    file.write_text(yaml.safe_dump({**numbers.pipeline(), "inputs": {"number": 1}}))
    assert pins_at_parse(read(file), azml_conn_id="nobody asks for it") == {}
    with pytest.raises(NotFound, match="has no version"):
        pins_at_parse(from_mapping(Numbers(numbers.workspace).pipeline()), azml_conn_id=azml_connection)


def test_labels_of_the_registry_and_of_the_default_version_can_be_looked_up(azml_connection: str) -> None:
    name = f"look_{uuid.uuid4().hex[:8]}"
    look = {"name": name, "version": "4", "type": "command", "command": "true", "environment": ENVIRONMENT}
    AzmlHook(azml_connection).apply(look, kind="component")
    place = "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    jobs = {
        "fit": {"type": "command", "command": "true", "environment": place},
        "look": {"component": f"azureml:{name}@default"},
    }
    pipeline = {"type": "pipeline", "settings": {"default_compute": "serverless"}, "jobs": jobs}
    expected = {place: "1", f"component {name}@default": "4"}
    assert pins_at_parse(from_mapping(pipeline), azml_connection) == expected


def test_labels_that_cannot_be_known_when_a_dag_is_parsed_are_left_to_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    templated = {"type": "pipeline", "jobs": {"look": {"type": "command", "environment": "azureml:{{ ds }}@latest"}}}
    assert pins_at_parse(from_mapping(templated)) == "run"
    assert "looked up when a run begins" in caplog.text
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "look")  # as a worker does before it parses
    assert pins_at_parse(from_mapping({"type": "pipeline", "jobs": {}})) == "run"


# -- what tasks of a run tell each other ----------------------------------------------------------------------------


class Told:
    """A task instance in a run whose other tasks have told something; it counts what it asks them."""

    dag_id, run_id, task_id, map_index = "dag", "run", "own", -1

    def __init__(self, states: Mapping[str, str | None], told: Mapping[tuple[str, int], Any]) -> None:
        self.states, self.told = states, told
        self.asked: list[tuple[str, int]] = []
        self.pushed: dict[str, Any] = {}

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, Any]:
        return {run_ids[0]: {"own": "running", **self.states}}

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert key == KEY
        self.asked.append((task_ids, map_indexes))
        return self.told.get((task_ids, map_indexes))

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def told(version: str = "7", *, label: str = LATEST, target: Target = TARGET) -> dict[str, Any]:
    of = STARTED.isoformat()
    return {"workspace": str(target.workspace), "as_of": of, "started": of, "pins": {label: version}}


@pytest.fixture
def dag() -> DAG:
    with DAG("dag", schedule=None) as dag:
        before = AzmlSubmitPipelineOperator(task_id="before", jobs={})
        AzmlSubmitPipelineOperator(task_id="beside", jobs={})
        AzmlSubmitPipelineOperator.partial(task_id="mapped", jobs={}).expand(display_name=["a", "b"])
        task(lambda: None, task_id="other")()
        before >> AzmlSubmitPipelineOperator(task_id="own", jobs={})
    return dag


def context(dag: DAG, ti: Told, *, clears: int = 0) -> Any:
    run = SimpleNamespace(start_date=CLEARED if clears else STARTED, run_after=STARTED, clear_number=clears)
    return {"ti": ti, "dag": dag, "dag_run": run, "task": dag.task_dict["own"]}


def test_a_task_that_is_the_first_goes_by_the_start_of_the_run(dag: DAG) -> None:
    ti = Told({"before": None, "beside": "queued", "other": "success"}, {("before", -1): told()})
    held = held_by_others(context(dag, ti), TARGET, [Newest("data", "numbers")])
    assert (held.as_of, held.versions, ti.asked) == (STARTED, {}, [])


def test_a_task_that_was_cleared_goes_by_those_that_were_not(dag: DAG) -> None:
    ti = Told({"beside": "failed", "before": None, "mapped_1": "success"}, {("mapped", 1): told("6", label="x")})
    held = held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")])
    assert (held.as_of, held.versions) == (STARTED, {"x": ("6", "mapped")})
    assert ti.asked == [("beside", -1), ("mapped", 1)]


def test_a_run_that_was_cleared_as_a_whole_begins_anew(dag: DAG) -> None:
    ti = Told({"before": None, "beside": None}, {("before", -1): told()})
    assert held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")]).as_of == CLEARED


def test_what_a_task_told_before_it_was_cleared_with_the_run_is_not_taken(dag: DAG) -> None:
    ti = Told({"before": "running", "beside": None}, {("before", -1): told()})
    held = held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")])
    assert (held.as_of, held.versions) == (CLEARED, {})
    ti.told = {("before", -1): {**told("8"), "started": CLEARED.isoformat()}}
    held = held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")])
    assert (held.as_of, held.versions) == (STARTED, {LATEST: ("8", "before")})


def test_tasks_before_are_asked_first_and_no_more_than_it_takes(dag: DAG) -> None:
    ti = Told({"beside": "success", "before": "success", "mapped_0": "running"}, {("before", -1): told()})
    held = held_by_others(context(dag, ti), TARGET, [Newest("data", "numbers")])
    assert (held.versions, ti.asked) == ({LATEST: ("7", "before")}, [("before", -1)])


def test_versions_of_another_workspace_are_no_answer(dag: DAG) -> None:
    elsewhere = Target(TARGET.workspace.__class__("s", "rg", "elsewhere"), TARGET.cloud)
    ti = Told({"before": "success"}, {("before", -1): told(target=elsewhere)})
    held = held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")])
    assert (held.as_of, held.versions) == (STARTED, {})


def test_many_tasks_that_tell_nothing_are_not_all_asked(dag: DAG) -> None:
    ti = Told({f"mapped_{index}": "success" for index in range(100)}, {})
    held_by_others(context(dag, ti), TARGET, [Newest("data", "numbers")])
    assert len(ti.asked) == 25
    ti.asked.clear()
    held_by_others(context(dag, ti, clears=1), TARGET, [Newest("data", "numbers")])
    assert len(ti.asked) == 100  # only they know as of when versions count


def test_a_try_that_attaches_tells_the_moment_alone(dag: DAG, numbers: Numbers) -> None:
    ti = Told({}, {})
    pins = LabelPins("run", context(dag, ti), logging.getLogger(__name__))
    pins.attached(from_mapping(numbers.pipeline()), TARGET)
    assert ti.pushed == {KEY: {**told(), "pins": {}}}


def test_what_azure_ml_alone_can_look_up_is_left_to_it(
    dag: DAG, azml_connection: str, numbers: Numbers, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = numbers.pipeline()
    place = "azureml://registries/nowhere/environments/sklearn/labels/latest"
    pipeline["jobs"]["look"]["environment"] = place
    sent: list[Target] = []

    def send(source: Source, target: Target) -> Flow[Ticket]:
        sent.append(target)
        yield from ()
        return Ticket("job")

    hook = AzmlHook(azml_connection)
    pins = LabelPins("run", context(dag, Told({}, {})), logging.getLogger(__name__))
    hook.run(pins.sending(from_mapping(pipeline), hook.target, send))
    assert sent[0].pins == {numbers.label: "2"}  # the first: there was none when the run began
    assert f"{place} is left to Azure ML to look up" in caplog.text
