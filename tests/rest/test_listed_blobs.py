from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from airflow_provider_azml.exceptions import ApiError, AuthError, SpecError
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.rest.datastores import Access, Container
from airflow_provider_azml.rest.flows import NO_LIST
from airflow_provider_azml.rest.listed_blobs import ListedBlob, blobs_in, read_blob, write_blob
from tests.rest.blob_service import STORE, WORKSPACE, BlobService, refusal
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIST = "/acct.blob.core.windows.net/c"
WHEN = "Sat, 31 Jan 2026 09:00:00 GMT"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[BlobService]:
    made = BlobService(tmp_path)
    yield made
    made.close()


def blob(name: str, more: str = "", encoded: str = "") -> str:
    properties = f"<Last-Modified>{WHEN}</Last-Modified><Etag>0x1</Etag><Content-Length>3</Content-Length>{more}"
    return f"<Blob><Name{encoded}>{name}</Name><Properties>{properties}</Properties></Blob>"


def page(*items: str, marker: str = "") -> Answer:
    """One page of a list, as the service writes it: with a mark of its byte order.

    Source: the sample answer of https://learn.microsoft.com/rest/api/storageservices/list-blobs
    """
    blobs = f"<Blobs>{''.join(items)}</Blobs><NextMarker>{marker}</NextMarker>"
    text = f'\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults>{blobs}</EnumerationResults>'
    return Answer(200, text.encode(), {"Content-Type": "application/xml"})


def opened(service: BlobService) -> Container:
    return Container(f"{service.url}{LIST}", Access("?sv=2021-12-02&sig=a%2Fb", "anonymous"))


def test_all_pages_of_a_folder_without_what_is_no_file(service: BlobService, drive) -> None:
    service.answer(
        "GET",
        LIST,
        page(blob("in/a &amp; b.csv"), "<BlobPrefix><Name>in/sub/</Name></BlobPrefix>", marker="2!76!x="),
        page(
            blob("in/"),
            blob("in/dir", "<ResourceType>directory</ResourceType>"),
            blob("in/%EF%BF%BF.csv", "<ResourceType>file</ResourceType>", ' Encoded="true"'),
        ),
    )
    found = drive(blobs_in(opened(service), "in"))
    assert found[0] == ListedBlob("in/a & b.csv", "0x1", "2026-01-31T09:00:00Z", 3)
    assert [one.name for one in found] == ["in/a & b.csv", "in/\uffff.csv"]
    first, second = (parse_qs(asked.query) for asked in service.asked)
    assert first == {
        "sv": ["2021-12-02"],
        "sig": ["a/b"],
        "restype": ["container"],
        "comp": ["list"],
        "prefix": ["in/"],
        "delimiter": ["/"],
    }
    assert second["marker"] == ["2!76!x="]


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><EnumerationResults><Blobs/></EnumerationResults>',
        b"<html><body>Sign in to the proxy</body></html>",
        b"<EnumerationResults><Blobs>",
        b"\xff\xfe",
        b"<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>",
    ],
)
def test_what_is_no_list_is_an_error_that_may_pass(service: BlobService, drive, body: bytes) -> None:
    service.answer("GET", LIST, Answer(200, body))
    with pytest.raises(ApiError, match="the answer is no list of blobs") as raised:
        drive(blobs_in(opened(service), ""))
    assert raised.value.code == NO_LIST
    assert "sig" not in str(raised.value)


def test_a_refusal_has_the_code_of_storage(service: BlobService, drive) -> None:
    service.answer("GET", LIST, refusal(403, "AuthenticationFailed"))
    with pytest.raises(AuthError) as raised:
        drive(blobs_in(opened(service), ""))
    assert raised.value.code == "AuthenticationFailed"


def test_a_key_becomes_a_signature_that_lists(service: BlobService, drive) -> None:
    secrets = Answer(body={"secretsType": "AccountKey", "key": "a2V5"})
    service._answers["POST", f"{STORE}/listSecrets"] = [secrets]
    container = drive(datastores.opened(WORKSPACE, service.cloud, "workspaceblobstore", act=""))
    assert container.access.scope == "anonymous"
    fields = parse_qs(container.access.query)
    assert {"r", "l", "w"} <= set(fields["sp"][0])
    assert "a2V5" not in repr(container)


def test_other_datastores_are_refused_by_name(service: BlobService, drive) -> None:
    service.has_datastore(datastoreType="AzureDataLakeGen1")
    with pytest.raises(SpecError, match="is AzureDataLakeGen1; changes are looked for in AzureBlob and AzureDataLake"):
        drive(datastores.opened(WORKSPACE, service.cloud, "workspaceblobstore", act="changes are looked for in"))


def test_small_blobs_are_read_and_written(service: BlobService, drive) -> None:
    place = f"{service.url}{LIST}"
    drive(write_blob(Container(place, Access("?sig=x", "anonymous")), "in/a b.json", "{}"))
    assert service.blobs == {"in/a b.json": b"{}"}
    service.before = lambda *_: refusal(404, "BlobNotFound")
    assert drive(read_blob(opened(service), "gone.json")) is None
    service.before = lambda *_: refusal(404, "ContainerNotFound")
    with pytest.raises(ApiError):
        drive(read_blob(opened(service), "gone.json"))
