"""The blobs of one folder, uploaded by azure-ai-ml to one workspace and by this package to another, are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows, upload
from airflow_provider_azml.rest.snapshot import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from azure.ai.ml import MLClient
    from azure.identity import ClientSecretCredential

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

# azure-ai-ml warns about itself
pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

THEIRS, OURS = "uploads-theirs", "uploads-ours"
FOLDERS: dict[str, dict[str, str | bytes]] = {
    "code": {"main.py": "print(1)", "lib/util.py": "x = 1", "lib/__init__.py": ""},
    "hidden files": {".env": "A=1", ".git/config": "[core]", "main.py": "1", "__pycache__/main.pyc": b"\0\1"},
    "gitignore": {
        ".gitignore": "*.csv\n__pycache__/\n!keep.csv\n",
        "a.csv": "1",
        "keep.csv": "2",
        "__pycache__/x": "3",
    },
    "amlignore": {
        ".amlignore": "data/*\n",
        ".gitignore": "*.py\n",
        "data/sub/x.csv": "1",
        "data/y": "2",
        "main.py": "3",
    },
    "nested ignore files": {"a/.gitignore": "*\n", "a/x": "1", "b/.amlignore": "*\n", "b/y": "2"},
    "unicode": {"\u00e9/\u65e5\u672c.txt": "\u00e9t\u00e9", "e\u0301.txt": "\u00e9", "\U0001f600": "!"},
    "odd names": {
        "a b#c.txt": "1",
        "d%20e?.txt": "2",
        "f&g=h+i;j,k.txt": "3",
        "'q'(r)[s]{t}!~": "4",
        "back\\slash": "5",
    },
    "empty files": {"void": "", "sub/void": "", "sub/full": "x"},
    # of names that differ in case alone, azure-ai-ml takes the first that the file system happens to list
    "order of names": {"sub.txt": "1", "sub/x": "2", "Sub2/x": "3", "SUB-1": "4", "sub-0": "5", "_": "6", "Z": "7"},
    "deep": {"/".join(["d"] * 20) + "/x": "1", "a/b/c/d": "2"},
    "bytes": {"random.bin": bytes(range(256)) * 64, "big.bin": b"\xff" * 300_000},
    "model": {"MLmodel": "flavors: {}", "model.pkl": b"\x80\x04", "conda.yaml": "name: x"},
}


@pytest.fixture(scope="module")
def pair(azml_emulator: RunningEmulator) -> Iterator[tuple[MLClient, AzmlHook]]:
    """azure-ai-ml in a workspace, and the hook in another."""
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import Workspace

    with pytest.MonkeyPatch.context() as patch:
        for name, value in azml_emulator.environment.items():
            patch.setenv(name, value)
        where = (credential(azml_emulator), azml_emulator.subscription_id, azml_emulator.resource_group)
        client = MLClient(*where, THEIRS, enable_telemetry=False)
        for workspace in (THEIRS, OURS):
            client.workspaces.begin_create(Workspace(name=workspace, location="westeurope")).result()
        yield client, AzmlHook(workspace=OURS)
        for workspace in (THEIRS, OURS):
            client.workspaces.begin_delete(workspace, delete_dependent_resources=True).result()


def credential(emulator: RunningEmulator) -> ClientSecretCredential:
    from azure.identity import ClientSecretCredential

    environment = emulator.environment
    return ClientSecretCredential(
        environment["AZURE_TENANT_ID"],
        environment["AZURE_CLIENT_ID"],
        environment["AZURE_CLIENT_SECRET"],
        authority=environment["AZURE_AUTHORITY_HOST"],
        disable_instance_discovery=True,
    )


@pytest.fixture
def blobs(azml_emulator: RunningEmulator) -> Iterator[Callable[[str], dict[str, tuple[bytes, bool]]]]:
    """Gives all blobs of a container: content, and whether it is marked as the last of an upload."""
    from azure.storage.blob import BlobServiceClient

    bundle = azml_emulator.environment["REQUESTS_CA_BUNDLE"]
    url = f"{azml_emulator.https_url}/stor.blob.core.windows.net"
    with BlobServiceClient(url, credential(azml_emulator), connection_verify=bundle) as account:

        def found(container: str) -> dict[str, tuple[bytes, bool]]:
            client = account.get_container_client(container)
            return {
                blob.name: (
                    client.download_blob(blob.name).readall(),
                    (blob.metadata or {}).get("upload_status") == "completed",
                )
                for blob in client.list_blobs(include=["metadata"])
            }

        yield found


def written(files: Mapping[str, str | bytes], root: Path) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_uploads_are_those_of_azure_ai_ml(
    pair: tuple[MLClient, AzmlHook], blobs: Callable[[str], dict[str, tuple[bytes, bool]]], tmp_path: Path
) -> None:
    from azure.ai.ml.entities import BuildContext, Data, Environment, Model

    client, hook = pair
    for place, (name, files) in enumerate(FOLDERS.items()):
        root = written({**files, "Dockerfile": f"FROM {place}"}, tmp_path / name)
        client.data.create_or_update(Data(name=f"d{place}", version="1", path=str(root), type="uri_folder"))
        hook.apply({"name": f"d{place}", "version": "1", "type": "uri_folder", "path": str(root)}, kind="data")
    about = {"name": "one", "version": "1"}
    client.data.create_or_update(Data(**about, path=str(root / "MLmodel"), type="uri_file"))
    hook.apply({**about, "type": "uri_file", "path": str(root / "MLmodel")}, kind="data")
    (root / "another").touch()
    client.models.create_or_update(Model(**about, path=str(root), type="custom_model"))
    hook.apply({**about, "type": "custom_model", "path": str(root)}, kind="model")
    (root / "third").touch()
    client.environments.create_or_update(Environment(**about, build=BuildContext(path=str(root))))
    hook.apply({**about, "build": {"path": str(root)}}, kind="environment")
    stores = [
        hook.run(flows.get(replace(hook.workspace_id, name=workspace).child("datastore", "workspaceblobstore")))
        for workspace in (THEIRS, OURS)
    ]
    theirs, ours = (blobs(found["properties"]["containerName"]) for found in stores)
    assert sum(marked for _, marked in theirs.values()) == len(FOLDERS) + 3
    assert ours == theirs


@pytest.mark.parametrize("name", ["code", "amlignore", "unicode", "odd names", "order of names", "a single file"])
def test_code_is_that_of_azure_ai_ml(
    name: str, pair: tuple[MLClient, AzmlHook], blobs: Callable[[str], dict[str, tuple[bytes, bool]]], tmp_path: Path
) -> None:
    from azure.ai.ml.entities._assets import Code

    client, hook = pair
    root = written(FOLDERS.get(name, {"main.py": "single"}), tmp_path / "My code")
    path = root if name in FOLDERS else root / "main.py"
    theirs = client._code.create_or_update(Code(path=str(path)))
    ours = hook.run(flows.get(hook.run(upload.upload_code(hook.workspace_id, take(path)))))["properties"]
    their_place, our_place = (urlsplit(uri).path.split("/", 3)[2:] for uri in (str(theirs.path), ours["codeUri"]))
    assert our_place[1:] == their_place[1:]
    assert blobs(our_place[0]) == blobs(their_place[0])
    theirs_id = replace(hook.workspace_id, name=THEIRS).child("code", theirs.name, theirs.version)
    assert hook.run(flows.get(theirs_id))["properties"]["properties"] == ours["properties"]
