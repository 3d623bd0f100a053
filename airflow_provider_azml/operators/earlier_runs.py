"""What tasks of earlier runs of a DAG have made, for the tasks that a run leaves out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSkipException
from airflow_provider_azml.hooks.task_state import state_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow.sdk import DAG, Context
    from airflow.sdk.types import DagRunProtocol, Logger, RuntimeTaskInstanceProtocol

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.node_selection import Fate
    from airflow_provider_azml.spec.pipeline_plans import NodePath

FROM_RUN = "from_run"
"""Key of the result of a task that was left out: the id of the run whose job made what it tells of."""
_GOOD = "success"
_MOST_RUNS = 50
"""How many good runs are looked at, newest first."""
_DATE = re.compile(r"__(\d{4}-\d\d-\d\dT[\d:.]+\+\d\d:\d\d)(?:_\w+)?")


@dataclass(frozen=True)
class EarlierResult:
    """What a task has told in an earlier run.

    Args:
        run_id: The run.
        result: The task's result.
    """

    run_id: str
    result: Json


def left_out(context: Context, fate: Fate, log: Logger) -> Json:
    """The result of a task whose node this run leaves out, or the exception that it ends with.

    Args:
        context: Of the task.
        fate: What is to become of the node; not ``run``.
        log: The task's log.

    Returns:
        The task's result in the last good run, with the id of the run whose job it tells of (``from_run``). Without
        such a run, for a node from which nothing is taken, a result without outputs.

    Raises:
        AirflowSkipException: Nothing that runs comes after the node, and no node of another pipeline of the DAG.
        AirflowFailException: What the node makes is needed, and no good run has made it.
    """
    ti = context["ti"]
    context["task"].outlets = []  # a success would be an event of each, and start what waits for something new
    if fate == "skip" and not _comes_before_another_pipeline(context):
        raise AirflowSkipException("left out of this run by azml_only or azml_skip, and nothing that runs comes after")
    found = earlier_result(ti, context["dag_run"])
    if found is not None:
        made_in = found.result.get(FROM_RUN) or found.run_id
        job = found.result.get("name")  # there is none of what another service has run
        log.info("reused: left out; outputs %sof run %s", f"of job {job} " if job else "", made_in)
        return {**found.result, FROM_RUN: made_in}
    if fate in ("pass", "skip"):
        log.info("left out; nothing that runs takes its outputs, and no good run of the DAG has any")
        return {"name": None, "status": None, "outputs": {}, "assets": {}, FROM_RUN: None}
    raise AirflowFailException(
        f"task {ti.task_id} is left out of this run by azml_only or azml_skip, a task that runs takes its outputs, and "
        f"no earlier run of DAG {ti.dag_id} that succeeded has any. Let it run too: put '+' in front of the name in "
        "azml_only. What is done in a run that has failed is there when its failed tasks are cleared."
    )


def elsewhere(dag: DAG) -> list[NodePath]:
    """The nodes of all pipelines of a DAG."""
    named = (_told(task, "node") for task in dag.tasks)
    return [tuple(str(name).split(".")) for name in named if name]


def _comes_before_another_pipeline(context: Context) -> bool:
    """Whether nodes of another pipeline of the DAG come after a task: they would be skipped with it."""
    task = context["dag"].get_task(context["ti"].task_id)  # as it was before its templates were rendered
    later = [one for one in task.get_flat_relatives(upstream=False) if _told(one, "node")]
    return any(_told(one, name) != _told(task, name) for one in later for name in ("file", "inputs"))


def _told(task: object, name: str) -> object:
    """What the operator of a node was told, be it mapped or that of another service."""
    for told in (getattr(task, "given", None), getattr(task, "partial_kwargs", None), vars(task)):
        if told and told.get(name):
            return told[name]
    return None


def earlier_result(ti: RuntimeTaskInstanceProtocol, dag_run: DagRunProtocol) -> EarlierResult | None:
    """What a task has told in the last run before this one that succeeded and in which it told something.

    Runs are ordered by the time from which they might start (``run_after``): scheduled and triggered ones, and those
    without a logical date.

    Args:
        ti: The task.
        dag_run: Its run.

    Source: workers may ask Airflow's execution API alone. ``GET /task-instances/states`` knows all runs, but not their
    dates, which are in the ids that Airflow gives them (``DagRun.generate_run_id``); ``GET /dag-runs/previous`` knows
    runs by any id, if they have a logical date. Both are there from Airflow 3.1 on.
    """
    for run_id in _good_runs(ti, dag_run):
        result = ti.xcom_pull(task_ids=ti.task_id, run_id=run_id, map_indexes=_index(ti))
        if isinstance(result, dict) and "outputs" in result and result.get(FROM_RUN, run_id) is not None:
            return EarlierResult(run_id, result)
    return None


def previous_result(ti: RuntimeTaskInstanceProtocol) -> Json | None:
    """What the same task has told last before, whatever became of the rest of that run; by one question.

    Source: ``include_prior_dates`` of ``xcom_pull``, which goes by ``run_after`` where a run has no logical date.
    """
    result = ti.xcom_pull(task_ids=ti.task_id, map_indexes=_index(ti), include_prior_dates=True)
    return result if isinstance(result, dict) and result.get("name") else None


def _index(ti: RuntimeTaskInstanceProtocol) -> int:
    return -1 if ti.map_index is None else ti.map_index


def _good_runs(ti: RuntimeTaskInstanceProtocol, dag_run: DagRunProtocol) -> Iterator[str]:
    """Ids of the runs before this one that succeeded, and this task in them, newest first."""
    index = _index(ti)
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], map_index=index if index >= 0 else None)
    here = partial(_InRun, dag_id=ti.dag_id, task_id=ti.task_id, map_index=ti.map_index)
    ended_well = {run for run in states if run != ti.run_id and state_in(states, here(run)) == _GOOD}
    dated = {run: date for run in ended_well if (date := _date_of(run)) is not None}
    strangers = ended_well - dated.keys()
    looked_up = dict(_known_by_logical_date(ti, dag_run, strangers)) if strangers else {}
    before = {run: date for run, date in {**dated, **looked_up}.items() if date < dag_run.run_after}
    for run in sorted(before, key=before.__getitem__, reverse=True)[:_MOST_RUNS]:
        if run in looked_up or ti.get_dagrun_state(ti.dag_id, run) == _GOOD:
            yield run


@dataclass
class _InRun:
    """A task in another of its DAG's runs."""

    run_id: str
    dag_id: str
    task_id: str
    map_index: int | None


