"""Operators that start, stop, restart, change and delete computes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.files import AzmlSpecOperator
from airflow_provider_azml.operators.named import AzmlNamedOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlSwitchComputeOperator(AzmlNamedOperator):
    """Base of operators that bring a compute instance into a state.

    Args:
        name: Name of the compute instance.
    """

    kind = "compute"
    action: ClassVar[str]
    """The action, by the name that the resource table gives it."""
    under_way: ClassVar[frozenset[str]]
    """States in which somebody has asked for it already."""
    state: ClassVar[str]
    """The state that it ends in."""
    reached_at_once: ClassVar[bool] = True
    """Whether there is nothing to do for an instance that is in that state."""

    def submit(self, context: Context) -> Ticket:
        """Ask for the state, unless the instance is in it, or on its way there."""
        from airflow_provider_azml.rest import compute_states, flows, waiting

        arm_id, wanted = self.arm_id, compute_states.checked({"state": self.state})
        self._show(context, "compute", self.name)
        found = self.hook.run(flows.get(arm_id))
        pending = waiting.Ticket(arm_id, None, found, "state", wanted)
        state = (found["properties"].get("properties") or {}).get("state")
        if state in self.under_way or (self.reached_at_once and waiting.ended(pending)):
            self.log.info("Compute instance %s is %s", self.name, state)
            return pending
        response = self.hook.run(flows.act(arm_id, self.action))
        return replace(waiting.ticket(arm_id, response, goal="state"), wanted=wanted)

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """The instance as it is now."""
        return self.as_it_is(context, outcome)


class AzmlStartComputeOperator(AzmlSwitchComputeOperator):
    """Starts a compute instance, and waits until it runs; one that runs already is left alone.

    Args:
        name: Name of the compute instance.

    Returns:
        ``{"name", "id", "status", "studio_url", "state"}``.

    Raises:
        RunFailed: It could not be started.
        NotFound: There is no such compute.

    Example:
        >>> AzmlStartComputeOperator(task_id="start", name="anna-dev")

    Source: ``POST computes/{name}/start`` of the service's OpenAPI file.
    """

    action, state, under_way = "start", "Running", frozenset({"Starting"})


class AzmlStopComputeOperator(AzmlSwitchComputeOperator):
    """Stops a compute instance, and waits until it stands still; one that is stopped already is left alone.

    Args:
        name: Name of the compute instance.

    Returns:
        ``{"name", "id", "status", "studio_url", "state"}``.

    Raises:
        RunFailed: It could not be stopped.
        NotFound: There is no such compute.

    Example:
        >>> AzmlStopComputeOperator(task_id="stop", name="anna-dev", trigger_rule="all_done")

    Source: ``POST computes/{name}/stop`` of the service's OpenAPI file.
    """

    action, state, under_way = "stop", "Stopped", frozenset({"Stopping"})


class AzmlRestartComputeOperator(AzmlSwitchComputeOperator):
    """Restarts a compute instance, and waits until it runs again; one that restarts already is waited for.

    Args:
        name: Name of the compute instance.

    Returns:
        ``{"name", "id", "status", "studio_url", "state"}``.

    Raises:
        RunFailed: It could not be restarted.
        NotFound: There is no such compute.

    Example:
        >>> AzmlRestartComputeOperator(task_id="restart", name="anna-dev")

    Source: ``POST computes/{name}/restart`` of the service's OpenAPI file.
    """

    action, state, under_way = "restart", "Running", frozenset({"Restarting"})
    reached_at_once = False


class AzmlDeleteComputeOperator(AzmlNamedOperator):
    """Deletes a compute, or detaches one that was attached; one that is gone already is no error.

    Args:
        name: Name of the compute.
        detach: Only take it from the workspace, and leave the machines behind it as they are. By default so for a
            compute that was attached, which is not the workspace's to delete.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlDeleteComputeOperator(task_id="delete", name="cpu-cluster", trigger_rule="all_done")

    Source: ``DELETE computes/{name}`` of the service's OpenAPI file, with ``underlyingResourceAction``.
    """

    kind = "compute"
    template_fields: Sequence[str] = (*AzmlNamedOperator.template_fields, "detach")

    def __init__(self, *, detach: bool | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.detach = detach

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import yes_or_no

        super().check_arguments()
        self.detach = None if self.detach in (None, "", "None") else yes_or_no("detach", self.detach)

    def submit(self, context: Context) -> Ticket:
        """Delete or detach it."""
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket

        found = self.hook.run(flows.find(self.arm_id))
        if found is None:
            return Ticket(self.arm_id, goal="deleted")
        attached = bool(found["properties"].get("isAttachedCompute"))
        action = "Detach" if (attached if self.detach is None else self.detach) else "Delete"
        return self._delete(self.arm_id, {"underlyingResourceAction": action})


class AzmlUpdateComputeOperator(AzmlSpecOperator):
    """Changes a compute that is there: how far a cluster grows, its identity, its tags. What is not given stays.

    Args:
        file: Compute YAML, relative to the DAG file; of it only what can be changed counts.
        spec: Its content as a mapping instead.
        name: Name of the compute.
        min_instances: Machines that a cluster always keeps.
        max_instances: Machines that a cluster grows to.
        idle_time_before_scale_down: Seconds after which an idle machine is given back.
        identity: Managed identity of the compute: ``{"type": "system_assigned"}``, or ``{"type": "user_assigned",
            "user_assigned_identities": [{"resource_id": ...}]}``.
        tags: Tags, merged over those that it has.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; with ``state`` of instances and clusters, and ``nodes`` of clusters.

    Raises:
        NotFound: There is no such compute.

    Example:
        >>> AzmlUpdateComputeOperator(task_id="shrink", name="cpu-cluster", min_instances=0, max_instances=2)

    Source: azure-ai-ml 1.35.2, ``compute.begin_update``: a GET, and a PUT of what it shows with the changes.
    """

    kind = "compute"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "min_instances",
        "max_instances",
        "idle_time_before_scale_down",
        "identity",
        "tags",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        min_instances: int | None = None,
        max_instances: int | None = None,
        idle_time_before_scale_down: int | None = None,
        identity: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())

    def submit(self, context: Context) -> Ticket | Json:
        """Put what is there with the changes, unless it is so already."""
        from airflow_provider_azml.spec import compute_changes

        source = self.source(context)
        return self._begun(context, self.hook.run(compute_changes.update(source, self.hook.target)))
