"""What labels such as ``@latest`` stand for in all tasks of a DAG run.

The newest version as of the run's start is the same whenever and by whomever it is asked for, so that each task, and
each of its tries, can find it out alone. A clear gives the run another start: a task that was cleared goes by what
those tasks of the run have told that were not. A run that is cleared as a whole takes what is newest then.
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airflow.sdk import get_parsing_context

from airflow_provider_azml.exceptions import SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.labelled import Labelled
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_log = logging.getLogger(__name__)
RUN: Final = "run"
KEY = "azml_labels"
"""Key of the XCom by which a task tells what labels stand for."""
Labels: TypeAlias = "Literal['run'] | Mapping[str, str]"
"""When labels are looked up: once the run has begun; or the versions that they stand for, by their texts."""
_ENDED = frozenset({"success", "failed"})
_BEGUN = frozenset({"running", "deferred", "up_for_retry", "up_for_reschedule"})
"""States of tasks that were cleared with the run, if it was, and whose XComs may not have been deleted yet."""
_MOST_ASKED = 25
"""How many tasks are asked for the versions that they take, where it is known already as of when those count."""


@dataclass
class Held:
    """What other tasks of the run hold.

    Args:
        as_of: The moment that versions are of.
        versions: Label -> version, and the task that tells it.
    """

    as_of: datetime
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)


class LabelPins:
    """The versions that the labels of one task's job stand for.

    Args:
        given: What the operator was given.
        context: Of the task.
        log: The task's log, which tells each of them.
    """

    def __init__(self, given: Labels, context: Context, log: Logger) -> None:
        self._given: Mapping[str, str] = {} if isinstance(given, str) else given
        self._context = context
        self._log = log
        self._is_sent = False

    def sending(self, source: Source, target: Target, send: Callable[[Source, Target], Flow[Ticket]]) -> Flow[Ticket]:
        """Send a job, with its labels pinned.

        Args:
            source: The job, checked.
            target: The workspace.
            send: What sends it.

        Raises:
            NotFound: There is no version that a label could stand for.
        """
        from airflow_provider_azml.spec.labels import labels_in

        self._is_sent = True
        labels = labels_in(source)
        if labels:
            target = replace(target, pins=(yield from self._pinned(labels, target)))
        return (yield from send(source, target))

    def attached(self, source: Source, target: Target) -> None:
        """Tell the moment alone, for a job that an earlier try has sent: it need not be there any more by which."""
        from airflow_provider_azml.spec.labels import labels_in

        if self._is_sent:
            return
        labels = labels_in(source)
        if labels:
            self._tell(target, held_by_others(self._context, target, labels).as_of, {})

    def _pinned(self, labels: Sequence[Labelled], target: Target) -> Flow[Mapping[str, str]]:
        from airflow_provider_azml.spec import labels as spec_labels

        wanted = [one for one in labels if one.label not in self._given]
        held = held_by_others(self._context, target, wanted)
        unknown = [one for one in wanted if one.label not in held.versions]
        found = yield from spec_labels.pins(unknown, target, held.as_of)
        versions: dict[str, str] = {}
        for label in (one.label for one in labels):
            if label in found:
                version, why = found[label].version, found[label].why
            elif label in self._given:
                version, why = str(self._given[label]), "given to the task"
            else:
                version, task_id = held.versions[label]
                why = f"as for task {task_id} of this run"
            if version is None:
                self._log.warning("%s is left to Azure ML to look up: %s", label, why)
                continue
            self._log.info("%s is version %s: %s", label, version, why)
            versions[label] = version
        self._tell(target, held.as_of, versions)
        return versions

    def _tell(self, target: Target, as_of: datetime, versions: Mapping[str, str]) -> None:
        told = {
            "workspace": str(target.workspace),
            "as_of": as_of.isoformat(),
            "started": _started(self._context).isoformat(),
            "pins": dict(versions),
        }
        self._context["ti"].xcom_push(key=KEY, value=told)


def told_by(context: Context, submitter: str = "") -> dict[str, str]:
    """What a task has told that labels stand for; after it was deferred too.

    Args:
        context: Of the task.
        submitter: Id of the task that submitted its job, where it has not done so itself.
    """
    ti = context["ti"]
    told = ti.xcom_pull(key=KEY) or (ti.xcom_pull(task_ids=submitter, key=KEY) if submitter else None)
    return dict(told["pins"]) if told else {}


def held_by_others(context: Context, target: Target, labels: Sequence[Labelled]) -> Held:
    """What other tasks of the run hold: the moment that versions are of, and versions of some labels.

    Args:
        context: Of the task that asks.
        target: Its workspace; versions in another are no answer.
        labels: What is asked for.
    """
    run, ti = context["dag_run"], context["ti"]
    held = Held(_started(context))
    known = not run.clear_number  # a clear has moved the start
    wanted = {one.label for one in labels}
    if known and not wanted:
        return held
    started, is_told = held.as_of.isoformat(), False
    for asked, (task_id, map_index, state) in enumerate(_tasks_that_tell(context)):
        if known and (wanted <= held.versions.keys() or asked >= _MOST_ASKED):
            break
        told = ti.xcom_pull(task_ids=task_id, key=KEY, map_indexes=map_index)
        if not told or (state in _BEGUN and told["started"] != started):
            continue
        if not is_told:
            known, is_told, held.as_of = True, True, datetime.fromisoformat(told["as_of"])
        if told["workspace"] == str(target.workspace):
            for label, version in told["pins"].items():
                held.versions.setdefault(label, (version, task_id))
    return held


def _started(context: Context) -> datetime:
    """When the run began, the last time that it did."""
    run = context["dag_run"]
    return run.start_date or run.run_after


def _tasks_that_tell(context: Context) -> Iterator[tuple[str, int, str]]:
    """The other tasks of the run that may have told, with their map indexes and states, those before this one first."""
    ti, tasks = context["ti"], context["dag"].task_dict
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id) or {}
    before = context["task"].get_flat_relative_ids(upstream=True)
    found: list[tuple[str, int, str]] = []
    for name, state in states.items():
        head, _, tail = name.rpartition("_")
        task_id, map_index = (name, -1) if name in tasks else (head, int(tail) if tail.isdecimal() else -1)
        own = (task_id, map_index) == (ti.task_id, -1 if ti.map_index is None else ti.map_index)
        if state in _ENDED | _BEGUN and not own and task_id in tasks and _submits_jobs(tasks[task_id]):
            found.append((task_id, map_index, state))
    return iter(sorted(found, key=lambda one: one[0] not in before))


def _submits_jobs(task: object) -> bool:
    from airflow_provider_azml.operators.job_waiting import AzmlJobOperator

    made = getattr(task, "operator_class", type(task))  # of a mapped task
    return isinstance(made, type) and issubclass(made, AzmlJobOperator)


def pins_at_parse(
    job: Source,
    azml_conn_id: str = "azml_default",
    *,
    subscription_id: str | None = None,
    resource_group: str | None = None,
    workspace: str | None = None,
) -> Labels:
    """What the labels of a file, and of all that it pulls in, stand for when a DAG is made of it.

    It costs a look at all local folders that the file names, a sign-in, and a request for each label (two more for each
    label of a registry) each time the DAG file is parsed. A worker parses it too, but only for the run that is there
    already: it asks nobody, and the tasks of the run take what was newest when that began.

    Args:
        job: The job file.
        azml_conn_id: Connection of the workspace.
        subscription_id: Instead of the connection's.
        resource_group: Instead of the connection's.
        workspace: Instead of the connection's.

    Returns:
        Label -> version, for the operators of this workspace; ``run`` where it cannot be known yet: inside of a task,
        and for a file whose templates keep it from being understood.

    Raises:
        NotFound: There is no version that a label could stand for.
        ApiError: The service cannot be asked.
        ConnectionIncomplete: The connection is not there, or does not name the workspace.

    Example:
        >>> pins_at_parse(read(Path("pipeline.yml")), "azml_default")
        {'environment sklearn@latest': '7'}
    """
    from airflow_provider_azml.hooks.azml import AzmlHook
    from airflow_provider_azml.spec import kinds
    from airflow_provider_azml.spec import labels as spec_labels
    from airflow_provider_azml.spec.pipeline_inputs import stood_in
    from airflow_provider_azml.spec.v1.foreign_steps import with_stand_ins

    if get_parsing_context().task_id:
        return RUN
    try:
        known = with_stand_ins(stood_in(job))
        kinds.check(known, "job")
        labels = spec_labels.labels_in(known)
    except SpecError as error:
        _log.warning("Labels are looked up when a run begins, as the file cannot be understood before: %s", error)
        return RUN
    if not labels:
        return {}
    with closing(AzmlHook(azml_conn_id, subscription_id, resource_group, workspace)) as hook:
        found = hook.run(spec_labels.pins(labels, hook.target))
    return {label: pin.version for label, pin in found.items() if pin.version is not None}
