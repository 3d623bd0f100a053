"""Blob storage, as azure-storage-blob sees it."""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobServiceClient, ContainerClient

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.storage.blobs import Blobs
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

MIB = 1 << 20


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def sas_url(workspace: Workspace) -> str:
    """The URL with SAS of a fresh container."""
    code = workspace.id.child("code", str(uuid.uuid4()), "1")
    pending = workspace.call("POST", f"{code}/startPendingUpload", json={"pendingUploadType": "TemporaryBlobReference"})
    return str(pending.json()["blobReferenceForConsumption"]["credential"]["sasUri"])


@pytest.fixture
def container(workspace: Workspace) -> Iterator[ContainerClient]:
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    with ContainerClient.from_container_url(sas_url(workspace), connection_verify=bundle) as client:
        yield client


@pytest.fixture(scope="module")
def account(workspace: Workspace) -> Iterator[BlobServiceClient]:
    """The whole account, opened with its key: this checks the signatures of every request."""
    key = workspace.call("POST", f"{workspace.id}/listKeys").json()["userStorageKey"]
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    url = f"{workspace.emulator.https_url}/stor.blob.core.windows.net"
    with BlobServiceClient(url, {"account_name": "stor", "account_key": key}, connection_verify=bundle) as client:
        yield client


def test_a_blob_goes_up_and_comes_down(container: ContainerClient) -> None:
    blob = container.upload_blob("folder/ä ?#%.txt", b"hello", metadata={"Who": "me"})
    assert blob.download_blob().readall() == b"hello"
    properties = blob.get_blob_properties()
    assert (properties.size, properties.blob_type, properties.metadata) == (5, "BlockBlob", {"who": "me"})
    assert [one.name for one in container.list_blobs()] == ["folder/ä ?#%.txt"]


def test_an_upload_replaces_only_when_it_may(container: ContainerClient) -> None:
    blob = container.upload_blob("x", b"1")
    with pytest.raises(ResourceExistsError) as exists:
        container.upload_blob("x", b"2")
    assert exists.value.error_code == "BlobAlreadyExists"
    etag = blob.get_blob_properties().etag
    container.upload_blob("x", b"3", overwrite=True)
    assert blob.download_blob().readall() == b"3"
    with pytest.raises(ResourceModifiedError):
        blob.upload_blob(b"4", overwrite=True, etag=etag, match_condition=MatchConditions.IfNotModified)


def test_ranges_and_the_empty_blob(container: ContainerClient) -> None:
    blob = container.upload_blob("digits", b"0123456789")
    assert blob.download_blob(offset=2, length=3).readall() == b"234"
    assert blob.download_blob(offset=8).readall() == b"89"
    with pytest.raises(HttpResponseError) as beyond:
        blob.download_blob(offset=10, length=1).readall()
    assert (beyond.value.status_code, beyond.value.error_code) == (416, "InvalidRange")
    assert container.upload_blob("empty", b"").download_blob().readall() == b""


def test_a_large_blob_goes_in_blocks_and_comes_in_ranges(workspace: Workspace) -> None:
    content = os.urandom(9 * MIB + 1)
    with ContainerClient.from_container_url(
        sas_url(workspace),
        max_single_put_size=MIB,
        max_block_size=2 * MIB,
        max_single_get_size=MIB,
        max_chunk_get_size=2 * MIB,
        connection_verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
    ) as container:
        blob = container.upload_blob("large", content, max_concurrency=2)
        assert blob.download_blob(max_concurrency=2).readall() == content


def test_a_block_that_was_never_sent_is_missed(container: ContainerClient) -> None:
    blob = container.get_blob_client("blocks")
    blob.stage_block("MDAx", b"one")
    with pytest.raises(HttpResponseError) as missed:
        blob.commit_block_list([BlobBlock("MDAx"), BlobBlock("MDAy")])
    assert missed.value.error_code == "InvalidBlockList"
    blob.commit_block_list([BlobBlock("MDAx")])
    assert blob.download_blob().readall() == b"one"


