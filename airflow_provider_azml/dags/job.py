"""DAGs of job files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG

from airflow_provider_azml.dags.ids import legal
from airflow_provider_azml.dags.task_settings import settings_of
from airflow_provider_azml.dags.tasks import TASK_ID, job_task
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.schedule_plans import PlannedJob

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.dags.wishes import Wishes
    from airflow_provider_azml.spec.source import Source

_SAID = {"description": "description", "display_name": "dag_display_name"}
"""What a job file says for people to read -> the DAG's argument."""


def job_dag(source: Source, path: Path, wishes: Wishes) -> DAG:
    """The DAG of a job file.

    Args:
        source: The file, read.
        path: The file.
        wishes: What else is wanted.

    Raises:
        SpecError: It is no valid job.
    """
    wrong = unrendered.problems(source)
    if wrong:
        raise SpecError(wrong)
    given: dict[str, Any] = {"catchup": False}
    for key, argument in _SAID.items():
        if source.value.get(key) and source.render is None:  # else there may be blanks in it
            given[argument] = str(source.value[key])
    job_type = str(source.value.get("type", "command"))
    rendering = wishes.rendering
    settings = settings_of(path, {}, rendering.task_overrides, rendering.after, beside={TASK_ID: job_type})
    given |= settings.for_dag(wishes.dag_kwargs)
    dag = DAG(given.pop("dag_id", legal(path.stem)), schedule=given.pop("schedule", None), **given)
    dag.fileloc = str(wishes.fileloc)
    planned = PlannedJob(path, job_type=job_type)
    with dag:
        job_task(planned, wishes.fileloc.parent, changes={}, display_name=None, settings=settings.for_task(TASK_ID))
    return dag
