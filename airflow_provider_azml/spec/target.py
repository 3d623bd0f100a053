"""Where a specification is to be submitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud


@dataclass(frozen=True)
class Target:
    """The workspace that a file is submitted to.

    Args:
        workspace: Where the workspace is; it names what is to be made when a workspace itself is submitted.
        cloud: The cloud that it is in: uploads need its storage suffix.
        seed: What made-up names are derived from, so that a retry makes up the same ones; without one they are random.
    """

    workspace: WorkspaceId
    cloud: Cloud
    seed: str | None = None
