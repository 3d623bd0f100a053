from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.secret_names import is_secret
from airflow_provider_azml.spec import pipeline_jobs, unrendered
from airflow_provider_azml.spec.pipeline_inputs import declared, given, stood_in
from airflow_provider_azml.spec.source import from_mapping, read
from tests.contract.shared_sources import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.spec.source import Source

TRAIN = """\
type: command
inputs:
  data: {type: uri_folder, description: What to learn from.}
  rate: {type: number, min: 0, max: 1, description: How fast to learn.}
  rounds: {type: integer, min: "1", default: 3, optional: true}
  solver: {type: string, enum: [adam, sgd], default: adam}
  quiet: {type: boolean, default: false}
environment: azureml:e:1
command: train ${{inputs.data}} ${{inputs.rate}} $[[--rounds ${{inputs.rounds}}]] ${{inputs.solver}} ${{inputs.quiet}}
"""
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
inputs:
  data: {type: uri_folder, path: ./data, mode: download}
  rate: 1
  rounds: 5
  solver: sgd
  quiet: true
  note: ""
  day: "2026-01-31"
  group.seed: 7
jobs:
  train:
    component: ./train.yml
    inputs:
      data: ${{parent.inputs.data}}
      rate: ${{parent.inputs.rate}}
      rounds: ${{parent.inputs.rounds}}
      solver: ${{parent.inputs.solver}}
      quiet: ${{parent.inputs.quiet}}
  say:
    command: echo ${{inputs.note}} ${{inputs.day}} ${{inputs.seed}}
    environment: azureml:e:1
    inputs:
      note: ${{parent.inputs.note}}
      day: ${{parent.inputs.day}}
      seed: ${{parent.inputs.group.seed}}
