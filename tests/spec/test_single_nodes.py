"""A pipeline file as a plan, and the job of each of its nodes alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, pipeline_jobs
from airflow_provider_azml.spec.pipeline_plans import OutputOf, plan_pipeline
from airflow_provider_azml.spec.single_nodes import single_node
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source

TRAINING = """\
type: pipeline
name: training
inputs:
  rate: {type: number, default: 0.5}
  data: {type: uri_folder}
  note: {type: string, optional: true}
outputs:
  final: {type: mlflow_model}
jobs:
  fit:
    type: command
    component: ./fit.yml
    inputs:
      rate: ${{parent.inputs.rate}}
      data: {type: uri_folder, path: "${{parent.inputs.data}}", mode: download}
      note: ${{parent.inputs.note}}
    outputs: {model: "${{parent.outputs.final}}"}
"""
FIT = """\
type: command
name: fit
command: echo ${{inputs.rate}} ${{inputs.data}} $[[${{inputs.note}}]] > ${{outputs.model}}/m
environment: azureml:env:1
inputs:
  rate: {type: number}
  data: {type: uri_folder}
  note: {type: string, optional: true}
outputs: {model: {type: mlflow_model}}
"""
PIPELINE = """\
type: pipeline
experiment_name: tries
tags: {team: risk}
settings: {default_compute: azureml:cpu, default_datastore: azureml:cold, on_init: begin, on_finalize: end}
inputs:
  rate: 1
  raw: {type: uri_folder, path: ./raw}
outputs:
  best: {type: mlflow_model, name: best-model, version: 7}
jobs:
  begin: {type: command, command: echo begin, environment: azureml:env:1}
  end: {type: command, command: echo end, environment: azureml:env:1}
  prep:
    type: command
    command: cp ${{inputs.raw}} ${{outputs.clean}}
    environment: azureml:env:1
    compute: azureml:big
    inputs: {raw: "${{parent.inputs.raw}}"}
    outputs: {clean: {type: uri_folder}, list: {type: uri_file}}
  training:
    type: pipeline
    component: ./parts/training.yml
    inputs: {rate: "${{parent.inputs.rate}}", data: "${{parent.jobs.prep.outputs.clean}}"}
    outputs: {final: "${{parent.outputs.best}}"}
  report:
    type: command
    command: cat ${{inputs.model}} ${{inputs.list}} --run day-${{parent.inputs.rate}}
    environment: azureml:env:1
    inputs: {model: "${{parent.jobs.training.outputs.final}}", list: "${{parent.jobs.prep.outputs.list}}"}
