"""Changes of blobs, as assets are told of them: against the emulator, on one event loop, as in the triggerer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.storage.blob import ContainerClient
from structlog.testing import capture_logs

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import datastores, flows, patience
from airflow_provider_azml.triggers import datastore, datastore_polls
from airflow_provider_azml.triggers.datastore import AzmlDatastorePathTrigger
from tests.triggers.triggerer import stop, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

STORE = "workspaceblobstore"
POLL_SECONDS = 0.2
LIST, SECRETS = "GET blobs", "POST datastore listSecrets"


@pytest.fixture(autouse=True)
def _more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datastore_polls, "GATHER_SECONDS", 0.1)
    monkeypatch.setattr(datastore_polls, "SLOW_SECONDS", 0.3)
    monkeypatch.setattr(datastore, "SETTLE_SECONDS", 0.2)


@pytest.fixture
def hook(azml_connection: str) -> Iterator[AzmlHook]:
    opened = AzmlHook(azml_connection)
    yield opened
    opened.close()


class Folder:
    """A folder of a datastore's container, to put blobs into."""

    def __init__(self, hook: AzmlHook, path: str) -> None:
        arm_id = hook.workspace_id.child("datastore", STORE)
        properties = hook.run(flows.get(arm_id))["properties"]
        secrets = hook.run(flows.act(arm_id, "list_secrets", {})).json()
        url = datastores.place(properties, hook.cloud.storage_suffix, STORE, act="").blob_url
        self.path = path
        self.container = ContainerClient.from_container_url(f"{url}?{datastores.sas(secrets, properties)}")

    def put(self, *names: str, content: str = "1") -> None:
        for name in names:
            self.container.upload_blob(f"{self.path}/{name}".lstrip("/"), content, overwrite=True)

    def marks(self) -> dict[str, str]:
        """What is kept beside the data of what was told, as it is now."""
        return {blob.name: blob.etag for blob in self.container.list_blobs(name_starts_with=".azml-watermarks/")}


@pytest.fixture
def folder(hook: AzmlHook, request: pytest.FixtureRequest) -> Iterator[Folder]:
    made = Folder(hook, f"of-{request.node.name}".replace("[", "-").rstrip("]"))
    with made.container:
        yield made


def watcher(folder: Folder, **given: Any) -> AzmlDatastorePathTrigger:
    """A trigger as Airflow makes it of what it has stored."""
    usual = {"poll_seconds": POLL_SECONDS}
    _, fields = AzmlDatastorePathTrigger(STORE, folder.path, **{**usual, **given}).serialize()
    return AzmlDatastorePathTrigger(**json.loads(json.dumps(fields)))


@pytest.fixture
def emulator(azml_emulator: RunningEmulator) -> Iterator[RunningEmulator]:
    """The emulator, with all its requests forgotten, and none going wrong later."""
    requests.delete(
        f"{azml_emulator.url}/emulator/requests", headers=azml_emulator.headers, timeout=60
    ).raise_for_status()
    yield azml_emulator
    requests.delete(
        f"{azml_emulator.url}/emulator/faults", headers=azml_emulator.headers, timeout=60
    ).raise_for_status()


def counted() -> dict[str, int]:
    """How often the emulator was asked for what."""
    url = f"{os.environ['AZML_EMULATOR_URL']}/emulator/requests"
    headers = {"Authorization": f"Bearer {os.environ['AZML_EMULATOR_TOKEN']}"}
    found: dict[str, int] = requests.get(url, headers=headers, timeout=60).json()["by_operation"]
    return found


def let_fail(emulator: RunningEmulator, **rule: object) -> None:
    script = {"rules": [{"fault": "status", **rule}]}
    answer = requests.put(
        f"{emulator.url}/emulator/faults", headers=emulator.headers, data=json.dumps(script), timeout=60
    )
    assert answer.ok, answer.text


@asynccontextmanager
async def told(*triggers: AzmlDatastorePathTrigger) -> AsyncIterator[list[list[Any]]]:
    """What triggers tell of while they run, once each has had its first look."""
    found: list[list[Any]] = [[] for _ in triggers]
    looks = counted().get(LIST, 0) + len({trigger.path for trigger in triggers})
    async with listening(triggers, found):
        await until(lambda: counted().get(LIST, 0) >= looks)
        polls = datastore_polls._polls[asyncio.get_running_loop()].values()
        await until(lambda: not any(poll._looks for poll in polls))  # a look is counted before it is answered
        yield found