def test_a_log_grows(container: ContainerClient) -> None:
    blob = container.get_blob_client("log")
    blob.create_append_blob()
    assert blob.append_block(b"one\n")["blob_append_offset"] == "0"
    second = blob.append_block(b"two\n")
    assert (second["blob_append_offset"], second["blob_committed_block_count"]) == ("4", 2)
    assert blob.download_blob().readall() == b"one\ntwo\n"
    with pytest.raises(HttpResponseError) as elsewhere:
        blob.append_block(b"x", appendpos_condition=1)
    assert elsewhere.value.error_code == "AppendPositionConditionNotMet"
    container.upload_blob("whole", b"x")
    with pytest.raises(ResourceExistsError) as whole:
        container.get_blob_client("whole").append_block(b"y")
    assert whole.value.error_code == "InvalidBlobType"


def test_lists_have_prefixes_folders_pages_and_metadata(container: ContainerClient) -> None:
    for name in ("a/1", "a/2", "a/b/3", "b", "c/4"):
        container.upload_blob(name, b"", metadata={"n": name})
    assert [one.name for one in container.list_blobs(name_starts_with="a/")] == ["a/1", "a/2", "a/b/3"]
    assert sorted(one.name for one in container.walk_blobs()) == ["a/", "b", "c/"]
    assert sorted(one.name for one in container.walk_blobs(name_starts_with="a/")) == ["a/1", "a/2", "a/b/"]
    pages = [[one.name for one in page] for page in container.list_blobs(results_per_page=2).by_page()]
    assert pages == [["a/1", "a/2"], ["a/b/3", "b"], ["c/4"]]
    walked = [[one.name for one in page] for page in container.walk_blobs(results_per_page=1).by_page()]
    assert walked == [["a/"], ["b"], ["c/"]]
    assert [one.metadata for one in container.list_blobs(include=["metadata"])][3] == {"n": "b"}


def test_metadata_is_replaced(container: ContainerClient) -> None:
    blob = container.upload_blob("x", b"1", metadata={"a": "1"})
    blob.set_blob_metadata({"upload_status": "completed", "name": "n"})
    assert blob.get_blob_properties().metadata == {"upload_status": "completed", "name": "n"}


def test_what_is_missing_is_named(container: ContainerClient) -> None:
    blob = container.get_blob_client("none")
    assert not blob.exists()
    for act in (blob.delete_blob, blob.download_blob, lambda: blob.set_blob_metadata({})):
        with pytest.raises(ResourceNotFoundError) as missing:
            act()
        assert missing.value.error_code == "BlobNotFound"
    container.upload_blob("none", b"")
    blob.delete_blob()
    assert not blob.exists()


def test_copies_are_refused_for_what_they_are(container: ContainerClient) -> None:
    source = container.upload_blob("from", b"x")
    with pytest.raises(HttpResponseError, match="copies no blobs: download, and upload to 'to'") as caught:
        container.get_blob_client("to").start_copy_from_url(source.url)
    assert caught.value.error_code == "NotImplemented"


def test_containers_are_made_listed_and_deleted(account: BlobServiceClient) -> None:
    name = f"of-a-test-{uuid.uuid4()}"
    container = account.get_container_client(name)
    assert not container.exists()
    container.create_container()
    container.upload_blob("x y/z", b"1").set_blob_metadata({"k": "v"})
    assert container.get_container_properties().name == name
    assert container.exists()
    assert name in [one.name for one in account.list_containers(name_starts_with="of-a-test")]
    with pytest.raises(ResourceExistsError):
        container.create_container()
    container.delete_container()
    with pytest.raises(ResourceNotFoundError) as gone:
        container.upload_blob("x", b"")
    assert gone.value.error_code == "ContainerNotFound"


@pytest.mark.parametrize(("name", "code"), [("ab", "OutOfRangeInput"), ("UPPER", "InvalidResourceName")])
def test_no_container_has_a_wrong_name(account: BlobServiceClient, name: str, code: str) -> None:
    with pytest.raises(HttpResponseError) as wrong:
        account.create_container(name)
    assert wrong.value.error_code == code


def test_a_wrong_key_opens_nothing(workspace: Workspace) -> None:
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    url = f"{workspace.emulator.https_url}/stor.blob.core.windows.net"
    credential = {"account_name": "stor", "account_key": "d3Jvbmc="}
    with (
        BlobServiceClient(url, credential, connection_verify=bundle) as client,
        pytest.raises(ClientAuthenticationError) as wrong,
    ):
        list(client.list_containers())
    assert wrong.value.error_code == "AuthenticationFailed"


