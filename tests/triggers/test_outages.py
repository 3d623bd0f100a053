"""Waits for simulated jobs while the emulator throttles, fails, tears connections and is slow."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.triggers.wait import outcome_of
from tests.triggers.triggerer import payload, waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.rest.flows import Flow

FAULTS = "429=0.1,500=0.05,503=0.05,reset=0.05,lost=0.03,slow=0.02,slow_seconds=0.5,retry_after=0.3,seed=5"
JOBS = 25


@pytest.fixture
def set_faults(tmp_path, monkeypatch) -> Iterator[Callable[[str], None]]:
    """An emulator whose jobs only take time, the connection to it, and what lets its requests go wrong."""
    with running_emulator(tmp_path, "--simulate", "1", "--create-workspace") as emulator:
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)

        def set_them(spec: str) -> None:
            body = json.dumps({"spec": spec}).encode()
            urllib.request.urlopen(
                urllib.request.Request(f"{emulator.url}/emulator/faults", body, {**emulator.headers}, method="PUT")
            ).close()

        yield set_them


def submitted(count: int) -> list[str]:
    """ARM ids of so many jobs, of which each runs for one to two seconds."""
    hook = AzmlHook()
    ids = [hook.workspace_id.child("job", f"job-{number}") for number in range(count)]

    def job(number: int) -> dict[str, object]:
        said = {"simulate.seconds": f"{1 + number / count}"}
        return {"properties": {"jobType": "Command", "command": "train", "environmentId": "e:1", "properties": said}}

    def submission() -> Flow[None]:
        yield flows.All([flows.put(job_id, job(number)) for number, job_id in enumerate(ids)])

    hook.run(submission())
    hook.close()
    return ids


def test_every_wait_ends_with_its_job_though_a_third_of_all_requests_goes_wrong(set_faults):
    ids = submitted(JOBS)

    async def wait_for_all() -> list[dict[str, object]]:
        triggers = [waiting("", arm_id=job_id, poll_seconds=0.3, tolerate_errors_seconds=60) for job_id in ids]
        return await asyncio.gather(*map(payload, triggers))

    set_faults(FAULTS)
    events = asyncio.run(wait_for_all())
    outcomes = [outcome_of(event) for event in events]
    assert [outcome.arm_id for outcome in outcomes] == ids
    assert {outcome.status for outcome in outcomes} == {"Completed"}
