"""Uploads to a storage that remembers bytes, and fails or is shared with others as a test wants it."""

from __future__ import annotations

import _thread
import base64
import gc
import io
import logging
import os
import re
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, SpecError
from airflow_provider_azml.rest import blobs, datastores, flows, progress
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.flows import All, Upload
from airflow_provider_azml.rest.snapshot import take
from airflow_provider_azml.rest.upload import upload_to_datastore
from tests.rest.blob_service import STORE, WORKSPACE, BlobService, refusal, until
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.rest.upload import Uploaded


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[BlobService]:
    service = BlobService(tmp_path)
    yield service
    service.close()


@pytest.fixture
def client(storage: BlobService) -> Iterator[Client]:
    with Client(storage.cloud, TokenCache(CountingCredential()), ca_bundle=storage.ca_bundle) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "src"
    (root / "sub").mkdir(parents=True)
    for name in ("a.py", "b.py", "sub/c d#%?.txt", "sub/empty"):
        (root / name).write_text("" if name.endswith("empty") else f"content of {name}", encoding="utf-8")
    return root


def send(client: Client, storage: BlobService, path: Path) -> Uploaded:
    where: Uploaded = client.run(upload_to_datastore(WORKSPACE, storage.cloud, take(path)))
    return where


def puts(storage: BlobService) -> list[str]:
    return [name.rpartition("/")[2] for method, name, comp in storage.stored if method == "PUT" and not comp]


def holds(storage: BlobService, where: Uploaded, path: Path) -> bool:
    """Whether all files of a folder are there, and nothing else below its name."""
    found = {name.removeprefix(f"{where.path}/"): content for name, content in storage.blobs.items()}
    return found == {file.name: file.path.read_bytes() for file in take(path).files}


def test_names_and_bytes_arrive_and_the_first_blob_is_marked(
    client: Client, storage: BlobService, folder: Path
) -> None:
    where = send(client, storage, folder)
    assert holds(storage, where, folder)
    assert {name: marks["upload_status"] for name, marks in storage.metadata.items()} == {
        f"{where.path}/a.py": "completed"
    }
    asked = len(storage.stored)
    assert send(client, storage, folder) == where
    assert len(storage.stored) == asked + 1


def test_the_first_blob_is_the_first_by_the_whole_path(client: Client, storage: BlobService, folder: Path) -> None:
    # azure-ai-ml compares text: '.' comes before '/'
    for name in ("a.py", "b.py", "sub/empty", "sub/c d#%?.txt"):
        (folder / name).unlink()
    (folder / "sub" / "x").touch()
    (folder / "sub.txt").touch()
    where = send(client, storage, folder)
    assert list(storage.metadata) == [f"{where.path}/sub.txt"]


def test_a_blob_of_the_same_size_stays_and_another_is_written_again(
    client: Client, storage: BlobService, folder: Path
) -> None:
    prefix = f"LocalUpload/{take(folder).object_hash()}/src"
    same = (folder / "a.py").read_bytes()
    storage.blobs = {f"{prefix}/a.py": same, f"{prefix}/b.py": b"half"}
    where = send(client, storage, folder)
    assert holds(storage, where, folder)
    assert puts(storage).count("a.py") == 1
    assert puts(storage).count("b.py") == 2


def test_a_large_file_goes_in_blocks_and_only_once(client: Client, storage: BlobService, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(blobs.AT_ONCE + 12345))
    where = send(client, storage, file)
    assert storage.blobs[where.path] == file.read_bytes()
    blocks = sum(comp == "block" for _, _, comp in storage.stored)
    assert blocks == 3
    storage.metadata.clear()  # as if whoever sent it had died before the end
    send(client, storage, file)
    assert sum(comp == "block" for _, _, comp in storage.stored) == blocks
    assert storage.metadata[where.path]["upload_status"] == "completed"


def test_blocks_of_many_who_send_one_file_do_not_mix(client: Client, storage: BlobService, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(blobs.AT_ONCE + 1))
    start = threading.Barrier(4)

    def once(_: int) -> Uploaded:
        start.wait()
        return send(client, storage, file)

    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(once, range(4)))
    assert storage.blobs == {places.pop().path: file.read_bytes()}


def test_blocks_that_another_has_thrown_away_are_sent_again(
    client: Client, storage: BlobService, tmp_path: Path
) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(blobs.AT_ONCE + 1))
    lists: list[str] = []

    def thrown_away(method: str, name: str, comp: str) -> Answer | None:
        if comp == "blocklist":
            lists.append(name)
        return refusal(400, "InvalidBlockList") if comp == "blocklist" and len(lists) == 1 else None

    storage.before = thrown_away
    where = send(client, storage, file)
    assert len(lists) == 2
    assert storage.blobs[where.path] == file.read_bytes()


