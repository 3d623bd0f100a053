"""Lists of blobs and containers, in the XML of blob storage."""

from __future__ import annotations

import itertools
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from airflow_provider_azml.emulator.storage.errors import BlobError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.records import Blob

MOST = 5000


def list_blobs(blobs: Blobs, endpoint: str, container: str, query: Mapping[str, str]) -> bytes:
    """One page of the blobs of a container.

    Args:
        blobs: The storage account.
        endpoint: Its URL.
        container: The container.
        query: ``prefix``, ``delimiter``, ``marker``, ``maxresults`` and ``include`` of the request.

    Raises:
        ContainerNotFoundError: The container is not there.
        BlobError: The query is wrong.

    Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs
    """
    prefix, delimiter, marker = (query.get(name, "") for name in ("prefix", "delimiter", "marker"))
    most = _most(query)
    found = blobs.below(container, prefix)
    entries = [entry for entry in _entries(found, prefix, delimiter) if entry[0] >= marker]
    page, rest = entries[:most], entries[most:]
    root = ET.Element("EnumerationResults", ServiceEndpoint=f"{endpoint}/", ContainerName=container)
    for name, value in (("Prefix", prefix), ("Marker", marker), ("MaxResults", str(most)), ("Delimiter", delimiter)):
        if value:
            _add(root, name, value)
    listed = ET.SubElement(root, "Blobs")
    with_metadata = "metadata" in query.get("include", "").split(",")
    for name, blob in page:
        if blob is None:
            _add(ET.SubElement(listed, "BlobPrefix"), "Name", name)
        else:
            _add_blob(listed, blob, with_metadata=with_metadata)
    _add(root, "NextMarker", rest[0][0] if rest else "")
    return _bytes(root)


def list_containers(blobs: Blobs, endpoint: str, query: Mapping[str, str]) -> bytes:
    """The containers of the account."""
    prefix = query.get("prefix", "")
    root = ET.Element("EnumerationResults", ServiceEndpoint=f"{endpoint}/")
    listed = ET.SubElement(root, "Containers")
    for name in blobs.containers():
        if name.startswith(prefix):
            etag, modified = blobs.container(name)
            container = ET.SubElement(listed, "Container")
            _add(container, "Name", name)
            properties = ET.SubElement(container, "Properties")
            _add(properties, "Last-Modified", format_datetime(modified, usegmt=True))
            _add(properties, "Etag", etag)
    _add(root, "NextMarker", "")
    return _bytes(root)


def _entries(found: list[Blob], prefix: str, delimiter: str) -> Iterator[tuple[str, Blob | None]]:
    """Blobs with their names, and with a delimiter the common beginnings of names instead of what is below them."""

    def beginning(blob: Blob) -> str:
        head, sign, _ = blob.name[len(prefix) :].partition(delimiter) if delimiter else (blob.name, "", "")
        return f"{prefix}{head}{sign}" if sign else ""

    for common, group in itertools.groupby(found, beginning):
        if common:
            yield common, None
        else:
            yield from ((blob.name, blob) for blob in group)


def _most(query: Mapping[str, str]) -> int:
    value = query.get("maxresults", str(MOST))
    if not value.isdecimal() or not int(value):
        raise BlobError("OutOfRangeInput", f"maxresults must be a number above 0, not {value!r}.")
    return min(int(value), MOST)


def _add_blob(listed: ET.Element[Any], blob: Blob, *, with_metadata: bool) -> None:
    element = ET.SubElement(listed, "Blob")
    _add(element, "Name", blob.name)
    properties = ET.SubElement(element, "Properties")
    modified = format_datetime(blob.modified, usegmt=True)
    for name, value in (
        ("Creation-Time", modified),
        ("Last-Modified", modified),
        ("Etag", blob.etag),
        ("Content-Length", str(blob.size)),
        ("Content-Type", blob.content_type),
        ("BlobType", blob.kind),
        ("AccessTier", "Hot"),
        ("LeaseStatus", "unlocked"),
        ("LeaseState", "available"),
        ("ServerEncrypted", "true"),
    ):
        _add(properties, name, value)
    # an empty element is what makes clients answer {} instead of None
    metadata = ET.SubElement(element, "Metadata")
    for name, value in blob.metadata.items() if with_metadata else ():
        _add(metadata, name, value)


def _add(parent: ET.Element[Any], name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _bytes(root: ET.Element[Any]) -> bytes:
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body
