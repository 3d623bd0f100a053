"""Script runs by the service of CLI v1: started once, found again, and told of as jobs are."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.operators.sending import sent_once
from airflow_provider_azml.operators.submission import APPEARING_SECONDS, Ways, attempted
from airflow_provider_azml.rest import arm_ids, history
from airflow_provider_azml.rest.best_trials import output_uri
from airflow_provider_azml.rest.flows import Sleep
from airflow_provider_azml.rest.v1 import runs, tickets
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.operators.submission import Terms
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.v1.multipart import Content
    from airflow_provider_azml.rest.waiting import Ticket

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """What is said of a run.

    Args:
        display_name: The name that studio shows.
        description: Free text.
        tags: Its tags.
        properties: Its properties.
    """

    display_name: str | None = None
    description: str | None = None
    tags: Mapping[str, str] | None = None
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True)
class ScriptRun:
    """What is started.

    Args:
        experiment: Name of the experiment.
        definition: What runs, as ``definition.json`` says it.
        project: The folder, as an archive.
        said: What is said of the run besides.
        tolerate_errors_seconds: How long it is borne that the service is out of reach, in seconds.
    """

    experiment: str
    definition: Json
    project: Content
    said: Said
    tolerate_errors_seconds: float


def submit(plane: DataPlane, run: ScriptRun, base_name: str, owner: Mapping[str, str], terms: Terms) -> Flow[Ticket]:
    """Start a run unless an earlier try of the same task has: then attach to that one; as jobs are submitted.

    The run's id is the name that its job would have. The properties that say whose it is are added once it is started:
    a run without them is its id's, which holds the same.

    Args:
        plane: The data plane of the workspace.
        run: What is started.
        base_name: The run's id without the attempt.
        owner: The properties that say whose the run is.
        terms: How it is submitted.

    Raises:
        JobNameTaken: An earlier try submitted it, which the terms do not allow.
    """
    wanted = tickets.run(plane.workspace, run.experiment, base_name).wanted

    def given(found: Json) -> Json:
        """The properties of a run; those that its start was too short-lived to add are its id's."""
        return {SUBMISSION: owner[SUBMISSION], **(found.get("properties") or {})}

    ways = Ways(
        send=lambda arm_id: terms.submitting(_started(plane, run, arm_id, owner), arm_id),
        find=lambda arm_id: runs.find(plane, arm_ids.parse(arm_id).name),
        status=lambda _, found: str(found.get("status") or ""),
        given=given,
        goal="run",
        wanted=wanted,
    )
    ticket = yield from attempted(plane.workspace, base_name, ways, owner=owner, terms=terms)
    if ticket.body and SUBMISSION not in (ticket.body.get("properties") or {}):
        yield from _say(plane, run, arm_ids.parse(ticket.arm_id).name, owner)
    return ticket


def told(plane: DataPlane, experiment: str, arm_id: str, studio_url: str) -> Flow[Json]:
    """What a task tells of a run: the same as of a job.

    Its one output is ``default``, which has what the script wrote to ``outputs`` and ``logs``.
    """
    run_id = arm_ids.parse(arm_id).name
    found = yield from runs.get(plane, run_id)
    try:
        metrics = yield from history.metrics(plane, run_id)
    except ApiError as error:
        _log.warning("The run is done, but its metrics cannot be read: %s", error)
        metrics = {}
    return {
        "name": run_id,
        "id": arm_id,
        "status": found.get("status"),
        "studio_url": studio_url,
        "experiment_name": experiment,
        "outputs": {"default": output_uri(run_id, "default")},
        "metrics": metrics,
    }


def _started(plane: DataPlane, run: ScriptRun, arm_id: str, owner: Mapping[str, str]) -> Flow[Ticket]:
    """Start a run. It is not sent again before it is sure that the service has no run of that id.

    Raises:
        ApiError: The service refused it, or was out of reach for too long.
    """
    run_id = arm_ids.parse(arm_id).name

    def start() -> Flow[object]:
        return runs.start(plane, run.experiment, run.definition, run.project, run_id=run_id)

    def find() -> Flow[object]:
        return runs.find(plane, run_id)

    yield from sent_once(start, find, f"run {run_id}", tolerate_errors_seconds=run.tolerate_errors_seconds)
    yield from _say(plane, run, run_id, owner)
    return tickets.run(plane.workspace, run.experiment, run_id)


def _say(plane: DataPlane, run: ScriptRun, run_id: str, owner: Mapping[str, str]) -> Flow[None]:
    """Say of a run whose it is, and what is said of it besides; that it cannot be said is no reason to end it."""
    said = asdict(replace(run.said, properties={**(run.said.properties or {}), **owner}))
    for pause in (*APPEARING_SECONDS, None):
        try:
            yield from runs.amend(plane, run.experiment, run_id, **said)
        except ApiError as error:
            if pause is None:
                _log.warning("Run %s is started, but it cannot be said whose it is: %s", run_id, error)
            else:
                yield Sleep(pause)
        else:
            return
