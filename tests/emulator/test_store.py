"""What the emulator remembers: resources by id, records by key, blobs by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.database import Database
from airflow_provider_azml.emulator.storage.blobs import BlobNotFoundError, Blobs, ContainerNotFoundError
from airflow_provider_azml.emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKSPACE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "emulator.db")
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


@pytest.fixture
def blobs(database: Database, tmp_path: Path) -> Blobs:
    made = Blobs(database, tmp_path / "blobs", "https://localhost:1/stor.blob.core.windows.net", lambda _: "sig=x")
    made.create_container("box")
    return made


def test_a_resource_gets_its_identity_and_keeps_it(store: Store) -> None:
    made = store.put(f"{WORKSPACE}/computes/Cpu", {"properties": {"a": 1}, "name": "ignored"})
    assert (made["name"], made["type"]) == ("Cpu", "Microsoft.MachineLearningServices/workspaces/computes")
    again = store.put(f"{WORKSPACE}/COMPUTES/cpu".upper(), {"properties": {"a": 2}})
    assert again["id"] == f"{WORKSPACE}/computes/Cpu"
    assert again["systemData"]["createdAt"] == made["systemData"]["createdAt"]
    assert again["systemData"]["lastModifiedAt"] > made["systemData"]["lastModifiedAt"]
    found = store.get(f"{WORKSPACE}/computes/CPU")
    assert found is not None
    assert found["properties"] == {"a": 2}


def test_what_is_read_is_a_copy(store: Store) -> None:
    body = {"properties": {"tags": {}}}
    store.put(WORKSPACE, body)["properties"]["tags"]["x"] = 1
    body["properties"]["tags"]["y"] = 1
    found = store.get(WORKSPACE)
    assert found is not None
    assert found["properties"] == {"tags": {}}


def test_children_are_in_the_order_of_their_making(store: Store) -> None:
    for name in ("b", "a", "c"):
        store.put(f"{WORKSPACE}/jobs/{name}", {})
    store.put(f"{WORKSPACE}/jobs/b", {"changed": True})
    store.put(f"{WORKSPACE}/jobsx/d", {})
    assert [job["name"] for job in store.children(f"{WORKSPACE}/jobs")] == ["b", "a", "c"]


def test_delete_takes_what_is_below_and_nothing_beside(store: Store) -> None:
    for path in ("", "/jobs/a", "-2", "-2/jobs/b"):
        store.put(WORKSPACE + path, {})
    assert store.delete(WORKSPACE)
    assert not store.delete(WORKSPACE)
    assert store.get(f"{WORKSPACE}/jobs/a") is None
    assert store.get(f"{WORKSPACE}-2/jobs/b") is not None


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    store.put(WORKSPACE, {"properties": {"n": 1}})

    def change(document: dict[str, object]) -> None:
        document["properties"] = {"n": 2}
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        store.update(WORKSPACE, change)
    found = store.get(WORKSPACE)
    assert found is not None
    assert found["properties"] == {"n": 1}
    assert store.update(f"{WORKSPACE}/jobs/none", lambda _: None) is None


def test_everything_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    first = Database(tmp_path / "db")
    Store(first).put(WORKSPACE, {"properties": {"url": "https://localhost:1/x"}})
    Store(first).put_record("runs", "r", {"url": "https://localhost:1/y"})
    first.close()
    second = Database(tmp_path / "db")
    store = Store(second)
    store.readdress({"https://localhost:1": "https://localhost:22"})
    workspace = store.get(WORKSPACE)
    assert workspace is not None
    assert workspace["properties"]["url"] == "https://localhost:22/x"
    assert store.records("runs") == [{"url": "https://localhost:22/y"}]
    store.delete_record("runs", "r")
    assert store.record("runs", "r") is None
    second.close()


def test_blobs_are_read_as_they_were_written(blobs: Blobs) -> None:
    blobs.write("box", "a/b.txt", b"one", {"k": "v"})
    blobs.write("box", "a/b.txt", b"two")
    blobs.write("box", "a", b"a blob may be named as a folder is")
    assert blobs.read("box", "a/b.txt") == b"two"
    assert blobs.names("box") == ["a", "a/b.txt"]
    assert blobs.find("box", "a/b.txt").content_type == "text/plain"
    blobs.append("box", "log", b"1")
    assert blobs.append("box", "log", b"2").blocks == 2
    assert blobs.read("box", "log") == b"12"
    with pytest.raises(BlobNotFoundError):
        blobs.read("box", "none")
    with pytest.raises(ContainerNotFoundError):
        blobs.write("none", "x", b"")


@pytest.mark.parametrize("name", ["ab", "Box", "a--b", "a/b", "..", "-ab", "a" * 64])
def test_a_container_has_a_container_s_name(blobs: Blobs, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a container"):
        blobs.create_container(name)


def test_files_and_folders_go_to_blobs_and_back(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "one.txt").write_text("1")
    (source / "deep" / "two.txt").write_text("2")
    assert blobs.collect(source, "box", "model/") == 2
    assert blobs.collect(source / "one.txt", "box", "modelling.txt") == 1
    assert blobs.fetch("box", "model", tmp_path / "target") == 2
    assert (tmp_path / "target" / "deep" / "two.txt").read_text() == "2"
    assert blobs.fetch("box", "modelling.txt", tmp_path / "file.txt") == 1
    assert (tmp_path / "file.txt").read_text() == "1"
    assert blobs.fetch("box", "nothing/there", tmp_path / "empty") == 0


@pytest.mark.parametrize("name", ["m/../../evil", "m//etc/evil"])
def test_no_blob_gets_out_of_the_folder_that_it_is_fetched_to(blobs: Blobs, tmp_path: Path, name: str) -> None:
    blobs.write("box", name, b"x")
    with pytest.raises(ValueError, match="leads out of"):
        blobs.fetch("box", "m", tmp_path / "target")


def test_what_belongs_to_a_resource_goes_with_it(store: Store) -> None:
    store.put(WORKSPACE, {"properties": {}})
    own, other = WORKSPACE.lower(), f"{WORKSPACE}2".lower()
    for scope in (own, other):
        store.put_record("endpoint_keys", f"{scope}/onlineendpoints/e", {"scope": scope})
        store.put_record(f"runs:{scope}", "r", {"scope": scope})
        store.put_record(f"metrics:{scope}/runs/1", "m", {"scope": scope})
    store.delete(WORKSPACE)
    for collection in ("endpoint_keys", f"runs:{other}", f"metrics:{other}/runs/1"):
        assert store.records(collection) == [{"scope": other}]
    assert store.records(f"runs:{own}") == store.records(f"metrics:{own}/runs/1") == []


def test_bytes_that_are_no_blob_s_are_gone_at_the_next_start(blobs: Blobs, tmp_path: Path) -> None:
    blobs.write("box", "kept", b"1")
    left = [tmp_path / "blobs" / "box" / "left", tmp_path / "blobs" / "gone" / "left", blobs.scratch()]
    for file in left:
        file.parent.mkdir(exist_ok=True)
        file.touch()
    blobs.recover()
    assert not any(file.exists() for file in left)
    assert blobs.read("box", "kept") == b"1"


def test_a_blob_that_stands_for_a_folder_becomes_one(blobs: Blobs, tmp_path: Path) -> None:
    for name in ("data/", "data/sub/", "data/sub/x"):
        blobs.write("box", name, b"")
    blobs.fetch("box", "data", tmp_path / "there")
    assert (tmp_path / "there" / "sub" / "x").is_file()


def test_what_is_kept_is_for_its_owner_alone(database: Database, blobs: Blobs, tmp_path: Path) -> None:
    blobs.write("box", "x", b"")
    assert database is not None
    for name in ("emulator.db", "emulator.db-wal", "blobs"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0


def test_addresses_change_and_nothing_that_looks_like_them(store: Store) -> None:
    store.put_record("urls", "x", {"own": "http://h:80/a", "bare": "http://h:80", "other": "http://h:8080/a"})
    store.readdress({"http://h:80": "http://h:99"})
    assert store.record("urls", "x") == {"own": "http://h:99/a", "bare": "http://h:99", "other": "http://h:8080/a"}
