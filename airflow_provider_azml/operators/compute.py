"""Operators for computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
        ``{"name", "id", "status", "studio_url"}``; with ``state`` of instances and clusters, and ``nodes`` of clusters.

    Example:
        >>> AzmlCreateComputeOperator(task_id="create_compute", name="cpu-cluster", type="amlcompute", max_instances=2)

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-compute-aml
    """

    kind = "compute"
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
        self.keep(locals())


class AzmlAttachComputeOperator(AzmlSpecOperator):
    """Attaches a compute that exists to the workspace: a Kubernetes cluster, a virtual machine or a Synapse Spark pool.

    Args:
        file: Compute YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name that the compute gets in the workspace.
        type: ``kubernetes``, ``virtualmachine`` or ``synapsespark``.
        resource_id: ARM id of what is attached.
        namespace: Namespace of the Kubernetes cluster.
        description: Free text.
        tags: Tags of the compute.
        identity: Managed identity of the compute.
        ssh_settings: How a virtual machine is reached.

    Returns:
        ``{"name", "id", "status", "studio_url"}``; with ``state`` of instances and clusters, and ``nodes`` of clusters.

    Example:
        >>> AzmlAttachComputeOperator(task_id="attach", name="k8s", type="kubernetes", resource_id=CLUSTER_ID)

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-compute-kubernetes
    """

    kind = "compute"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "type",
        "resource_id",
        "namespace",
        "description",
        "tags",
        "identity",
        "ssh_settings",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the compute YAML)
        resource_id: str | None = None,
        namespace: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        identity: Mapping[str, Any] | None = None,
        ssh_settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())
