"""Wait for jobs that take hours: no worker is held, the log comes along, and what hangs is ended.

``train`` submits and waits in one task. ``submit`` and ``wait`` do the same in two: the second may as well wait for a
job that somebody else has submitted.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlApplyOperator, AzmlSubmitCommandJobOperator
from airflow_provider_azml.sensors import AzmlJobSensor

with DAG(
    "wait_for_training",
    schedule=None,
    default_args={
        "poll_seconds": 2,  # everything here takes seconds; the default suits jobs that take hours
        "deferrable": True,  # wait in the triggerer
        "retries": 3,  # a try takes up the job of the try before, unless that job failed
        "retry_delay": timedelta(minutes=1),
    },
    tags=["azml", "example"],
    doc_md=__doc__,
) as dag:
    # [start tasks]
    prepare = AzmlApplyOperator.partial(task_id="prepare").expand(
        file=["aml_files/compute.yml", "aml_files/environment.yml"]
    )
    train = AzmlSubmitCommandJobOperator(
        task_id="train",
        file="epochs/job.yml",
        stream_logs=True,  # which is the default
        queue_timeout_seconds=3600,  # cancelled when no node is free for an hour
        execution_timeout=timedelta(hours=6),  # cancelled when it takes longer than that, deferred or not
        retry_on=["system_error", "quota", "preemption"],  # a mistake in the code is the same at the next try
    )
    submit = AzmlSubmitCommandJobOperator(task_id="submit", file="epochs/job.yml", inputs={"epochs": 2}, wait=False)
    wait = AzmlJobSensor(task_id="wait", job_name=submit.output["name"], stream_logs=True, timeout=6 * 3600)

    prepare >> [train, submit]
    # [end tasks]
