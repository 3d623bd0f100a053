"""Probes: how long a server may take until it answers, and how long it may be silent after that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json


@dataclass(frozen=True)
class Probe:
    """Settings of a probe.

    Args:
        initial_seconds: Until the first.
        period_seconds: From one to the next.
        timeout_seconds: How long an answer may take.
        failures: So many in a row are too many.
    """

    initial_seconds: float
    period_seconds: float
    timeout_seconds: float
    failures: int

    @property
    def start_seconds(self) -> float:
        """How long a server may take until it answers the first time."""
        return self.initial_seconds + self.period_seconds * self.failures


def probe(deployment: Json, name: str) -> Probe:
    """A probe of a deployment.

    Args:
        deployment: The deployment, as the store has it; its durations are durations.
        name: ``livenessProbe`` or ``readinessProbe``.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online#probesettings
    """
    settings: Json = deployment["properties"].get(name) or {}
    return Probe(
        durations.seconds(settings.get("initialDelay") or "PT10S"),
        durations.seconds(settings.get("period") or "PT10S"),
        durations.seconds(settings.get("timeout") or "PT2S"),
        int(settings.get("failureThreshold") or 30),
    )


def start_seconds(deployment: Json) -> float:
    """How long the server of a deployment may take until it answers.

    Source: "readiness or liveness probe fails beyond failure threshold", under ResourceNotReady in
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints
    """
    return min(probe(deployment, name).start_seconds for name in ("livenessProbe", "readinessProbe"))
