"""What operators share that act on one resource of the workspace, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome


class AzmlNamedOperator(AzmlOperator):
    """Base of operators that act on a resource which is there.

    Args:
        name: Name of the resource.
    """

    kind: ClassVar[str]
    """Kind of the resource, a key of the resource table."""

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    @property
    def arm_id(self) -> str:
        """ARM id of the resource."""
        return self.hook.workspace_id.child(self.kind, self.name)

    def as_it_is(self, context: Context, outcome: Outcome) -> Json:
        """The task's result: the resource as it is after an act.

        Raises:
            RunFailed: The act ended badly.
        """
        from airflow_provider_azml.rest import flows, results

        studio_url = self._show(context, self.kind, self.name)
        if not outcome.succeeded:
            raise outcome.failure(studio_url=studio_url)
        body = outcome.body or self.hook.run(flows.get(outcome.arm_id))
        return results.result(outcome.arm_id, body, studio_url)
