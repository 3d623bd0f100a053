"""The probes of a container that starts: what the log says of those that fail, and which of them ends it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.emulator.serving import probes
from airflow_provider_azml.emulator.serving.inference_server import ServerDown, ServerSilent

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.serving.deployment_log import DeploymentLog
    from airflow_provider_azml.emulator.serving.inference_server import InferenceServer
    from airflow_provider_azml.rest.flows import Json

ProbeName = Literal["livenessProbe", "readinessProbe"]
_WORDS: dict[ProbeName, str] = {"livenessProbe": "Liveness", "readinessProbe": "Readiness"}
STEP: Literal["UserContainerStart"] = "UserContainerStart"
NOT_UP = "HTTP probe failed with statuscode: 502"
"""What a probe of a server says that does not listen yet: something before it answers."""
RESTARTED = "Container inference-server failed liveness probe, will be restarted"


class ProbeFailed(ServerDown):
    """A server did not answer a probe in the time that it has for it; its process runs."""


async def started(server: InferenceServer, deployment: Json, journal: DeploymentLog) -> None:
    """Wait until a server answers, and log the probes that fail meanwhile.

    A server is ready here as soon as it answers; on Azure with the first probe after that.

    Raises:
        ProbeFailed: It does not in the time that its probes leave it.
        ServerDown: It ended.

    Sources: the events ``LivenessProbeFailed`` and ``ReadinessProbeFailed`` of a deployment that failed, and "User
    container has crashed or terminated: Liveness probe failed: HTTP probe failed with statuscode: 502",
    MicrosoftLearning/mslearn-azure-ml#100 and Azure/mlops-v2#120; ``Killing``:
    https://learn.microsoft.com/azure/machine-learning/how-to-monitor-online-endpoints
    """
    failing = [asyncio.create_task(_log_failures(deployment, name, journal)) for name in _WORDS]
    try:
        await server.healthy(probes.start_seconds(deployment))
    except ServerSilent as error:
        name = min(_WORDS, key=lambda each: probes.probe(deployment, each).start_seconds)
        if name == "livenessProbe":
            journal.warn(STEP, "Killing", RESTARTED)
        raise ProbeFailed(f"{_WORDS[name]} probe failed: {NOT_UP}") from error
    finally:
        for task in failing:
            task.cancel()
        await asyncio.wait(failing)


async def _log_failures(deployment: Json, name: ProbeName, journal: DeploymentLog) -> None:
    """Log one failure after the other, as long as nobody stops it."""
    probe, word = probes.probe(deployment, name), _WORDS[name]
    await asyncio.sleep(probe.initial_seconds)
    while True:
        journal.warn(STEP, f"{word}ProbeFailed", f"{word} probe failed: {NOT_UP}")
        await asyncio.sleep(max(probe.period_seconds, 0.01))
