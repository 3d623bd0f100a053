"""Train a model anew each week, and deploy it only if it is as good as the one that is in production.

The gate compares the accuracy of the new model with that of the model which gets most of the endpoint's traffic. Where
the new one is worse, nothing is registered or deployed; the figures of both are in the log of the gate, and ``tell``
says what became of it either way.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.sdk import DAG, Param, chain, task

from airflow_provider_azml.operators import (
    AzmlApplyOperator,
    AzmlDeployModelOperator,
    AzmlQualityGateOperator,
    AzmlRegisterModelOperator,
    AzmlSubmitCommandJobOperator,
)

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-live-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"

with DAG(
    "scheduled_retraining",
    schedule="0 4 * * 1",  # Mondays at 4:00, UTC
    start_date=datetime(2026, 1, 5, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,  # two would deploy to one endpoint
    params={"regularization": Param(1.0, type="number", exclusiveMinimum=0)},
    default_args={
        "poll_seconds": 2,  # everything here takes seconds; the default suits jobs that take hours
        "retries": 2,  # a try takes up what the try before has begun
        "retry_delay": timedelta(minutes=5),
    },
    tags=["azml", "example"],
    doc_md=__doc__,
):
    # [start tasks]
    prepare = AzmlApplyOperator.partial(task_id="prepare").expand(file=["iris/compute.yml", "iris/environment.yml"])
    train = AzmlSubmitCommandJobOperator(
        task_id="train", file="iris/train.yml", inputs={"regularization": "{{ params.regularization }}"}
    )
    gate = AzmlQualityGateOperator(
        task_id="gate",
        metric="accuracy",  # train.py logs it with MLflow
        challenger=train.output,
        endpoint_name=ENDPOINT,  # which serves the champion
        min_value=0.8,  # also for the first model, which has no champion to beat
        otherwise="tell",
    )
    register_model = AzmlRegisterModelOperator(
        task_id="register_model", name="iris", path="{{ ti.xcom_pull(task_ids='train')['outputs']['model'] }}"
    )
    deploy = AzmlDeployModelOperator(
        task_id="deploy",
        file="iris/deployment.yml",
        endpoint_file="iris/endpoint.yml",
        endpoint_name=ENDPOINT,
        model=register_model.output["id"],
        strategy="blue_green",  # beside the champion, which serves until the new one has passed its checks
        checks="iris/checks.yml",
        step_seconds=5,  # how long it is watched once it has the traffic; the default is a minute
        remove_old=True,
    )

    @task(trigger_rule="none_failed")
    def tell(verdict: dict[str, Any]) -> str:
        """Say what became of the new model; a message to those who look after it would be sent here."""
        return f"The new model {'serves' if verdict['passed'] else 'is not used'}: {verdict['reason']}"

    chain(prepare, train, gate, register_model, deploy, tell(gate.output))
    # [end tasks]
