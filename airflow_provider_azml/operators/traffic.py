"""Operators that say which deployments of an online endpoint get how much of its traffic."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.operators.endpoint_acts import EndpointOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

Split: TypeAlias = Mapping[str, int | str] | str
"""Deployment -> percent; or text as the CLI takes it, ``blue=90 green=10``."""


class AzmlSetTrafficOperator(EndpointOperator):
    """Changes the traffic of an online endpoint, reads it back, and waits until it is as it should be.

    What cannot be is refused before anything is sent: percentages that do not sum to 100, a deployment that is not
    there or has not succeeded, an endpoint that is being deleted. Traffic that somebody else changes at the same time
    is an error, and is not overwritten.

    Args:
        endpoint_name: Name of the endpoint.
        traffic: Deployment -> percent, which sum to 100; who is not named gets nothing. All 0: the endpoint answers
            nothing. ``None`` leaves it as it is. Also text as the CLI takes it: ``"blue=90 green=10"``.
        mirror_traffic: Deployment -> percent of the live traffic that it gets a copy of, 50 at most, one deployment
            alone, which gets no live traffic; ``{}`` ends it. ``None`` leaves it as it is, but for a deployment that
            gets live traffic now.
        rollback: Instead of both: the traffic from before the newest deployment got any, as the tag
            ``airflow.traffic_before`` of the one says that was rolled out last.
        expected_traffic: Change it only if it is so now, e.g. as it was when somebody approved of the change.

    Returns:
        ``{"name", "id", "status", "traffic", "mirror_traffic", "scoring_uri", "studio_url"}``.

    Raises:
        NotFound: The endpoint is not there, or a deployment that is named.
        TrafficRefused: The traffic cannot be given as things are.
        TrafficChanged: The endpoint shows somebody else's traffic.

    Example:
        >>> AzmlSetTrafficOperator(task_id="switch", endpoint_name="iris", traffic={"blue": 90, "green": 10})
        >>> AzmlSetTrafficOperator(task_id="shadow", endpoint_name="iris", mirror_traffic={"green": 20})
        >>> AzmlSetTrafficOperator(task_id="undo", endpoint_name="iris", rollback=True)

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
    """

    template_fields: Sequence[str] = (
        *EndpointOperator.template_fields,
        "traffic",
        "mirror_traffic",
        "rollback",
        "expected_traffic",
    )

    def __init__(
        self,
        *,
        traffic: Split | None = None,
        mirror_traffic: Split | None = None,
        rollback: bool | str = False,
        expected_traffic: Split | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.traffic = traffic
        self.mirror_traffic = mirror_traffic
        self.rollback = rollback
        self.expected_traffic = expected_traffic

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused, yes_or_no
        from airflow_provider_azml.rest.traffic import problem

        super().check_arguments()
        self.rollback = yes_or_no("rollback", self.rollback)
        live, copies = percentages("traffic", self.traffic), percentages("mirror_traffic", self.mirror_traffic)
        if self.rollback == (live is not None or copies is not None):
            said = "rollback=True says what it is to be" if self.rollback else "nothing says what it is to be"
            raise refused("traffic", f"{said}; give traffic or mirror_traffic, or rollback=True alone")
        for name, wrong in (("traffic", problem(live)), ("mirror_traffic", problem(live, copies))):
            if wrong:
                raise refused(name, wrong)
        if wrong := problem(percentages("expected_traffic", self.expected_traffic)):
            raise refused("expected_traffic", wrong)

    def submit(self, context: Context) -> Ticket | Json:
        """Change the traffic, unless it is right already."""
        self.shown(context)
        return self.hook.run(self._change()) or self._result(context)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """Look whether the traffic is right now; then the task's result."""
        from airflow_provider_azml.rest.traffic_changes import settled

        settled(outcome)
        return self.submit(context)

    def _change(self) -> Flow[Ticket | None]:
        from airflow_provider_azml.rest.rollbacks import traffic_before
        from airflow_provider_azml.rest.traffic_changes import change
        from airflow_provider_azml.spec.target import SUBMISSION

        live: Mapping[str, int] | None = percentages("traffic", self.traffic)
        tags: Mapping[str, str] | None = None
        if self.rollback:
            before = yield from traffic_before(self.endpoint_id, SUBMISSION)
            live, tags = before.traffic, before.tags
        return (
            yield from change(
                self.endpoint_id,
                live,
                mirrored=percentages("mirror_traffic", self.mirror_traffic),
                expected=percentages("expected_traffic", self.expected_traffic),
                tags=tags,
            )
        )

    def _result(self, context: Context) -> Json:
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.traffic import mirrors, shares

        endpoint = self.hook.run(flows.get(self.endpoint_id))
        return {
            **self.told(context, self.endpoint_id, endpoint["properties"].get("provisioningState") or "Succeeded"),
            "traffic": shares(endpoint),
            "mirror_traffic": mirrors(endpoint),
            "scoring_uri": self.link_scoring(context, endpoint),
        }


def percentages(name: str, given: Split | None) -> dict[str, int] | None:
    """Percentages of traffic, as templates leave them; ``None`` where none are given.

    Args:
        name: The argument.
        given: What it was given.

    Raises:
        SpecError: They are none.

    Example:
        >>> percentages("traffic", "blue=90 green=10")
        {'blue': 90, 'green': 10}
        >>> percentages("traffic", "{'blue': 100}")  # as a template leaves the result of another task
        {'blue': 100}
    """
    from airflow_provider_azml.operators.arguments import refused, whole
    from airflow_provider_azml.rest.traffic import WHOLE, from_text

    if given is None or given in ("", "None"):
        return None
    if isinstance(given, str) and given.lstrip().startswith("{"):
        given = _mapping(name, given)
    if isinstance(given, str):
        try:
            return from_text(",".join(given.split()))
        except ValueError as error:
            raise refused(name, str(error)) from error
    if not isinstance(given, Mapping):
        raise refused(name, f"is {given!r:.80}; it must be a mapping such as {{'blue': 90, 'green': 10}}")
    return {str(deployment): whole(f"{name}.{deployment}", share, 0, WHOLE) for deployment, share in given.items()}


def _mapping(name: str, text: str) -> Mapping[str, int | str] | str:
    """What a template has made text of."""
    from airflow_provider_azml.operators.arguments import refused

    try:
        value: Mapping[str, int | str] = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError) as error:
        raise refused(name, f"is {text!r:.80}; it must be a mapping such as {{'blue': 90, 'green': 10}}") from error
    return value
