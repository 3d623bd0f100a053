"""Operators for schedules of Azure ML itself: they fire whether Airflow runs or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.files import AzmlSpecOperator
from airflow_provider_azml.operators.named import AzmlNamedOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlCreateScheduleOperator(AzmlSpecOperator):
    """Creates or updates a schedule of jobs, of monitoring or of data imports.

    Args:
        file: Schedule YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the schedule.
        display_name: Name that studio shows.
        description: Free text.
        tags: Tags of the schedule.
        properties: Properties of the schedule.
        trigger: When it fires: ``{"type": "cron" | "recurrence", ...}``.
        create_job: The job: a file, ``azureml:`` and a job's name, or a mapping with ``job`` and what differs from it.
        create_monitor: What is monitored, instead of a job.
        import_data: What is imported, instead of a job.

    Returns:
        ``{"name", "id", "status", "studio_url", "is_enabled"}``.

    Example:
        >>> AzmlCreateScheduleOperator(
        ...     task_id="schedule",
        ...     name="nightly",
        ...     trigger={"type": "cron", "expression": "0 3 * * *", "time_zone": "UTC"},
        ...     create_job="pipeline.yml",
        ... )

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-schedule
    """

    kind = "schedule"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "display_name",
        "description",
        "tags",
        "properties",
        "trigger",
        "create_job",
        "create_monitor",
        "import_data",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        trigger: Mapping[str, Any] | None = None,
        create_job: str | Mapping[str, Any] | None = None,
        create_monitor: Mapping[str, Any] | None = None,
        import_data: str | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())


class AzmlSwitchScheduleOperator(AzmlNamedOperator):
    """Base of operators that enable or disable a schedule.

    Args:
        name: Name of the schedule.
    """

    kind = "schedule"
    enabled: ClassVar[bool]
    """Whether it is to be enabled."""

    def submit(self, context: Context) -> Ticket:
        """Switch it, unless it is so already."""
        from airflow_provider_azml.rest.changes import switch

        return self.hook.run(switch(self.arm_id, "isEnabled", on=self.enabled))

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """The schedule as it is now."""
        return self.as_it_is(context, outcome)


class AzmlEnableScheduleOperator(AzmlSwitchScheduleOperator):
    """Lets a schedule fire from now on.

    Args:
        name: Name of the schedule.

    Returns:
        ``{"name", "id", "status", "studio_url", "is_enabled"}``.

    Example:
        >>> AzmlEnableScheduleOperator(task_id="enable", name="nightly")

    Source: azure-ai-ml 1.35.2, ``schedules.begin_enable``: a PUT of the same schedule with ``isEnabled``.
    """

    enabled = True


class AzmlDisableScheduleOperator(AzmlSwitchScheduleOperator):
    """Keeps a schedule from firing until it is enabled again.

    Args:
        name: Name of the schedule.

    Returns:
        ``{"name", "id", "status", "studio_url", "is_enabled"}``.

    Example:
        >>> AzmlDisableScheduleOperator(task_id="disable", name="nightly")

    Source: azure-ai-ml 1.35.2, ``schedules.begin_disable``: a PUT of the same schedule with ``isEnabled``.
    """

    enabled = False


class AzmlDeleteScheduleOperator(AzmlNamedOperator):
    """Deletes a schedule, disabled first where it is not; one that is gone already is no error.

    Args:
        name: Name of the schedule.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlDeleteScheduleOperator(task_id="delete", name="nightly")

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, "a schedule must be
    disabled before deletion".
    """

    kind = "schedule"

    def submit(self, context: Context) -> Ticket:
        """Disable it, or delete it if it is disabled."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.changes import switch

        found = self.hook.run(flows.find(self.arm_id))
        if found and found["properties"].get("isEnabled", True):
            return self.hook.run(switch(self.arm_id, "isEnabled", on=False))
        return self._delete(self.arm_id)

    def advance(self, context: Context, outcome: Outcome) -> Ticket | Json:
        """From disabled to deleted, from there to the result."""
        if not outcome.succeeded or outcome.status == "Deleted":
            return super().advance(context, outcome)
        return self._delete(outcome.arm_id)
