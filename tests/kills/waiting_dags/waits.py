"""DAGs whose tasks all wait in the triggerer from the start: some for jobs of others, some as for jobs of their own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from airflow.sdk import DAG, BaseOperator
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_azml.sensors import AzmlJobSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

WAITS = int(os.environ.get("KILLS_WAITS", "10"))
JOB_ID = os.environ.get("KILLS_JOB_ID", "/subscriptions/s/resourceGroups/rg")
"""ARM id of a job, without its number."""
POLL_SECONDS = 10
PER_DAG = 250


class OwnJobOperator(BaseOperator):
    """Waits as an operator does that has submitted a job: the job is cancelled when the task is killed."""

    start_from_trigger = True

    def __init__(self, *, number: int, **base: object) -> None:
        super().__init__(**base)
        waiting = {
            "arm_id": f"{JOB_ID}{number}",
            "azml_conn_id": "azml_default",
            "poll_seconds": POLL_SECONDS,
            "cancel_on_kill": True,
            "max_tries": self.retries,
        }
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="tests.kills.ending_trigger.EndingTrigger", trigger_kwargs=waiting, next_method="resume"
        )

    def execute(self, context: Context) -> None:
        raise AssertionError("a worker has begun what begins in the triggerer")

    def resume(self, context: Context, event: object) -> None:
        raise AssertionError("a worker has ended what ends in the triggerer")


for first in range(0, WAITS, PER_DAG):
    with DAG(f"waits_{first // PER_DAG}", schedule=None, default_args={"retries": 2}):
        for number in range(first, min(first + PER_DAG, WAITS)):
            if number % 2:
                OwnJobOperator(task_id=f"own_{number}", number=number)
            else:
                name = f"{JOB_ID.rpartition('/')[2]}{number}"
                AzmlJobSensor(task_id=f"job_{number}", job_name=name, deferrable=True, poll_seconds=POLL_SECONDS)
