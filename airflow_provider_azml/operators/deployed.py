"""What operators share that deploy to an endpoint, online or batch: what they end with."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json


class EndpointDeployingOperator(AzmlSpecOperator):
    """Base of operators that deploy to an endpoint."""

    operator_extra_links = (AzmlStudioLink(), AzmlEndpointLink())

    @abstractmethod
    def result_besides(self, endpoint: Json, deployment: Json) -> Json:
        """What the result says of this kind of endpoint alone.

        Args:
            endpoint: The endpoint, as the service shows it.
            deployment: The deployment likewise.
        """

    def result(self, context: Context, endpoint_id: str, deployment_id: str) -> Json:
        """The task's result: the endpoint and the deployment, as they are at the end.

        A deployment that says nothing of how it was provisioned has succeeded, as elsewhere.

        Args:
            context: Of the task.
            endpoint_id: ARM id of the endpoint.
            deployment_id: ARM id of the deployment.
        """
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse

        endpoint, deployment = self.hook.run(flows.get(endpoint_id)), self.hook.run(flows.get(deployment_id))
        return {
            "name": endpoint["name"],
            "deployment": parse(deployment_id).name,
            "id": deployment_id,
            "status": deployment["properties"].get("provisioningState") or "Succeeded",
            "scoring_uri": self.link_scoring(context, endpoint),
            **self.result_besides(endpoint, deployment),
            "studio_url": self._show(context, parse(endpoint_id).kind, endpoint["name"]),
        }
