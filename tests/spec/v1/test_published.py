"""Pipeline files of CLI v1 as the pipeline components that publishing them makes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import as_written
from airflow_provider_azml.spec.v1 import formats, published

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.v1.translation import Translation

PIPELINE = """\
pipeline:
  name: Retrain it
  description: every night
  default_compute: cpu-cluster
  parameters:
    word: {type: string, default: hello}
    epochs: {type: int, default: 3}
    rate: {type: float, default: 0.5}
    fast: {type: bool, default: true}
    new: {type: datapath, default: {datastore: workspaceblobstore, path_on_datastore: new/day.csv}}
  data_references:
    flowers: {datastore: workspaceblobstore, path_on_datastore: flowers, bind_mode: download}
    names: {dataset_name: names}
  steps:
    Fit:
      type: PythonScriptStep
      script_name: fit.py
      runconfig: plain.runconfig
      arguments: ["input:flowers", "input:names", "parameter:epochs"]
      parameters: {epochs: {source: epochs}}
      inputs:
        flowers: {source: flowers, bind_mode: download}
        names: {source: names, bind_mode: mount}
        new: {source: new, bind_mode: download}
      outputs: {model: {destination: model, datastore: workspaceblobstore}}
    Card:
      type: PythonScriptStep
      script_name: fit.py
      runconfig: plain.runconfig
      compute: another
      arguments: ["input:model"]
      inputs: {model: {source: model, bind_mode: download}}
"""
RUNCONFIG = """\
framework: Python
environment:
  docker: {baseImage: local}
  python: {condaDependencies: {name: bare, dependencies: [python=3.11]}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "plain.runconfig").write_text(RUNCONFIG)
    (tmp_path / "fit.py").write_text("")
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    return tmp_path / "pipeline.yml"


def made(file: Path, **options: Any) -> Translation:
    return published.component(as_written(file), "retrain", **options)


def test_parameters_are_inputs_with_their_types_and_defaults(file: Path) -> None:
    value = made(file, version="7").source.value
    assert {key: value[key] for key in ("name", "version", "type", "display_name", "description")} == {
        "name": "retrain",
        "version": "7",
        "type": "pipeline",
        "display_name": "Retrain it",
        "description": "every night",
    }
    assert value["inputs"] == {
        "word": {"type": "string", "default": "hello"},
        "epochs": {"type": "integer", "default": 3},
        "rate": {"type": "number", "default": 0.5},
        "fast": {"type": "boolean", "default": True},
        "new": {"type": "uri_file"},
    }
    assert "settings" not in value


def test_data_references_stand_where_nodes_take_them(file: Path) -> None:
    taken = made(file).source.value["jobs"]["fit"]["inputs"]
    assert taken["flowers"]["path"] == "azureml://datastores/workspaceblobstore/paths/flowers"
    assert taken["names"]["path"] == "azureml:names@latest"
    assert "${{parent.inputs.new}}" in str(taken["new"])


def test_nodes_name_the_compute_that_was_the_default(file: Path) -> None:
    jobs = made(file).source.value["jobs"]
    assert (jobs["fit"]["compute"], jobs["card"]["compute"]) == ("azureml:cpu-cluster", "azureml:another")


def test_it_is_a_component_of_today_and_tells_what_was_chosen(file: Path) -> None:
    component = made(file)
    assert kinds.check(formats.source_of(component), component.kind, strict=True)
    told = {remark.place: remark.text for remark in component.remarks}
    assert "has no default" in told["inputs", "new"]
    assert "default_compute" in told["jobs",]
    assert ("inputs", "names") not in told


def test_a_name_that_no_component_can_have_is_refused(file: Path) -> None:
    component = published.component(as_written(file), "not legal!")
    with pytest.raises(SpecError, match="name"):
        kinds.check(formats.source_of(component), component.kind)
