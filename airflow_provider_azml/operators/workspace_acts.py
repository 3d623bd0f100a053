"""Operators that change, check and delete workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.links import AzmlStudioLink
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket
    from airflow_provider_azml.spec.source import Source

_DIAGNOSIS = "diagnosis_url"


class AzmlUpdateWorkspaceOperator(AzmlSpecOperator):
    """Changes a workspace that is there. What is not given stays.

    Args:
        file: Workspace YAML, relative to the DAG file; of it only what can be changed counts.
        spec: Its content as a mapping instead.
        name: By default the workspace that the connection names.
        display_name: Name that studio shows.
        description: Free text.
        tags: Tags, merged over those that it has.
        public_network_access: ``Enabled`` or ``Disabled``.
        image_build_compute: Cluster that builds images where the registry cannot.
        application_insights: ARM id of another one.
        container_registry: ARM id of another one.
        managed_network: How far its managed network is closed, and what is let through.
        identity: Managed identity of the workspace.
        primary_user_assigned_identity: ARM id of the identity that it works as.

    Returns:
        ``{"name", "id", "status", "studio_url", "location"}``.

    Raises:
        NotFound: There is no such workspace.

    Example:
        >>> AzmlUpdateWorkspaceOperator(task_id="close", public_network_access="Disabled")

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace-cli, "Update a workspace"
    """

    kind = "workspace"
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "display_name",
        "description",
        "tags",
        "public_network_access",
        "image_build_compute",
        "application_insights",
        "container_registry",
        "managed_network",
        "identity",
        "primary_user_assigned_identity",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        public_network_access: str | None = None,
        image_build_compute: str | None = None,
        application_insights: str | None = None,
        container_registry: str | None = None,
        managed_network: Mapping[str, Any] | None = None,
        identity: Mapping[str, Any] | None = None,
        primary_user_assigned_identity: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())

    def submit(self, context: Context) -> Ticket | Json:
        """Send the changes."""
        from airflow_provider_azml.spec.workspaces import update

        source = self.source(context)
        self.checked(source)
        return self._begun(context, self.hook.run(update(source, self.hook.target)))

    def source(self, context: Context) -> Source:
        """The changes; a workspace that is not named is the connection's."""
        described = super().source(context)
        return described if "name" in described.value else described.merged({"name": self.hook.workspace_id.name})


class AzmlWorkspaceActOperator(AzmlOperator):
    """Base of operators that act on a workspace which is there.

    Args:
        name: Name of the workspace, in the connection's resource group; by default the workspace of the connection.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name")
    operator_extra_links = (AzmlStudioLink(),)

    def __init__(self, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    @property
    def workspace_arm_id(self) -> str:
        """ARM id of the workspace."""
        here = self.hook.workspace_id
        return here.sibling("workspace", self.name or here.name)

    def _act(self, action: str) -> Ticket:
        from airflow_provider_azml.rest import flows, waiting

        arm_id = self.workspace_arm_id
        return waiting.ticket(arm_id, self.hook.run(flows.act(arm_id, action, {})))


class AzmlDeleteWorkspaceOperator(AzmlWorkspaceActOperator):
    """Deletes a workspace, which can be recovered for a while; one that is gone already is no error.

    Args:
        name: Name of the workspace, in the connection's resource group; by default the workspace of the connection.
        delete_dependent_resources: Delete the storage account, key vault, application insights and container registry
            that it stands on, too, with all that is in them. They go first.
        permanently_delete: Delete it so that it cannot be recovered, and its name can be used again at once.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlDeleteWorkspaceOperator(task_id="delete", permanently_delete=True, trigger_rule="all_done")

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace-cli, "Delete a workspace";
    azure-ai-ml 1.35.2, ``workspaces.begin_delete``
    """

    template_fields: Sequence[str] = (
        *AzmlWorkspaceActOperator.template_fields,
        "delete_dependent_resources",
        "permanently_delete",
    )

    def __init__(
        self, *, delete_dependent_resources: bool | str = False, permanently_delete: bool | str = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.delete_dependent_resources = delete_dependent_resources
        self.permanently_delete = permanently_delete

    def submit(self, context: Context) -> Ticket:
        """Delete what it stands on if that is asked for, then the workspace."""
        from airflow_provider_azml.operators.arguments import yes_or_no
        from airflow_provider_azml.rest.workspace_deletion import delete

        dependents = yes_or_no("delete_dependent_resources", self.delete_dependent_resources)
        permanently = yes_or_no("permanently_delete", self.permanently_delete)
        return self.hook.run(delete(self.workspace_arm_id, dependents=dependents, permanently=permanently))


class AzmlSyncWorkspaceKeysOperator(AzmlWorkspaceActOperator):
    """Has a workspace take up the keys of what it stands on, after one of them was changed.

    Args:
        name: Name of the workspace, in the connection's resource group; by default the workspace of the connection.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlSyncWorkspaceKeysOperator(task_id="sync_keys")

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-workspace-cli, "Sync keys for dependent
    resources"
    """

    def submit(self, context: Context) -> Ticket:
        """Ask for it."""
        return self._act("resync_keys")


class AzmlDiagnoseWorkspaceOperator(AzmlWorkspaceActOperator):
    """Has the service look at what a workspace stands on, and tells what is wrong with it.

    Args:
        name: Name of the workspace, in the connection's resource group; by default the workspace of the connection.
        fail_on_findings: Whether the task fails when something is wrong; else the result tells it alone.

    Returns:
        ``{"name", "id", "findings": {"storageAccountResults": [{"code", "level", "message"}], ...}}`` with the groups
        in which something was found.

    Raises:
        RunFailed: Something is wrong, and `fail_on_findings` is set.

    Example:
        >>> AzmlDiagnoseWorkspaceOperator(task_id="diagnose", fail_on_findings=True)

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-workspace-diagnostic-api
    """

    template_fields: Sequence[str] = (*AzmlWorkspaceActOperator.template_fields, "fail_on_findings")

    def __init__(self, *, fail_on_findings: bool | str = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on_findings = fail_on_findings

    def submit(self, context: Context) -> Ticket:
        """Ask for it, and note where the answer will be."""
        ticket = self._act("diagnose")
        context["ti"].xcom_push(key=_DIAGNOSIS, value=ticket.operation_url)
        return ticket

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """What was found."""
        from airflow_provider_azml.exceptions import RunFailed
        from airflow_provider_azml.operators.arguments import yes_or_no
        from airflow_provider_azml.rest import flows
        from airflow_provider_azml.rest.arm_ids import parse
        from airflow_provider_azml.rest.flows import Send, call, request

        if not outcome.succeeded:
            raise outcome.failure()
        url = context["ti"].xcom_pull(task_ids=self.task_id, key=_DIAGNOSIS, map_indexes=context["ti"].map_index)
        sent = request("GET", str(url))
        told = flows.json_object(sent, self.hook.run(call(Send(sent))))
        findings = {group: found for group, found in (told.get("value") or {}).items() if found}
        name = parse(outcome.arm_id).name
        for group, found in findings.items():
            for one in found:
                self.log.warning("%s: %s: %s", group, one.get("code"), one.get("message"))
        if findings and yes_or_no("fail_on_findings", self.fail_on_findings):
            reasons = "; ".join(str(one.get("message")) for found in findings.values() for one in found)
            raise RunFailed(kind="workspace", name=name, status="has findings", message=reasons)
        return {"name": name, "id": outcome.arm_id, "findings": findings}
