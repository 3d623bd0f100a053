"""Sensors: tasks that only wait."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_azml.exceptions import RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSensorTimeout, conf
from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlSensor(AzmlOperator, BaseSensorOperator):
    """Base of sensors: the operators' ``submit`` and ``advance``, looked at by poking or in the triggerer.

    A failure that it sees is not tried again, because it would only be seen again; ``soft_fail`` and ``never_fail``
    hold in both modes.

    Args:
        poll_seconds: Pause between two looks at the service, in seconds.
        poke_interval: Airflow's own word for ``poll_seconds``; wins where both are given.
        timeout_seconds: How long to wait at most, in seconds; by default ``[sensors] default_timeout``.
        timeout: Airflow's own word for ``timeout_seconds``; wins where both are given.
    """

    def __init__(
        self,
        *,
        poll_seconds: float = 15,
        poke_interval: float | timedelta | None = None,
        timeout_seconds: float = conf.getfloat("sensors", "default_timeout", fallback=604800.0),
        timeout: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            poke_interval=poll_seconds if poke_interval is None else poke_interval,
            timeout=timeout_seconds if timeout is None else timeout,
            **kwargs,
        )
        self.poll_seconds = float(self.poke_interval)
        self.timeout_seconds = float(self.timeout)

    def execute(self, context: Context) -> Any:  # Airflow's own signature
        """Poke, or wait in the triggerer."""
        if self.deferrable:
            return self.resume_execution("begin", {}, context)  # which is where Airflow obeys soft_fail and never_fail
        return BaseSensorOperator.execute(self, context)

    def begin(self, context: Context) -> Any:  # whatever the last step answers
        """Look once, and wait in the triggerer for what has not ended yet."""
        return AzmlOperator.execute(self, context)

    @contextmanager
    def _permanent_errors(self) -> Iterator[None]:
        try:
            with super()._permanent_errors():
                yield
        except RunFailed as error:
            raise AirflowFailException(str(error)) from error
        except WaitTimeout as error:
            raise AirflowSensorTimeout(str(error)) from error

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once, as far as what is there allows."""
        from airflow_provider_azml.rest.waiting import Ticket, ended, look

        with self._permanent_errors():
            step = self.submit(context)
            while isinstance(step, Ticket):
                outcome = ended(step) or self.hook.run(look(step)).outcome
                if outcome is None:
                    return PokeReturnValue(is_done=False)
                step = self.advance(context, outcome)
        return PokeReturnValue(is_done=True, xcom_value=step)


class AzmlWaitForServiceHealthySensor(AzmlSensor):
    """Waits until an online endpoint and the deployments that serve it are provisioned.

    Fails at once when one of them has failed, with the end of the deployment's log.

    Args:
        endpoint_name: Name of the endpoint.
        deployment_names: Deployments that have to be up; by default those that get traffic.

    Returns:
        ``{"name", "id", "status", "deployments": {name: status}, "scoring_uri", "studio_url"}``.

    Raises:
        RunFailed: Endpoint or deployment has failed, or no deployment gets traffic.
        NotFound: There is no such endpoint or deployment.

    Example:
        >>> AzmlWaitForServiceHealthySensor(task_id="healthy", endpoint_name="iris", timeout=1800)

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "endpoint_name", "deployment_names")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, endpoint_name: str, deployment_names: Sequence[str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name
        self.deployment_names = deployment_names

    def submit(self, context: Context) -> Ticket:
        """Look at the endpoint."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket

        self._show(context, "online_endpoint", self.endpoint_name)
        return Ticket(self._endpoint_id, None, self.hook.run(flows.get(self._endpoint_id)))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to each of its deployments, from the last of them to the result."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.waiting import Ticket

        studio_url = self.hook.studio_url("online_endpoint", self.endpoint_name)
        if not outcome.succeeded:
            raise self._not_deployed(outcome, self.endpoint_name)
        endpoint = self.hook.run(flows.get(self._endpoint_id))
        names = self._deployments(endpoint)
        looked_at = parse(outcome.arm_id)
        passed = names.index(looked_at.name) + 1 if looked_at.kind == "online_deployment" else 0
        if passed < len(names):
            arm_id = self.hook.workspace_id.child("online_deployment", self.endpoint_name, names[passed])
            return Ticket(arm_id, None, self.hook.run(flows.get(arm_id)))
        return {
            "name": endpoint["name"],
            "id": self._endpoint_id,
            "status": endpoint["properties"]["provisioningState"],
            "deployments": dict.fromkeys(names, outcome.status),
            "scoring_uri": endpoint["properties"].get("scoringUri"),
            "studio_url": studio_url,
        }

    @property
    def _endpoint_id(self) -> str:
        return self.hook.workspace_id.child("online_endpoint", self.endpoint_name)

    def _deployments(self, endpoint: Json) -> list[str]:
        """Who has to be up, in a fixed order."""
        from airflow_provider_azml.rest.traffic import shares

        names = sorted(self.deployment_names or shares(endpoint))
        if names:
            return names
        raise RunFailed(
            kind="online endpoint",
            name=self.endpoint_name,
            status="idle",
            message="no deployment gets traffic, so nothing serves; give one traffic, or name deployment_names",
            studio_url=self.hook.studio_url("online_endpoint", self.endpoint_name),
        )