async def begin(folder: Folder, **given: Any) -> None:
    """Let a watcher that keeps what it tells have its first look, and end: what is put then is new to the next."""
    before = folder.marks()
    async with told(watcher(folder, watermark="blob", **given)):
        await until(lambda: folder.marks() != before)


@asynccontextmanager
async def listening(triggers: Sequence[AzmlDatastorePathTrigger], found: list[list[Any]]) -> AsyncIterator[None]:
    """Run triggers, and gather what each tells of."""

    async def listen(trigger: AzmlDatastorePathTrigger, events: list[Any]) -> None:
        async for event in trigger.run():
            events += [json.loads(json.dumps(event.payload))]

    tasks = [asyncio.create_task(listen(*pair)) for pair in zip(triggers, found, strict=True)]
    try:
        yield
    finally:
        await stop(tasks)


def names(events: list[Any]) -> list[str]:
    """Names of the blobs that events tell of."""
    blobs = [blob for event in events for blob in event.get("blobs", [event])]
    return [blob["path"].rpartition("/")[2] for blob in blobs]


def test_added_and_changed_blobs_are_told_of_and_what_was_there_is_not(folder: Folder) -> None:
    async def go() -> list[Any]:
        async with told(watcher(folder)) as (events,):
            folder.put("new.csv")
            await until(lambda: len(events) == 1)
            folder.put("old.csv", content="2")
            await until(lambda: len(events) == 2)
            folder.put("old.csv", content="2")  # the same again
            await until(lambda: len(events) == 3)
            folder.put("sub/deep.csv")
            folder.container.delete_blob(f"{folder.path}/new.csv")
            await asyncio.sleep(3 * POLL_SECONDS)
            return list(events)

    folder.put("old.csv", "still.csv")
    events = asyncio.run(go())
    assert names(events) == ["new.csv", "old.csv", "old.csv"]
    first = events[0]
    assert first["uri"] == f"azureml://datastores/{STORE}/paths/{folder.path}/new.csv"
    assert (first["datastore"], first["path"], first["size"]) == (STORE, f"{folder.path}/new.csv", 1)
    assert first["last_modified"].endswith("Z")
    assert len({event["etag"] for event in events}) == 3


def test_one_event_of_all_that_a_look_finds(folder: Folder) -> None:
    async def go() -> list[Any]:
        await begin(folder, per="poll")
        folder.put("b.csv", "a.csv", "c.csv")
        async with told(watcher(folder, per="poll", watermark="blob")) as (events,):
            await until(lambda: len(names(events)) == 3)
            return list(events)

    (event,) = asyncio.run(go())
    assert event["folder"] == folder.path
    assert event["uri"] == f"azureml://datastores/{STORE}/paths/{folder.path}/"
    assert sorted(names([event])) == ["a.csv", "b.csv", "c.csv"]


