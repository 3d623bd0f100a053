"""Inputs of pipelines as params of DAGs: what the form for starting a run gets, and what comes of what it sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

import pytest
from airflow.sdk import DAG, Asset, Param

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.dags.params import add_params, choices, dag_params, params_of
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.spec import unrendered
from tests.airflow.running import run
from tests.airflow.versions import DagSerialization
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from airflow_provider_azml.spec.source import Source

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
inputs:
  rate: 0.5
  rounds: 3
  solver: adam
  quiet: true
  note: ""
  many: "a\\nb"
  large: 123456789012345678901
  day: "{{ ds }}"
  mine: "{{ params.mine }}"
  api_key: abc
  data: {type: uri_file, path: rows.csv}
jobs:
  fit:
    component:
      type: command
      inputs:
        rate: {type: number, min: 0, max: 1, description: How fast to learn.}
        rounds: {type: integer, optional: true}
        solver: {type: string, enum: [adam, sgd]}
        rows: {type: uri_file, description: The rows}
      environment: azureml:e:1
      command: fit ${{inputs.rate}} $[[${{inputs.rounds}}]] ${{inputs.solver}}
    inputs:
      rate: ${{parent.inputs.rate}}
      rounds: ${{parent.inputs.rounds}}
      solver: ${{parent.inputs.solver}}
      rows: ${{parent.inputs.data}}
"""
NEEDY = """\
type: pipeline
settings: {default_compute: azureml:serverless}
component: ./needy.yml
"""
COMPONENT = """\
type: pipeline
inputs:
  data: {type: uri_file}
  rate: {type: number, default: 0.5}
  seed: {type: integer}
  rounds: {type: integer, optional: true, default: 3}
  note: {type: string, optional: true}
jobs:
  say:
    type: command
    component:
      type: command
      inputs:
        data: {type: uri_file}
        rate: {type: number}
        seed: {type: integer}
        rounds: {type: integer, optional: true}
        note: {type: string, optional: true}
      command: >-
        cat ${{inputs.data}} && echo ${{inputs.rate}} ${{inputs.seed}} $[[--rounds ${{inputs.rounds}}]]
        $[[--note ${{inputs.note}}]]
      environment: {image: local, conda_file: {name: bare, dependencies: [python=3.11]}}
    inputs:
      data: ${{parent.inputs.data}}
      rate: ${{parent.inputs.rate}}
      seed: ${{parent.inputs.seed}}
      rounds: ${{parent.inputs.rounds}}
      note: ${{parent.inputs.note}}
"""
FORM: Mapping[str, tuple[object, dict[str, object], str | None]] = {
    "rate": (0.5, {"type": "number", "minimum": 0, "maximum": 1}, "How fast to learn."),
    "rounds": (3, {"type": ["integer", "null"]}, None),
    "solver": ("adam", {"type": "string", "enum": ["adam", "sgd"]}, None),
    "quiet": (True, {"type": "boolean"}, None),
    "note": ("", {"type": ["string", "null"]}, None),
    "many": ("a\nb", {"type": "string", "format": "multiline"}, None),
    "large": ("123456789012345678901", {"type": "string", "pattern": "^[+-]?[0-9]+$"}, None),
    "day": (None, {"type": ["string", "null"]}, "By default {{ ds }}, filled in when it runs."),
    "api_key": (None, {"type": ["string", "null"], "format": "password"}, "By default what the file says."),
    "data": (
        "rows.csv",
        {"type": ["string", "object"]},
        "The rows. A uri_file: a path, azureml:<name>:<version>, or a mapping with path, type and mode.",
    ),
}
ODD_NAMES = ("__type", "__var", "self", "schema", "default", "items", "keys", "value", "params", "conf", "a.b", "LR")


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Source]:
    """A pipeline in a file, as the DAG's file finds it."""
    (tmp_path / "rows.csv").write_text("1")
    (tmp_path / "needy.yml").write_text(COMPONENT)

    def write(text: str) -> Source:
        (tmp_path / "pipeline.yml").write_text(text)
        return unrendered.read(tmp_path / "pipeline.yml")

    return write


