"""A DAG whose tasks say where they are, so that they can be killed there; each of its runs is another task."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_azml.operators import (
    AzmlInvokeBatchEndpointOperator,
    AzmlSubmitCommandJobOperator,
    AzmlSubmitScriptRunOperator,
)
from tests.kills import moments

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Ticket

SECONDS = "KILLS_JOB_SECONDS"
"""Environment variable that says how long a job takes."""


class Told:
    """Tells the moments of an operator's execution."""

    def execute(self, context: Context) -> Any:
        moments.watch_requests()
        moments.tell("executing")
        return super().execute(context)

    def submit(self, context: Context) -> Ticket | Json:
        submitted = super().submit(context)
        moments.tell("waiting")
        return submitted

    def resume(self, context: Context, event: Json) -> Any:
        moments.tell("resumed")
        return super().resume(context, event)


class ToldOperator(Told, AzmlSubmitCommandJobOperator):
    """Submits a job."""


class ToldRunOperator(Told, AzmlSubmitScriptRunOperator):
    """Starts a run of v1."""


class ToldInvokeOperator(Told, AzmlInvokeBatchEndpointOperator):
    """Invokes a batch endpoint."""


WAITING = {"poll_seconds": 0.2, "retries": 20, "retry_delay": timedelta(0)}
JOB = {
    **WAITING,
    "command": "sh train.sh",
    "code": "code",
    "environment": {"image": "local"},
    "properties": {"simulate.seconds": os.environ.get(SECONDS, "1")},
}
RUN = {
    **WAITING,
    "runconfig": {"command": "sh train.sh", "target": "cpu"},
    "source_directory": "code",
    "experiment_name": "killed",
    "generation": "v1",
}

INVOCATION = {
    **WAITING,
    "endpoint_name": "killed",
    "input": "azureml://datastores/workspaceblobstore/paths/numbers/",
    "properties": JOB["properties"],
}

with DAG("killed", schedule=None):
    ToldOperator(task_id="blocking", deferrable=False, **JOB)
    ToldOperator(task_id="deferred", deferrable=True, **JOB)
    ToldRunOperator(task_id="v1_blocking", deferrable=False, **RUN)
    ToldRunOperator(task_id="v1_deferred", deferrable=True, **RUN)
    ToldInvokeOperator(task_id="batch_blocking", deferrable=False, **INVOCATION)
    ToldInvokeOperator(task_id="batch_deferred", deferrable=True, **INVOCATION)