"""
BLOBS = "azureml://datastores/cold/paths"
RESULTS = {
    ("prep",): {"clean": f"{BLOBS}/clean/", "list": f"{BLOBS}/list"},
    ("training", "fit"): {"model": f"{BLOBS}/model/"},
}


@pytest.fixture
def pipeline(tmp_path: Path) -> Source:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.csv").write_text("1\n", encoding="utf-8")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "training.yml").write_text(TRAINING, encoding="utf-8")
    (tmp_path / "parts" / "fit.yml").write_text(FIT, encoding="utf-8")
    file = tmp_path / "pipeline.yml"
    file.write_text(PIPELINE, encoding="utf-8")
    return read(file)


def alone(pipeline: Source, *path: str, **options: Any) -> Source:
    plan = plan_pipeline(pipeline)
    made = single_node(plan, plan.leaves[path], RESULTS, folder="airflow/nightly", **options)
    kinds.check(made, "job")
    return made


def test_a_plan_has_the_nodes_that_run_something_and_their_order(pipeline: Source) -> None:
    plan = plan_pipeline(pipeline)
    assert [node.dotted for node in plan.leaves.values()] == ["begin", "end", "prep", "training.fit", "report"]
    assert set(plan.edges) == {
        (("prep",), ("training", "fit")),
        (("prep",), ("report",)),
        (("training", "fit"), ("report",)),
        *((("begin",), path) for path in (("prep",), ("training", "fit"), ("report",))),
        *((path, ("end",)) for path in (("prep",), ("training", "fit"), ("report",))),
    }
    fit = plan.leaves["training", "fit"]
    assert (fit.outputs["model"].type, fit.outputs["model"].asset) == ("mlflow_model", ("best-model", "7"))
    (led,) = next(led for target, led in plan.leaves["report",].taken.items() if target.node == "training")
    assert led == OutputOf(("training", "fit"), "model")


def test_the_job_of_a_node_has_what_the_pipeline_gives_it(pipeline: Source) -> None:
    value = alone(pipeline, "prep").value
    assert (value["experiment_name"], value["tags"]) == ("tries", {"team": "risk"})
    assert value["settings"] == {"default_compute": "azureml:cpu", "default_datastore": "azureml:cold"}
    assert value["inputs"] == {"raw": {"type": "uri_folder", "path": str(pipeline.base_path / "raw")}}
    assert (value["jobs"]["prep"]["compute"], value["jobs"]["prep"]["inputs"]) == (
        "azureml:big",
        {"raw": "${{parent.inputs.raw}}"},
    )


def test_what_a_node_writes_goes_to_a_path_that_is_the_same_each_time(pipeline: Source) -> None:
    place = f"{BLOBS}/airflow/nightly"
    assert alone(pipeline, "prep").value["jobs"]["prep"]["outputs"] == {
        "clean": {"type": "uri_folder", "path": f"{place}/prep/${{{{name}}}}/clean/"},
        "list": {"type": "uri_file", "path": f"{place}/prep/${{{{name}}}}/list"},
    }
    assert alone(pipeline, "training", "fit").value["jobs"]["fit"]["outputs"]["model"] == {
        "type": "mlflow_model",
        "path": f"{place}/training/fit/${{{{name}}}}/model/",
        "name": "best-model",
        "version": "7",
    }


def test_a_nested_node_takes_what_its_component_is_given(pipeline: Source) -> None:
    made = alone(pipeline, "training", "fit")
    assert made.value["inputs"] == {"rate": 1.0, "data": {"type": "uri_folder", "path": f"{BLOBS}/clean/"}}
    assert made.value["jobs"]["fit"]["inputs"] == {
        "rate": "${{parent.inputs.rate}}",
        "data": {"type": "uri_folder", "path": "${{parent.inputs.data}}", "mode": "download"},
    }
    assert made.base_path == pipeline.base_path / "parts"


def test_what_others_have_written_is_an_input(pipeline: Source) -> None:
    value = alone(pipeline, "report").value
    assert value["inputs"] == {
        "rate": 1,
        "training_final": {"type": "mlflow_model", "path": f"{BLOBS}/model/"},
        "prep_list": {"type": "uri_file", "path": f"{BLOBS}/list"},
    }
    assert value["jobs"]["report"]["inputs"]["model"] == "${{parent.inputs.training_final}}"
    assert value["jobs"]["report"]["command"].endswith("day-${{parent.inputs.rate}}")


def test_a_node_can_be_run_again_whatever_was_run_before(pipeline: Source) -> None:
    assert alone(pipeline, "prep", force_rerun=True).value["settings"]["force_rerun"] is True


def test_what_another_node_has_not_written_is_told(pipeline: Source) -> None:
    plan = plan_pipeline(pipeline)
    line = PIPELINE[: PIPELINE.index("  report:")].count("\n") + 1
    with pytest.raises(SpecError, match=rf"yml:{line}:3: jobs\.report: .*training\.fit has written no 'model'"):
        single_node(plan, plan.leaves["report",], {("prep",): RESULTS["prep",]}, folder="f")


def test_a_component_that_stands_in_the_file_is_the_same_in_the_job_of_its_node_alone(pipeline: Source) -> None:
    whole = pipeline_jobs.properties(pipeline, None)["jobs"]
    for name in ("begin", "prep", "report"):
        own = pipeline_jobs.properties(alone(pipeline, name), None)["jobs"][name]
        assert own["componentId"] == whole[name]["componentId"], name
        assert json.dumps(own["componentId"].spec, default=repr) == json.dumps(
            whole[name]["componentId"].spec, default=repr
        )
