"""What the path of a request to Azure Resource Manager means, by the resource table."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_azml.rest.resources import RESOURCES, Resource

AML = "Microsoft.MachineLearningServices"


@dataclass(frozen=True)
class Target:
    """A resource, a collection of resources, or an action on a resource.

    Args:
        row: The resource's row.
        arm_id: Its id, or the collection's, in the service's spelling.
        parent_id: Id of what it lives under.
        group: Its resource group.
        is_collection: Whether it is a collection: of resources, or of the versions of one.
        is_version: Whether it is a version, or the collection of versions.
        action: Name of the action, as the row has it.
    """

    row: Resource
    arm_id: str
    parent_id: str
    group: str
    is_collection: bool = False
    is_version: bool = False
    action: str | None = None

    @property
    def names(self) -> list[str]:
        """The names in its id, from the outermost resource below the resource group inwards, a version last."""
        return self.arm_id.split("/")[8::2]

    @property
    def name(self) -> str:
        """The resource's own name, without its version."""
        return self.names[-2] if self.is_version and not self.is_collection else self.names[-1]

    @property
    def kind(self) -> str:
        """The resource type, e.g. ``Microsoft.MachineLearningServices/workspaces/computes``."""
        parts = self.arm_id.split("/")
        return "/".join([parts[6], *parts[7::2]])

    @property
    def workspace_id(self) -> str:
        """Id of the workspace that it is in, or that it is."""
        return "/".join(self.arm_id.split("/")[:9])


def resolve(subscription: str, group: str, namespace: str, segments: list[str]) -> Target | None:
    """What a path below a resource provider means; ``None`` when the table has nothing like it.

    Args:
        subscription: The subscription.
        group: The resource group.
        namespace: The resource provider.
        segments: What follows it in the path.
    """
    group_id = f"/subscriptions/{subscription}/resourceGroups/{group}"
    row = _child("resource_group", segments[0], namespace) if segments else None
    if row is None:
        return None
    parent_id, arm_id = group_id, f"{group_id}/providers/{row.provider}"
    rest = segments
    while True:
        collection_id = f"{arm_id}/{row.segment}"
        if len(rest) == 1:
            return Target(row, collection_id, parent_id, group, is_collection=True)
        arm_id, rest = f"{collection_id}/{rest[1]}", rest[2:]
        if not rest:
            return Target(row, arm_id, parent_id, group)
        if row.versioned:
            return _version(row, arm_id, parent_id, group, rest)
        child = _child(row.kind, rest[0])
        if child is None:
            return _action(Target(row, arm_id, parent_id, group), rest)
        parent_id, row = arm_id, child


def _child(parent: str, segment: str, provider: str | None = None) -> Resource | None:
    for row in RESOURCES.values():
        same_provider = provider is None or (row.provider or "").lower() == provider.lower()
        if row.parent == parent and row.segment.lower() == segment.lower() and same_provider:
            return row
    return None


def _version(row: Resource, container_id: str, parent_id: str, group: str, rest: list[str]) -> Target | None:
    if rest[0].lower() != "versions":
        return None
    versions_id = f"{container_id}/versions"
    if len(rest) == 1:
        return Target(row, versions_id, parent_id, group, is_collection=True, is_version=True)
    target = Target(row, f"{versions_id}/{rest[1]}", parent_id, group, is_version=True)
    return _action(target, rest[2:]) if rest[2:] else target


def _action(target: Target, rest: list[str]) -> Target | None:
    names = {segment.lower(): name for name, segment in target.row.actions.items()}
    if len(rest) != 1 or rest[0].lower() not in names:
        return None
    return Target(
        target.row,
        target.arm_id,
        target.parent_id,
        target.group,
        is_version=target.is_version,
        action=names[rest[0].lower()],
    )
