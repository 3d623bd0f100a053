"""Profiling runs: a model is served for the time of a load of requests, and what it took is measured."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.jobs.files import JobFilesError, fetch
from airflow_provider_azml.emulator.serving.inference_server import ServerDown
from airflow_provider_azml.emulator.serving.usage import Meter
from airflow_provider_azml.emulator.storage.locations import Locations
from airflow_provider_azml.rest.profiles import Load, utilized

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.serving.inference_server import InferenceServer
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

REQUESTS = 100
_WARM_UP = 3
_REQUEST_SECONDS = 60.0
_PERIOD_SECONDS = 0.05
_OK = 200


async def profiled(emulator: Emulator, arm_id: str, payloads: list[str]) -> Json:
    """Serve what is at an id in the store, drive it, and say what it took.

    Args:
        emulator: The emulator.
        arm_id: What is served, which nobody else uses.
        payloads: Bodies of requests, sent in turn.

    Raises:
        OperationFailed: It cannot be served.
    """
    try:
        await emulator.deployments.deploy(arm_id)
        server = await emulator.deployments.server(arm_id)
        if server is None:
            raise OperationFailed("ResourceNotReady", "The server of the profile is not there any more.")
        return await _measured(server, payloads)
    finally:
        await emulator.deployments.remove(arm_id)


def payloads_of(emulator: Emulator, workspace: WorkspaceId, body: Json, folder: Path) -> list[str]:
    """The requests that a profile is made with; blocks.

    Args:
        emulator: The emulator.
        workspace: The workspace.
        body: ``inputData`` is one request; ``inputDatasetId`` names data with one request in each line.
        folder: A folder that is not there yet.

    Raises:
        JobFilesError: There is no such data.

    Sources: ``ProfileRequestBase`` of the 2019-09-30 model management file; "a dataset of one column of strings" of
    ``Model.profile`` of azureml-core.
    """
    if body.get("inputData") is not None:
        data = body["inputData"]
        return [data if isinstance(data, str) else json.dumps(data)]
    named = str(body.get("inputDatasetId") or "")
    folder.mkdir(parents=True)
    fetched = fetch(emulator.blobs, Locations(emulator.store, workspace), named, folder, what="the input dataset")
    files = [fetched] if fetched.is_file() else sorted(file for file in fetched.rglob("*") if file.is_file())
    lines = [line for file in files for line in _lines(file)]
    if not lines:
        raise JobFilesError(f"the input dataset ({named}) is empty")
    return lines


def _lines(file: Path) -> list[str]:
    """The rows of a file of one column; of a CSV file, without its heading and its quotes."""
    text = file.read_text()
    if file.suffix == ".csv":
        return [row[0] for row in csv.reader(io.StringIO(text)) if row][1:]
    return [line for line in text.splitlines() if line.strip()]


async def _measured(server: InferenceServer, payloads: list[str]) -> Json:
    for number in range(_WARM_UP):
        await _send(server, payloads[number % len(payloads)])
    meter, taken = Meter(server.process.pid), list[tuple[float, float]]()
    meter.measure()
    watching = asyncio.create_task(_watch(meter, taken))
    try:
        load = await _drive(server, payloads)
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    last = meter.measure()
    taken += [last] if last else []
    cores = max((one[0] for one in taken), default=None)
    memory = max((one[1] for one in taken), default=None)
    return {**load.profile(), **utilized(cores, memory)}


async def _watch(meter: Meter, taken: list[tuple[float, float]]) -> None:
    while True:
        await asyncio.sleep(_PERIOD_SECONDS)
        if one := meter.measure():
            taken.append(one)


async def _drive(server: InferenceServer, payloads: list[str]) -> Load:
    latencies: list[float] = []
    failures = 0
    begun = time.monotonic()
    for number in range(REQUESTS):
        seconds = await _send(server, payloads[number % len(payloads)])
        if seconds is None:
            failures += 1
        else:
            latencies.append(seconds)
    return Load(latencies, failures, time.monotonic() - begun)


async def _send(server: InferenceServer, payload: str) -> float | None:
    """How long a request took; ``None`` when it failed."""
    begun = time.monotonic()
    headers = {"content-type": "application/json"}
    try:
        answer = await server.send("POST", "/score", seconds=_REQUEST_SECONDS, body=payload.encode(), headers=headers)
    except (ServerDown, asyncio.TimeoutError):
        return None
    return time.monotonic() - begun if answer.status == _OK else None
