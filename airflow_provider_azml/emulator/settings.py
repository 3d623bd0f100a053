"""The options of an emulator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.faults.plan import FaultPlan

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How an emulator is to be.

    Args:
        home: Folder for all that it keeps; made when it is not there.
        https_port: Port for clients of Azure; 0 picks a free one.
        http_port: Port for what cannot be taught its certificate; 0 picks a free one.
        create_workspace: Have the default workspace from the start.
        simulate_seconds: Run no job, but let each take so long; ``None`` to run them.
        faults: What goes wrong from the start, and how.
        node_seconds: How long a node of a cluster, or a compute instance, takes to start and to stop.
        throttle: Let Resource Manager take only as many requests a second as Azure's does.
        record: Folder to write down in what Resource Manager is asked and answers; ``None`` for not at all.
    """

    home: Path
    https_port: int
    http_port: int
    create_workspace: bool = False
    simulate_seconds: float | None = None
    faults: FaultPlan = field(default_factory=FaultPlan)
    node_seconds: float = 0.0
    throttle: bool = False
    record: Path | None = None
