"""DAGs whose tasks are retried, cleared, marked, mapped and run again; their jobs only take time."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from airflow_provider_azml.operators import (
    AzmlCancelOrphanedJobsOperator,
    AzmlRegisterDataOperator,
    AzmlSubmitCommandJobOperator,
    AzmlSubmitPipelineOperator,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Ticket

DEFERRED_SECONDS = 7
"""Longer than the scheduler needs to see that a worker has let go of a task that is deferred."""
JOB = {"command": "true", "environment": {"image": "local"}, "poll_seconds": 0.5, "retry_delay": timedelta(0)}


class DyingOperator(AzmlSubmitCommandJobOperator):
    """Submits a job; its first try is killed when the service has the job and nobody else knows of it."""

    def submit(self, context: Context) -> Ticket | Json:
        submitted = super().submit(context)
        if context["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return submitted


def lasting(seconds: float, **said: str) -> dict[str, Any]:
    """The arguments of a job that takes so long, and ends as it is told to."""
    return {**JOB, "properties": {"simulate.seconds": str(seconds), **said}}


with DAG("dies", schedule=None, default_args={"retries": 2}):
    DyingOperator(task_id="blocking", **lasting(1))
    DyingOperator(task_id="deferred", deferrable=True, **lasting(DEFERRED_SECONDS))

with DAG("fails", schedule=None, default_args={"retries": 1}):
    AzmlSubmitCommandJobOperator(task_id="blocking", **lasting(0.5, **{"simulate.status": "Failed"}))

with DAG("lasts", schedule=None, default_args={"retries": 2}):
    AzmlSubmitCommandJobOperator(task_id="blocking", **lasting(600))
    AzmlSubmitCommandJobOperator(task_id="deferred", deferrable=True, **lasting(600))
    EmptyOperator(task_id="neighbour")

with DAG("left", schedule=None):
    AzmlSubmitCommandJobOperator(task_id="deferred", deferrable=True, **lasting(600))
    AzmlSubmitCommandJobOperator(task_id="unheeded", deferrable=True, cancel_on_kill=False, **lasting(600))

with DAG("sweep", schedule=None):
    unknown = "{{ dag_run.conf.get('unknown', False) }}"
    AzmlCancelOrphanedJobsOperator(task_id="cancel", grace_seconds=0, cancel_unknown=unknown)

with DAG("mapped", schedule=None):
    learning_rates = ["0.1", "0.2", "0.3"]
    AzmlSubmitCommandJobOperator.partial(task_id="train", **lasting(0.5)).expand(
        tags=[{"learning_rate": rate} for rate in learning_rates]
    )

with DAG("pinned", schedule=None):
    path = "azureml://datastores/workspaceblobstore/paths/numbers/"
    register = AzmlRegisterDataOperator(task_id="register", name="numbers", type="uri_folder", path=path)
    pipeline = {
        "jobs": {"look": {"type": "command", "command": "true", "environment": {"image": "local"}}},
        "inputs": {"numbers": {"type": "uri_folder", "path": "azureml:numbers@latest"}},
        "settings": {"default_compute": "azureml:serverless"},
        "poll_seconds": 0.5,
    }
    first = AzmlSubmitPipelineOperator(task_id="first", **pipeline)
    register >> first >> AzmlSubmitPipelineOperator(task_id="second", **pipeline)

with DAG(
    "daily",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2026, 1, 31, tzinfo=timezone.utc),
    catchup=False,
):
    AzmlSubmitCommandJobOperator(task_id="blocking", **lasting(0.5))
