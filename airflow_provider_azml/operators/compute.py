"""Operators for computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.waiting import Ticket


class AzmlCreateComputeOperator(AzmlSpecOperator):
    """Creates or updates a compute: a cluster, an instance, or whatever a compute YAML describes.

    Args:
        file: Compute YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the compute.
        type: ``amlcompute``, ``computeinstance``...
        size: Size of its machines, e.g. ``STANDARD_DS3_V2``.
        min_instances: Machines that a cluster always keeps.
        max_instances: Machines that a cluster grows to.
        idle_time_before_scale_down: Seconds after which an idle machine is given back.
        tier: ``dedicated`` or ``low_priority``.
        location: Azure region; by default the workspace's.
        description: Free text.
        tags: Tags of the compute.
        identity: Managed identity of the compute.
        network_settings: Virtual network and subnet.
        ssh_settings: Administrator of its machines.

    Returns:
        ``{"name", "id", "status", "studio_url"}``.

    Example:
        >>> AzmlCreateComputeOperator(task_id="create_compute", name="cpu-cluster", type="amlcompute", max_instances=2)

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-compute-aml
    """

    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "type",
        "size",
        "min_instances",
        "max_instances",
        "idle_time_before_scale_down",
        "tier",
        "location",
        "description",
        "tags",
        "identity",
        "network_settings",
        "ssh_settings",
    )
    template_fields: Sequence[str] = (*AzmlSpecOperator.template_fields, *spec_fields)
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(
        self,
        *,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the compute YAML)
        size: str | None = None,
        min_instances: int | None = None,
        max_instances: int | None = None,
        idle_time_before_scale_down: int | None = None,
        tier: str | None = None,
        location: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        identity: Mapping[str, Any] | None = None,
        network_settings: Mapping[str, Any] | None = None,
        ssh_settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.type = type
        self.size = size
        self.min_instances = min_instances
        self.max_instances = max_instances
        self.idle_time_before_scale_down = idle_time_before_scale_down
        self.tier = tier
        self.location = location
        self.description = description
        self.tags = tags
        self.identity = identity
        self.network_settings = network_settings
        self.ssh_settings = ssh_settings

    def submit(self, context: Context) -> Ticket:
        """PUT the compute: the same PUT again changes nothing."""
        from airflow_provider_azml.spec.kinds import apply

        return self.hook.run(apply(self.source(context, "compute"), "compute", self.hook.target))
