"""Operators for what workspaces live in: resource groups, registrations with resource providers, private endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.base import AzmlOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.waiting import Outcome, Ticket


class AzmlResourceGroupOperator(AzmlOperator):
    """Base of operators for a resource group.

    Args:
        name: Name of the resource group, in the connection's subscription; by default that of the connection.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name")

    def __init__(self, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    @property
    def group_id(self) -> str:
        """ARM id of the resource group."""
        from dataclasses import replace

        here = self.hook.workspace_id
        return replace(here, resource_group=self.name or here.resource_group).group


class AzmlCreateResourceGroupOperator(AzmlResourceGroupOperator):
    """Creates a resource group; one that exists is left as it is.

    Args:
        name: Name of the resource group, in the connection's subscription; by default that of the connection.
        location: Azure region, e.g. ``westeurope``.
        tags: Tags of the resource group.

    Returns:
        ``{"name", "id", "status", "location"}``.

    Example:
        >>> AzmlCreateResourceGroupOperator(task_id="create_group", name="ml-dev", location="westeurope")

    Source: https://learn.microsoft.com/rest/api/resources/resource-groups/create-or-update
    """

    template_fields: Sequence[str] = (*AzmlResourceGroupOperator.template_fields, "location", "tags")

    def __init__(self, *, location: str, tags: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.tags = tags

    def submit(self, context: Context) -> Json:
        """Make it, unless it is there; there is nothing to wait for."""
        from airflow_provider_azml.rest import flows

        found = self._found()
        if found is None:
            body: Json = {"location": self.location, **({"tags": dict(self.tags)} if self.tags else {})}
            self.hook.run(flows.put(self.group_id, body))
            found = self.hook.run(flows.get(self.group_id))
        else:
            self.log.info("Resource group %s exists, and is left as it is", found["name"])
        status = str((found.get("properties") or {}).get("provisioningState") or "Succeeded")
        return {"name": found["name"], "id": self.group_id, "status": status, "location": found.get("location")}

    def _found(self) -> Json | None:
        from airflow_provider_azml.exceptions import NotFound
        from airflow_provider_azml.rest import flows

        try:
            return self.hook.run(flows.get(self.group_id))
        except NotFound as error:
            if error.code == "SubscriptionNotFound":
                raise
            return None


class AzmlDeleteResourceGroupOperator(AzmlResourceGroupOperator):
    """Deletes a resource group with all that is in it; one that is gone already is no error.

    Args:
        name: Name of the resource group, in the connection's subscription. It has no default: what is deleted is said.

    Returns:
        ``{"name", "id", "status"}``.

    Example:
        >>> AzmlDeleteResourceGroupOperator(task_id="delete_group", name="ml-dev", trigger_rule="all_done")

    Source: https://learn.microsoft.com/rest/api/resources/resource-groups/delete
    """

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def check_arguments(self) -> None:
        """Check the arguments, once templates are rendered.

        Raises:
            SpecError: One cannot be used; it is named.
        """
        from airflow_provider_azml.operators.arguments import refused

        super().check_arguments()
        if not self.name or self.name == "None":
            raise refused("name", "is empty; name the resource group that is to be deleted")

    def submit(self, context: Context) -> Ticket:
        """Delete it."""
        from airflow_provider_azml.exceptions import NotFound
        from airflow_provider_azml.rest import flows, waiting

        try:
            return waiting.ticket(self.group_id, self.hook.run(flows.delete(self.group_id)), goal="deleted")
        except NotFound as error:
            if error.code == "SubscriptionNotFound":
                raise
            return waiting.Ticket(self.group_id, goal="deleted")


class AzmlRegisterResourceProvidersOperator(AzmlOperator):
    """Registers the connection's subscription with the resource providers that workspaces need.

    What is registered already is left alone.

    Args:
        namespaces: The providers, e.g. ``["Microsoft.MachineLearningServices"]``; by default all that a workspace
            needs.

    Returns:
        ``{"namespaces", "status"}``.

    Raises:
        ApiError: There is no such provider, or the identity may not register it.

    Example:
        >>> AzmlRegisterResourceProvidersOperator(task_id="register_providers")

    Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "namespaces")

    def __init__(self, *, namespaces: Sequence[str] | str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespaces = namespaces

    @property
    def _wanted(self) -> Json:
        from airflow_provider_azml.rest.resource_providers import checked

        return checked({"namespaces": self.namespaces})

    def submit(self, context: Context) -> Ticket:
        """Ask for those that are missing."""
        from airflow_provider_azml.rest.resource_providers import register
        from airflow_provider_azml.rest.waiting import Ticket

        group, wanted = self.hook.workspace_id.group, self._wanted
        self.hook.run(register(group, wanted["namespaces"]))
        return Ticket(group, goal="registered", wanted=wanted)

    def advance(self, context: Context, outcome: Outcome) -> Json:
        """That all are registered."""
        return {**self._wanted, "status": outcome.status}


class AzmlCreatePrivateEndpointOperator(AzmlOperator):
    """Creates a private endpoint, by which a virtual network reaches a workspace without the public internet.

    Args:
        name: Name of the private endpoint.
        subnet_id: ARM id of the subnet that it gets an address of.
        location: Azure region of the virtual network; by default the workspace's.
        connection_name: Name of the connection to the workspace; by default that of the private endpoint.
        target_id: ARM id of what is reached; by default the workspace of the connection.
        group_ids: What of it is reached: ``amlworkspace`` of a workspace.
        tags: Tags of the private endpoint.

    Returns:
        ``{"name", "id", "status"}``.

    Raises:
        RunFailed: It could not be made.

    Example:
        >>> AzmlCreatePrivateEndpointOperator(task_id="private", name="ml-private", subnet_id=SUBNET_ID)

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-configure-private-link and
    https://learn.microsoft.com/rest/api/virtualnetwork/private-endpoints/create-or-update
    """

    template_fields: Sequence[str] = (
        *AzmlOperator.template_fields,
        "name",
        "subnet_id",
        "location",
        "connection_name",
        "target_id",
        "group_ids",
        "tags",
    )

    def __init__(
        self,
        *,
        name: str,
        subnet_id: str,
        location: str | None = None,
        connection_name: str | None = None,
        target_id: str | None = None,
        group_ids: Sequence[str] = ("amlworkspace",),
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.subnet_id = subnet_id
        self.location = location
        self.connection_name = connection_name
        self.target_id = target_id
        self.group_ids = group_ids
        self.tags = tags

    def submit(self, context: Context) -> Ticket:
        """Make it; the same PUT again changes nothing."""
        from airflow_provider_azml.rest import flows, waiting

        here = self.hook.workspace_id
        target = self.target_id or str(here)
        location = self.location or self.hook.run(flows.get(str(here))).get("location")
        link = {"privateLinkServiceId": target, "groupIds": list(self.group_ids)}
        body: Json = {
            "location": location,
            "properties": {
                "subnet": {"id": self.subnet_id},
                "privateLinkServiceConnections": [{"name": self.connection_name or self.name, "properties": link}],
            },
            **({"tags": dict(self.tags)} if self.tags else {}),
        }
        return self.hook.run(waiting.submit(here.sibling("private_endpoint", self.name), body))
