"""Pipelines and the component files that they name, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import kinds, pipeline_jobs
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import Source, from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "azureml:e:1"
ENVIRONMENT_ID = f"azureml:{WS}/environments/e/versions/1"
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


def sent(service: StandIn, source: Source) -> Any:
    kinds.check(source, "job")
    service.holds({f"{WS}/computes/{name}": {"id": f"/computes/{name}"} for name in ("cpu", "gpu")})
    return service.run(filled(pipeline_jobs.properties(source, "job-1"), TARGET))


def node_of(service: StandIn, folder: Path, node: Any) -> tuple[Any, Any]:
    """What is sent for a node, and the component that is made for it."""
    body = sent(service, pipeline(folder, {"it": node}))["jobs"]["it"]
    made = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    return body, made[0] if made else None


def literal(value: str, **more: str) -> Any:
    return {"job_input_type": "literal", "value": value, **more}
