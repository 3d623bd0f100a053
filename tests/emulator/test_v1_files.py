"""Files of the retired generation: artifacts of runs, snapshots of projects, and the datastores that hold data."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import EXPERIMENT, V1, compute, configuration

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

ARTIFACT, CONTENT, DATASTORE = "artifact/v2.0", "content/v2.0", "datastore/v1.0"
BLOCK = {"x-ms-blob-type": "BlockBlob"}


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure())


@pytest.fixture
def container() -> str:
    return f"dcid.{uuid.uuid4()}"


def artifact(v1: V1, path: str, method: str = "GET", *, ok: bool = True, **options: Any) -> Any:
    return v1.call(ARTIFACT, f"artifacts/{path}", method, ok=ok, **options)


def put(v1: V1, url: str, data: bytes) -> None:
    bundle = v1.workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    v1.workspace.session.put(url, data=data, headers=BLOCK, verify=bundle, timeout=30).raise_for_status()


@pytest.mark.parametrize(
    "place", ["ExperimentRun/{}/{}?path={}", "{}/ExperimentRun/{}/{}"], ids=["of the file", "of azureml-core"]
)
def test_artifacts_are_written_read_listed_and_deleted(v1: V1, container: str, place: str) -> None:
    def at(act: str, path: str) -> str:
        if place.startswith("{}"):
            return place.format(act, container, path)
        return place.format(container, act, path)

    written = artifact(v1, at("content", "outputs/a.txt"), "POST", data=b"one").json()
    assert written["artifactId"] == f"ExperimentRun/{container}/outputs/a.txt"
    assert written["dataPath"]["relativePath"] == f"ExperimentRun/{container}/outputs/a.txt"
    again = artifact(v1, at("content", "outputs/a.txt"), "POST", ok=False, data=b"two")
    assert (again.status_code, "already exists" in again.json()["error"]["message"]) == (409, True)
    artifact(v1, at("content", "outputs/a.txt"), "POST", params={"append": "true"}, data=b" more")
    assert artifact(v1, at("content", "outputs/a.txt")).text == "one more"
    artifact(v1, at("content", "outputs/a.txt"), "POST", params={"allowOverwrite": "true"}, data=b"two")
    assert artifact(v1, at("metadata", "outputs/a.txt")).json() == {
        **written,
        **same(v1, at("metadata", "outputs/a.txt")),
    }
    url = artifact(v1, at("contentinfo", "outputs/a.txt")).json()["contentUri"]
    assert v1.workspace.download(url) == "two"
    put(v1, artifact(v1, at("write", "outputs/deep/b.txt")).json()["contentUri"], b"three")
    found = artifact(v1, at("prefix/contentinfo", "outputs/")).json()["value"]
    assert [one["path"] for one in found] == ["outputs/a.txt", "outputs/deep/b.txt"]
    listed = artifact(v1, f"ExperimentRun/{container}").json()["value"]
    assert [one["path"] for one in listed] == ["outputs/a.txt", "outputs/deep/b.txt"]
    artifact(v1, at("metadata", "outputs/a.txt"), "DELETE")
    assert artifact(v1, at("contentinfo", "outputs/a.txt"), ok=False).status_code == 404
    artifact(v1, f"ExperimentRun/{container}/batch", "DELETE")
    assert artifact(v1, f"ExperimentRun/{container}").json()["value"] == []


def same(v1: V1, path: str) -> dict[str, Any]:
    """What changes with what an artifact holds."""
    found = artifact(v1, path).json()
    return {"etag": found["etag"], "createdTime": found["createdTime"]}


def test_many_artifacts_are_made_at_once_but_not_over_others(v1: V1, container: str) -> None:
    artifact(v1, f"content/ExperimentRun/{container}/there", "POST", data=b"x")
    asked = {"paths": [{"path": "there"}, {"path": "new"}]}
    made = artifact(v1, f"batch/metadata/ExperimentRun/{container}", "POST", json=asked).json()
    assert (list(made["artifacts"]), list(made["errors"])) == (["new"], ["there"])
    put(v1, made["artifactContentInformation"]["new"]["contentUri"], b"y")
    ids = {"artifactIds": [{"artifactId": f"ExperimentRun/{container}/{name}"} for name in ("new", "none")]}
    known = artifact(v1, "batch/metadata", "POST", json=ids).json()
    assert [len(known[name]) for name in ("artifacts", "artifactContentInformation", "errors")] == [1, 1, 1]
    artifact(v1, f"ExperimentRun/{container}/batch/metadata:delete", "POST", json=asked)
    assert artifact(v1, f"ExperimentRun/{container}").json()["value"] == []


def test_an_artifact_is_made_of_data_that_is_there(v1: V1, container: str) -> None:
    v1.workspace.data({"a.txt": "data"}, "v1/artifacts")
    given = {"origin": "ExperimentRun", "container": container, "path": "made.txt"}
    source = {"dataStoreName": "workspaceblobstore", "relativePath": "v1/artifacts/a.txt"}
    artifact(v1, "register", "POST", json={**given, "dataPath": source})
    assert artifact(v1, f"content/ExperimentRun/{container}/made.txt").text == "data"
    gone = artifact(v1, "register", "POST", ok=False, json={**given, "dataPath": {**source, "relativePath": "none"}})
    assert gone.status_code == 400
    assert artifact(v1, "register", "POST", ok=False, json={"origin": "x"}).status_code == 400


def test_artifacts_of_a_run_are_where_run_history_has_them(v1: V1) -> None:
    script = "import os\nos.makedirs('outputs')\nopen('outputs/m.txt', 'w').write('model')"
    run = v1.run({"Configuration": configuration(compute(v1.workspace))}, {"train.py": script})
    found = artifact(v1, f"prefix/contentinfo/ExperimentRun/{run['dataContainerId']}/outputs").json()["value"]
    assert [v1.workspace.download(one["contentUri"]) for one in found] == ["model"]


def test_paths_do_not_lead_out(v1: V1, container: str) -> None:
    wrong = artifact(v1, f"ExperimentRun/{container}/content", "POST", ok=False, params={"path": "../x"}, data=b"x")
    assert wrong.status_code == 400


def tree(files: dict[str, Any], name: str = "") -> dict[str, Any]:
    """A tree of files, as azureml-core sends it."""
    children = {
        one: tree(below, one) if isinstance(below, dict) else {"name": one, "type": "File", "children": {}}
        for one, below in files.items()
    }
    return {"name": name, "type": "Directory", "children": children}


def snapshot(v1: V1, files: dict[str, Any], uploaded: dict[str, str], parent: str | None = None) -> str:
    """Upload files and make a snapshot of them and of what its parent has; its id."""
    nodes = v1.call(CONTENT, "snapshots/getblob", "POST", json={"FileNames": list(uploaded)}).json()["fileNodes"]
    for node in nodes:
        put(v1, node["blobUri"], uploaded[node["fullName"]].encode())
    revisions = [{"FullName": node["fullName"], "BlobUri": node["blobUri"], "FileSize": 1} for node in nodes]
    snapshot_id = str(uuid.uuid4())
    body = {"ParentSnapshotId": parent, "DirTreeNode": tree(files), "FileRevisionList": {"FileNodes": revisions}}
    v1.call(CONTENT, f"snapshots/{snapshot_id}", "POST", json={**body, "Properties": {"commit": "abc"}})
    return snapshot_id


def test_a_snapshot_has_what_was_uploaded_and_what_its_parent_has_of_the_rest(v1: V1) -> None:
    names = {"train.py": "", "folder": {"kept.txt": "", "gone.txt": ""}}
    first = snapshot(v1, names, {"train.py": "print('old')", "folder/kept.txt": "kept", "folder/gone.txt": "gone"})
    fewer = {"train.py": "", "folder": {"kept.txt": ""}}
    second = snapshot(v1, fewer, {"train.py": "print(open('folder/kept.txt').read())"}, first)
    url = v1.call(CONTENT, f"snapshots/{second}/zip", "POST").json()["zipSasUri"]
    bundle = v1.workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    with zipfile.ZipFile(io.BytesIO(v1.workspace.session.get(url, verify=bundle, timeout=30).content)) as archive:
        assert sorted(archive.namelist()) == ["folder/kept.txt", "train.py"]
    assert v1.call(CONTENT, f"snapshots/{second}/metadata").json()["properties"] == {"commit": "abc"}
    children = v1.call(CONTENT, f"snapshots/{first}/sas").json()["children"]
    assert v1.workspace.download(children["folder/gone.txt"]["sasUrl"]) == "gone"
    definition = {"Configuration": configuration(compute(v1.workspace)), "SnapshotId": second}
    started = v1.call("execution/v1.0", f"experiments/{EXPERIMENT}/snapshotrun", "POST", json=definition).json()
    assert v1.ended(started["runId"])["properties"]["ContentSnapshotId"] == second
    assert v1.log_of(started["runId"]) == "kept\n"


def test_snapshots_that_cannot_be_are_refused(v1: V1) -> None:
    body: dict[str, Any] = {"DirTreeNode": tree({"a.py": ""}), "FileRevisionList": {"FileNodes": []}}
    missing = v1.call(CONTENT, f"snapshots/{uuid.uuid4()}", "POST", ok=False, json=body)
    assert (missing.status_code, "'a.py' of the snapshot" in missing.json()["error"]["message"]) == (400, True)
    body["DirTreeNode"]["children"] = {"x": {"name": "..", "type": "File"}}
    assert v1.call(CONTENT, f"snapshots/{uuid.uuid4()}", "POST", ok=False, json=body).status_code == 400
    known = snapshot(v1, {"a.py": ""}, {"a.py": ""})
    body["DirTreeNode"] = tree({})
    assert v1.call(CONTENT, f"snapshots/{known}", "POST", ok=False, json=body).status_code == 409
    path = f"experiments/{EXPERIMENT}/snapshotrun"
    for snapshot_id, status in ((str(uuid.uuid4()), 404), (None, 400)):
        definition = {"Configuration": configuration("cpu"), "SnapshotId": snapshot_id}
        assert v1.call("execution/v1.0", path, "POST", ok=False, json=definition).status_code == status


def test_datastores_are_the_same_to_both_generations(v1: V1) -> None:
    name = f"v1_{uuid.uuid4().hex[:8]}"
    storage = {"accountName": "acc", "containerName": "c", "credentialType": "AccountKey", "accountKey": "a2V5"}
    body = {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": storage, "tags": {"t": "u"}}
    assert v1.call(DATASTORE, "datastores", "POST", json=body).json() is None
    assert v1.call(DATASTORE, "datastores", "POST", ok=False, json=body).status_code == 409
    v1.call(DATASTORE, "datastores", "POST", json=body, params={"createIfNotExists": "true"})
    today = v1.workspace.get("datastore", name)["properties"]
    assert (today["datastoreType"], today["accountName"], today["containerName"]) == ("AzureBlob", "acc", "c")
    assert "a2V5" not in str(today)
    shown = v1.call(DATASTORE, f"datastores/{name}").json()
    assert {**storage, "credential": "a2V5"}.items() <= shown["azureStorageSection"].items()
    hidden = v1.call(DATASTORE, "datastores", params={"includeSecret": "false", "dataStoreNames": name}).json()["value"]
    assert [one["name"] for one in hidden] == [name]
    assert "a2V5" not in str(hidden)
    changed = {**body, "azureStorageSection": {**storage, "containerName": "d"}}
    v1.call(DATASTORE, f"datastores/{name}", "PUT", json=changed)
    assert v1.workspace.get("datastore", name)["properties"]["containerName"] == "d"
    v1.call(DATASTORE, f"datastores/{name}", "DELETE")
    assert v1.call(DATASTORE, f"datastores/{name}", ok=False).status_code == 404


def test_the_default_datastore_is_another_one(v1: V1) -> None:
    assert v1.call(DATASTORE, "default").json()["name"] == "workspaceblobstore"
    try:
        v1.call(DATASTORE, "default/workspaceartifactstore", "PUT")
        assert v1.call(DATASTORE, "default").json()["name"] == "workspaceartifactstore"
        assert v1.workspace.get("datastore", "workspaceblobstore")["properties"]["isDefault"] is False
        refused = v1.call(DATASTORE, "datastores/workspaceartifactstore", "DELETE", ok=False)
        assert refused.status_code == 400
    finally:
        v1.call(DATASTORE, "default/workspaceblobstore", "PUT")


@pytest.mark.parametrize(
    ("kind", "section", "today"),
    [
        ("AzureFile", {"accountName": "a", "containerName": "share"}, {"fileShareName": "share"}),
        ("AzureDataLakeGen2", {"accountName": "a", "containerName": "fs"}, {"filesystem": "fs"}),
        (
            "AzureBlob",
            {"accountName": "a", "containerName": "c", "credentialType": "Sas", "sasToken": "?sv=1"},
            {"containerName": "c"},
        ),
        (
            "AzureDataLake",
            {
                "storeName": "s",
                "clientId": str(uuid.UUID(int=1)),
                "tenantId": str(uuid.UUID(int=2)),
                "clientSecret": "x",
            },
            {"storeName": "s"},
        ),
    ],
)
def test_datastores_of_each_kind(v1: V1, kind: str, section: dict[str, Any], today: dict[str, str]) -> None:
    name, where = f"v1_{uuid.uuid4().hex[:8]}", f"azure{'DataLake' if kind == 'AzureDataLake' else 'Storage'}Section"
    assert v1.call(DATASTORE, f"datastores/{name}", "PUT", ok=False, json={}).status_code == 404
    body = {"dataStoreType": kind, where: section}
    v1.call(DATASTORE, f"datastores/{name}", "PUT", json=body, params={"createIfNotExists": "true"})
    assert today.items() <= v1.workspace.get("datastore", name)["properties"].items()
    shown = v1.call(DATASTORE, f"datastores/{name}").json()
    assert (shown["dataStoreType"], section.items() <= shown[where].items()) == (kind, True)


def test_datastores_of_databases_are_refused(v1: V1) -> None:
    body = {"name": "db", "dataStoreType": "AzureSqlDatabase", "azureSqlDatabaseSection": {"serverName": "s"}}
    refused = v1.call(DATASTORE, "datastores", "POST", ok=False, json=body)
    assert (refused.status_code, "AzureSqlDatabase" in refused.json()["error"]["message"]) == (400, True)
