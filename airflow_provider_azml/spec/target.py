"""Where a specification is to be submitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud


SUBMISSION = "airflow.submission"
"""Tag of a version that was made without one being named, and property of a job: the seed of its submission."""


@dataclass(frozen=True)
class Target:
    """The workspace that a file is submitted to.

    Args:
        workspace: Where the workspace is; it names what is to be made when a workspace itself is submitted.
        cloud: The cloud that it is in: uploads need its storage suffix.
        seed: What made-up names are derived from, so that a retry makes up the same ones; without one they are random.
            It also marks versions of assets that name none, so that a retry finds them.
        since: The moment before which nothing was made for this seed.
        pins: Label, as ``environment sklearn@latest``, and the version that it stands for; others are looked up.
    """

    workspace: WorkspaceId
    cloud: Cloud
    seed: str | None = None
    since: datetime | None = None
    pins: Mapping[str, str] = field(default_factory=dict, compare=False)