def test_a_sas_opens_its_own_container_as_long_as_it_lasts(workspace: Workspace) -> None:
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    mine, _, sas = sas_url(workspace).partition("?")
    other = sas_url(workspace).partition("?")[0]

    def status(url: str, query: str) -> int:
        listed = f"{url}?restype=container&comp=list&{query}"
        return requests.get(listed, verify=bundle, timeout=60).status_code

    assert status(mine, sas) == 200
    assert status(other, sas) == 403
    assert status(mine, sas.replace("se=2", "se=1")) == 403
    assert status(mine, sas.replace("sp=racwdl", "sp=rl")) == 403
    assert status(mine, "") == 401


def test_a_sas_that_the_emulator_did_not_sign_opens_logs_alone(
    workspace: Workspace, account: BlobServiceClient
) -> None:
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    name = f"of-a-test-{uuid.uuid4()}"
    container = account.create_container(name)
    log, other = "ExperimentRun/dcid.job/user_logs/std_log.txt", "ExperimentRun/dcid.job/outputs/model.pkl"
    for blob in (log, other):
        container.upload_blob(blob, b"text")

    def status(method: str, blob: str, *, minutes: int = 30, **fields: str) -> int:
        expiry = datetime.now(timezone.utc) + timedelta(minutes=minutes)
        query = {"sr": "b", "sp": "r", "se": f"{expiry:%Y-%m-%dT%H:%M:%SZ}", "sig": "own", **fields}
        return requests.request(method, f"{container.url}/{blob}", params=query, verify=bundle, timeout=60).status_code

    assert status("GET", log) == 200
    assert status("GET", other) == 403
    assert status("GET", log, minutes=-1) == 403
    assert status("GET", log, minutes=600) == 403
    assert status("GET", log, se="soon") == 403
    assert status("GET", log, sr="c") == 403
    assert status("DELETE", log) == status("PUT", log) == 403
    assert status("DELETE", log, sp="rd") == 403
    container.delete_container()


def test_a_storage_token_opens_the_account(workspace: Workspace) -> None:
    environment = workspace.emulator.environment
    granted = requests.post(
        f"{workspace.emulator.url}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": environment["AZURE_CLIENT_ID"],
            "client_secret": environment["AZURE_CLIENT_SECRET"],
            "scope": "https://storage.azure.com/.default",
        },
        timeout=60,
    ).json()
    url = f"{workspace.emulator.url}/stor.blob.core.windows.net"
    for token, status in ((granted["access_token"], 200), ("x.y.z", 403)):
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(url, params={"comp": "list"}, headers=headers, timeout=60)
        assert answer.status_code == status


def test_of_many_who_put_a_blob_that_must_not_be_there_one_does(azml_emulator: RunningEmulator) -> None:
    storage = Workspace(azml_emulator).ensure()
    url, bundle = storage.blob_url(f"once/{uuid.uuid4().hex}"), azml_emulator.environment["REQUESTS_CA_BUNDLE"]
    # all are asked whether the blob is there before the first has come
    together = threading.Barrier(8)

    def data() -> Iterator[bytes]:
        together.wait(60)
        yield b"x"

    def put(_: int) -> int:
        headers = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
        return requests.put(url, data=data(), headers=headers, verify=bundle, timeout=60).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(put, range(8))) == [201, *[409] * 7]


def test_only_files_are_collected_under_names_that_are_text(tmp_path: Path) -> None:
    source = tmp_path / "outputs"
    source.mkdir()
    (source / "good").write_bytes(b"x")
    (source / "link").symlink_to("good")
    (source / "broken").symlink_to("nowhere")
    (source / "endless").symlink_to("/dev/zero")
    os.mkfifo(source / "pipe")
    os.close(os.open(os.fsencode(source) + b"/\xff", os.O_CREAT))
    with closing(Database(tmp_path / "db")) as database:
        blobs = Blobs(database, tmp_path / "blobs", "https://localhost:1", lambda _: "sig=x")
        blobs.create_container("box")
        assert blobs.collect(source, "box", "o") == 3
        assert blobs.names("box") == ["o/good", "o/link", "o/\ufffd"]
