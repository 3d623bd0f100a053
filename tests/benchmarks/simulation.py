"""An emulator in a process of its own whose jobs only take time, and what it tells of them and of its requests."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.request
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.history import data_plane

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Flow, Json

_AT_ONCE = 16
_PER_REQUEST = 100


@contextmanager
def simulation(home: Path) -> Iterator[Simulation]:
    """A running emulator, and the connection ``azml_default`` to it, for as long as the block runs.

    Args:
        home: Its folder.
    """
    before = dict(os.environ)
    with running_emulator(home, "--simulate", "3600", "--create-workspace") as emulator:
        os.environ.update(emulator.environment)
        try:
            yield Simulation(emulator.url, {**emulator.headers})
        finally:
            os.environ.clear()
            os.environ.update(before)


@dataclass(frozen=True)
class Requests:
    """The requests that an emulator has had.

    Args:
        by_operation: How many of each: ``POST batchrundata``, ``GET blob (range)``...
        most_at_once: How many of each it was answering at one moment.
    """

    by_operation: Counter[str]
    most_at_once: dict[str, int]


@dataclass(frozen=True)
class Simulation:
    """A running emulator whose jobs only take time.

    Args:
        url: Its http URL.
        headers: What requests to its own routes carry.
    """

    url: str
    headers: dict[str, str]

    async def requests(self) -> Requests:
        """The requests that it has had so far."""
        return await asyncio.to_thread(self._requests)

    def _requests(self) -> Requests:
        asked = urllib.request.Request(f"{self.url}/emulator/requests", headers=self.headers)
        with urllib.request.urlopen(asked) as answer:
            told = json.load(answer)
        return Requests(Counter(told["by_operation"]), told["most_at_once"])

    async def set_faults(self, spec: str) -> None:
        """Let requests go wrong from now on, as ``azml emulator --faults`` says; an empty ``spec`` ends it."""
        body = json.dumps({"spec": spec}).encode()
        asked = urllib.request.Request(f"{self.url}/emulator/faults", body, self.headers, method="PUT")
        (await asyncio.to_thread(urllib.request.urlopen, asked)).close()

    async def submit(self, seconds_of: Mapping[str, float], **properties: str) -> list[str]:
        """Submit jobs, and answer their ARM ids.

        Args:
            seconds_of: Name -> how long it runs, in seconds.
            properties: What else is said of all of them: ``log_lines``...
        """
        hook, ids = AzmlHook(), []
        names = [*seconds_of]
        try:
            for start in range(0, len(names), _AT_ONCE):
                part = {name: seconds_of[name] for name in names[start : start + _AT_ONCE]}
                ids += await hook.arun(_submitted(hook, part, properties))
        finally:
            await hook.aclose()
        return ids

    async def ends(self, job_ids: Sequence[str]) -> dict[str, float]:
        """When those jobs ended that have, in seconds since the epoch, as run history tells it."""
        hook, ended = AzmlHook(), {}
        try:
            for start in range(0, len(job_ids), _PER_REQUEST):
                ended |= await hook.arun(_ends(hook, job_ids[start : start + _PER_REQUEST]))
        finally:
            await hook.aclose()
        return ended


def _submitted(hook: AzmlHook, seconds_of: Mapping[str, float], properties: Mapping[str, str]) -> Flow[list[str]]:
    ids = [hook.workspace_id.child("job", name) for name in seconds_of]
    bodies = [_job({"seconds": f"{seconds}", **properties}) for seconds in seconds_of.values()]
    yield flows.All([flows.put(job_id, body) for job_id, body in zip(ids, bodies, strict=True)])
    return ids


def _job(simulated: Mapping[str, str]) -> Json:
    said = {f"simulate.{name}": value for name, value in simulated.items()}
    return {
        "properties": {
            "jobType": "Command",
            "command": "python train.py --epochs 10",
            "environmentId": "azureml:sklearn-1.5:1",
            "experimentName": "benchmark",
            "tags": {"team": "vision", "stage": "nightly"},
            "properties": {"airflow.dag_id": "benchmark", "airflow.try_number": "1", **said},
        }
    }


def _ends(hook: AzmlHook, job_ids: Sequence[str]) -> Flow[dict[str, float]]:
    api = yield from data_plane(hook.workspace_id)
    asked = {arm_ids.parse(job_id).name: job_id for job_id in job_ids}
    body = {"requests": {name: {"runId": name, "selectRunMetadata": True} for name in asked}}
    url = f"{api}/history/v1.0{hook.workspace_id}/batchrundata"
    response = yield from flows.call(flows.Send(flows.request("POST", url, json=body), scope="aml"))
    found = response.json()["successfulResults"]
    ended = {asked[name]: run["runMetadata"].get("endTimeUtc") for name, run in found.items()}
    return {job_id: datetime.fromisoformat(at).timestamp() for job_id, at in ended.items() if at}
