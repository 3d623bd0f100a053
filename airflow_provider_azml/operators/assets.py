"""What the operators that register versioned assets share: a retry never makes a second version."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlSpecOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlRegisterAssetOperator(AzmlSpecOperator):
    """Base of operators that register a version of an asset."""

    kind: ClassVar[str]
    """Kind of the asset, a key of the resource table."""

    operator_extra_links = (AzmlStudioLink(),)

    def submit(self, context: Context) -> Ticket:
        """PUT the version; where none is named, the service's next one, unless an earlier try has made it."""
        from airflow_provider_azml.operators import submission
        from airflow_provider_azml.rest.waiting import Ticket
        from airflow_provider_azml.spec.kinds import apply

        source = self.source(context, self.kind)
        if "version" in source.value or "name" not in source.value:
            return self.hook.run(apply(source, self.kind, self.hook.target))
        container = self.hook.workspace_id.child(self.kind, str(source.value["name"]))
        made = self.hook.run(submission.made_before(container, context))
        if made:
            self.log.info("An earlier try registered version %s", made["name"])
            return Ticket(made["id"], None, made)
        marked = source.merged({"tags": {submission.TAG: submission.submission_hash(context)}})
        return self.hook.run(apply(marked, self.kind, self.hook.target))

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """The version's names."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse

        made = parse(outcome.arm_id)
        if not outcome.succeeded:
            raise outcome.failure()
        body = outcome.body or self.hook.run(flows.get(outcome.arm_id))
        return {
            "name": made.name,
            "version": made.version,
            "id": outcome.arm_id,
            "status": outcome.status,
            "studio_url": self._show(context, self.kind, made.name),
            **self.told(body),
        }

    def told(self, body: Json) -> Json:
        """What a kind of asset adds to the result."""
        return {}
