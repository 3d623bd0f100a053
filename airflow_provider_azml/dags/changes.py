"""Schedules of changes: an asset that watches a folder of a datastore, and the tasks that take what changed there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, get_args
from urllib.parse import quote

from airflow.sdk import Asset, AssetWatcher, Param

from airflow_provider_azml.dags.assets import outlets_of_job
from airflow_provider_azml.dags.tasks import CHANGES_TASK_ID, TASK_ID, job_arguments
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowSkipException
from airflow_provider_azml.operators.shielding import ShieldedOperator
from airflow_provider_azml.rest.datastores import uri
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.unrendered import read
from airflow_provider_azml.triggers.datastore import AzmlDatastorePathTrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import BaseOperator, Context

    from airflow_provider_azml.dags.task_settings import TaskSettings
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.schedule_plans import PlannedJob
    from airflow_provider_azml.spec.v1.schedules import Changes

Per = Literal["blob", "poll"]
PATHS = "paths"
"""The parameter of a DAG run that takes paths instead of those that changed."""
_PLACE = ("azml_conn_id", "subscription_id", "resource_group", "workspace")
_TEXT = "string"


class AzmlChangedPathsOperator(ShieldedOperator):
    """Makes inputs of a job of what changed in a datastore, as the asset events say that the DAG run came of.

    A blob that several of them tell of is taken once. A run that somebody starts takes the paths that its parameter
    ``paths`` gives; without any, and without events, there is nothing to do, and what follows is skipped.

    Args:
        datastore: Name of the datastore.
        folder: Folder that is watched.
        parameter: The input that takes what changed; without one, none does.
        per: ``blob`` for the inputs of a job for each path, ``poll`` for those of one job for all.
        as_text: Whether the input takes text rather than data: the URI of the path, or a JSON list of those of all.
        inputs: The job's other inputs.

    Returns:
        With ``per="blob"`` a list with the inputs for each path, otherwise the inputs for all.
    """

    template_fields: Sequence[str] = ("inputs",)
    ui_color = "#e8f1fb"

    def __init__(
        self,
        *,
        datastore: str,
        folder: str,
        parameter: str | None = None,
        per: Per = "blob",
        as_text: bool = False,
        inputs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.datastore = datastore
        self.folder = folder
        self.parameter = parameter
        self.per = per
        self.as_text = as_text
        self.inputs = inputs

    def execute(self, context: Context) -> list[Json] | Json:
        """Find what changed, and make inputs of it."""
        paths = [str(path).strip("/") for path in context["params"].get(PATHS) or ()]
        paths = paths or changed_paths(context["triggering_asset_events"].values())
        if not paths:
            reason = "this run came of no change, so there is nothing to do. To run the job for paths of your choice, "
            raise AirflowSkipException(f"{reason}trigger the DAG with the parameter {PATHS!r}")
        self.log.info("Changed in %s: %s", uri(self.datastore, self.folder), ", ".join(paths))
        if self.per == "blob":
            return [self._with(self._value(uri(self.datastore, path), "uri_file")) for path in paths]
        if self.as_text:
            return self._with(json.dumps([uri(self.datastore, path) for path in paths]))
        return self._with(self._value(uri(self.datastore, f"{self.folder}/" if self.folder else ""), "uri_folder"))

    def _value(self, path: str, kind: str) -> Json | str:
        return path if self.as_text else {"type": kind, "path": path}

    def _with(self, value: Json | str) -> Json:
        return {**(self.inputs or {}), **({self.parameter: value} if self.parameter else {})}


def changed_paths(events: Iterable[Iterable[Any]]) -> list[str]:
    """The paths that events of :class:`~airflow_provider_azml.triggers.datastore.AzmlDatastorePathTrigger` tell of.

    Args:
        events: The events of each asset, as ``triggering_asset_events.values()`` has them.

    Returns:
        Each path once, those that were told of first at the beginning.
    """
    payloads = [mapping(event.extra.get("payload")) for of_asset in events for event in of_asset]
    return list(dict.fromkeys(blob["path"] for payload in payloads for blob in payload.get("blobs", [payload]) if blob))


def given_by_changes(dag_id: str, changes: Changes, dag_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """What a DAG is given that runs when data change: ``schedule``, ``catchup`` and ``params``.

    Its asset is its own, so that what one DAG was told of is nothing to others; lists of the datastore are shared by
    all that watch it nevertheless.

    Args:
        dag_id: Id of the DAG.
        changes: What is looked at.
        dag_kwargs: What the DAG is given besides; connection and workspace of its ``default_args`` count here too.
    """
    place = {name: value for name, value in mapping(dag_kwargs.get("default_args")).items() if name in _PLACE}
    # one event of all that a look finds: the tasks are mapped over its blobs, and Airflow stores less
    trigger = AzmlDatastorePathTrigger(
        changes.datastore, changes.path, poll_seconds=changes.poll_seconds, per="poll", **place
    )
    folder = f"{changes.datastore}/{changes.path}".rstrip("/")
    asset = Asset(
        name=f"{dag_id}: {folder}",
        uri=f"{quote(uri(changes.datastore, changes.path), safe=':/')}?dag={dag_id}",
        group="azml",
        watchers=[AssetWatcher(name=folder, trigger=trigger)],
    )
    paths = Param(
        [],
        type="array",
        items={"type": _TEXT},
        title="Paths",
        description=f"Paths in the datastore {changes.datastore}, to run the job for those instead of what changed.",
    )
    return {"schedule": [asset], "catchup": False, "params": {PATHS: paths}}


def changed_jobs(
    job: PlannedJob,
    folder: Path,
    changes: Changes,
    settings: TaskSettings,
    *,
    per: Per,
    other: Mapping[str, Any],
    display_name: str,
) -> tuple[BaseOperator, Any]:
    """The tasks that find what changed and submit the job for it, of the DAG that is being made.

    Args:
        job: The job.
        folder: Folder of the DAG file.
        changes: What is looked at.
        settings: What Airflow is told of the tasks.
        per: ``blob`` for a job per changed path, ``poll`` for one of all.
        other: What is to be otherwise than the job says, as for :func:`~airflow_provider_azml.dags.tasks.job_task`.
        display_name: What the job is called, a template.

    Returns:
        The first task, and the last.

    Raises:
        SpecError: ``per`` is something else, the job takes no such change, or its input is one blob, and ``per`` is
            ``poll``.
    """
    if per not in get_args(Per):
        reason = f"is {per!r:.80}; it must be {' or '.join(get_args(Per))}"
        raise SpecError([Problem("<arguments>", 0, 0, "per", reason)])
    operator, given = job_arguments(job, folder, changes=other, display_name=display_name)
    declared = _declared(job, changes.parameter)
    if per == "poll" and declared == "uri_file":
        reason = "is one blob (uri_file), and several may change; make it a uri_folder or a string, or give per='blob'"
        raise SpecError([Problem(str(job.file or job.ran), 0, 0, f"inputs.{changes.parameter}", reason)])
    first = AzmlChangedPathsOperator(
        task_id=CHANGES_TASK_ID,
        datastore=changes.datastore,
        folder=changes.path,
        parameter=changes.parameter,
        per=per,
        as_text=declared == _TEXT,
        inputs=given.pop("inputs", None),
        **settings.for_task(CHANGES_TASK_ID, operator=AzmlChangedPathsOperator),
    )
    given |= {"outlets": outlets_of_job(job), **settings.for_task(TASK_ID)}
    if per == "poll":
        return first, operator(task_id=TASK_ID, **given, inputs=first.output)  # type: ignore[arg-type]  # resolved by then
    index = _index(changes.parameter, as_text=declared == _TEXT)
    return first, operator.partial(task_id=TASK_ID, map_index_template=index, **given).expand(inputs=first.output)


def _index(parameter: str | None, *, as_text: bool) -> str | None:
    """What the UI shows for a mapped task: the path."""
    if parameter is None:
        return None
    value = f"task.inputs[{parameter!r}]{'' if as_text else '.path'}"
    return f"{{{{ {value}.partition('/paths/')[2] }}}}"


def _declared(job: PlannedJob, parameter: str | None) -> str | None:
    """The type of a job's input, as far as its file tells; a value without one is text."""
    inside = job.spec if job.spec is not None else read(job.file).value if job.file else {}
    inputs = mapping(inside.get("inputs"))
    if parameter is None or inputs.get(parameter) is None:
        return None
    value = inputs[parameter]
    return str(value.get("type", "uri_folder")) if isinstance(value, dict) else _TEXT
