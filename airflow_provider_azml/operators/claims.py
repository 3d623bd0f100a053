"""Whose something is that has the name of a task's submission."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import JobNameTaken
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

OWNER = ("airflow.dag_id", "airflow.run_id", "airflow.task_id", "airflow.map_index")
"""Properties that name the task which something is of."""
_ANOTHER_NAME = "Leave name out to have one made, or give another."


def is_owned(given: Json, owner: Mapping[str, str]) -> bool:
    """Whether it is this submission's.

    Args:
        given: The properties that it was given.
        owner: Those that the submission gives.
    """
    return given.get(SUBMISSION) == owner[SUBMISSION]


def whose(given: Json, owner: Mapping[str, str], noun: str) -> str:
    """Whose it is, where it is not this submission's.

    Args:
        given: The properties that it was given.
        owner: Those that the submission gives.
        noun: What it is called, e.g. ``job``.
    """
    told = [str(given.get(name, "")) for name in OWNER]
    if told == [owner[name] for name in OWNER]:
        return f"was submitted before this task was cleared, and a {noun} cannot run twice under one name"
    dag_id, run_id, task_id, map_index = told
    if not task_id:
        return "was not submitted by this task"
    return f"was not submitted by this task, but by {task_in_words(dag_id, run_id, task_id, map_index)}"


def task_in_words(dag_id: str, run_id: str, task_id: str, map_index: str) -> str:
    """A task as messages name it.

    Example:
        >>> task_in_words("retrain", "manual__1", "train", "3")
        'retrain.train[3] in run manual__1'
    """
    mapped = f"[{map_index}]" if map_index not in ("", "-1") else ""
    return f"{dag_id}.{task_id}{mapped} in run {run_id}"


def taken(arm_id: str, noun: str, reason: str, hint: str = _ANOTHER_NAME) -> JobNameTaken:
    """The exception for a name that a try cannot have.

    Args:
        arm_id: ARM id of what has it.
        noun: What that is called, e.g. ``job``.
        reason: Why it cannot be taken up.
        hint: What to do.
    """
    return JobNameTaken(
        method="GET",
        url=arm_id,
        status=200,
        code="JobNameTaken",
        message=f"{noun} {arm_ids.parse(arm_id).name!r} {reason}",
        hint=hint,
    )
