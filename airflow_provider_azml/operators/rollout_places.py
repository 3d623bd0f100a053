"""What a rollout is about: the deployment and the endpoint, as they are written and as the service shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows, rollouts, traffic_changes, waiting
from airflow_provider_azml.rest.flows import All, Send, call, request
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.traffic import CHECK_FAILED, TRAFFIC_BEFORE, shares, told, with_traffic
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.exceptions import TrafficChanged
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.rollout_acts import Deploy, Disturbed
    from airflow_provider_azml.rest.rollouts import Plan, Shown
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source


@dataclass(frozen=True)
class Rollout:
    """What is deployed where, and how it comes to its traffic.

    Args:
        plan: How it comes to its traffic.
        deployment: The deployment, as it is written.
        endpoint: The endpoint likewise.
        workspace: The workspace that they are in.
    """

    plan: Plan
    deployment: Source
    endpoint: Source
    workspace: WorkspaceId

    @property
    def endpoint_name(self) -> str:
        """Name of the endpoint."""
        return str(self.endpoint.value["name"])

    @property
    def endpoint_id(self) -> str:
        """ARM id of the endpoint."""
        return self.workspace.child("online_endpoint", self.endpoint_name)

    @property
    def deployment_id(self) -> str:
        """ARM id of the deployment."""
        return self.deployment_id_of(self.plan.name)

    def deployment_id_of(self, name: str) -> str:
        """ARM id of one of the endpoint's deployments."""
        return self.workspace.child("online_deployment", self.endpoint_name, name)

    def is_ours(self, found: Json | None) -> bool:
        """Whether this submission made an endpoint or a deployment."""
        return ((found or {}).get("tags") or {}).get(SUBMISSION) == self.plan.submission

    def former(self, shown: Shown) -> str | None:
        """Name of the deployment that got most of the traffic before, ``None`` when no other got any."""
        others = {name: share for name, share in shown.before.items() if name != self.plan.name}
        return max(others, key=lambda name: others[name], default=None)

    def made_with(self, act: Deploy) -> Source:
        """The deployment, with what has to be known of the time before it."""
        replaced = {rollouts.REPLACED: "yes"} if act.replaced else {}
        return self.deployment.merged({"tags": {TRAFFIC_BEFORE: rollouts.tag_of_before(act.before), **replaced}})

    # -- what is asked of the service ----------------------------------------------------------------------------

    def look(self) -> Flow[Shown]:
        """What the service shows."""
        found: list[Json | None] = yield All([flows.find(self.endpoint_id), flows.find(self.deployment_id)])
        endpoint, deployment = found
        there = (yield from self.deployments()) if endpoint and self.plan.remove_old else []
        ours = self.is_ours(deployment)
        return rollouts.shown(self.plan, endpoint, deployment, ours=ours, there=[each["name"] for each in there])

    def deployments(self) -> Flow[list[Json]]:
        """The endpoint's deployments."""
        collection = self.deployment_id.rpartition("/")[0]
        return (yield from flows.pages(collection, api_version=RESOURCES["online_deployment"].api_version))

    def repair_endpoint(self) -> Flow[Ticket]:
        """PUT an endpoint whose last change has failed as it is shown, with its traffic."""
        found = yield from flows.get(self.endpoint_id)
        return (yield from waiting.submit(self.endpoint_id, with_traffic(found, shares(found))))

    def note_before(self, before: Mapping[str, int]) -> Flow[Ticket]:
        """Write down on the deployment that the traffic before its first step is another by now."""
        return (yield from self.tag_deployment({TRAFFIC_BEFORE: rollouts.tag_of_before(before)}))

    def tag_deployment(self, tags: Mapping[str, str]) -> Flow[Ticket]:
        """Give the deployment tags besides those that it has.

        Source: the PATCH of a deployment takes ``tags``, in the 2024-04-01 OpenAPI file.
        """
        found = yield from flows.get(self.deployment_id)
        body = {"tags": {**(found.get("tags") or {}), **tags}}
        sent = request("PATCH", self.deployment_id, params=flows.version_of(self.deployment_id), json=body)
        return waiting.ticket(self.deployment_id, (yield from call(Send(sent))))

    def note_failure(self, reason: str) -> Flow[Ticket | None]:
        """Write down on a deployment that is kept why its traffic was taken back, unless it says so."""
        found = yield from flows.get(self.deployment_id)
        if CHECK_FAILED in (found.get("tags") or {}):
            return None
        return (yield from self.tag_deployment({CHECK_FAILED: reason[: rollouts.LONGEST_TAG]}))

    def left_behind(self, shown: Shown) -> Flow[str | None]:
        """ARM id of what this submission has made and what gets no traffic: the endpoint, if nothing else is there.

        Args:
            shown: What the service shows.
        """
        name = self.plan.name
        if shown.replaced or shown.traffic.get(name):
            return None
        endpoint = yield from flows.find(self.endpoint_id)
        if endpoint is None:
            return None
        if shown.mark is None and self.is_ours(endpoint) and not shares(endpoint):
            others = [each["name"] for each in (yield from self.deployments()) if each["name"] != name]
            if not others:
                return self.endpoint_id
        return self.deployment_id if shown.is_ours else None

    def disturbed(self, act: Disturbed) -> TrafficChanged:
        """The exception for traffic that somebody else has changed."""
        return traffic_changes.changed_by_others(
            self.endpoint_id, f"it shows {told(act.shown)}, where {told(act.expected)} was expected"
        )
