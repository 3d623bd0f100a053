"""What operators share that deploy to an online endpoint: from the endpoint to the deployment, and to its traffic."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.operators.files import AzmlSpecOperator, is_free

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source


class DeployingOperator(AzmlSpecOperator):
    """Base of operators that deploy to an online endpoint, and make the endpoint if there is none.

    Every step starts from what the service shows, so a retry goes on where an earlier try was stopped. A subclass says
    what is deployed to which endpoint.

    Args:
        traffic: Percentage of the endpoint's traffic that the deployment gets once it is up; the others share the
            rest as before. ``None`` leaves the traffic alone.
    """

    kind = "online_deployment"
    spec_fields: ClassVar[Sequence[str]] = ()
    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, "traffic")
    operator_extra_links = (AzmlStudioLink(), AzmlEndpointLink())

    def __init__(self, *, traffic: int | str | None = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.traffic = traffic

    @abstractmethod
    def sources(self, context: Context) -> tuple[Source, Source]:
        """The deployment and its endpoint, naming each other; the deployment's tags say whose it is."""

    def check_replaced(self, endpoint: str, deployment: Source) -> None:
        """Refuse to deploy to an endpoint that is there, where that is not wanted.

        Args:
            endpoint: Its name.
            deployment: What is to be deployed.
        """

    def completed(self, deployment: Source) -> Source:
        """What is about to be deployed, with what takes long to bring together."""
        return deployment

    def submit(self, context: Context) -> Ticket:
        """Make the endpoint, unless it is there."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket
        from airflow_provider_azml.spec import kinds

        deployment, endpoint = self.sources(context)
        self.checked(deployment)
        for told in kinds.check(endpoint, "online_endpoint", strict=self.strict):
            self.log.log(kinds.LEVELS[told.severity], "%s", told)
        name = str(endpoint.value["name"])
        arm_id = self.hook.workspace_id.child("online_endpoint", name)
        self._show(context, "online_endpoint", name)
        found = self.hook.run(flows.find(arm_id))
        if found and found["properties"].get("provisioningState") != "Failed":
            self.check_replaced(name, deployment)
            self.log.info("Endpoint %s exists", name)
            return Ticket(arm_id, None, found)
        return self.hook.run(submission.submit(self.hook.target, "online_endpoint", endpoint, context))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to the deployment, from there to its traffic, from there to the result."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.waiting import Ticket

        if is_free(outcome):
            return self.submit(context)
        deployment, endpoint = self.sources(context)
        endpoint_name, name = str(endpoint.value["name"]), str(deployment.value["name"])
        if not outcome.succeeded:
            raise self._not_deployed(outcome, endpoint_name)
        endpoint_id = self.hook.workspace_id.child("online_endpoint", endpoint_name)
        deployment_id = self.hook.workspace_id.child("online_deployment", endpoint_name, name)
        if parse(outcome.arm_id).kind == "online_endpoint":
            found = self.hook.run(flows.find(deployment_id))
            if found is None or not self._is_ours(deployment, found):
                self.log.info("Deploying %s to endpoint %s", name, endpoint_name)
                return self._deploy(context, deployment)
            if found["properties"]["provisioningState"] != "Succeeded":
                return Ticket(deployment_id, None, found)
            self.log.info("Deployment %s of endpoint %s is there", name, endpoint_name)
        pending = self.hook.run(self._give_traffic(endpoint_id, name))
        return pending or self._result(context, endpoint_id, deployment_id)

    def _deploy(self, context: Context, deployment: Source) -> Ticket:
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest.waiting import Ticket

        whole = self.completed(deployment)
        ticket = self.hook.run(submission.submit(self.hook.target, "online_deployment", whole, context))
        if ticket.goal == "idle" and self._is_ours(deployment, ticket.body):  # the answer to a first PUT was lost
            return Ticket(ticket.arm_id, None, ticket.body)
        return ticket

    def _is_ours(self, deployment: Source, found: Json) -> bool:
        """Whether an earlier try of this task made the deployment, and it has not failed."""
        from airflow_provider_azml.spec.target import SUBMISSION

        mark = deployment.value["tags"][SUBMISSION]
        state = found["properties"].get("provisioningState")
        return (found.get("tags") or {}).get(SUBMISSION) == mark and state not in ("Failed", "Canceled", "Deleting")

    def _give_traffic(self, endpoint_id: str, deployment: str) -> Flow[Ticket | None]:
        """Change the traffic, unless it is right already."""
        from airflow_provider_azml.operators.submission import busy
        from airflow_provider_azml.rest import flows, waiting
        from airflow_provider_azml.rest.traffic import shares, split, with_traffic

        endpoint = yield from flows.get(endpoint_id)
        current = shares(endpoint)
        if self.traffic is None:
            return None
        wanted = split(current, deployment, int(self.traffic))
        if current == {name: share for name, share in wanted.items() if share}:
            return None
        self.log.info("Traffic: %s", ", ".join(f"{name} {share} %" for name, share in wanted.items()))
        try:
            return (yield from waiting.submit(endpoint_id, with_traffic(endpoint, wanted)))
        except ApiError as refused:
            under_way = yield from busy(refused)
            if under_way is None:
                raise
            return under_way

    def _result(self, context: Context, endpoint_id: str, deployment_id: str) -> Json:
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse

        endpoint = self.hook.run(flows.get(endpoint_id))
        deployment = self.hook.run(flows.get(deployment_id))
        scoring_uri = endpoint["properties"].get("scoringUri")
        self._link(context, AzmlEndpointLink.key, scoring_uri)
        return {
            "name": endpoint["name"],
            "deployment": parse(deployment_id).name,
            "id": deployment_id,
            "status": deployment["properties"]["provisioningState"],
            "scoring_uri": scoring_uri,
            "traffic": endpoint["properties"].get("traffic") or {},
            "studio_url": self._show(context, "online_endpoint", endpoint["name"]),
        }
