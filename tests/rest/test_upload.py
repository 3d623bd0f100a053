from __future__ import annotations

import base64
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from azure.storage.blob import ContainerClient

from airflow_provider_azml.exceptions import AuthError, NotFound, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import blobs, datastores, flows, upload
from airflow_provider_azml.rest.flows import Upload
from airflow_provider_azml.rest.snapshot import take
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Flow


@pytest.fixture
def hook(azml_connection: str) -> AzmlHook:
    return AzmlHook(azml_connection)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "src"
    (root / "sub").mkdir(parents=True)
    (root / "main.py").write_text(f"print({tmp_path.name!r})", encoding="utf-8")  # another content in every test
    (root / "sub" / "util.py").write_text("x = 1", encoding="utf-8")
    (root / ".gitignore").write_text("*.log\n", encoding="utf-8")
    (root / "notes.log").write_text("not for others", encoding="utf-8")
    return root


def uploads_in(hook: AzmlHook, flow: Flow[Any]) -> tuple[Any, list[Upload]]:
    """What a flow comes to, and the uploads that it asked for."""
    seen: list[Upload] = []

    def watched() -> Flow[Any]:
        result = None
        while True:
            try:
                step = flow.send(result)
            except StopIteration as stop:
                return stop.value
            if isinstance(step, Upload):
                seen.append(step)
            result = yield step

    return hook.run(watched()), seen


def blobs_at(hook: AzmlHook, uri: str) -> dict[str, bytes]:
    """Names and contents of the blobs of the workspace's datastore below a path."""
    store = hook.workspace_id.child("datastore", upload.WORKSPACE_BLOB_STORE)
    properties = hook.run(flows.get(store))["properties"]
    secrets = hook.run(flows.act(store, "list_secrets", {"expirableSecret": True})).json()
    url = datastores.place(properties, hook.cloud.storage_suffix, "x", act="files are uploaded to").blob_url
    prefix = uri.partition("/paths/")[2]
    with ContainerClient.from_container_url(f"{url}?{datastores.sas(secrets, properties)}") as container:
        return {
            name.removeprefix(prefix): container.download_blob(name).readall()
            for name in container.list_blob_names(name_starts_with=prefix)
        }


def test_code_is_uploaded_once_and_found_again(hook: AzmlHook, folder: Path) -> None:
    first, uploaded = uploads_in(hook, upload.upload_code(hook.workspace_id, take(folder)))
    assert [name for _, name in uploaded[0].files] == ["src/.gitignore", "src/main.py", "src/sub/util.py"]
    again, uploaded = uploads_in(hook, upload.upload_code(hook.workspace_id, take(folder)))
    assert (again, uploaded) == (first, [])
    properties = hook.run(flows.get(first))["properties"]
    assert properties["codeUri"].endswith("/src")
    assert properties["properties"]["hash_sha256"]


def test_a_single_file_of_code_lies_at_the_root(hook: AzmlHook, folder: Path) -> None:
    code_id, uploaded = uploads_in(hook, upload.upload_code(hook.workspace_id, take(folder / "main.py")))
    assert [name for _, name in uploaded[0].files] == ["main.py"]
    assert not hook.run(flows.get(code_id))["properties"]["codeUri"].endswith("main.py")


def test_a_folder_goes_to_the_datastore_once(hook: AzmlHook, folder: Path) -> None:
    flow = upload.upload_to_datastore(hook.workspace_id, hook.cloud, take(folder))
    where, uploaded = uploads_in(hook, flow)
    assert len(uploaded) == 1
    assert where.uri.startswith("azureml://datastores/workspaceblobstore/paths/LocalUpload/")
    assert where.uri.endswith("/src")
    found = blobs_at(hook, where.uri)
    assert {name: found[name] for name in ("/sub/util.py", "/.gitignore")} == {
        "/sub/util.py": b"x = 1",
        "/.gitignore": b"*.log\n",
    }
    assert "/notes.log" not in found
    again, uploaded = uploads_in(hook, upload.upload_to_datastore(hook.workspace_id, hook.cloud, take(folder)))
    assert (again, uploaded) == (where, [])


def test_an_upload_that_broke_off_is_taken_up_again(hook: AzmlHook, folder: Path) -> None:
    flow = upload.upload_to_datastore(hook.workspace_id, hook.cloud, take(folder))

    def broken_off() -> Flow[None]:
        result = None
        while not isinstance(step := flow.send(result), Upload):
            result = yield step
        yield Upload(step.container_url, step.files[:2])  # the mark is not set yet

    hook.run(broken_off())
    where, uploaded = uploads_in(hook, upload.upload_to_datastore(hook.workspace_id, hook.cloud, take(folder)))
    assert len(uploaded) == 1
    assert len(blobs_at(hook, where.uri)) == 3


def test_fifty_tasks_submit_one_folder_at_once(
    azml_connection: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "AT_ONCE", 1 << 16)
    monkeypatch.setattr(blobs, "_BLOCK", 1 << 15)
    (folder / "model.bin").write_bytes(os.urandom(100_000))  # in blocks, which whoever is the first throws away
    asset = {"type": "uri_folder", "name": f"at-once-{folder.parent.name}", "path": str(folder)}
    start = threading.Barrier(50)

    def once(place: int) -> tuple[str, str]:
        hook = AzmlHook(azml_connection)
        start.wait()
        data = hook.apply({**asset, "version": str(place)}, kind="data")
        code = hook.run(upload.upload_code(hook.workspace_id, take(folder / "main.py")))
        hook.close()
        return str(data["properties"]["dataUri"]), code

    with ThreadPoolExecutor(50) as pool:
        uris, codes = zip(*pool.map(once, range(50)), strict=True)
    hook = AzmlHook(azml_connection)
    found = blobs_at(hook, uris[0])
    assert len(set(uris)) == 1
    assert {name.lstrip("/"): content for name, content in found.items()} == {
        file.name: file.path.read_bytes() for file in take(folder).files
    }
    hashes = {hook.run(flows.get(code))["properties"]["properties"]["hash_sha256"] for code in set(codes)}
    assert hashes == {take(folder / "main.py").content_hash()}


def test_a_datastore_that_is_not_there(hook: AzmlHook, folder: Path) -> None:
    with pytest.raises(NotFound):
        hook.run(upload.upload_to_datastore(hook.workspace_id, hook.cloud, take(folder), datastore="nowhere"))


def test_a_datastore_that_holds_no_blobs(hook: AzmlHook) -> None:
    with pytest.raises(SpecError, match="'d' is AzureFile"):
        datastores.place({"datastoreType": "AzureFile"}, hook.cloud.storage_suffix, "d", act="files are uploaded to")


def test_a_key_is_as_good_as_a_sas() -> None:
    properties = {"datastoreType": "AzureBlob", "accountName": "a", "containerName": "c"}
    made = datastores.sas({"secretsType": "AccountKey", "key": base64.b64encode(b"key").decode()}, properties)
    assert "sig=" in made
    assert datastores.sas({"sasToken": "?sv=1&sig=x"}, properties) == "sv=1&sig=x"


def test_a_storage_that_refuses_is_an_error(service, drive) -> None:
    service.answer("HEAD", "/c/b", Answer(403))
    with pytest.raises(AuthError):
        drive(upload._completed(f"{service.url}/c/b?sig=x"))
