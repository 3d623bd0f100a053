"""What the traffic of an endpoint was before its newest deployment got any."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import TrafficRefused
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.rollouts import REPLACED, ROLLOUT, UNDONE
from airflow_provider_azml.rest.traffic import TRAFFIC_BEFORE, from_text, same, shares, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Before:
    """What a rollback gives back.

    Args:
        traffic: Deployment -> percent.
        tags: Tags of the endpoint that say so, for the PUT that does it: without them the next rollback would go back
            further.
    """

    traffic: Mapping[str, int]
    tags: Mapping[str, str] = field(default_factory=dict)


def traffic_before(endpoint_id: str, submission_tag: str) -> Flow[Before]:
    """The live traffic from before the newest rollout, or where none is known, from before the newest deployment.

    Deployments say it by a tag. Which of them came last to its traffic is said by a tag of the endpoint, unless one
    that was made later gets traffic; without the tag, by when they were made.

    Args:
        endpoint_id: ARM id of the endpoint.
        submission_tag: Name of the tag that says which submission made a deployment.

    Returns:
        What is there already, where the newest rollout was undone.

    Raises:
        TrafficRefused: No deployment says it, or one that says nothing came later and gets traffic, or the newest took
            the place of one of the same name, which is gone.

    Example:
        >>> before = client.run(traffic_before(endpoint_id, SUBMISSION))
    """
    endpoint = yield from flows.get(endpoint_id)
    row = RESOURCES["online_deployment"]
    deployments = yield from flows.pages(f"{endpoint_id}/{row.segment}", api_version=row.api_version)
    serving = shares(endpoint)
    newest, is_undone = _of_rollout(endpoint)
    deployment = _newest(deployments, serving, newest)
    is_followed = deployment is not None and deployment["name"] != newest and newest in _names(deployments)
    if is_undone and not is_followed and not _serves_again(deployment, serving):
        _log.info("The rollout of deployment %s was undone, the traffic is from before it", newest)
        return Before(serving)
    if deployment is None:
        raise _refused(endpoint_id, f"No deployment of endpoint {endpoint['name']!r} has a tag {TRAFFIC_BEFORE!r}")
    before = _before(endpoint_id, deployment)
    if same(before, serving):
        return Before(before)
    _log.info("Before deployment %s the traffic was %s", deployment["name"], told(before))
    undone = f"{_tags(deployment).get(submission_tag) or '-'} {deployment['name']} {UNDONE} its traffic was rolled back"
    return Before(before, {ROLLOUT: undone})


def _of_rollout(endpoint: Json) -> tuple[str | None, bool]:
    """Whose rollout was the newest, and whether it was undone, as far as the endpoint's tag says."""
    words = str((endpoint.get("tags") or {}).get(ROLLOUT) or "").split(maxsplit=3)
    return (words[1], words[2] == UNDONE) if words[2:] else (None, False)


def _newest(deployments: Sequence[Json], serving: Mapping[str, int], newest: str | None) -> Json | None:
    """The deployment that came last to its traffic, as far as anything says.

    What was made after the newest rollout's and gets traffic was given it later, by somebody or by another task.
    """
    is_there = newest in _names(deployments)
    rolled_out = [each for each in deployments if each["name"] == newest]
    if any(REPLACED in _tags(deployment) for deployment in rolled_out):
        return rolled_out[0]  # when it was made tells nothing: it kept that of the one whose place it took
    for deployment in sorted(deployments, key=_made, reverse=True):
        counts = deployment["name"] == newest if is_there else TRAFFIC_BEFORE in _tags(deployment)
        if counts or deployment["name"] in serving:
            return deployment
    return None


def _serves_again(deployment: Json | None, serving: Mapping[str, int]) -> bool:
    """Whether somebody has given a deployment traffic since its rollout was undone."""
    return deployment is not None and deployment["name"] in serving and REPLACED not in _tags(deployment)


def _names(deployments: Sequence[Json]) -> set[str]:
    return {deployment["name"] for deployment in deployments}


def _before(endpoint_id: str, deployment: Json) -> dict[str, int]:
    tags, name = _tags(deployment), deployment["name"]
    if REPLACED in tags:
        raise _refused(endpoint_id, f"Deployment {name!r} took the place of one of the same name, which is gone")
    if TRAFFIC_BEFORE not in tags:
        raise _refused(
            endpoint_id, f"Deployment {name!r} has no tag {TRAFFIC_BEFORE!r}, so nobody knows what was before it"
        )
    if not tags[TRAFFIC_BEFORE]:
        raise _refused(endpoint_id, f"No deployment got traffic before {name!r}")
    try:
        return from_text(tags[TRAFFIC_BEFORE])
    except ValueError as error:
        raise _refused(endpoint_id, f"Tag {TRAFFIC_BEFORE!r} of deployment {name!r}: {error}") from error


def _tags(deployment: Json) -> Mapping[str, str]:
    return deployment.get("tags") or {}


def _made(deployment: Json) -> str:
    """When a deployment was made, such that later is greater."""
    return str((deployment.get("systemData") or {}).get("createdAt") or "")


def _refused(endpoint_id: str, message: str) -> TrafficRefused:
    return TrafficRefused(
        method="GET",
        url=endpoint_id,
        status=200,
        code="TrafficRefused",
        message=f"{message}; the traffic of endpoint {arm_ids.parse(endpoint_id).name!r} was left as it is",
        hint="Say what it is to be: traffic={...}.",
    )
