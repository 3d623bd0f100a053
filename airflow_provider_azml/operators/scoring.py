"""Operator that asks an online endpoint, or a web service of v1."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import ApiError, RunFailed
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class AzmlScoreOperator(AzmlOperator):
    """Sends a payload to an online endpoint, or to a web service of v1, and returns its answer.

    A web service answers 502 where its scoring script raised an exception, see
    https://learn.microsoft.com/azure/machine-learning/v1/how-to-troubleshoot-deployment.

    Args:
        endpoint_name: Name of the endpoint.
        payload: Anything that JSON can hold; templates in it are rendered.
        deployment_name: Take this deployment, whatever the traffic split says.
        service_name: Name of a web service of v1 instead, which is given the key or token that it asks for.

    Returns:
        The endpoint's answer: JSON where it is JSON, else text.

    Raises:
        ApiError: The endpoint refused the payload.
        RunFailed: Its scoring script failed; with the end of the log of the deployments that get traffic, or of the web
            service.

    Example:
        >>> AzmlScoreOperator(task_id="score", endpoint_name="iris", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})
        >>> AzmlScoreOperator(task_id="old", service_name="iris-aks", payload={"data": [[5.1, 3.5, 1.4, 0.2]]})

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-authenticate-online-endpoint; of v1 "Use REST to
    score a deployed model" of "Use REST to manage Azure ML resources".
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "endpoint_name",
        "payload",
        "deployment_name",
        "service_name",
    )
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        payload: object,
        endpoint_name: str | None = None,
        deployment_name: str | None = None,
        service_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(multiple_outputs=False, **kwargs)
        self.endpoint_name = endpoint_name
        self.payload = payload
        self.deployment_name = deployment_name
        self.service_name = service_name

    def check_arguments(self) -> None:
        """Check that the payload goes to one place.

        Raises:
            SpecError: It does not.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if (self.endpoint_name is None) == (self.service_name is None):
            raise refused("service_name", "names a web service of v1, endpoint_name an endpoint of today; give one")
        if self.service_name is not None and self.deployment_name is not None:
            raise refused("deployment_name", "is of endpoints of today; a web service of v1 has none")

    def submit(self, context: Context) -> object:
        """Send the payload; there is nothing to wait for."""
        name = str(self.endpoint_name or self.service_name)
        studio_url = self._show(context, "online_endpoint", name)
        try:
            if self.service_name:
                return self.hook.score(name, self.payload, generation="v1")
            return self.hook.score(name, self.payload, self.deployment_name)
        except ApiError as error:
            if self.service_name and error.status == HTTPStatus.BAD_GATEWAY:
                raise self._failed(error, studio_url, "web service", self._service_log(name)) from error
            if self.service_name or error.status != HTTPStatus.FAILED_DEPENDENCY:
                raise
            raise self._script_failed(error, studio_url) from error

    def _service_log(self, name: str) -> Sequence[str]:
        from airflow_provider_azml.rest.v1.services import log_tail

        return self.hook.run(log_tail(self.hook.v1.place, name, lines=LOG_LINES))

    def _script_failed(self, error: ApiError, studio_url: str) -> RunFailed:
        """The exception for an answer of the scoring script's own, with the log of who gave it."""
        from airflow_provider_azml.rest.deployments import log_tail
        from airflow_provider_azml.rest.traffic import shares

        endpoint = str(self.endpoint_name)
        names = [self.deployment_name] if self.deployment_name else None
        names = names or sorted(shares(self.hook.get("online_endpoint", endpoint)))
        tail: list[str] = []
        for name in names:
            deployment_id = self.hook.workspace_id.child("online_deployment", endpoint, name)
            tail += self.hook.run(log_tail(deployment_id, lines=LOG_LINES))
        return self._failed(error, studio_url, "online endpoint", tail)

    def _failed(self, error: ApiError, studio_url: str, whose: str, tail: Sequence[str]) -> RunFailed:
        return RunFailed(
            kind=f"scoring script of {whose}",
            name=str(self.endpoint_name or self.service_name),
            status="Failed",
            code=error.code,
            message=error.message,
            studio_url=studio_url,
            log_tail=tail,
        )