def form(params: Mapping[str, Param], schedule: Any = None) -> dict[str, Any]:
    """The params as Airflow's API tells the form of them, after the DAG was stored."""
    stored = json.loads(json.dumps(DagSerialization.to_dict(DAG("d", schedule=schedule, params=dict(params)))))
    back = DagSerialization.from_dict(stored)
    return {name: param.dump() for name, param in back.params.items()}


def test_the_form_gets_each_input_with_its_type_default_and_limits(written: Callable[[str], Source]) -> None:
    found = form(params_of(written(PIPELINE)))
    places = {name: told["schema"].pop("$comment") for name, told in found.items()}
    assert {name: (told["value"], told["schema"], told["description"]) for name, told in found.items()} == FORM
    assert (places["rate"], places["data"]) == ("pipeline.yml:4", "pipeline.yml:14")


def test_what_is_called_a_secret_is_not_in_what_airflow_stores(written: Callable[[str], Source]) -> None:
    file = written(PIPELINE.replace("abc", "hunter2").replace('  mine: "{{ params.mine }}"\n', "")).file
    assert file
    stored = json.dumps(DagSerialization.to_dict(azml_dag(file, schedule=None)))
    assert "api_key" in stored
    assert "hunter2" not in stored


def test_what_has_no_value_is_to_be_filled_in(written: Callable[[str], Source]) -> None:
    found = form(params_of(written(NEEDY)))
    assert {name: (told["value"], told["schema"]["type"]) for name, told in found.items()} == {
        "data": (None, ["string", "object"]),
        "rate": (0.5, "number"),
        "seed": (None, "integer"),
        "rounds": (3, ["integer", "null"]),
        "note": (None, ["string", "null"]),
    }


def test_which_nodes_run_is_asked_for_as_lists_of_text(written: Callable[[str], Source]) -> None:
    found = form(dag_params(written(PIPELINE), ["fit"]))
    assert list(found)[-3:] == ["azml_only", "azml_skip", "azml_force_rerun"]
    for name in list(found)[-3:]:
        schema = found[name]["schema"]
        assert found[name]["value"] is None
        assert (schema["type"], schema["items"], schema["section"]) == (
            ["array", "null"],
            {"type": "string"},
            "Azure ML",
        )
        assert "There are fit." in found[name]["description"]
    assert str(choices(f"n{number}" for number in range(500))["azml_only"].description).endswith("and 480 more.")


def test_airflow_takes_whatever_name_an_input_may_have(written: Callable[[str], Source]) -> None:
    listed = "\n".join(f"  {name}: {place}" for place, name in enumerate(ODD_NAMES))
    params = params_of(written(f"type: pipeline\ninputs:\n{listed}\njobs: {{}}\n"))
    assert {name: told["value"] for name, told in form(params, schedule="@daily").items()} == {
        name: place for place, name in enumerate(ODD_NAMES)
    }


def test_the_same_file_in_another_folder_makes_the_same_params(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pipeline.yml").write_text(PIPELINE)
        found.append(form(params_of(unrendered.read(tmp_path / name / "pipeline.yml"))))
    assert found[0] == found[1]


def test_an_input_with_the_name_of_a_choice_is_a_problem(written: Callable[[str], Source]) -> None:
    source = written("type: pipeline\ninputs: {azml_only: a}\njobs: {}\n")
    with pytest.raises(SpecError, match=r"pipeline.yml:2:10: inputs.azml_only: azml_only is a param of the DAG itself"):
        params_of(source)


@pytest.mark.parametrize("schedule", ["@daily", [Asset("something")]], ids=["time", "asset"])
def test_no_schedule_goes_with_an_input_that_has_no_value(schedule: object, written: Callable[[str], Source]) -> None:
    source = written(NEEDY)
    with pytest.raises(SpecError) as caught:
        dag_params(source, [], {"data": "azureml:d:1"}, schedule=schedule)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.path) == (str(source.base_path / "needy.yml"), 5, "inputs.seed")
    assert "the DAG has a schedule" in problem.reason
    params = dag_params(source, [], {"data": "azureml:d:1", "seed": 7}, schedule=schedule)
    assert form(params, schedule=schedule)["seed"]["value"] == 7
    with pytest.raises(SpecError, match="the DAG has a schedule"):
        dag_params(source, [], {"data": "azureml:d:1", "seed": None}, schedule=schedule)
    assert "seed" not in dag_params(source, None, {"data": "azureml:d:1"}, schedule=schedule, given={"seed"})