def test_more_than_one_look_tells_of_are_told_by_the_next(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> list[Any]:
        await begin(folder, per="poll")
        folder.put(*(f"{number}.csv" for number in range(8)))
        async with told(watcher(folder, per="poll", watermark="blob")) as (events,):
            await until(lambda: len(names(events)) == 8)
            return list(events)

    monkeypatch.setattr(datastore, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(datastore_polls, "_AGAIN_SECONDS", 0.05)
    events = asyncio.run(go())
    assert sorted(names(events)) == [f"{number}.csv" for number in range(8)]
    assert [len(event["blobs"]) for event in events] == [3, 3, 2]


def test_watchers_of_a_datastore_list_each_folder_once(
    folder: Folder, hook: AzmlHook, emulator: RunningEmulator
) -> None:
    async def go() -> list[list[Any]]:
        same = [watcher(folder, poll_seconds=1, per=per) for per in ("blob", "poll") * 10]
        async with told(*same, watcher(other, poll_seconds=1)) as found:
            folder.put("new.csv")
            await until(lambda: all(found[:-1]))
            return found

    other = Folder(hook, f"{folder.path}-other")
    began = time.monotonic()
    *same, elsewhere = asyncio.run(go())
    seconds = time.monotonic() - began
    other.container.close()
    assert [names(events) for events in same] == [["new.csv"]] * 20
    assert elsewhere == []
    assert counted()[SECRETS] == 2  # once for all of them, and once for the test itself
    assert counted()[LIST] <= 2 * (2 + seconds)  # two folders, the first looks and then one a second


@pytest.mark.parametrize("status", [500, 403, 404])
def test_errors_are_borne_and_secrets_that_are_refused_are_asked_for_again(
    folder: Folder, emulator: RunningEmulator, status: int
) -> None:
    async def go() -> None:
        async with told(watcher(folder)) as (events,):
            let_fail(emulator, path="/azureml-blobstore[^/]*$", method="GET", status=status, times=2)
            folder.put("new.csv")
            await until(lambda: len(events) == 1)

    asyncio.run(go())
    assert (counted()[SECRETS] > 1) == (status in {403, 404})


def said(logs: list[Any]) -> str:
    """What triggers log."""
    return "\n".join(str(line["event"]) % line.get("positional_args", ()) for line in logs)


@pytest.mark.usefixtures("azml_connection")
def test_a_datastore_that_is_not_there_is_told_of_and_looked_for_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def go() -> None:
        trigger = AzmlDatastorePathTrigger("nowhere", poll_seconds=POLL_SECONDS)
        async with listening([trigger], [[]]):
            await until(lambda: said(logs).count("datastores/nowhere/paths/ cannot be looked for") > 2)

    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.6)
    with capture_logs() as logs:
        asyncio.run(go())
    assert re.findall("Next try in (.*) s", said(logs))[:3] == ["1", "1", "2"]
    assert "datastores/nowhere answered 404" in said(logs)


def test_files_and_lakes_of_the_first_generation_are_refused_by_name(hook: AzmlHook) -> None:
    async def go() -> None:
        async with listening([AzmlDatastorePathTrigger("shares", poll_seconds=POLL_SECONDS)], [[]]):
            await until(lambda: "are looked for in AzureBlob and AzureDataLakeGen2 alone" in said(logs))

    made = {"name": "shares", "type": "azure_file", "account_name": "a", "file_share_name": "s"}
    hook.apply({**made, "credentials": {"account_key": "a2V5"}}, kind="datastore")
    with capture_logs() as logs:
        asyncio.run(go())
    assert "'shares' is AzureFile" in said(logs)
    assert logs[0]["log_level"] == "error"


@pytest.mark.parametrize("kind", ["azure_blob", "azure_data_lake_gen2"])
def test_identity_opens_what_has_no_credentials(hook: AzmlHook, folder: Folder, kind: str) -> None:
    async def go() -> None:
        async with told(AzmlDatastorePathTrigger(name, folder.path, poll_seconds=POLL_SECONDS)) as (events,):
            folder.put("new.csv")
            await until(lambda: names(events) == ["new.csv"])

    name = f"open_{kind}"
    store = hook.run(flows.get(hook.workspace_id.child("datastore", STORE)))["properties"]
    member = "container_name" if kind == "azure_blob" else "filesystem"
    made = {"name": name, "type": kind, "account_name": store["accountName"], member: store["containerName"]}
    hook.apply(made, kind="datastore")
    asyncio.run(go())


def test_a_blob_keeps_what_was_told_over_restarts(folder: Folder) -> None:
    async def listen(*expected: str) -> None:
        before = folder.marks()
        async with told(watcher(folder, watermark="blob")) as (events,):
            await until(lambda: sorted(names(events)) == sorted(expected))
            await until(lambda: folder.marks() != before or not expected)
            await asyncio.sleep(3 * POLL_SECONDS)
            assert sorted(names(events)) == sorted(expected)

    folder.put("old.csv")
    asyncio.run(begin(folder))
    asyncio.run(listen())
    folder.put("first.csv")
    asyncio.run(listen("first.csv"))
    folder.put("second.csv")
    folder.put("old.csv", content="2")
    asyncio.run(listen("second.csv", "old.csv"))
    asyncio.run(listen())


def test_what_is_stored_of_a_trigger_tells_it_from_others() -> None:
    given: dict[str, Any] = {"datastore": "d", "path": "/in/", "poll_seconds": 60}
    classpath, fields = AzmlDatastorePathTrigger(**given).serialize()
    assert classpath == "airflow_provider_azml.triggers.datastore.AzmlDatastorePathTrigger"
    assert AzmlDatastorePathTrigger(**fields).serialize() == (classpath, fields)
    assert (fields["path"], fields["poll_seconds"]) == ("in", 60.0)
    with pytest.raises(ValueError, match="per is 'run'; it is one of 'blob', 'poll'"):
        AzmlDatastorePathTrigger("d", per="run")  # type: ignore[arg-type]  # as somebody may write it
