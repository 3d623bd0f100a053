"""The blobs right in a folder of a datastore, without those of its subfolders; and small blobs, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode
from xml.etree import ElementTree as ET

from airflow_provider_azml.rest.datastores import STORAGE_VERSION
from airflow_provider_azml.rest.flows import NO_LIST, Flow, Send, call, error_of, odd_answer, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import HttpRequest, HttpResponse

    from airflow_provider_azml.rest.datastores import Container


@dataclass(frozen=True)
class ListedBlob:
    """A blob, as a list shows it.

    Args:
        name: Its name, which is its path in the container.
        etag: What every write of it changes.
        modified: When it was last written, by the clock of the storage, e.g. ``2026-01-31T09:00:00Z``.
        size: Its length, in bytes.
    """

    name: str
    etag: str
    modified: str
    size: int


def blobs_in(container: Container, folder: str) -> Flow[list[ListedBlob]]:
    """The blobs right in a folder, over all pages of the list.

    Folders are none of them, also where they are things of their own, as in Data Lake Gen2. A folder that is not there
    has no blobs.

    Args:
        container: The container, opened.
        folder: Path of the folder, without slashes at its ends; empty for the container's top.

    Raises:
        ApiError: The storage refused, or answered something else.

    Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs (delimiter, marker, names with ``Encoded``,
    ``ResourceType`` in accounts with a hierarchical namespace).
    """
    prefix = f"{folder}/" if folder else ""
    found = yield from _listed(container, {"prefix": prefix, "delimiter": "/"})
    return [blob for blob in found if blob.name != prefix]


def newest_below(container: Container, folder: str, *, most_pages: int = 5) -> Flow[ListedBlob | None]:
    """The blob anywhere below a folder that was written last; ``None`` where there is none.

    Args:
        container: The container, opened.
        folder: Path of the folder, without slashes at its ends.
        most_pages: How many pages of the list are read at most, of 5000 blobs each.

    Raises:
        ApiError: The storage refused, or answered something else.
    """
    found = yield from _listed(container, {"prefix": f"{folder}/"}, most_pages)
    return max(found, key=lambda blob: blob.modified, default=None)


def _listed(
    container: Container, parameters: Mapping[str, str], most_pages: int | None = None
) -> Flow[list[ListedBlob]]:
    """The blobs on all pages of a list, or on the first so many."""
    found: list[ListedBlob] = []
    marker, pages = "", 0
    while True:
        asked = {"restype": "container", "comp": "list", **parameters, "marker": marker}
        query = urlencode({name: value for name, value in asked.items() if value}, quote_via=quote, safe="")
        url = f"{container.blob_url}{container.access.query or '?'}&{query}".replace("?&", "?")
        sent = request("GET", url, headers={"x-ms-version": STORAGE_VERSION})
        response = yield from call(Send(sent, scope=container.access.scope))
        page, marker = _page(sent, response)
        found += page
        pages += 1
        if not marker or pages == most_pages:
            return found


def read_blob(container: Container, name: str) -> Flow[str | None]:
    """The text of a small blob; ``None`` when there is none.

    Raises:
        ApiError: The storage refused, or the container is not there.
    """
    sent = request("GET", _url(container, name), headers={"x-ms-version": STORAGE_VERSION})
    response: HttpResponse = yield Send(sent, scope=container.access.scope)
    if response.status_code == HTTPStatus.OK:
        return response.text("utf-8")
    error = error_of(sent, response)
    if response.status_code == HTTPStatus.NOT_FOUND and error.code != "ContainerNotFound":
        return None
    raise error


def write_blob(container: Container, name: str, text: str) -> Flow[None]:
    """Write a small blob, over whatever there is.

    Raises:
        ApiError: The storage refused.
    """
    headers = {"x-ms-version": STORAGE_VERSION, "x-ms-blob-type": "BlockBlob", "Content-Type": "application/json"}
    sent = request("PUT", _url(container, name), content=text.encode(), headers=headers)
    yield from call(Send(sent, scope=container.access.scope))


def _url(container: Container, name: str) -> str:
    return f"{container.blob_url}/{quote(name)}{container.access.query}"


def _page(sent: HttpRequest, response: HttpResponse) -> tuple[list[ListedBlob], str]:
    """The blobs of one page of a list, and where the next begins."""
    try:
        root = _root(response.content.decode("utf-8-sig"))
        return [_blob(item) for item in root.iterfind("Blobs/Blob") if _is_file(item)], root.findtext("NextMarker", "")
    except (ET.ParseError, ValueError, TypeError) as error:
        raise odd_answer(sent, response, NO_LIST, f"the answer is no list of blobs: {error}") from error


def _root(text: str) -> ET.Element:
    if "<!DOCTYPE" in text:  # with it come entities, which can be made to fill the memory; lists have none
        raise ValueError("it has a DOCTYPE")
    root = ET.fromstring(text)  # noqa: S314 (without a DOCTYPE there is nothing to expand)
    if root.tag != "EnumerationResults":
        raise ValueError(f"it is {root.tag}")
    return root


def _is_file(item: ET.Element) -> bool:
    return item.findtext("Properties/ResourceType", "file") == "file"


def _blob(item: ET.Element) -> ListedBlob:
    name = item.find("Name")
    if name is None or not name.text:
        raise ValueError("a blob has no name")
    modified = parsedate_to_datetime(item.findtext("Properties/Last-Modified", "")).astimezone(timezone.utc)
    return ListedBlob(
        unquote(name.text) if name.get("Encoded") == "true" else name.text,
        item.findtext("Properties/Etag", "").strip('"'),
        f"{modified:%Y-%m-%dT%H:%M:%SZ}",
        int(item.findtext("Properties/Content-Length", "0")),
    )
