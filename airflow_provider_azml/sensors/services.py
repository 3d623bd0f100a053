"""The sensor that waits for what serves: online endpoints with their deployments, and web services of v1."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.links import AzmlEndpointLink, AzmlStudioLink
from airflow_provider_azml.operators.base import LOG_LINES, AzmlOperator
from airflow_provider_azml.sensors.base import AzmlSensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.standstill import Standstill
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

Through = Literal["traffic", "deployments", "both"]
"""Whom checks are put to: the endpoint, each deployment by its name, or first these and then that."""
_STATE, _UP = ("properties", "provisioningState"), "Succeeded"
_THROUGH: tuple[Through, ...] = ("traffic", "deployments", "both")


class AzmlWaitForServiceHealthySensor(AzmlSensor):
    """Waits until an online endpoint and the deployments that serve it are provisioned; or a web service of v1 healthy.

    With ``checks``, until they answer as they should, too. Fails at once when one of them has failed, with the end of
    its log; a check that fails is done again, since what has just started may have to warm up.

    Args:
        endpoint_name: Name of the endpoint.
        deployment_names: Deployments that have to be up; by default those that get traffic.
        service_name: Name of a web service of v1, on a container instance or a Kubernetes cluster, instead.
        checks: Requests that have to be answered as they say: a list of mappings, or the name of a YAML file, relative
            to the folder of the DAG file; see the guide to checks.
        checked_through: Whom the requests are sent to: ``traffic``, the endpoint, which chooses by its traffic;
            ``deployments``, each deployment, whatever traffic it gets; ``both``. By default the deployments if
            ``deployment_names`` names them, else the endpoint.
        compared_with: The deployment whose answers are the measure, for checks that ``compare``.
        unschedulable_seconds: How long a web service of v1 may find no place to run (``Unschedulable``), in seconds; by
            default as long as the sensor waits. Only whoever looks knows how long it has been so: a trigger that goes
            to another triggerer counts anew, and ``mode="reschedule"`` cannot count at all.

    Returns:
        ``{"name", "id", "status", "deployments": {name: status}, "scoring_uri", "studio_url"}``; of a web service of v1
        without ``deployments``.

    Raises:
        RunFailed: Endpoint, deployment or web service has failed, or no deployment gets traffic.
        NotFound: There is no such endpoint, deployment or web service.

    Example:
        >>> AzmlWaitForServiceHealthySensor(task_id="healthy", endpoint_name="iris", timeout=1800)
        >>> AzmlWaitForServiceHealthySensor(
        ...     task_id="answers", endpoint_name="iris", deployment_names=["green"], checks="iris.checks.yml"
        ... )
        >>> AzmlWaitForServiceHealthySensor(task_id="old", service_name="iris-aks", unschedulable_seconds=600)

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-online-endpoints; of v1 the table of
    service states of "Deploy machine learning models to Azure".
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "endpoint_name",
        "deployment_names",
        "service_name",
        "checks",
        "checked_through",
        "compared_with",
        "unschedulable_seconds",
    )
    operator_extra_links = (AzmlStudioLink(), AzmlEndpointLink())

    def __init__(
        self,
        *,
        endpoint_name: str | None = None,
        deployment_names: Sequence[str] | None = None,
        service_name: str | None = None,
        checks: Sequence[Mapping[str, Any]] | str = (),
        checked_through: Through | None = None,
        compared_with: str | None = None,
        unschedulable_seconds: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.endpoint_name = endpoint_name
        self.deployment_names = deployment_names
        self.service_name = service_name
        self.checks = checks
        self.checked_through = checked_through
        self.compared_with = compared_with
        self.unschedulable_seconds = unschedulable_seconds
        self._standstill: Standstill | None = None

    def check_arguments(self) -> None:
        """Check that what is waited for is one thing.

        Raises:
            SpecError: It is not.
        """
        from airflow_provider_azml.operators.arguments import one_of, optional_seconds, refused

        super().check_arguments()
        self.unschedulable_seconds = optional_seconds("unschedulable_seconds", self.unschedulable_seconds)
        if (self.endpoint_name is None) == (self.service_name is None):
            raise refused("service_name", "names a web service of v1, endpoint_name an endpoint of today; give one")
        if self.checked_through is not None:
            self.checked_through = one_of("checked_through", self.checked_through, _THROUGH)
        for name in ("deployment_names", "checked_through", "compared_with"):
            if self.service_name is not None and getattr(self, name):
                raise refused(name, "is of endpoints of today; a web service of v1 has no deployments")
        for name in ("checked_through", "compared_with"):
            if not self.checks and getattr(self, name):
                raise refused(name, "says how checks are done; give some")
        self._check_unschedulable_seconds()

    def _check_unschedulable_seconds(self) -> None:
        from airflow_provider_azml.operators.arguments import refused

        if self.unschedulable_seconds is None:
            return
        if self.service_name is None:
            raise refused("unschedulable_seconds", "is of web services of v1; name one as service_name")
        if self.reschedule and not self.deferrable:
            reason = "cannot be counted with mode='reschedule', which forgets; take deferrable=True, or mode='poke'"
            raise refused("unschedulable_seconds", reason)

    def submit(self, context: Context) -> Ticket | Json:
        """Look at the endpoint or web service."""
        from airflow_provider_azml.rest.waiting import Ticket

        self._show(context, "online_endpoint", str(self.endpoint_name or self.service_name))
        self._normal_checks(context)  # what is wrong with them is told before anything is waited for
        return self._look_at_service(context) if self.service_name else self._seen(Ticket(self._endpoint_id))

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From the endpoint to each of its deployments, from the last of them to the endpoint's answers."""
        from airflow_provider_azml.rest.goals import word_of

        if self.service_name:
            return self._service(context, outcome)
        assert self.endpoint_name
        if not outcome.succeeded:
            raise self._not_deployed(outcome, self.endpoint_name)
        endpoint = self._found(self._endpoint_id)
        names = self._deployments(endpoint)
        following = self._after(context, outcome, names)
        if following:
            return self._seen(following)
        shown = {name: word_of(self._found(self._deployment_id(name)), _STATE) or _UP for name in names}
        for name, state in shown.items():
            if state != _UP:  # traffic went to another one meanwhile
                return self._seen(self._awaited(context, name))
        scoring_uri = endpoint["properties"].get("scoringUri")
        if scoring_uri:
            self._link(context, AzmlEndpointLink.key, scoring_uri)
        return {
            "name": endpoint["name"],
            "id": self._endpoint_id,
            "status": word_of(endpoint, _STATE) or _UP,
            "deployments": shown,
            "scoring_uri": scoring_uri,
            "studio_url": self.hook.studio_url("online_endpoint", self.endpoint_name),
        }

    def _after(self, context: Context, outcome: Outcome, names: Sequence[str]) -> Ticket | None:
        """What is looked at next, if anything is; whose turn it is follows from whose it was alone.

        Args:
            context: The context of the task.
            outcome: How the last wait has ended.
            names: The deployments that have to be up, sorted.
        """
        from airflow_provider_azml.rest import steadiness
        from airflow_provider_azml.rest.arm_ids import parse

        if outcome.arm_id == self._endpoint_id and outcome.goal == steadiness.ANSWERS:
            return None
        looked_at = parse(outcome.arm_id)
        passed = looked_at.name if looked_at.kind == "online_deployment" else ""
        following = next((name for name in names if name > passed), None)
        if following:
            return self._awaited(context, following)
        checks = self._normal_checks(context)
        if not checks or self._through == "deployments":
            return None
        return steadiness.answers(self._endpoint_id, checks=checks, compared_with=self.compared_with)

    def _awaited(self, context: Context, deployment: str) -> Ticket:
        """What is waited for of a deployment."""
        from airflow_provider_azml.rest import steadiness
        from airflow_provider_azml.rest.waiting import Ticket

        arm_id, checks = self._deployment_id(deployment), self._normal_checks(context)
        if not checks or self._through == "traffic":
            return Ticket(arm_id)
        return steadiness.answers(arm_id, checks=checks, compared_with=self.compared_with)

    @property
    def _through(self) -> Through:
        return self.checked_through or ("deployments" if self.deployment_names else "traffic")

    def _look_at_service(self, context: Context) -> Ticket | Json:
        """Look at a web service of v1, and count how long it has had no place to run."""
        from airflow_provider_azml.rest import steadiness
        from airflow_provider_azml.rest.standstill import Standstill
        from airflow_provider_azml.rest.v1 import tickets

        seconds = None if self.unschedulable_seconds is None else float(self.unschedulable_seconds)
        place, name, checks = self.hook.workspace_id, str(self.service_name), self._normal_checks(context)
        if checks:
            ticket = steadiness.service_answers(place, name, checks=checks, unschedulable_seconds=seconds)
        else:
            ticket = tickets.web_service(place, name, unschedulable_seconds=seconds)
        glance = self._looked(ticket)
        self._standstill = self._standstill or Standstill()
        outcome = self._standstill.outcome(glance, time.monotonic())
        return self.advance(context, outcome) if outcome else replace(ticket, body=glance.body)

    def _service(self, context: Context, outcome: Outcome) -> Json:
        """What is told of a web service of v1 that is healthy."""
        from airflow_provider_azml.rest.v1 import services

        name, place = str(self.service_name), self.hook.v1.place
        studio_url = self._show(context, "online_endpoint", name)
        if not outcome.succeeded:
            raise outcome.failure(
                studio_url=studio_url, log_tail=self.hook.run(services.log_tail(place, name, lines=LOG_LINES))
            )
        found = self.hook.run(services.get(place, name))
        return {
            "name": name,
            "id": outcome.arm_id,
            "status": found["state"],
            "scoring_uri": found.get("scoringUri"),
            "studio_url": studio_url,
        }

    def _normal_checks(self, context: Context) -> Sequence[Json]:
        """The checks, in the form that can travel.

        Raises:
            SpecError: They are not valid.
        """
        from airflow_provider_azml.operators.rendering import normal_checks

        return normal_checks(self.checks, self.folder, self.get_template_env(), context)

    @property
    def _endpoint_id(self) -> str:
        return self.hook.workspace_id.child("online_endpoint", str(self.endpoint_name))

    def _deployment_id(self, name: str) -> str:
        return self.hook.workspace_id.child("online_deployment", str(self.endpoint_name), name)

    def _found(self, arm_id: str) -> Json:
        from airflow_provider_azml.rest import flows

        return self.hook.run(flows.get(arm_id))

    def _deployments(self, endpoint: Json) -> list[str]:
        """Who has to be up, in a fixed order."""
        from airflow_provider_azml.rest.traffic import shares

        names = sorted(self.deployment_names or shares(endpoint))
        if names:
            return names
        raise RunFailed(
            kind="online endpoint",
            name=str(self.endpoint_name),
            status="idle",
            message="no deployment gets traffic, so nothing serves; give one traffic, or name deployment_names",
            studio_url=self.hook.studio_url("online_endpoint", str(self.endpoint_name)),
        )