def test_a_blob_that_never_becomes_the_file_is_an_error(client: Client, storage: BlobService, folder: Path) -> None:
    def another_writes(method: str, name: str, comp: str) -> Answer | None:
        if name.endswith("b.py"):
            storage.blobs[name] = b"?"
            return refusal(409, "BlobAlreadyExists") if method == "PUT" else None
        return None

    storage.before = another_writes
    with pytest.raises(ApiError, match=r"b\.py .*another size"):
        send(client, storage, folder)
    assert not storage.metadata


def test_what_storage_refuses_names_the_file_and_the_reason(client: Client, storage: BlobService, folder: Path) -> None:
    storage.before = lambda _method, name, _comp: (
        refusal(403, "AuthorizationFailure") if name.endswith("b.py") else None
    )
    with pytest.raises(AuthError) as caught:
        send(client, storage, folder)
    assert (caught.value.status, caught.value.code) == (403, "AuthorizationFailure")
    assert "of 4 files, 1 could not be uploaded" in caught.value.message
    assert "b.py (15 bytes): AuthorizationFailure it is." in caught.value.message
    assert "sig" not in str(caught.value)
    assert not storage.metadata


def test_the_first_error_calls_the_rest_off(client: Client, storage: BlobService, tmp_path: Path) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for place in range(300):
        (root / f"{place:03}").write_text("x", encoding="utf-8")
    storage.before = lambda method, *_: refusal(403, "No") if method == "PUT" else None
    with pytest.raises(AuthError, match=r"and \d+ more|could not"):
        send(client, storage, root)
    assert len(puts(storage)) <= 20


def test_a_file_that_is_written_meanwhile_is_not_sent(client: Client, storage: BlobService, folder: Path) -> None:
    taken = take(folder)
    taken.object_hash()
    (folder / "b.py").write_text("other content of", encoding="utf-8")
    (folder / "a.py").unlink()
    with pytest.raises(SpecError, match=r"[ab]\.py: (was written|is not there)"):
        client.run(upload_to_datastore(WORKSPACE, storage.cloud, taken))
    assert not {"a.py", "b.py"} & set(puts(storage))
    assert not storage.metadata


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Take SIGINT as a terminal's process does; one that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# the request that the interrupt comes into the middle of leaves its socket to the garbage collector
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("interrupted", ["PUT", "metadata"])
def test_what_an_interrupt_leaves_is_completed_by_the_next_try(
    interrupted: str, client: Client, storage: BlobService, tmp_path: Path
) -> None:
    root = tmp_path / "many"
    root.mkdir()
    for place in range(40):
        (root / f"{place:03}").write_text(str(place), encoding="utf-8")
    once = iter([True])

    def interrupt(method: str, name: str, comp: str) -> Answer | None:
        if interrupted in {method, comp} and len(storage.blobs) > 5 and next(once, False):
            _thread.interrupt_main()
        return None

    storage.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        send(client, storage, root)
    gc.collect()
    where = send(client, storage, root)
    assert holds(storage, where, root)
    assert storage.metadata[f"{where.path}/000"]["upload_status"] == "completed"


def test_a_datastore_without_credentials_is_opened_by_the_own_identity(
    client: Client, storage: BlobService, folder: Path
) -> None:
    storage.has_datastore(credentials={"credentialsType": "None"})
    where = send(client, storage, folder)
    assert holds(storage, where, folder)
    to_storage = [asked for asked in storage.asked if ".blob." in asked.path]
    assert {asked.headers["Authorization"][:13] for asked in to_storage} == {"Bearer token-"}
    assert not any("listSecrets" in asked.path for asked in storage.asked)


def test_who_may_not_read_secrets_uploads_by_the_own_identity(
    client: Client, storage: BlobService, folder: Path
) -> None:
    path = f"{STORE}/listSecrets"
    storage._answers["POST", path] = [Answer(403, {"error": {"code": "AuthorizationFailed", "message": "no"}})]
    assert holds(storage, send(client, storage, folder), folder)


def test_a_token_goes_to_no_other_host(client: Client, storage: BlobService, folder: Path) -> None:
    storage.has_datastore(credentials={"credentialsType": "None"}, accountName="evil.test/acct")
    with pytest.raises(ApiError, match=r"evil\.test is no host of the cloud"):
        send(client, storage, folder)
    step = Upload("https://evil.test/c", [], scope="storage")

    def alone() -> flows.Flow[None]:
        yield step

    with pytest.raises(ApiError, match=r"evil\.test is no host of the cloud"):
        client.run(alone())


