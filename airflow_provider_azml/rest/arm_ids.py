"""ARM ids: made from the resource table, and taken apart with it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_azml.rest.resources import RESOURCES, Resource

_BELOW_GROUP = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)(/providers/(?P<provider>[^/]+)/(?P<below>.+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ArmId:
    """An ARM id, taken apart.

    Args:
        kind: Kind of the resource, a key of ``RESOURCES``.
        subscription_id: Subscription that holds it.
        resource_group: Resource group that holds it; empty for nothing below one.
        names: Names from the outermost resource below the resource group to the innermost, a version last.
    """

    kind: str
    subscription_id: str
    resource_group: str
    names: tuple[str, ...]

    @property
    def row(self) -> Resource:
        """The resource's row."""
        return RESOURCES[self.kind]

    @property
    def name(self) -> str:
        """The resource's own name, without its version."""
        versioned = self.row.versioned and len(self.names) == len(_ancestry(self.row)) + 1
        return self.names[-2] if versioned else self.names[-1]

    @property
    def version(self) -> str | None:
        """Its version, when it has one."""
        return self.names[-1] if self.row.versioned and len(self.names) == len(_ancestry(self.row)) + 1 else None

    @property
    def workspace(self) -> WorkspaceId:
        """The workspace that holds it, or that it is."""
        return WorkspaceId(self.subscription_id, self.resource_group, self.names[0])


@dataclass(frozen=True)
class WorkspaceId:
    """Where a workspace is.

    Example:
        >>> WorkspaceId("s", "rg", "ws").child("model", "iris", "3").partition("workspaces/")[2]
        'ws/models/iris/versions/3'
    """

    subscription_id: str
    resource_group: str
    name: str

    def __str__(self) -> str:
        return self.sibling("workspace", self.name)

    @property
    def group(self) -> str:
        """ARM id of the resource group."""
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"

    def child(self, kind: str, *names: str) -> str:
        """ARM id of something in this workspace; with one name too few, of the collection or container of it."""
        return self.sibling(kind, self.name, *names)

    def sibling(self, kind: str, *names: str) -> str:
        """ARM id of something in the same resource group, named from the outermost resource inwards."""
        return self.group + _path(RESOURCES[kind], names)


def parse(arm_id: str) -> ArmId:
    """Take an ARM id apart; segments are compared without case, as the service does.

    Raises:
        ValueError: It is not the id of a resource in the table.
    """
    found = _BELOW_GROUP.fullmatch(arm_id.rstrip("/"))
    if not found:
        raise ValueError(f"not an ARM id below a resource group: {arm_id}")
    subscription_id, group, below = found["subscription"], found["group"], (found["below"] or "").split("/")
    if below == [""]:
        return ArmId("resource_group", subscription_id, group, (group,))
    row: Resource | None = None
    names: list[str] = []
    provider = str(found["provider"])
    for segment, name in zip(below[::2], [*below[1::2], ""], strict=False):
        if row and row.versioned and segment.lower() == "versions" and name:
            names.append(name)
            continue
        row = _row_of(segment, row, provider)
        if row is None or not name:
            raise ValueError(f"not the ARM id of a known resource: {arm_id}")
        names.append(name)
    assert row
    return ArmId(row.kind, subscription_id, group, tuple(names))


def _row_of(segment: str, parent: Resource | None, provider: str) -> Resource | None:
    holder = parent.kind if parent else "resource_group"
    wanted = (holder, segment.lower(), provider.lower())
    for row in RESOURCES.values():
        if (row.parent, row.segment.lower(), (row.provider or provider).lower()) == wanted:
            return row
    return None


def _ancestry(row: Resource) -> tuple[Resource, ...]:
    """The rows from the one right below the resource group down to this one."""
    if row.parent in ("resource_group", "subscription"):
        return (row,)
    return (*_ancestry(RESOURCES[row.parent]), row)


def _path(row: Resource, names: tuple[str, ...]) -> str:
    chain = _ancestry(row)
    path = f"/providers/{chain[0].provider}"
    for depth, link in enumerate(chain):
        path += f"/{link.segment}"
        if depth < len(names):
            path += f"/{names[depth]}"
    if row.versioned and len(names) > len(chain):
        path += f"/versions/{names[len(chain)]}"
    return path
