"""Operators for workspaces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source


class AzmlCreateWorkspaceOperator(AzmlSpecOperator):
    """Creates a workspace, with the storage account, key vault and application insights that are not named.

    A workspace that exists is left as it is, so the task can stand at the head of a DAG that runs daily.

    Args:
        file: Workspace YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: By default the workspace that the connection names.
        location: Azure region, e.g. ``westeurope``; by default the resource group's.
        display_name: Name that studio shows.
        description: Free text.
        tags: Tags of the workspace.
        storage_account: ARM id of an existing one; else one is made.
        key_vault: ARM id of an existing one; else one is made.
        application_insights: ARM id of an existing one; else one is made.
        container_registry: ARM id of an existing one.
        create_container_registry: Make one now; else the service makes one when it first builds an image.

    Returns:
        ``{"name", "id", "status", "studio_url", "location"}``.

    Example:
        >>> AzmlCreateWorkspaceOperator(task_id="create_workspace", location="westeurope")

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-workspace
    """

    kind = "workspace"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "location",
        "display_name",
        "description",
        "tags",
        "storage_account",
        "key_vault",
        "application_insights",
        "container_registry",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        location: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        storage_account: str | None = None,
        key_vault: str | None = None,
        application_insights: str | None = None,
        container_registry: str | None = None,
        create_container_registry: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.create_container_registry = create_container_registry
        self.keep(locals())

    def submit(self, context: Context) -> Ticket | Json:
        """Deploy the workspace's template, unless the workspace is there."""
        from airflow_provider_azml.operators.submission import submission_hash
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.waiting import Ticket
        from airflow_provider_azml.spec.workspaces import create

        source = self.source(context)
        self.checked(source)
        arm_id = self.workspace_of(source)
        found = self.hook.run(flows.find(arm_id))
        if found:
            self.log.info("Workspace %s exists, and is left as it is", found["name"])
            return Ticket(arm_id, None, found)
        target = replace(self.hook.target, seed=submission_hash(context))
        return self.hook.run(create(source, target, create_container_registry=self.create_container_registry))

    def source(self, context: Context) -> Source:
        """The workspace as it is described; one that is not named is the connection's."""
        described = super().source(context)
        return described if "name" in described.value else described.merged({"name": self.hook.workspace_id.name})
