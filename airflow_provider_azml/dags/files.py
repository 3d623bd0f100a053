"""``azml_dag``: the DAG of one AML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.dags.job import job_dag
from airflow_provider_azml.dags.pipeline import pipeline_dag
from airflow_provider_azml.dags.schedule import schedule_dag
from airflow_provider_azml.dags.task_settings import refusals_of_airflow
from airflow_provider_azml.dags.wishes import Rendering, Wishes
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.schedule_plans import plan
from airflow_provider_azml.spec.source import read
from airflow_provider_azml.spec.v1 import schedules as v1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import DAG

    from airflow_provider_azml.dags.changes import Per
    from airflow_provider_azml.dags.wishes import Labels, Render
    from airflow_provider_azml.operators.takeover import Takeover
    from airflow_provider_azml.spec.cron import CronFields


def azml_dag(
    file: str | Path,
    *,
    render: Render | None = None,
    task_overrides: Mapping[str, Mapping[str, Any]] | None = None,
    after: Mapping[str, Sequence[str]] | None = None,
    labels: Labels = "run",
    job: str | None = None,
    cron_fields: CronFields | None = None,
    takeover: Takeover | None = None,
    twin: str | None = None,
    per: Per = "blob",
    **dag_kwargs: Any,
) -> DAG:
    """The DAG of an AML file: a schedule, or a job.

    That of a schedule fires when the file says. Its name, description, tags, start and end are the file's. Its one
    task, ``job``, submits the job, under the display name ``<schedule>-YYYYMMDDThhmmssZ`` as on the service. Where the
    service has the same schedule enabled, both fire, unless `takeover` is given.

    That of a job has the file's name without its ending, and no schedule unless one is given. That of a pipeline has a
    task for each of the file's nodes, called like the node, and a group for each pipeline component that is one of
    them; the pipeline's inputs are its params. That of another job has one task, ``job``.

    Args:
        file: Schedule file of the AML CLI, v2 or v1, or job file, relative to the folder of the file that calls this.
        render: What becomes of a pipeline. ``tasks``: a task for each node, each submitted as a job of its own, so that
            it can be retried, cleared and watched alone. ``job``: one task, ``job``, that submits the whole.
            ``watch``: one job too, and beside it a task for each node that shows what becomes of it. By default a
            pipeline file becomes ``tasks``, and the pipeline of a schedule a ``job``.
        task_overrides: Node, pattern of nodes or ``kind:<type>`` -> keyword arguments of the operators of their tasks,
            e.g. ``{"train": {"retries": 3}, "kind:sweep": {"pool": "sweeps"}, "*": {"deferrable": True}}``.
            They go over those of ``<name>.airflow.yml`` and ``.airflow.yml`` beside the file.
        after: Node -> the nodes that it comes after, besides those that it takes something from; not to be had where
            Azure ML runs all nodes as one job.
        labels: When labels such as ``@latest`` are looked up, and held: when the DAG ``run`` begins, for all its tasks
            and their retries, or when the DAG is parsed (``parse``), which takes a connection there.
        job: For a schedule of CLI v1, whose file does not say it: the job's file, relative to the schedule's folder, or
            ``azureml:`` and the name of a job that ran.
        cron_fields: Whether days and months of a cron expression count, ``standard``, or are ignored as Azure ML
            ignores them, ``service``. Without it they count, with a warning wherever that makes a difference.
        takeover: What the first task, ``takeover``, does while the same schedule is enabled on the service. ``check``:
            it fails, so that nothing is submitted twice. ``disable``: it disables that schedule. Where the service has
            run a job for the time of the DAG run already, it skips the rest. Without it there is no such task, and
            nobody looks. Job files have nothing to take over.
        twin: How the service calls that schedule, where it is not the file's name for it; for CLI v1, whose files have
            none, its name or its id.
        per: For a schedule of CLI v1 that fires when data change. ``blob``: each run submits the job once for each path
            that was added or changed. ``poll``: once for all of them.
        dag_kwargs: What else the DAG is given, e.g. ``default_args={"azml_conn_id": "other"}``, or instead of the
            file's.

    Raises:
        SpecError: The file, or that of its job, cannot be used; with all problems of both, with file and line.

    Example:
        >>> retrain = azml_dag("retrain_schedule.yml", takeover="disable", default_args={"retries": 2})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule
    """
    caller = Path(sys._getframe(1).f_code.co_filename)  # noqa: SLF001 (as Airflow finds the file of a DAG)
    rendering = Rendering(render, task_overrides, after, labels)
    return dag_of(caller.parent / file, Wishes(caller, job, cron_fields, dag_kwargs, takeover, twin, per, rendering))


def dag_of(path: Path, wishes: Wishes) -> DAG:
    """The DAG of a file, as a part of a DAG file.

    Args:
        path: The AML file.
        wishes: What else is wanted.

    Raises:
        SpecError: The file cannot be used.
    """
    with refusals_of_airflow(path):
        return _dag_of(path, wishes)


def _dag_of(path: Path, wishes: Wishes) -> DAG:
    try:
        source = read(path)
    except SpecError:
        source = unrendered.read(path)
        if inferred(source.value) != "job":  # no task renders what says when to run
            raise
    kind = inferred(source.value)
    if kind == "job":
        return (pipeline_dag if source.value.get("type") == "pipeline" else job_dag)(source, path, wishes)
    if kind in (None, "schedule") or v1.is_schedule(source):
        name = wishes.dag_kwargs.get("dag_id")
        found = plan(source, job=wishes.job, cron_fields=wishes.cron_fields, name=name)
        return schedule_dag(found, path, wishes)
    raise SpecError([source.problem((), f"is a {kind}; the DAG of a schedule or of a job can be had")])