def test_the_author_of_a_dag_has_other_defaults_and_other_params(written: Callable[[str], Source]) -> None:
    own = {"rate": 0.25, "note": Param("x", type="string"), "other": 1, "mine": "me", "azml_only": ["fit"]}
    found = form(dag_params(written(PIPELINE), ["fit"], own))
    assert (found["rate"]["value"], found["rate"]["schema"]["maximum"]) == (0.25, 1)
    assert found["note"]["schema"] == {"type": "string"}
    assert form(dag_params(written(PIPELINE), [], {"rounds": None}))["rounds"]["value"] is None
    assert [found[name]["value"] for name in ("other", "mine", "azml_only")] == [1, "me", ["fit"]]
    with pytest.raises(
        SpecError, match=r"pipeline.yml:4:3: inputs.rate: the default among the DAG's own params is 2; "
    ):
        dag_params(written(PIPELINE), ["fit"], {"rate": Param(2, type="number")})


def test_a_pipeline_in_a_dag_of_somebody_adds_its_params(written: Callable[[str], Source]) -> None:
    dag = DAG("d", schedule=None, params={"rate": 0.75, "other": "x"})
    add_params(dag, written(PIPELINE), ["fit"], given={"solver"})
    add_params(dag, written(NEEDY), ["go"])
    found = form({name: dag.params.get_param(name) for name in dag.params})
    assert (found["rate"]["value"], found["other"]["value"], found["data"]["value"]) == (0.75, "x", "rows.csv")
    assert found["rate"]["schema"]["type"] == "number"
    assert "solver" not in found
    with pytest.raises(SpecError, match="the DAG has a schedule"):
        add_params(DAG("e", schedule="@daily"), written(NEEDY), ["go"])


def test_inputs_of_two_pipelines_share_a_param_if_they_are_the_same(written: Callable[[str], Source]) -> None:
    def both(first: str, second: str, **params: object) -> DAG:
        dag = DAG("d", schedule=None, params=params)
        for text in (first, second):
            add_params(dag, written(f"type: pipeline\ninputs: {{rate: {text}}}\njobs: {{}}"), [])
        return dag

    for pair in (("0.5", "0.5"), ("1", "1.0"), ("{type: uri_file}", "{type: uri_file, path: rows.csv}")):
        both(*pair)
    assert both("0.5", "0.25", rate=0.75).params["rate"] == 0.75
    place = r"pipeline.yml:2:10: inputs.rate: "
    for first, second, reason in (
        ("0.5", "0.25", "is 0.25 here, and 0.5 at pipeline.yml:2, and the DAG has one param"),
        ("0.5", "fast", "is of type string here, and of type number at pipeline.yml:2"),
        ("fast", "{type: uri_file, path: rows.csv}", "is of type string or object here, and of type string at"),
    ):
        with pytest.raises(SpecError, match=f"{place}{reason}"):
            both(first, second)


