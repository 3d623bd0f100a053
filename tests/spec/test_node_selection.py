from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.node_selection import chosen, listed, selected
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("init", "prep", "clean", "inner.train", "inner.deep.tune", "score", "report")
NODES = [tuple(name.split(".")) for name in NAMES]
TAKEN = [("prep", "clean"), ("clean", "inner.train"), ("inner.train", "inner.deep.tune"), ("inner.deep.tune", "score")]
FIRST = [("init", name) for name in NAMES[1:]]


def edges(pairs):
    return [(tuple(one.split(".")), tuple(other.split("."))) for one, other in pairs]


def choose(**selectors):
    return chosen(NODES, edges(TAKEN), order=edges(FIRST), **selectors)


def names(nodes):
    return {".".join(node) for node in nodes}


@pytest.mark.parametrize(
    ("only", "run"),
    [
        ((), set(NAMES)),
        (["prep"], {"prep"}),
        (["r*", "pr?p"], {"prep", "report"}),
        (["inner"], {"inner.train", "inner.deep.tune"}),
        (["inner.*"], {"inner.train", "inner.deep.tune"}),
        (["inner.train"], {"inner.train"}),
        (["*.tune"], {"inner.deep.tune"}),
        (["+clean"], {"init", "prep", "clean"}),
        (["inner.train+"], {"inner.train", "inner.deep.tune", "score"}),
        (["+inner.train+"], {"init", "prep", "clean", "inner.train", "inner.deep.tune", "score"}),
        (["+inner"], {"init", "prep", "clean", "inner.train", "inner.deep.tune"}),
        (["*"], set(NAMES)),
    ],
)
def test_selectors_choose_what_runs(only, run):
    selection = choose(only=only)
    assert names(selection.run) == run
    assert names(selection.left_out) == set(NAMES) - run


def test_what_is_left_out_is_reused_passed_or_skipped():
    selection = choose(only=["inner.train"])
    assert names(selection.reused) == {"clean"}
    assert names(selection.passed) == {"init", "prep"}
    assert names(selection.skipped) == {"inner.deep.tune", "score", "report"}
    fates = {".".join(node): selection.of(node) for node in NODES}
    assert [fates[name] for name in ("init", "clean", "inner.train", "score")] == ["pass", "reuse", "run", "skip"]


def test_nodes_can_be_left_out_of_those_that_run():
    selection = choose(only=["+score"], skip=["prep", "inner.train"])
    assert names(selection.run) == {"init", "clean", "inner.deep.tune", "score"}
    assert names(selection.reused) == {"prep", "inner.train"}
    assert not choose(skip=["report"]).reused


def test_only_what_runs_is_forced():
    selection = choose(only=["prep+"], force=["+clean"])
    assert names(selection.forced) == {"prep", "clean"}
    assert not choose().forced


@pytest.mark.parametrize(
    ("param", "selectors", "reason"),
    [
        ("azml_only", {"only": ["+pre"]}, "'pre' is no node of the pipeline; did you mean 'prep'?"),
        ("azml_skip", {"skip": ["train"]}, "'train' is no node of the pipeline; did you mean 'inner.train'?"),
        ("azml_force_rerun", {"force": ["inner.dep"]}, "did you mean 'inner.deep'?"),
        ("azml_only", {"only": ["x*"]}, "'x*' is no node of the pipeline, which has init, prep, clean, inner.train"),
        ("azml_skip", {"only": ["prep"], "skip": ["p*"]}, "p* leaves nothing to run"),
    ],
)
def test_a_selector_that_cannot_be_meant_is_an_error(param, selectors, reason):
    with pytest.raises(SpecError) as caught:
        choose(**selectors)
    (problem,) = caught.value.problems
    assert problem.path == param
    assert reason in problem.reason


def test_all_wrong_selectors_are_told_at_once():
    with pytest.raises(SpecError) as caught:
        choose(only=["x", "prep"], skip=["y"])
    assert [problem.path for problem in caught.value.problems] == ["azml_only", "azml_skip"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ([], []), ("", []), ("a, +b", ["a", "+b"]), (["a", " "], ["a"]), (("a",), ["a"]), ("a", ["a"])],
)
def test_a_param_is_a_list_or_a_text(value, expected):
    assert listed(value) == expected


PIPELINE = """
type: pipeline
jobs:
  first: {type: command, command: date, environment: azureml:e:1, outputs: {o: {type: uri_folder}}}
  second:
    type: command
    command: ls ${{inputs.i}}
    environment: azureml:e:1
    inputs: {i: "${{parent.jobs.first.outputs.o}}"}
  third: {type: command, command: date, environment: azureml:e:1}
"""


def test_the_params_of_a_run_choose_among_the_nodes_of_a_file(tmp_path: Path):
    file = tmp_path / "pipeline.yml"
    file.write_text(PIPELINE)
    plan = plan_pipeline(read(file))
    selection = selected(plan, {"azml_only": "second", "azml_force_rerun": ["*"], "lr": 0.1})
    assert (names(selection.run), names(selection.reused)) == ({"second"}, {"first"})
    assert names(selection.skipped) == {"third"}
    assert names(selection.forced) == {"second"}
    ordered = selected(plan, {"azml_only": ["second"]}, after=[(("third",), ("second",))])
    assert names(ordered.passed) == {"third"}


def test_a_large_pipeline_costs_next_to_nothing():
    nodes = [(f"n{number}",) for number in range(1000)]
    taken = list(itertools.pairwise(nodes))
    began = time.process_time()  # whatever else the machine does
    selection = chosen(nodes, taken, only=["+n500"])
    assert time.process_time() - began < 0.5
    assert len(selection.run) == 501
