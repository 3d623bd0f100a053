"""A DAG whose waits take no worker, for a whole Airflow."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_azml.sensors import AzmlJobSensor, AzmlModelVersionSensor

with DAG("pure_waits", schedule=None, default_args={"deferrable": True, "poll_seconds": 0.5}):

    @task(multiple_outputs=True)
    def names() -> dict[str, str]:
        return {"good": "good", "bad": "bad"}

    @task
    def statuses(job: dict[str, Any], model: dict[str, Any]) -> list[str]:
        return [job["status"], model["version"]]

    named = names()
    job = AzmlJobSensor(task_id="job", job_name="{{ ti.xcom_pull('names')['good'] }}")
    model = AzmlModelVersionSensor(task_id="model", name="{{ dag_run.conf['model'] }}", newer_than="1")
    bad = AzmlJobSensor(task_id="bad", job_name=named["bad"], soft_fail=True)
    named >> job
    statuses(job.output, model.output)