RUNNING = """\
type: pipeline
settings: {default_compute: azureml:serverless}
inputs:
  rate: 0.5
  rounds: 3
  note: plain
  day: "{{ ds }}"
jobs:
  say:
    type: command
    command: echo ${{inputs.rate}} ${{inputs.rounds}} ${{inputs.note}} ${{inputs.day}}
    environment: {image: local, conda_file: {name: bare, dependencies: [python=3.11]}}
    inputs:
      rate: ${{parent.inputs.rate}}
      rounds: ${{parent.inputs.rounds}}
      note: ${{parent.inputs.note}}
      day: ${{parent.inputs.day}}
"""


def made(source: Source, connection: str, own: Mapping[str, Any] | None = None) -> DAG:
    with DAG("given", schedule=None, params=dag_params(source, ["say"], own)) as dag:
        AzmlSubmitPipelineOperator(
            task_id="job", file=str(source.file), azml_conn_id=connection, wait=False, params_as_inputs=True
        )
    return dag


def test_a_run_submits_what_it_was_given(
    azml_connection: str, azml_emulator: RunningEmulator, written: Callable[[str], Source]
) -> None:
    workspace = Workspace(azml_emulator)
    dag = made(written(RUNNING), azml_connection)
    secret = "{{ conn.azml_default.password }}"  # nobody renders what a run was given
    for conf, expected in (
        ({}, {"rate": "0.5", "rounds": "3", "note": "plain"}),
        ({"rate": 1, "rounds": 4, "note": secret}, {"rate": "1", "rounds": "4", "note": secret}),
    ):
        finished = run(dag, run_conf=conf)
        assert finished.state == "success"
        sent = workspace.get("job", finished.value("job")["name"])["properties"]["inputs"]
        assert {name: sent[name]["value"] for name in expected} == expected
        assert sent["day"]["value"] == f"{finished.dag_run.run_after:%Y-%m-%d}"


def test_a_value_of_the_wrong_type_fails_before_anything_is_sent(
    azml_connection: str, azml_emulator: RunningEmulator, written: Callable[[str], Source]
) -> None:
    source = written(RUNNING)
    with pytest.raises(Exception, match="'fast' is not of type 'number'") as refused:  # by Airflow, which starts no run
        run(made(source, azml_connection), run_conf={"rate": "fast"})
    assert "pipeline.yml:4" in str(refused.value)

    before = Workspace(azml_emulator).call("GET", f"{Workspace(azml_emulator).id}/jobs").json()["value"]
    finished = run(made(source, azml_connection, {"rate": Param(0.5, title="Rate")}), run_conf={"rate": "fast"})
    assert finished.state == "failed"
    (error,) = finished.errors["job"]
    assert "pipeline.yml:4:3: inputs.rate: the value that the run was given is 'fast'; it must be a n" in str(error)
    after = Workspace(azml_emulator).call("GET", f"{Workspace(azml_emulator).id}/jobs").json()["value"]
    assert len(after) == len(before)


@pytest.mark.parametrize(("render", "task"), [("tasks", "say"), ("job", "job")])
def test_a_run_gives_a_pipeline_component_what_it_needs(
    render: Literal["tasks", "job"],
    task: str,
    written: Callable[[str], Source],
    azml_connection: str,
    azml_emulator: RunningEmulator,
) -> None:
    file = written(NEEDY).file
    assert file
    arguments = {"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False}
    dag = azml_dag(file, render=render, schedule=None, default_args=arguments)
    finished = run(dag, run_conf={"data": "rows.csv", "seed": 7, "note": "", "rounds": None})
    assert finished.state == "success"
    job = Workspace(azml_emulator).get("job", finished.value(task)["name"])["properties"]
    assert {name: told.get("value") for name, told in job["inputs"].items()} == {
        "data": None,
        "rate": "0.5",
        "seed": "7",
        "rounds": "3",
    }
    assert job["inputs"]["data"]["jobInputType"] == "uri_file"
    if render == "tasks":  # the service is sent no empty inputs of a pipeline, but those of nodes
        assert job["jobs"]["say"]["inputs"]["note"] == {"job_input_type": "literal", "value": ""}
