"""Operator for the move of a schedule from Azure ML to Airflow: only one of the two is to fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_azml.exceptions import ApiError, ScheduleStillFires
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException, AirflowSkipException
from airflow_provider_azml.operators.arguments import GENERATIONS, Generation
from airflow_provider_azml.operators.named import AzmlNamedOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.waiting import Outcome, Ticket

Takeover = Literal["check", "disable"]
TAKEOVERS: tuple[Takeover, ...] = ("check", "disable")
_GONE = frozenset({404, 410})


class AzmlTakeOverScheduleOperator(AzmlNamedOperator):
    """Sees to it that a schedule of Azure ML no longer fires, before a DAG does in its place what it did.

    It never deletes one, and reads back what it has changed. A schedule that is not there, or is disabled, is none to
    take over. Where Azure ML has started a job for the very time of the DAG run already, the tasks behind are skipped:
    the first run after a move would otherwise be the second one of its time. (Of schedules of CLI v1, Azure ML does not
    tell for which time it has started what.)

    Args:
        name: Name of the schedule; of a schedule of CLI v1 its name or its id.
        takeover: ``check``: fail, without another try, while the schedule is enabled. ``disable``: disable it.
        generation: ``v2``: a schedule as Azure ML has them today. ``v1``: one of a published pipeline, as CLI v1 made
            them.

    Returns:
        ``{"name", "id", "status", "took_over"}``, the status being ``Disabled`` or ``NotFound``.

    Example:
        >>> AzmlTakeOverScheduleOperator(task_id="takeover", name="nightly", takeover="disable")

    Sources: azure-ai-ml 1.35.2, ``schedules.begin_disable``; azureml-pipeline-core 1.62.0, ``Schedule.disable``.
    """

    kind = "schedule"
    template_fields: Sequence[str] = (*AzmlNamedOperator.template_fields, "takeover", "generation")

    def __init__(self, *, takeover: Takeover = "check", generation: Generation = "v2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.takeover = takeover
        self.generation = generation

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered."""
        from airflow_provider_azml.operators.arguments import one_of

        super().check_arguments()
        self.takeover = one_of("takeover", self.takeover, TAKEOVERS)
        self.generation = one_of("generation", self.generation, GENERATIONS)

    def submit(self, context: Context) -> Ticket | Json:
        """Look whether it fires; if so, fail or disable it."""
        if self.generation == "v1":
            return self._of_retired()
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.changes import switch

        found = self.hook.run(flows.find(self.arm_id))
        if found is None:
            return self._told(None, took_over=False)
        if not found["properties"].get("isEnabled", True):
            return self._taken(context, took_over=False)
        self._show(context, "schedule", self.name)
        self._refuse_to_run(self.name)
        return self.hook.run(switch(self.arm_id, "isEnabled", on=False))

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """Read back that it is disabled."""
        from airflow_provider_azml.rest import flows

        if not outcome.succeeded:
            raise outcome.failure()
        found = self.hook.run(flows.find(self.arm_id))
        if found and found["properties"].get("isEnabled", True):
            raise ScheduleStillFires(self.name, str(self.hook.workspace_id), reason="somebody has enabled it again")
        self.log.info("Schedule %r of Azure ML is disabled; this DAG fires in its place", self.name)
        return self._taken(context, took_over=True)

    def _taken(self, context: Context, *, took_over: bool) -> Json:
        """The result, unless what the DAG would run has been run."""
        from airflow_provider_azml.rest import schedules

        due = context["dag_run"].run_after
        job = self.hook.run(schedules.job_for(self.hook.workspace_id, self.name, due))
        if job is not None:
            raise AirflowSkipException(
                f"Azure ML's schedule {self.name!r} has started job {job['name']!r} for {due:%Y-%m-%d %H:%M} UTC "
                "already. To run it once more, start a run of this DAG by hand"
            )
        return self._told(self.arm_id, took_over=took_over)

    def _of_retired(self) -> Json:
        from airflow_provider_azml.rest.history import DataPlane
        from airflow_provider_azml.rest.v1.pipeline_schedules import DISABLED, is_active, set_status
        from airflow_provider_azml.rest.v1.pipelines import field

        plane = DataPlane(self.hook.workspace_id)
        firing = [entity for entity in self._same(plane) if is_active(entity)]
        ids = [str(field(entity, "Id")) for entity in firing]
        if not ids:
            return self._told(None, took_over=False)
        self._refuse_to_run(", ".join(ids))
        if ids[1:]:
            reason = f"{len(ids)} enabled schedules have that name; give the id of one: {', '.join(ids)}"
            raise AirflowFailException(str(ScheduleStillFires(self.name, str(plane.workspace), reason=reason)))
        if is_active(self.hook.run(set_status(plane, ids[0], DISABLED))):
            raise ScheduleStillFires(self.name, str(plane.workspace), reason="somebody has enabled it again")
        self.log.info("Schedule %r (%s) of CLI v1 is disabled; this DAG fires in its place", self.name, ids[0])
        return self._told(ids[0], took_over=True)

    def _same(self, plane: DataPlane) -> list[Json]:
        """The schedules of CLI v1 of that id or, where there is none, of that name."""
        from airflow_provider_azml.rest.v1 import pipeline_schedules
        from airflow_provider_azml.rest.v1.pipelines import field

        try:
            found = self.hook.run(pipeline_schedules.each(plane, active_only=False))
        except ApiError as error:
            if error.status not in _GONE:
                raise
            self.log.warning("The workspace has no schedules of CLI v1 any more: %s", error)
            return []
        of_id = [entity for entity in found if field(entity, "Id") == self.name]
        return of_id or [entity for entity in found if field(entity, "Name") == self.name]

    def _refuse_to_run(self, known_as: str) -> None:
        """Fail for good, unless it is to be disabled."""
        if self.takeover == "disable":
            return
        error = ScheduleStillFires(
            self.name, str(self.hook.workspace_id), generation=self.generation, known_as=known_as
        )
        raise AirflowFailException(str(error)) from error

    def _told(self, known_as: str | None, *, took_over: bool) -> Json:
        status = "Disabled" if known_as else "NotFound"
        return {"name": self.name, "id": known_as, "status": status, "took_over": took_over}