"""
WHOLE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
component: ./inner.yml
inputs: {rate: 0.5}
"""
INNER = """\
type: pipeline
inputs:
  data: {type: uri_folder}
  rate: {type: number}
  rounds: {type: integer, optional: true, default: "4"}
jobs:
  train:
    component: ./train.yml
    inputs:
      data: ${{parent.inputs.data}}
      rate: ${{parent.inputs.rate}}
      rounds: ${{parent.inputs.rounds}}
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Source]:
    """A pipeline in a file, beside the components that it may name."""
    (tmp_path / "train.yml").write_text(TRAIN)
    (tmp_path / "inner.yml").write_text(INNER)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("1")

    def write(text: str) -> Source:
        (tmp_path / "pipeline.yml").write_text(text)
        return read(tmp_path / "pipeline.yml")

    return write


def inputs(source: Source) -> Any:
    return source.value["inputs"]


def problems(act: Callable[[], object]) -> list[str]:
    with pytest.raises(SpecError) as caught:
        act()
    return [str(problem).replace(problem.file, Path(problem.file).name) for problem in caught.value.problems]


def test_inputs_are_of_the_types_that_their_components_declare(written: Callable[[str], Source]) -> None:
    known = declared(written(PIPELINE))
    assert {name: (one.type, one.default) for name, one in known.items()} == {
        "data": ("uri_folder", "./data"),
        "rate": ("number", 1),
        "rounds": ("integer", 5),
        "solver": ("string", "sgd"),
        "quiet": ("boolean", True),
        "note": ("string", ""),
        "day": ("string", "2026-01-31"),
        "group.seed": ("integer", 7),
    }
    assert {name for name, one in known.items() if one.optional} == {"rounds"}
    assert (known["rate"].min, known["rate"].max, known["rounds"].min) == (0, 1, 1)
    assert known["solver"].enum == ("adam", "sgd")
    assert known["rate"].description == "How fast to learn."
    assert not any(one.is_needed for one in known.values())


def test_a_component_that_the_job_runs_declares_its_inputs(written: Callable[[str], Source]) -> None:
    known = declared(written(WHOLE))
    assert {name: (one.type, one.default, one.optional, one.is_needed) for name, one in known.items()} == {
        "rate": ("number", 0.5, False, False),
        "data": ("uri_folder", None, False, True),
        "rounds": ("integer", 4, True, False),
    }


def test_an_input_keeps_within_the_limits_of_all_that_take_it(tmp_path: Path) -> None:
    takes = (
        '{component: {type: command, command: a, environment: "azureml:e:1", inputs: {n: {type: %s}}}, '
        'inputs: {n: "${{parent.inputs.n}}"}}'
    )
    nodes = {"a": "integer, min: 1, max: 9", "b": "integer, max: 5"}
    jobs = "\n".join(f"  {name}: {takes % limits}" for name, limits in nodes.items())
    (tmp_path / "p.yml").write_text(f"type: pipeline\ninputs: {{n: 3}}\njobs:\n{jobs}\n")
    one = declared(read(tmp_path / "p.yml"))["n"]
    assert (one.min, one.max) == (1, 5)
    (tmp_path / "p.yml").write_text(f"type: pipeline\ninputs: {{n: 7}}\njobs:\n{jobs}\n")
    found = problems(lambda: declared(read(tmp_path / "p.yml")))
    assert found == ["p.yml:2:10: inputs.n: is 7; it must be at most 5"]


TAKEN: Mapping[str, tuple[str, object, object]] = {
    "text that is a number": ("rate", "0.1", 0.1),
    "text that is a whole number": ("rounds", " 8 ", 8),
    "a whole number with a point": ("rounds", 8.0, 8),
    "what a browser makes of 1.0": ("rate", 1.0, 1),
    "text that is a truth value": ("quiet", "False", False),
    "one of few": ("solver", "adam", "adam"),
    "empty text": ("note", "", ""),
    "text of digits": ("note", "007", "007"),
    "an expression of Jinja's": ("note", "{{ conn.azml.password }}", "{{ conn.azml.password }}"),
    "a member of a group": ("group.seed", "9", 9),
    "a registered asset": ("data", "azureml:d:2", {"type": "uri_folder", "path": "azureml:d:2", "mode": "download"}),
    "a path beside the file": ("data", "data/a", {"type": "uri_folder", "path": "data/a", "mode": "download"}),
    "a mapping of data": (
        "data",
        {"path": "azureml://datastores/s/paths/a", "mode": "ro_mount"},
        {"type": "uri_folder", "path": "azureml://datastores/s/paths/a", "mode": "ro_mount"},
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_a_run_gives_an_input_a_value_of_its_type(case: str, written: Callable[[str], Source]) -> None:
    name, value, expected = TAKEN[case]
    found = inputs(given(written(PIPELINE), {name: value}))[name]
    assert (found, type(found)) == (expected, type(expected))


REFUSED: Mapping[str, tuple[str, object, str]] = {
    "text for a number": (
        "rate",
        "fast",
        "5:3: inputs.rate: the value that the run was given is 'fast'; it must be a n",
    ),
    "no number at all": ("rate", "nan", "it must be a number"),
    "a truth value for a number": ("rate", True, "is true; it must be a number"),
    "part of a whole number": (
        "rounds",
        1.5,
        "6:3: inputs.rounds: the value that the run was given is 1.5; it must be a w",
    ),
    "a number for text": ("note", 7, "9:3: inputs.note: the value that the run was given is 7; it must be text"),
    "a list": ("note", [], "is a list; it must be text"),
    "a number for a truth value": ("quiet", 1, "is 1; it must be true or false"),
    "too much": ("rate", 2, "is 2; it must be at most 1"),
    "too little": ("rounds", 0, "is 0; it must be at least 1"),
    "none of few": ("solver", "lbfgs", "is 'lbfgs'; it must be one of adam, sgd"),
    "an expression of AML's": ("note", "${{parent.inputs.rate}}", "holds ${{, the beginning of an expression"),
    "a number for data": ("data", 5, "4:3: inputs.data: the value that the run was given is 5; it must be a path, or"),
    "a path of nothing": ("data", "", "must be a path"),
    "data of another type": (
        "data",
        {"type": "uri_file", "path": "azureml:d:1"},
        "is of type 'uri_file'; the input tak",
    ),
    "a key that data lack": ("data", {"path": "azureml:d:1", "pth": 1}, "has the key 'pth'"),
    "a file of the worker": ("data", "/etc", "leads out of the folder of the AML file"),
    "a path that climbs": ("data", "../other", "leads out of the folder of the AML file"),
    "a reference as a path": ("data", "${{parent.jobs.a.outputs.b}}", "holds ${{"),
    "a misspelt input": ("rats", 1, "3:1: inputs: has no 'rats'; did you mean 'rate'?"),
    "an input of no such name": ("zzz", 1, "has no 'zzz'; it has data, rate"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_an_input_cannot_have_is_a_problem_of_its_line(
    case: str, written: Callable[[str], Source]
) -> None:
    name, value, reason = REFUSED[case]
    source = written(PIPELINE)
    (found,) = problems(lambda: given(source, {name: value}))
    assert found.startswith("pipeline.yml:")
    assert reason in found


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_the_file(written: Callable[[str], Source]) -> None:
    source = written(PIPELINE)
    found = problems(lambda: given(source, {"note": 1, "rate": "x", "solvr": "adam"}))
    assert [one.split(":")[1] for one in found] == ["3", "5", "9"]


def test_a_link_beside_the_file_leads_to_no_file_of_the_worker(
    written: Callable[[str], Source], tmp_path: Path
) -> None:
    source = written(PIPELINE)
    (tmp_path / "data" / "link").symlink_to("/etc")
    assert "leads out" in problems(lambda: given(source, {"data": "data/link"}))[0]


def test_what_the_file_says_already_changes_nothing(written: Callable[[str], Source]) -> None:
    source = written(PIPELINE)
    values = {name: one.default for name, one in declared(source).items()}
    assert given(source, values).value == source.value
    assert given(source, {"data": {"path": "./data"}, "rate": "1.0"}).value == source.value
    up = written(PIPELINE.replace("./data,", "../shared,"))
    assert given(up, {"data": "../shared"}).value == up.value


def test_nothing_leaves_an_optional_input_out_and_keeps_any_other(written: Callable[[str], Source]) -> None:
    source = written(PIPELINE)
    found = given(source, {"rounds": None, "rate": None, "note": None})
    assert "rounds" not in inputs(found)
    assert "rounds" not in found.value["jobs"]["train"]["inputs"]
    assert (inputs(found)["rate"], inputs(found)["note"]) == (1, "")
    assert not list(pipeline_jobs.problems(found))
    assert "rounds" in inputs(source)  # the file as it was read is as it was


def test_what_has_no_value_must_be_given_one(written: Callable[[str], Source]) -> None:
    source = written(WHOLE)
    assert problems(lambda: given(source, {})) == ["inner.yml:3:3: inputs.data: has no value; the run must give it one"]
    found = inputs(given(source, {"data": "azureml:d:1"}))
    assert found == {"rate": 0.5, "data": {"type": "uri_folder", "path": "azureml:d:1"}}
    blank = written(PIPELINE.replace("rate: 1\n", "rate:\n").replace("rounds: 5\n", "rounds:\n"))
    assert declared(blank)["rate"].is_needed
    assert problems(lambda: given(blank, {"rounds": 2})) == [
        "pipeline.yml:5:3: inputs.rate: has no value; the run must give it one"
    ]
    found = inputs(given(blank, {"rate": "0.25"}))
    assert (found["rate"], "rounds" in found) == (0.25, False)


@pytest.mark.parametrize("text", [WHOLE, PIPELINE.replace("rate: 1\n", "rate:\n").replace("rounds: 5\n", "rounds:\n")])
def test_a_pipeline_can_be_checked_before_a_run_gives_it_anything(text: str, written: Callable[[str], Source]) -> None:
    source = written(text)
    assert unrendered.problems(source)
    assert not unrendered.problems(stood_in(source))
    wrong = written(text + "tag: {}\n")
    assert [problem.path for problem in unrendered.problems(stood_in(wrong))] == ["tag"]


def rendered(file: Path, **values: str) -> Source:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return read(file, render=lambda text: environment.from_string(text).render(**values))


@pytest.mark.parametrize("quote", ['"', ""])
@pytest.mark.usefixtures("written")
def test_a_template_is_no_default_and_holds_unless_a_run_says_otherwise(quote: str, tmp_path: Path) -> None:
    text = PIPELINE.replace("rounds: 5", f"rounds: {quote}{{{{ rounds }}}}{quote}").replace(
        "path: ./data", f"path: {quote}{{{{ place }}}}{quote}"
    )
    (tmp_path / "pipeline.yml").write_text(text)
    known = declared(unrendered.read(tmp_path / "pipeline.yml"))
    assert {name for name, one in known.items() if one.template} == {"rounds", "data"}
    assert (known["rounds"].default, known["rounds"].type, known["rate"].default) == (None, "integer", 1)
    assert known["data"].is_kept_back
    assert not known["data"].is_needed

    source = rendered(tmp_path / "pipeline.yml", rounds="6", place="azureml:d:4")
    found = inputs(given(source, {"rounds": None, "data": None}))
    assert (str(found["rounds"]), found["data"]["path"]) == ("6", "azureml:d:4")
    assert inputs(given(source, {"rounds": "2"}))["rounds"] == 2


def test_a_template_that_something_else_stands_over_is_none(tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("type: pipeline\ninputs: {a: {{ a }}, b: {{ b }}}\njobs: {}\n")
    source = unrendered.read(tmp_path / "p.yml").merged({"inputs": {"b": "x"}})
    known = declared(source)
    assert (known["a"].template, known["b"].template, known["b"].default) == ("{{ ... }}", None, "x")


def test_no_message_shows_a_secret() -> None:
    source = from_mapping({"type": "pipeline", "inputs": {"api_key": "x", "db.password": 1}, "jobs": {}})
    assert [is_secret(name) for name in ("api_key", "sas", "tokenizer", "sort_key", "max_depth")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(SpecError) as caught:
        given(source, {"db.password": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert declared(source)["api_key"].is_kept_back
    assert inputs(given(source, {"api_key": None})) == source.value["inputs"]


@pytest.mark.shared
def test_pipelines_of_others_declare_inputs_and_take_what_they_say() -> None:
    corpus = SHARED / "oracle" / "corpus"
    if not corpus.exists():
        pytest.skip("there is no corpus")
    seen = 0
    for file in sorted(corpus.rglob("*.yml")):
        try:
            source = read(file)
        except SpecError:
            continue
        if "pipelineJob" not in str(source.value.get("$schema")) or source.value.get("type") != "pipeline":
            continue
        known = declared(source)
        assert given(source, {name: one.default for name, one in known.items() if not one.is_needed}).value
        assert list(known)[: len(inputs(source) if source.value.get("inputs") else ())] == list(
            source.value.get("inputs") or ()
        )
        seen += 1
    assert seen > 20
