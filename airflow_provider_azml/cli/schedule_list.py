"""``azml schedule list``: the schedules of a workspace, of both generations."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING

from airflow_provider_azml.cli.sign_in import add_workspace_options, signed_in, workspace_of
from airflow_provider_azml.exceptions import ApiError, AzmlError, ConnectionIncomplete
from airflow_provider_azml.rest import schedules
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.v1 import pipeline_schedules
from airflow_provider_azml.rest.v1.pipelines import field
from airflow_provider_azml.spec.schedule_explanations import MOMENT
from airflow_provider_azml.spec.service_schedules import of_retired, of_today

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.service_schedules import ServiceSchedule

EPILOG = """\
Signs in with azure-identity's default credential: the environment, a managed identity, 'az login' ... The cloud is
that of ARM_CLOUD_METADATA_URL, else of AZUREML_CURRENT_CLOUD, else the public one. Studio does not show schedules of
published pipelines, which CLI v1 made; here they are.

exit codes: 0 listed, 1 the workspace could not be asked, 2 the command line is wrong

examples:
  azml schedule list --subscription 0a1b... --resource-group ml --workspace forecasts
  azml schedule list --json | jq '.[] | select(.is_enabled) | .name'
"""
_TITLES = ("NAME", "CLI", "ENABLED", "NEXT", "LAST", "FIRES")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``azml schedule list``."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    add_workspace_options(parser)
    parser.set_defaults(act=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the schedules of a workspace."""
    try:
        workspace = workspace_of(arguments)
    except ConnectionIncomplete as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        with signed_in() as client:
            found, refusal = client.run(both_generations(workspace, dt.datetime.now(dt.timezone.utc)))
    except AzmlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(as_json(found) if arguments.json else as_table(found))
    sys.stdout.flush()  # so that what is missing is told last where both go to one place
    if refusal is not None:
        sys.stderr.write(f"schedules of CLI v1 are not listed: {_in_short(refusal)}\n")
    return 0


def both_generations(
    workspace: WorkspaceId, now: dt.datetime
) -> Flow[tuple[list[tuple[ServiceSchedule, str | None]], ApiError | None]]:
    """The schedules of a workspace with the status of what each has started last, and why those of v1 are missing.

    Args:
        workspace: The workspace.
        now: From when on next firings are looked for, in UTC.
    """
    found = [of_today(body, now) for body in (yield from schedules.listed(workspace))]
    refusal, plane = None, DataPlane(workspace)
    try:
        found += [of_retired(entity, now) for entity in (yield from pipeline_schedules.each(plane, active_only=False))]
    except ApiError as error:  # the older interface is none of every workspace's, nor every role's
        refusal = error
    last = yield All([_last_status(plane, one) for one in found])
    return sorted(zip(found, last, strict=True), key=lambda row: (row[0].name.lower(), row[0].generation)), refusal


def as_table(rows: Sequence[tuple[ServiceSchedule, str | None]]) -> str:
    """The schedules for people."""
    cells = [_TITLES, *(_row(schedule, last) for schedule, last in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_TITLES))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "".join(f"{line}\n" for line in lines) if rows else "no schedules\n"


def as_json(rows: Sequence[tuple[ServiceSchedule, str | None]]) -> str:
    """The schedules as a JSON list, moments in UTC."""
    return json.dumps([_object(schedule, last) for schedule, last in rows], indent=2, ensure_ascii=False) + "\n"


def _in_short(refusal: ApiError) -> str:
    if refusal.status is None:
        return " ".join(str(refusal).split())
    request_id = f", request id {refusal.request_id}" if refusal.request_id else ""
    return f"the workspace answers {refusal.status} {refusal.code}{request_id}"


def _row(schedule: ServiceSchedule, last: str | None) -> tuple[str, ...]:
    at = schedule.next_firing
    following = f"{at:{MOMENT}} {at:%z}" if at else "-"
    zone = f", {schedule.zone}" if schedule.zone else ""
    enabled = "yes" if schedule.is_enabled else "no"
    return schedule.name, schedule.generation, enabled, following, last or "-", f"{schedule.trigger}{zone}"


def _object(schedule: ServiceSchedule, last: str | None) -> Json:
    at = schedule.next_firing
    return {
        "name": schedule.name,
        "generation": schedule.generation,
        "id": schedule.key,
        "display_name": schedule.display_name,
        "is_enabled": schedule.is_enabled,
        "trigger": schedule.trigger,
        "time_zone": schedule.zone,
        "next_firing": at.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None,
        "last_status": last,
    }


def _last_status(plane: DataPlane, schedule: ServiceSchedule) -> Flow[str | None]:
    """The status of what a schedule has started last; ``None`` where there is nothing, or it is not to be known."""
    try:
        if schedule.generation == "v2":
            job = yield from schedules.last_job(plane.workspace, schedule.name)
            return str(job["properties"].get("status")) if job else None
        found = yield from pipeline_schedules.last_run(plane, schedule.key)
    except ApiError:  # a list without it is better than none
        return None
    status = field(found, "Status") if found else None
    word = field(status, "StatusCode") if isinstance(status, dict) else None
    return str(word) if word is not None else None
