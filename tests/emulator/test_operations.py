"""Long-running operations: what they say while they run, and how they end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.arm.operations import OperationFailed, Operations
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.database import Database, is_disk_full
from airflow_provider_azml.emulator.default_workspace import create_default_workspace
from airflow_provider_azml.emulator.emulator import Emulator
from airflow_provider_azml.emulator.faults.faults import Faults
from airflow_provider_azml.emulator.faults.plan import FaultPlan
from airflow_provider_azml.emulator.identity import DEFAULT_WORKSPACE
from airflow_provider_azml.emulator.open_connections import OpenConnections
from airflow_provider_azml.emulator.settings import Settings
from airflow_provider_azml.emulator.store import Store
from airflow_provider_azml.emulator.tls import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
COMPUTE = f"{WORKSPACE}/computes/cpu"
NO_FAULTS = Faults(FaultPlan(), OpenConnections())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    database = Database(tmp_path / "emulator.db")
    made = Store(database)
    made.put(COMPUTE, {"properties": {"provisioningState": "Creating"}})
    yield made
    database.close()


@pytest.fixture
def operations(store: Store) -> Operations:
    return Operations(store, "https://localhost:1", "local", NO_FAULTS)


def document(operations: Operations, headers: dict[str, str]) -> Json:
    url = headers.get("Azure-AsyncOperation") or headers["Location"]
    found = operations.document(url.rpartition("/")[2].partition("?")[0])
    assert found is not None
    return found


def state(store: Store, arm_id: str = COMPUTE) -> str:
    resource = store.get(arm_id)
    assert resource is not None
    return str(resource["properties"]["provisioningState"])


async def until(event: asyncio.Event) -> None:
    await event.wait()


async def ended(operations: Operations, *several: dict[str, str]) -> None:
    """Wait until operations have ended."""
    deadline = time.monotonic() + 60
    while any(document(operations, headers)["status"] == "InProgress" for headers in several):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def fail() -> None:
    raise OperationFailed("OutOfCores", "There are not enough of them.")


async def crash() -> None:
    raise ZeroDivisionError


@pytest.mark.asyncio
async def test_it_is_in_progress_until_the_work_is_done(operations: Operations, store: Store) -> None:
    done = asyncio.Event()
    headers = operations.begin(COMPUTE, "PUT", until(done))
    assert headers["Azure-AsyncOperation"].startswith(
        "https://localhost:1/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/local/"
        "computeOperationsStatus/"
    )
    assert headers["Retry-After"] == "1"
    await asyncio.sleep(0)
    assert document(operations, headers)["status"] == "InProgress"
    done.set()
    await ended(operations, headers)
    found = document(operations, headers)
    assert (found["status"], state(store)) == ("Succeeded", "Succeeded")
    assert found["endTime"] >= found["startTime"]


@pytest.mark.asyncio
async def test_it_fails_with_the_reason(operations: Operations, store: Store) -> None:
    headers = operations.begin(COMPUTE, "PUT", fail())
    await ended(operations, headers)
    assert document(operations, headers)["error"] == {"code": "OutOfCores", "message": "There are not enough of them."}
    assert state(store) == "Failed"


@pytest.mark.asyncio
async def test_a_defect_of_the_emulator_ends_it_too(operations: Operations, store: Store) -> None:
    headers = operations.begin(COMPUTE, "DELETE", crash())
    await ended(operations, headers)
    assert document(operations, headers)["error"]["code"] == "InternalServerError"
    assert state(store) == "Failed"


@pytest.mark.asyncio
async def test_the_next_one_takes_over(operations: Operations, store: Store) -> None:
    never, done = asyncio.Event(), asyncio.Event()
    first = operations.begin(COMPUTE, "PUT", until(never))
    await asyncio.sleep(0.01)
    second = operations.begin(COMPUTE, "PUT", until(done))
    await ended(operations, first)
    assert document(operations, first)["status"] == "Canceled"
    assert (document(operations, second)["status"], state(store)) == ("InProgress", "Creating")
    done.set()
    await ended(operations, second)
    assert state(store) == "Succeeded"


@pytest.mark.asyncio
async def test_an_action_disturbs_nothing(operations: Operations, store: Store) -> None:
    done = asyncio.Event()
    made = operations.begin(COMPUTE, "PUT", until(done))
    stopped = operations.begin(COMPUTE, "stop", until(done))
    assert "/computeOperationResults/" in stopped["Location"]
    await asyncio.sleep(0.01)
    assert {document(operations, headers)["status"] for headers in (made, stopped)} == {"InProgress"}
    done.set()
    await ended(operations, made, stopped)
    assert {document(operations, headers)["status"] for headers in (made, stopped)} == {"Succeeded"}
    assert state(store) == "Succeeded"


@pytest.mark.asyncio
async def test_the_end_of_the_emulator_cancels_it(operations: Operations, store: Store) -> None:
    headers = operations.begin(COMPUTE, "PUT", until(asyncio.Event()))
    await asyncio.sleep(0.01)
    await operations.close()
    assert (document(operations, headers)["status"], state(store)) == ("Canceled", "Canceled")


@pytest.mark.asyncio
async def test_what_a_crash_left_has_failed(store: Store) -> None:
    before = Operations(store, "https://localhost:1", "local", NO_FAULTS)
    headers = before.begin(COMPUTE, "PUT", until(asyncio.Event()))
    Operations(store, "https://localhost:2", "local", NO_FAULTS).recover()
    ended = document(before, headers)
    assert (ended["status"], state(store)) == ("Failed", "Failed")
    assert "repeat it" in ended["error"]["message"]
    await asyncio.sleep(0)
    await before.close()


@pytest.mark.parametrize(("days", "kept"), [(6, True), (8, False)])
def test_one_that_has_ended_is_forgotten_after_a_week(
    operations: Operations, store: Store, days: int, kept: bool
) -> None:
    ended = timestamp(datetime.now(timezone.utc) - timedelta(days=days))
    document = {"name": "old", "status": "Succeeded", "resource": COMPUTE, "verb": "PUT", "endTime": ended}
    store.put_record("operations", "old", document)
    operations.recover()
    assert (operations.document("old") is not None) == kept


@pytest.mark.asyncio
async def test_one_that_is_cancelled_before_its_first_step_has_an_end(operations: Operations, store: Store) -> None:
    headers = operations.begin(COMPUTE, "PUT", until(asyncio.Event()))
    await operations.cancel(COMPUTE)
    ended = document(operations, headers)
    assert (ended["status"], ended["error"]["code"], state(store)) == ("Canceled", "OperationCanceled", "Canceled")


def test_what_was_put_without_an_operation_of_its_own_fails_at_the_next_start(
    operations: Operations, store: Store
) -> None:
    store.put(WORKSPACE, {"properties": {"provisioningState": "Succeeded"}})
    operations.recover()
    assert (state(store), state(store, WORKSPACE)) == ("Failed", "Succeeded")


def fill(database: Database) -> None:
    """Let a database be as large as it may get; what needs room from now on finds none."""
    with database.transaction() as db:
        db.execute("PRAGMA max_page_count = 1")  # which is never less than what there is
    try:
        for number in range(10_000):
            Store(database).put_record("filling", str(number), {"text": "x" * 1000})
    except sqlite3.OperationalError as full:
        assert is_disk_full(full)  # noqa: PT017 (which of the records it is depends on the room that there is)


def make_room(database: Database) -> None:
    with database.transaction() as db:
        db.execute(f"PRAGMA max_page_count = {2**30}")


@pytest.mark.asyncio
async def test_the_end_on_a_full_disk_is_told_once_there_is_room(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "full.db")) as database:
        store = Store(database)
        operations = Operations(store, "https://localhost:1", "local", NO_FAULTS)
        store.put(COMPUTE, {"properties": {"provisioningState": "Creating", "note": "x" * 5000}})
        done = asyncio.Event()

        async def work() -> dict[str, str]:
            await done.wait()
            return {"result": "x" * 100_000}

        headers = operations.begin(COMPUTE, "PUT", work())
        fill(database)
        done.set()
        await asyncio.sleep(0.1)
        assert document(operations, headers)["status"] == "InProgress"
        make_room(database)
        await ended(operations, headers)
        assert (document(operations, headers)["status"], state(store)) == ("Succeeded", "Succeeded")


@pytest.mark.asyncio
async def test_a_job_on_a_full_disk_has_ended_once_there_is_room(tmp_path: Path) -> None:
    certificates(tmp_path)
    emulator = Emulator(Settings(tmp_path, 1, 2), https_port=1, http_port=2)
    try:
        await create_default_workspace(emulator)
        emulator.recover()
        job_id = DEFAULT_WORKSPACE.child("job", "full")
        job = {"jobType": "Spark", "tags": {}, "properties": {}, "outputs": {}, "status": "NotStarted"}
        emulator.jobs.submit(emulator.store.put(job_id, {"properties": job}))
        fill(emulator.database)
        await asyncio.sleep(0.1)
        make_room(emulator.database)
        await emulator.jobs.ended(job_id)
        assert (emulator.store.get(job_id) or {})["properties"]["status"] in ("Completed", "Failed")
    finally:
        await emulator.stop_work()
        emulator.close()