def _date_of(run_id: str) -> dt.datetime | None:
    """The date in an id that Airflow gave to a run.

    Example:
        >>> _date_of("manual__2026-11-21T09:00:00+00:00_x7Kq2Lmb")
        datetime.datetime(2026, 11, 21, 9, 0, tzinfo=datetime.timezone.utc)
    """
    found = _DATE.search(run_id)
    try:
        return dt.datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _known_by_logical_date(
    ti: RuntimeTaskInstanceProtocol, dag_run: DagRunProtocol, wanted: Iterable[str]
) -> Iterator[tuple[str, dt.datetime]]:
    """Those runs that somebody has given an id of his own, with their dates, of those that succeeded."""
    missing = set(wanted)
    logical_date = dag_run.logical_date or dag_run.run_after
    for _ in range(_MOST_RUNS):
        found = _good_run_before(ti.dag_id, logical_date) if missing else None
        if found is None:
            return
        if found.run_id in missing:
            missing.remove(found.run_id)
            yield found.run_id, found.run_after
        logical_date = found.logical_date


def _good_run_before(dag_id: str, logical_date: dt.datetime) -> Any:  # a run, as the supervisor's messages have it
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetPreviousDagRun

    question = GetPreviousDagRun(dag_id=dag_id, logical_date=logical_date, state=_GOOD)
    return getattr(task_runner.SUPERVISOR_COMMS.send(question), "dag_run", None)
