"""What deployments and endpoints are watched with, in any process: for how long, and by which checks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_azml.rest.awaited_endpoints import (
    ANSWERS,
    CHECK_FAILED,
    CHECKS,
    COMPARED_WITH,
    EVERY_SECONDS,
    SERVICE_ANSWERS,
    STEADY,
    UNTIL,
)
from airflow_provider_azml.rest.v1.awaited_services import UNSCHEDULABLE_SECONDS
from airflow_provider_azml.rest.waiting import Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

__all__ = ["ANSWERS", "CHECK_FAILED", "answers", "service_answers", "ticket", "travels"]
LOOK_SECONDS = 15.0
MOST_TRAVELLING = 40_000
"""Bytes of JSON that a trigger may be made of.

Airflow keeps a trigger's arguments encrypted, which makes 4 of 3 bytes, in a column of type ``Text``
(``models/trigger.py`` of Airflow 3.3.2), and that holds 65,535 bytes in MySQL
(https://dev.mysql.com/doc/refman/8.4/en/storage-requirements.html).
"""


def ticket(
    deployment_id: str,
    *,
    until: float,
    checks: Sequence[Json] = (),
    compared_with: str | None = None,
    every_seconds: float = LOOK_SECONDS,
) -> Ticket:
    """The ticket of a deployment that has to stay well until a moment.

    It is well as long as it is provisioned and its checks pass; the wait ends badly with the first that fails, with the
    code :data:`CHECK_FAILED`. A look has to pass at the moment or after it, so that all are done once at least.

    Args:
        deployment_id: ARM id of the online deployment.
        until: The moment, in seconds since the epoch.
        checks: In the normal form of :func:`~airflow_provider_azml.spec.checks.checked`.
        compared_with: Name of the deployment whose answers are the measure.
        every_seconds: Pause between two looks, in seconds.

    Example:
        >>> green = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
        >>> ticket(f"{green}/onlineEndpoints/iris/deployments/green", until=1_800_000_000).goal
        'steady'
    """
    watched = {UNTIL: until, EVERY_SECONDS: every_seconds, **_wanted(checks, compared_with)}
    return Ticket(deployment_id, goal=STEADY, wanted=watched)


def answers(arm_id: str, *, checks: Sequence[Json], compared_with: str | None = None) -> Ticket:
    """The ticket of an endpoint or deployment that has to answer as its checks say.

    Args:
        arm_id: ARM id of the online endpoint, which is asked through its traffic, or of one of its deployments.
        checks: As above.
        compared_with: As above.
    """
    return Ticket(arm_id, goal=ANSWERS, wanted=_wanted(checks, compared_with))


def service_answers(
    workspace: WorkspaceId, name: str, *, checks: Sequence[Json], unschedulable_seconds: float | None = None
) -> Ticket:
    """The ticket of a web service of v1 that has to be healthy, and to answer as its checks say.

    Args:
        workspace: The workspace.
        name: Name of the service.
        checks: As above.
        unschedulable_seconds: How long it may lack a place to run, in seconds; by default as long as the wait lasts.
    """
    wanted = {UNSCHEDULABLE_SECONDS: unschedulable_seconds, **_wanted(checks, None)}
    return Ticket(workspace.child("online_endpoint", name), goal=SERVICE_ANSWERS, wanted=wanted)


def travels(pending: Ticket) -> bool:
    """Whether a wait fits into a trigger; one whose checks have large payloads does not."""
    return len(json.dumps(pending.wanted)) <= MOST_TRAVELLING


def _wanted(checks: Sequence[Json], compared_with: str | None) -> Json:
    """Checks as text: Airflow takes some keys of mappings for its own, and a payload may have any."""
    return {CHECKS: json.dumps(list(checks)), COMPARED_WITH: compared_with}
