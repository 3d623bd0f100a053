"""Prepare a workspace for jobs."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlCreateComputeOperator

with DAG("prepare", schedule=None, default_args={"poll_seconds": 0.2}):
    AzmlCreateComputeOperator(task_id="create_compute", name="cpu", type="amlcompute", size="Standard_DS3_v2")
