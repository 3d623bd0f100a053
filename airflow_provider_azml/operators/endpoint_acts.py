"""Operators that act on endpoints which are there: delete them or one of their deployments, make their keys anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.exceptions import TrafficRefused
from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.endpoint_keys import KeyType
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

EndpointKind = Literal["online", "batch"]
ENDPOINT_KINDS: tuple[EndpointKind, ...] = ("online", "batch")


class EndpointOperator(AzmlOperator):
    """Base of operators that act on an endpoint which is there.

    Args:
        endpoint_name: Name of the endpoint.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "endpoint_name")
    operator_extra_links = (AzmlStudioLink(), AzmlEndpointLink())
    kind: EndpointKind = "online"

    def __init__(self, *, endpoint_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name

    @property
    def endpoint_id(self) -> str:
        """ARM id of the endpoint."""
        return self.hook.workspace_id.child(f"{self.kind}_endpoint", self.endpoint_name)

    def told(self, context: Context, arm_id: str, status: str) -> Json:
        """The result of an act after which there is nothing more to tell."""
        from airflow_provider_azml.rest.arm_ids import parse

        return {"name": parse(arm_id).name, "id": arm_id, "status": status, "studio_url": self.shown(context)}

    def shown(self, context: Context) -> str:
        """Put the link to studio beside the task, and answer it."""
        return self._show(context, f"{self.kind}_endpoint", self.endpoint_name)


class AzmlDeleteEndpointOperator(EndpointOperator):
    """Deletes an endpoint with all its deployments, and waits until it is gone; one that is gone is no error.

    Args:
        endpoint_name: Name of the endpoint.
        kind: ``online`` or ``batch``.

    Returns:
        ``{"name", "id", "status", "studio_url"}``.

    Raises:
        RunFailed: It is there still, long after the service has said that it is deleted.

    Example:
        >>> AzmlDeleteEndpointOperator(task_id="delete", endpoint_name="iris-test", trigger_rule="all_done")

    Source: ``DELETE onlineEndpoints/{name}`` and ``DELETE batchEndpoints/{name}`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*EndpointOperator.template_fields, "kind")

    def __init__(self, *, kind: EndpointKind = "online", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of

        super().check_arguments()
        self.kind = one_of("kind", self.kind, ENDPOINT_KINDS)

    def submit(self, context: Context) -> Ticket:
        """Delete it."""
        from airflow_provider_azml.rest.deletions import delete

        self.shown(context)
        return self.hook.run(delete(self.endpoint_id))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Delete it once nothing else is being done to it; then the task's result."""
        if outcome.goal == "idle":
            return self.submit(context)
        if not outcome.succeeded:
            raise outcome.failure(studio_url=self.shown(context))
        return self.told(context, self.endpoint_id, outcome.status)


class AzmlDeleteDeploymentOperator(EndpointOperator):
    """Deletes one deployment of an endpoint, and waits until it is gone; one that is gone is no error.

    One that gets traffic is not deleted, unless it is said who gets that; nor is the default deployment of a batch
    endpoint, which gets all that is sent there. Mirrored traffic just ends.

    Args:
        endpoint_name: Name of the endpoint.
        deployment_name: Name of the deployment.
        move_traffic_to: Name of the deployment that gets its share first, or becomes the default.
        stop_serving: Take its share away first, whoever else serves: the others get it, each as much as it has; where
            there are none, the endpoint answers nothing until a deployment gets traffic again.
        kind: Whether the endpoint is ``online`` or ``batch``.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; ``name`` is the deployment's.

    Raises:
        TrafficRefused: It gets traffic, and it is not said who gets that.
        TrafficChanged: Somebody else has changed the traffic meanwhile.
        RunFailed: It is there still, long after the service has said that it is deleted.

    Example:
        >>> AzmlDeleteDeploymentOperator(
        ...     task_id="remove_green", endpoint_name="iris", deployment_name="green", move_traffic_to="blue"
        ... )

    Source: ``DELETE onlineEndpoints/{endpoint}/deployments/{name}`` of the service's OpenAPI file, which the service
    refuses while the deployment gets traffic:
    https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
    """

    template_fields: Sequence[str] = (
        *EndpointOperator.template_fields,
        "deployment_name",
        "move_traffic_to",
        "stop_serving",
        "kind",
    )

    def __init__(
        self,
        *,
        deployment_name: str,
        move_traffic_to: str | None = None,
        stop_serving: bool | str = False,
        kind: EndpointKind = "online",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deployment_name = deployment_name
        self.move_traffic_to = move_traffic_to
        self.stop_serving = stop_serving
        self.kind = kind

    @property
    def deployment_id(self) -> str:
        """ARM id of the deployment."""
        return self.hook.workspace_id.child(f"{self.kind}_deployment", self.endpoint_name, self.deployment_name)

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of, refused, yes_or_no

        super().check_arguments()
        self.kind = one_of("kind", self.kind, ENDPOINT_KINDS)
        self.stop_serving = yes_or_no("stop_serving", self.stop_serving)
        if self.move_traffic_to in ("", "None"):
            self.move_traffic_to = None
        if self.stop_serving and self.move_traffic_to:
            raise refused("stop_serving", "gives the traffic to nobody in particular, move_traffic_to to one; give one")
        if self.move_traffic_to and self.move_traffic_to.lower() == self.deployment_name.lower():
            raise refused("move_traffic_to", f"is {self.move_traffic_to!r}, which is to be deleted")

    def submit(self, context: Context) -> Ticket:
        """Take its traffic away, as far as that is asked for, or delete it."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.deletions import delete

        self.shown(context)
        endpoint = self.hook.run(flows.find(self.endpoint_id))
        deployment = self.hook.run(flows.find(self.deployment_id)) if endpoint else None
        if endpoint:
            self.link_scoring(context, endpoint)
        if endpoint and deployment:
            taken_away = self._taken_away if self.kind == "online" else self._no_default
            pending = self.hook.run(taken_away(endpoint, deployment["name"]))
            if pending:
                return pending
        return self.hook.run(delete(self.deployment_id))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Delete it once it gets no traffic; then the task's result."""
        from airflow_provider_azml.rest.traffic_changes import settled

        if outcome.goal == "gone":
            if not outcome.succeeded:
                raise outcome.failure(studio_url=self.shown(context))
            return self.told(context, self.deployment_id, outcome.status)
        settled(outcome)
        return self.submit(context)

    def _taken_away(self, endpoint: Json, name: str) -> Flow[Ticket | None]:
        """What takes away the traffic of the deployment, live and mirrored; ``None`` where it gets none.

        Raises:
            TrafficRefused: It gets some, and it is not said who gets that.
        """
        from airflow_provider_azml.rest.traffic import mirrors, moved, shares, spelled, split
        from airflow_provider_azml.rest.traffic_changes import change

        live, copies, wanted = spelled(shares(endpoint), name), spelled(mirrors(endpoint), name), None
        if name in live and self.move_traffic_to:
            wanted = moved(live, name, self.move_traffic_to)
        elif name in live and self.stop_serving:
            wanted = split(live, name, 0)
        elif name in live:
            raise self._refused(f"Deployment {name!r} gets {live[name]} % of the traffic of endpoint")
        if wanted is None and name not in copies:
            return None
        copies.pop(name, None)
        return (yield from change(self.endpoint_id, wanted, mirrored=copies, expected=live))

    def _no_default(self, endpoint: Json, name: str) -> Flow[Ticket | None]:
        """What makes another deployment the default of a batch endpoint; ``None`` where the deployment is not.

        Raises:
            TrafficRefused: It is, and it is not said which is to be, or that one cannot be.
        """
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.awaited_defaults import default_of
        from airflow_provider_azml.rest.default_deployments import set_default

        if default_of(endpoint) != name or self.stop_serving:
            return None
        if self.move_traffic_to is None:
            raise self._refused(f"Deployment {name!r} is the default of batch endpoint")
        other = yield from flows.get(
            self.hook.workspace_id.child("batch_deployment", endpoint["name"], self.move_traffic_to)
        )
        state = other["properties"].get("provisioningState") or "Succeeded"
        if state != "Succeeded":
            raise self._refused(f"Deployment {other['name']!r} is {state}, and cannot be the default of batch endpoint")
        return (yield from set_default(self.endpoint_id, other["name"]))

    def _refused(self, what: str) -> TrafficRefused:
        return TrafficRefused(
            method="GET",
            url=self.endpoint_id,
            status=200,
            code="TrafficRefused",
            message=f"{what} {self.endpoint_name!r}; nothing was deleted",
            hint="Say who gets what it gets, move_traffic_to='...', or that this ends, stop_serving=True.",
        )


class AzmlRegenerateEndpointKeysOperator(EndpointOperator):
    """Has one key of an online endpoint made anew, and waits until it is another; the key itself is not told.

    The former key opens nothing from then on: let callers use the other one first. Who scores with
    ``AzmlScoreOperator`` fetches the key when it runs. Whether a try that was killed has been taken by the service
    cannot be known, so the next try makes the key anew once more: what is promised is a key that nobody knew before
    the task.

    Args:
        endpoint_name: Name of the endpoint, whose ``auth_mode`` is ``key``.
        key_type: ``primary`` or ``secondary``.

    Returns:
        ``{"name", "id", "status", "key_type", "studio_url"}``.

    Raises:
        ApiError: The endpoint has no keys.
        RunFailed: It has the former key still.

    Example:
        >>> AzmlRegenerateEndpointKeysOperator(task_id="rotate", endpoint_name="iris", key_type="secondary")

    Source: ``POST onlineEndpoints/{name}/regenerateKeys`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*EndpointOperator.template_fields, "key_type")

    def __init__(self, *, key_type: KeyType = "primary", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key_type = key_type

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import one_of
        from airflow_provider_azml.rest.endpoint_keys import KEY_TYPES

        super().check_arguments()
        self.key_type = one_of("key_type", self.key_type, KEY_TYPES)

    def submit(self, context: Context) -> Ticket:
        """Ask for another key."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.endpoint_keys import regenerate

        self.shown(context)
        self.link_scoring(context, self.hook.run(flows.get(self.endpoint_id)))
        return self.hook.run(regenerate(self.endpoint_id, self.key_type))

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """The task's result, which says nothing of the key."""
        if not outcome.succeeded:
            raise outcome.failure(studio_url=self.shown(context))
        return {**self.told(context, self.endpoint_id, outcome.status), "key_type": self.key_type}