def test_data_lakes_take_blobs_and_carry_the_mark_on_the_folder(
    client: Client, storage: BlobService, folder: Path
) -> None:
    storage.has_datastore(datastoreType="AzureDataLakeGen2")
    where = send(client, storage, folder)
    assert holds(storage, where, folder)
    assert where.container_url.endswith("acct.dfs.core.windows.net/c")
    assert list(storage.metadata) == [where.path.removesuffix("/src")]


@pytest.mark.parametrize("kind", ["AzureFile", "OneLake", "AzureDataLakeGen1"])
def test_other_datastores_are_refused_by_name_before_anything_is_read(
    kind: str, client: Client, storage: BlobService, folder: Path
) -> None:
    storage.has_datastore(datastoreType=kind)
    with pytest.raises(SpecError, match=f"'workspaceblobstore' is {kind}"):
        send(client, storage, folder)
    assert [asked.method for asked in storage.asked] == ["GET"]


def test_the_key_of_a_data_lake_makes_a_sas() -> None:
    secrets = {"secretsType": "AccountKey", "key": base64.b64encode(b"key").decode()}
    lake = {"datastoreType": "AzureDataLakeGen2", "accountName": "a", "filesystem": "f"}
    assert "sig=" in str(datastores.sas(secrets, lake))
    assert datastores.sas({"secretsType": "ServicePrincipal"}, lake) is None


def test_many_uploads_share_a_few_threads(client: Client, storage: BlobService, tmp_path: Path) -> None:
    paths = []
    for place in range(12):
        paths.append(tmp_path / f"folder{place}")
        paths[-1].mkdir()
        for name in range(6):
            (paths[-1] / str(name)).write_text(f"{place} {name}", encoding="utf-8")
    most: list[int] = []
    before = threading.active_count()
    others = set(threading.enumerate())

    def count(method: str, name: str, comp: str) -> None:
        mine = set(threading.enumerate()) - others
        most.append(sum(thread.name.startswith("ThreadPoolExecutor") for thread in mine))

    storage.before = count

    def all_of_them() -> flows.Flow[list[Uploaded]]:
        both = [upload_to_datastore(WORKSPACE, storage.cloud, take(path)) for path in paths]
        return (yield All([nested(part) for part in (both[:6], both[6:])]))[0]

    def nested(parts: list[flows.Flow[Uploaded]]) -> flows.Flow[list[Uploaded]]:
        return (yield All(parts))

    client.run(all_of_them())
    assert len(storage.blobs) == 72
    assert max(most) <= 8
    until(lambda: threading.active_count() <= before + 20)  # the service's own threads may linger


def test_a_large_upload_is_told_of_before_it_begins(
    client: Client,
    storage: BlobService,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_azml")
    monkeypatch.setattr(progress, "_MANY_FILES", 3)
    send(client, storage, folder)
    first, last = caplog.messages
    assert re.fullmatch(r"Uploading src: 4 files, 55 bytes, to https://[^?]+", first)
    assert last == "Uploaded src: 4 files, 55 bytes"


def test_an_upload_says_how_far_it_is(
    client: Client,
    storage: BlobService,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "airflow_provider_azml")
    send(client, storage, folder)
    assert caplog.messages == ["Uploaded src: 4 files, 55 bytes"]
    caplog.clear()
    storage.metadata.clear()
    monkeypatch.setattr(progress, "_SECONDS", 0)
    send(client, storage, folder)
    assert caplog.messages[0].startswith("Uploading src: 0 of 4 files, ")
    assert caplog.messages[-1] == "Uploaded src: 4 files, 55 bytes; 4 of them were there"


def test_a_console_shows_a_bar(
    client: Client, storage: BlobService, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Console(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Console())
    monkeypatch.setenv("TERM", "xterm")

    def both() -> flows.Flow[object]:
        return (
            yield All([upload_to_datastore(WORKSPACE, storage.cloud, take(one)) for one in (folder, folder / "a.py")])
        )

    client.run(both())
    shown = sys.stderr.getvalue()
    assert "Uploading src" in shown
    assert "Uploading a.py" in shown
    assert progress._console._bars is None


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2e6, "2.0 MB"), (3e15, "3000.0 TB")]
)
def test_amounts(size: float, words: str) -> None:
    assert progress.amount(size) == words


def test_as_many_connections_are_kept_as_are_used(
    client: Client, storage: BlobService, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 warns of each one that it throws away, and the next request pays for a new one."""
    root = tmp_path / "many"
    root.mkdir()
    (root / "large").write_bytes(bytes(40 << 20))
    for place in range(100):
        (root / f"{place}.txt").write_text("x", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        send(client, storage, root)
    assert caplog.messages == []
