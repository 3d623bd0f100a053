"""Sensors that wait for one resource, which they know by name."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.sensors.base import AzmlSensor
from airflow_provider_azml.sensors.starting import start_trigger_args, starts_in_triggerer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.exceptions import RunFailed
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlResourceSensor(AzmlSensor):
    """Base of sensors that wait for one resource, which they know by name.

    From Airflow 3.3 on the scheduler starts a deferrable one in the triggerer, and it ends there: no worker has
    anything to do with it unless something goes wrong.

    Args:
        start_from_trigger: Whether the scheduler may do that, where it can; see the guide to sensors.
    """

    operator_extra_links = (AzmlStudioLink(),)

    kind: ClassVar[str]
    """Kind of the resource, a key of the resource table."""
    named_by: ClassVar[Sequence[str]]
    """The arguments that name it, from the outermost resource below the workspace inwards."""
    wanted: ClassVar[Sequence[str]] = ()
    """The arguments that the goal takes."""

    def __init__(self, *, start_from_trigger: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._may_start_from_trigger = start_from_trigger

    @property
    @abstractmethod
    def goal(self) -> GoalName:
        """What is waited for, a key of ``rest.goals.GOALS``."""

    def arrange_start(self) -> None:
        """Let the scheduler start it in the triggerer, where it can; called when all arguments are assigned."""
        if self._may_start_from_trigger and self.deferrable is True and starts_in_triggerer(self):
            self.start_from_trigger = True
            self.start_trigger_args = start_trigger_args(self)

    def submit(self, context: Context) -> Ticket:
        """Look at the resource."""
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.awaited import Awaited

        names = {name: getattr(self, name) for name in self.named_by}
        wanted = {name: getattr(self, name) for name in self.wanted}
        ticket = Awaited(self.kind, names, self.goal, wanted).ticket(self.hook.workspace_id)
        asked_for = parse(ticket.arm_id)
        self._show(context, self.kind, asked_for.name, asked_for.version)
        return self._seen(ticket)

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """The result, or the reason why there is none."""
        from airflow_provider_azml.rest import results
        from airflow_provider_azml.rest.arm_ids import parse

        found = parse(outcome.arm_id)
        studio_url = self._show(context, self.kind, found.name, found.version)
        if not outcome.succeeded:
            raise self._failure(outcome, studio_url)
        return self.hook.run(results.told(outcome.arm_id, outcome.body, studio_url))

    def resume(self, context: Context, event: Json, carried: Json | None = None) -> Any:  # what the last step answers
        """Go on when the trigger has fired, or begin, where it could not."""
        if "begin" in event:
            self.log.info("This task begins here, not in the triggerer: %s", event["begin"])
            return self.begin(context)
        return super().resume(context, event, carried)

    def _failure(self, outcome: Outcome, studio_url: str) -> RunFailed:
        return outcome.failure(studio_url=studio_url)
