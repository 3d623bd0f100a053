"""Downloads from a storage that answers what a test gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound, SpecError
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.flows import Download, Downloaded
from tests.rest.conftest import CountingCredential
from tests.rest.scripted_service import Answer, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Flow


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[ScriptedService]:
    service = ScriptedService(tmp_path)
    yield service
    service.close()


def listed(names: Sequence[str]) -> Answer:
    """A list of blobs. Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs"""
    each = "".join(
        f"<Blob><Name>{name}</Name><Properties><Content-Length>3</Content-Length><Etag>1</Etag>"
        "<Last-Modified>Sat, 21 Nov 2026 09:00:00 GMT</Last-Modified><BlobType>BlockBlob</BlobType></Properties></Blob>"
        for name in names
    )
    text = f"<EnumerationResults><Blobs>{each}</Blobs><NextMarker/></EnumerationResults>"
    return Answer(200, text.encode(), {"Content-Type": "application/xml"})


def holds(storage: ScriptedService, *names: str) -> None:
    storage.answer("GET", "/box", listed(names))
    for name in names:
        content = {"Content-Length": "3", "Content-Range": "bytes 0-2/3", "ETag": '"1"'}
        storage.answer("GET", f"/box/{name}", Answer(206, b"abc", content))


def fetched(storage: ScriptedService, path: str, folder: Path) -> Downloaded:
    with Client(storage.cloud, TokenCache(CountingCredential()), ca_bundle=storage.ca_bundle) as client:

        def flow() -> Flow[Downloaded]:
            return (yield Download(f"{storage.url}/box?sig=secret", path, folder))

        found: Downloaded = client.run(flow())
        return found


def test_a_folder_of_blobs_and_nothing_beside_it(storage: ScriptedService, tmp_path: Path) -> None:
    holds(storage, "run/a.txt", "run/deep/b.txt", "runner/c.txt")
    assert fetched(storage, "/run/", tmp_path / "to") == Downloaded(2, 6)
    assert sorted(str(file.relative_to(tmp_path / "to")) for file in (tmp_path / "to").rglob("*.txt")) == [
        "a.txt",
        "deep/b.txt",
    ]


def test_one_blob_by_its_own_name(storage: ScriptedService, tmp_path: Path) -> None:
    holds(storage, "run/a.txt", "run/a.txt.old")
    fetched(storage, "run/a.txt", tmp_path / "to")
    assert [file.name for file in (tmp_path / "to").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", ["run/../../out.txt", "run/deep/../../../out.txt"])
def test_a_name_that_leads_out_of_the_folder_is_refused(storage: ScriptedService, tmp_path: Path, name: str) -> None:
    holds(storage, name)
    with pytest.raises(SpecError, match="leads out of the folder"):
        fetched(storage, "run", tmp_path / "to" / "here")
    assert not list(tmp_path.rglob("out.txt"))


def test_nothing_there_is_said_without_the_signature(storage: ScriptedService, tmp_path: Path) -> None:
    holds(storage)
    with pytest.raises(NotFound, match="there is no such blob, and none below it") as error:
        fetched(storage, "run", tmp_path)
    assert "secret" not in str(error.value)
    assert error.value.url == f"{storage.url}/box/run"


def test_a_refusal_names_the_blob_and_leaves_nothing_behind(storage: ScriptedService, tmp_path: Path) -> None:
    storage.answer("GET", "/box", listed(["run/a.txt", "run/b.txt"]))
    storage.answer("GET", "/box/run/a.txt", Answer(206, b"abc", {"Content-Range": "bytes 0-2/3", "ETag": '"1"'}))
    storage.answer("GET", "/box/run/b.txt", Answer(403, b"", {"x-ms-error-code": "AuthorizationFailure"}))
    with pytest.raises(AuthError, match=r"run/b\.txt") as error:
        fetched(storage, "run", tmp_path / "to")
    assert "secret" not in str(error.value)
    assert {file.name for file in (tmp_path / "to").iterdir()} <= {"a.txt"}


def test_a_folder_that_cannot_be_written_is_named(storage: ScriptedService, tmp_path: Path) -> None:
    holds(storage, "run/a.txt")
    (tmp_path / "to").write_text("a file")
    with pytest.raises((SpecError, ApiError), match="cannot be written"):
        fetched(storage, "run", tmp_path / "to")
