"""What was told of is kept once Airflow's database has it: through Airflow's own shared streams and state stores."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset

from airflow_provider_azml.triggers import datastore_polls
from tests.triggers.test_datastore import POLL_SECONDS, Folder, folder, hook, names, watcher  # noqa: F401 (fixtures)
from tests.triggers.triggerer import stop, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.triggers.datastore import AzmlDatastorePathTrigger

pytest.importorskip("airflow.triggers.shared_stream", reason="Airflow has it from 3.3 on")


class Supervisor:
    """Stands where the triggerer's supervisor would ask Airflow's API: keeps values by asset and key."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Any] = {}
        self.out_of_order = False

    async def asend(self, message: Any) -> Any:
        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
        from airflow.sdk.execution_time.comms import AssetStateStoreResult, ErrorResponse, SetAssetStateStoreByName

        if self.out_of_order:
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR))
        place = (message.name, message.key)
        if isinstance(message, SetAssetStateStoreByName):
            self.kept[place] = json.loads(json.dumps(message.value))
            return None
        if place in self.kept:
            return AssetStateStoreResult(value=self.kept[place])
        return ErrorResponse(error=ErrorType.ASSET_STORE_NOT_FOUND)


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    from airflow.sdk.execution_time import task_runner

    made = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    monkeypatch.setattr(datastore_polls, "GATHER_SECONDS", 0.1)
    return made


class Triggerer:
    """Runs one trigger as ``TriggerRunner.run_trigger`` of Airflow 3.3 does."""

    def __init__(self, trigger: AzmlDatastorePathTrigger, *assets: str) -> None:
        from airflow.sdk.execution_time.context import AssetStateStoreAccessors
        from airflow.triggers.shared_stream import SharedStreamManager

        trigger.trigger_id = 7
        trigger.asset_state_store = AssetStateStoreAccessors([Asset(name=name, uri=f"x://{name}") for name in assets])
        self.trigger, self.key, self.streams = trigger, trigger.shared_stream_key(), SharedStreamManager()
        self.events: list[Any] = []
        self.not_persisted: list[int] = []

    async def run(self) -> None:
        stream = self.streams.subscribe(trigger_id=7, trigger=self.trigger, key=self.key)
        try:
            async for event in self.trigger.filter_shared_stream(stream):
                self.events.append(json.loads(json.dumps(event.payload)))
                seq = self.streams.bind_pending_event(trigger_id=7, key=self.key)
                assert seq is not None
                self.not_persisted.append(seq)
        finally:
            await self.streams.unsubscribe(7, self.key)

    def persist(self) -> None:
        self.streams.confirm_persisted(self.not_persisted)


def test_what_airflow_has_not_stored_is_told_again_and_what_it_has_is_not(
    folder: Folder,  # noqa: F811 (a fixture)
    supervisor: Supervisor,
) -> None:
    async def session(*expected: str, persist: bool) -> None:
        triggerer = Triggerer(watcher(folder), "incoming")
        running = asyncio.create_task(triggerer.run())
        before = dict(supervisor.kept)
        await until(lambda: sorted(names(triggerer.events)) == sorted(expected))
        await until(lambda: supervisor.kept)
        await asyncio.sleep(3 * POLL_SECONDS)
        assert supervisor.kept == before or not expected
        if persist:
            triggerer.persist()
            await until(lambda: supervisor.kept != before or not expected)
        await stop([running])
        assert sorted(names(triggerer.events)) == sorted(expected)

    folder.put("old.csv")
    asyncio.run(session(persist=True))  # the first: what is there is not new
    folder.put("a.csv")
    folder.put("b.csv")
    asyncio.run(session("a.csv", "b.csv", persist=False))
    asyncio.run(session("a.csv", "b.csv", persist=True))
    folder.put("b.csv", content="2")
    asyncio.run(session("b.csv", persist=True))
    asyncio.run(session(persist=True))
    ((asset, key),) = supervisor.kept
    assert (asset, key.startswith("azml-workspaceblobstore-")) == ("incoming", True)


def test_a_store_that_is_out_of_order_is_waited_for(folder: Folder, supervisor: Supervisor) -> None:  # noqa: F811
    async def go() -> None:
        triggerer = Triggerer(watcher(folder), "one", "two")
        running = asyncio.create_task(triggerer.run())
        await until(lambda: len(supervisor.kept) == 2)  # each of the assets has it
        supervisor.out_of_order = True
        folder.put("new.csv")
        await until(lambda: names(triggerer.events) == ["new.csv"])
        before = dict(supervisor.kept)
        triggerer.persist()
        await asyncio.sleep(3 * POLL_SECONDS)
        assert supervisor.kept == before
        supervisor.out_of_order = False
        await until(lambda: supervisor.kept != before)
        await stop([running])

    asyncio.run(go())
