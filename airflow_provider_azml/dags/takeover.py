"""The task by which a DAG takes the place of a schedule of Azure ML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.takeover import TAKEOVERS, AzmlTakeOverScheduleOperator

if TYPE_CHECKING:
    from airflow_provider_azml.dags.task_settings import TaskSettings
    from airflow_provider_azml.dags.wishes import Wishes
    from airflow_provider_azml.spec.schedule_plans import Plan

TASK_ID = "takeover"


def takeover_task(plan: Plan, wishes: Wishes, settings: TaskSettings) -> AzmlTakeOverScheduleOperator | None:
    """The task that comes first, if one is wanted: the same schedule on the service is not to fire too.

    Args:
        plan: What the schedule file says.
        wishes: What else is wanted.
        settings: What Airflow is told of the tasks.

    Raises:
        SpecError: What is wanted is not to be had.
    """
    if wishes.takeover is None:
        if wishes.twin is not None:
            raise _refused("twin", f"is given without takeover; give takeover='{TAKEOVERS[0]}' too, or leave it out")
        return None
    if wishes.takeover not in TAKEOVERS:
        raise _refused("takeover", f"is {wishes.takeover!r:.80}; it must be {' or '.join(TAKEOVERS)}")
    return AzmlTakeOverScheduleOperator(
        task_id=TASK_ID,
        name=wishes.twin or plan.name,
        takeover=wishes.takeover,
        generation=plan.generation,
        **settings.for_task(TASK_ID, operator=AzmlTakeOverScheduleOperator),
    )


def _refused(name: str, reason: str) -> SpecError:
    return SpecError([Problem("<arguments>", 0, 0, name, reason)])
