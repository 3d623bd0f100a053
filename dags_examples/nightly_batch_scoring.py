"""Classify each night the flowers that were measured during the day.

Whoever measures them leaves CSV files without a heading in the folder ``incoming/<day>/flowers/`` of the workspace's
datastore, and a file ``incoming/<day>/_SUCCESS`` once all of them are there. A batch endpoint, which has machines only
while it works, classifies them with the newest version of the model ``iris``, which ``scheduled_retraining`` registers;
the result becomes a version of the data asset ``iris-species``.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, chain

from airflow_provider_azml.operators import (
    AzmlApplyOperator,
    AzmlDeployBatchModelOperator,
    AzmlInvokeBatchEndpointOperator,
    AzmlRegisterDataOperator,
)
from airflow_provider_azml.sensors import AzmlDatastorePathSensor

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-nightly-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"
INCOMING = "incoming/{{ ds }}"

with DAG(
    "nightly_batch_scoring",
    schedule="0 22 * * *",
    start_date=datetime(2026, 1, 5, tzinfo=timezone.utc),
    catchup=False,
    default_args={
        "poll_seconds": 2,  # everything here takes seconds; the default suits jobs that take hours
        "retries": 2,  # a try takes up the job of the try before, unless that job failed
        "retry_delay": timedelta(minutes=5),
    },
    tags=["azml", "example"],
    doc_md=__doc__,
):
    # [start tasks]
    create_compute = AzmlApplyOperator(task_id="create_compute", file="iris/compute.yml")
    deploy = AzmlDeployBatchModelOperator(
        task_id="deploy",
        file="iris/batch-deployment.yml",
        endpoint_file="iris/batch-endpoint.yml",
        endpoint_name=ENDPOINT,
    )
    arrived = AzmlDatastorePathSensor(task_id="arrived", path=f"{INCOMING}/_SUCCESS", timeout=6 * 3600)
    score = AzmlInvokeBatchEndpointOperator(
        task_id="score",
        endpoint_name=ENDPOINT,
        input=f"azureml://datastores/workspaceblobstore/paths/{INCOMING}/flowers/",
    )
    register = AzmlRegisterDataOperator(
        task_id="register",
        name="iris-species",
        type="uri_file",
        path=score.output["output_file"],
        tags={"day": "{{ ds }}"},
    )

    chain(create_compute, deploy, arrived, score, register)
    # [end tasks]
