"""Lists of blobs and containers, in the XML of blob storage."""

from __future__ import annotations

import json
import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, quoteattr

from airflow_provider_azml.emulator.storage.errors import BlobError
from airflow_provider_azml.emulator.storage.records import AFTER_ALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.records import Row

MOST = 5000
_FIRST_LOOK = 32
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'


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
    # one more than asked for, which is where the next page begins
    entries = _entries(blobs, container, query, most + 1)
    asked = (("Prefix", prefix), ("Marker", marker), ("MaxResults", str(most)), ("Delimiter", delimiter))
    with_metadata = "metadata" in query.get("include", "").split(",")
    listed = (_blob(row, with_metadata=with_metadata) if row else _folder(name) for name, row in entries[:most])
    following = quote(entries[most][0]) if entries[most:] else ""
    place = f"ServiceEndpoint={quoteattr(endpoint + '/')} ContainerName={quoteattr(container)}"
    told = "".join(_element(name, value) for name, value in asked if value)
    return _document(place, f"{told}<Blobs>{''.join(listed)}</Blobs>", following)


def list_containers(blobs: Blobs, endpoint: str, query: Mapping[str, str]) -> bytes:
    """The containers of the account."""
    prefix = query.get("prefix", "")
    listed = [_container(name, *blobs.container(name)) for name in blobs.containers() if name.startswith(prefix)]
    place = f"ServiceEndpoint={quoteattr(endpoint + '/')}"
    return _document(place, f"<Containers>{''.join(listed)}</Containers>", "")


def _entries(blobs: Blobs, container: str, query: Mapping[str, str], most: int) -> list[tuple[str, Row | None]]:
    """Blobs with their names, and with a delimiter the common beginnings of names instead of what is below them."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    # in a spelling that XML can hold
    marker = unquote(query.get("marker", ""))
    entries: list[tuple[str, Row | None]] = []
    start, end = max(prefix, marker), prefix + AFTER_ALL
    look = _FIRST_LOOK if delimiter else most
    while len(entries) < most:
        rows = blobs.rows(container, start, end, look)
        found = len(entries)
        for row in rows:
            name = row[1]
            if name < start:
                continue
            head, sign, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            common = f"{prefix}{head}{sign}" if sign else ""
            if not common:
                entries.append((name, row))
            elif common >= marker:
                entries.append((common, None))
            # what is below a common beginning is not looked at
            start = f"{common or name}{AFTER_ALL if common else chr(0)}"
        if len(rows) < look:
            break
        # few names at a time where most are below what is common, and many where most are shown
        few = len(rows) > 2 * (len(entries) - found)
        look = max(1, look // 4) if few else min(2 * look, most)
    return entries[:most]


def _most(query: Mapping[str, str]) -> int:
    value = query.get("maxresults", str(MOST))
    if not value.isdecimal() or not int(value):
        raise BlobError("OutOfRangeInput", f"maxresults must be a number above 0, not {value!r}.")
    return min(int(value), MOST)


def _blob(row: Row, *, with_metadata: bool) -> str:
    _, name, _, size, etag, modified, kind, content_type, metadata, _ = row
    moment = f"{_day(modified[:10])}{modified[11:19]} GMT"
    noted: dict[str, str] = json.loads(metadata) if with_metadata and metadata != "{}" else {}
    # an empty element of metadata is what makes clients answer {} instead of None
    return (
        f"<Blob>{_name(name)}<Properties><Creation-Time>{moment}</Creation-Time><Last-Modified>{moment}</Last-Modified>"
        f"<Etag>{escape(etag)}</Etag><Content-Length>{size}</Content-Length>{_element('Content-Type', content_type)}"
        f"<BlobType>{kind}</BlobType><AccessTier>Hot</AccessTier><LeaseStatus>unlocked</LeaseStatus>"
        "<LeaseState>available</LeaseState><ServerEncrypted>true</ServerEncrypted></Properties>"
        f"<Metadata>{_elements(noted.items())}</Metadata></Blob>"
    )


def _folder(name: str) -> str:
    return f"<BlobPrefix>{_name(name)}</BlobPrefix>"


def _container(name: str, etag: str, modified: datetime) -> str:
    properties = (("Last-Modified", format_datetime(modified, usegmt=True)), ("Etag", etag))
    return f"<Container>{_element('Name', name)}<Properties>{_elements(properties)}</Properties></Container>"


def _name(name: str) -> str:
    """The name of a blob. Source: "List Blobs": what XML cannot hold is percent-encoded, and said to be."""
    if _NOT_IN_XML.search(name):
        return f'<Name Encoded="true">{quote(name)}</Name>'
    return f"<Name>{escape(name)}</Name>"


@lru_cache
def _day(date: str) -> str:
    """``2021-06-09`` -> ``Wed, 09 Jun 2021 ``."""
    return format_datetime(datetime.fromisoformat(f"{date}T00:00:00+00:00"), usegmt=True)[:17]


def _elements(values: Iterable[tuple[str, str]]) -> str:
    return "".join(_element(name, value) for name, value in values)


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(_NOT_IN_XML.sub('?', text))}</{name}>"


def _document(attributes: str, content: str, following: str) -> bytes:
    marker = _element("NextMarker", following)
    return f"{_HEAD}<EnumerationResults {attributes}>{content}{marker}</EnumerationResults>".encode()
