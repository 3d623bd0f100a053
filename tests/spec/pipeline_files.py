"""Pipelines and the component files that they name, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.source import Source, from_mapping

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "azureml:e:1"
INPUTS = {"data": {"type": "uri_file", "path": "azureml:d:1", "mode": "download"}, "n": 3, "rate": 0.5, "flag": True}
DATABASE = {"type": "database", "connection": "azureml:c", "query": "select 1"}
SPARK_CONF = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
    "spark.dynamicAllocation.enabled": True,
    "spark.dynamicAllocation.minExecutors": 2,
    "spark.dynamicAllocation.maxExecutors": 4,
}
TRAIN = """\
name: train-it
type: command
tags: {a: 1}
inputs:
  x: {type: uri_folder}
  y: {type: integer, default: 3, optional: true}
  z: {type: number}
outputs:
  model: {type: mlflow_model}
environment: azureml:e:1
command: echo ${{inputs.x}} ${{inputs.z}} ${{outputs.model}}
resources: {instance_count: 2}
distribution: {type: mpi, process_count_per_instance: 1}
"""
INNER = """\
name: inner
type: pipeline
inputs:
  x: {type: uri_folder}
  z: {type: number, default: 0.5}
outputs:
  model: {type: mlflow_model}
jobs:
  train:
    component: ./train.yml
    inputs: {x: "${{parent.inputs.x}}", z: "${{parent.inputs.z}}"}
    outputs: {model: "${{parent.outputs.model}}"}
"""


def pipeline(folder: Path, jobs: Any, **more: Any) -> Source:
    (folder / "train.yml").write_text(TRAIN, encoding="utf-8")
    (folder / "inner.yml").write_text(INNER, encoding="utf-8")
    value = {"type": "pipeline", "inputs": INPUTS, "outputs": {"best": {"type": "mltable"}}, "jobs": jobs, **more}
    return from_mapping({"settings": {"default_compute": "serverless"}, **value}, base_path=folder)


def command(**more: Any) -> Any:
    return {"command": "echo", "environment": ENVIRONMENT, **more}
