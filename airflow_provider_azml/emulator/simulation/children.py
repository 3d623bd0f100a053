"""The children of simulated jobs, trials of a sweep or nodes of a pipeline: which may start, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.jobs.records import JobFailure
    from airflow_provider_azml.emulator.simulation.plan import Plan
    from airflow_provider_azml.rest.flows import Json


@dataclass(frozen=True)
class Child:
    """A child that is to start.

    Args:
        name: Its name.
        plan: How it goes.
        properties: Its ``properties``, as the control plane has them.
        run: What is known of its run, in run history's words.
        metrics: What it logs at its end.
        of_parent: What its start changes in its parent's run.
    """

    name: str
    plan: Plan
    properties: Json
    run: Json
    metrics: dict[str, float] = field(default_factory=dict)
    of_parent: Json = field(default_factory=dict)


class Children(Protocol):
    """All children of one job."""

    def due(self) -> list[Child]:
        """Those that may start now; each is told once."""

    def ended(self, name: str, failure: JobFailure | None, metrics: Mapping[str, float]) -> Json:
        """Take note that one has ended; what that changes in the parent's run.

        Args:
            name: The child.
            failure: Why it did not complete.
            metrics: What it has logged.
        """

    def doomed(self) -> bool:
        """Whether those that still run are to be canceled."""

    def outcome(self) -> JobFailure | None:
        """Why the parent does not complete, once no child runs and none is due."""
