"""What a page of a list is made of: which resources of a collection, in which order, and from where on."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json

Order = Literal["created", "modified", "name"]
_BY: dict[Order, str] = {
    "created": "ordinal",
    "modified": "modified",
    "name": "key",
}
_FIELDS = ("description", "jobType", "isArchived", "isEnabled", "isDefault")
_MAPPINGS = ("tags", "properties")
SCHEDULE = "azureml.scheduleId"
"""The property of a job that a schedule has started: the schedule's name. What the service calls it is not known."""
Place = tuple[str | int, int]
"""Where a page ended: by what its last resource was ordered, and the resource's number."""


@dataclass(frozen=True)
class Facet:
    """Something that resources are looked up by: a field of few values, a tag or a property.

    Args:
        name: ``jobType``, ``tags/x``, ``properties/y``...
        value: Its value, in JSON's spelling where it is no string; ``None`` for any.
        absent: Look for the resources that do not have it.
    """

    name: str
    value: str | None = None
    absent: bool = False


@dataclass(frozen=True)
class Selection:
    """What of a collection is listed.

    Args:
        facets: What each resource has, or lacks.
        names: Their names, of which each has one; any when ``None``.
        text: What their names hold.
        order: What they are ordered by.
        descending: Whether the last come first.
        skip: How many of them to leave out at the beginning.
        anywhere: Look in all collections below this one, not in itself.
    """

    facets: tuple[Facet, ...] = ()
    names: tuple[str, ...] | None = None
    text: str = ""
    order: Order = "created"
    descending: bool = False
    skip: int = 0
    anywhere: bool = False


def facets_of(document: Json) -> set[tuple[str, str]]:
    """Everything that a resource can be looked up by, as pairs of name and value."""
    properties = document.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    found = {(name, _text(properties[name])) for name in _FIELDS if name in properties}
    if properties.get("compute"):
        found.add(("compute", ""))
    marks = properties.get("properties")
    if isinstance(marks, dict) and SCHEDULE in marks:
        found |= {("scheduled", ""), ("scheduleId", _text(marks[SCHEDULE]))}
    outputs = properties.get("outputs")
    for output in outputs.values() if isinstance(outputs, dict) else ():
        if isinstance(output, dict) and output.get("assetName"):
            found.add(("assetName", _text(output["assetName"])))
    for holder, name in ((document, "tags"), *((properties, name) for name in _MAPPINGS)):
        mapping = holder.get(name)
        if isinstance(mapping, dict):
            found |= {(f"{name}/{key}", _text(value)) for key, value in mapping.items()}
    return found


def statement(collection: str, wanted: Selection, after: Place | None, size: int) -> tuple[str, list[str | int]]:
    """The SQL that finds a page, and its values: rows of what they are ordered by, number and document.

    Args:
        collection: Key of the collection.
        wanted: What of it.
        after: Where the page before ended.
        size: How many rows.
    """
    parts: list[str] = []
    values: list[str | int] = []
    by, sign, way = _BY[wanted.order], "<" if wanted.descending else ">", "DESC" if wanted.descending else "ASC"
    for part, own in _conditions(collection, wanted):
        parts.append(part)
        values += own
    if after is not None:
        parts.append(f"ordinal {sign} ?" if wanted.order == "created" else f"({by}, ordinal) {sign} (?, ?)")
        values += after[1:] if wanted.order == "created" else after
    order = f"{by} {way}" + ("" if wanted.order == "created" else f", ordinal {way}")
    text = (
        f"SELECT {by}, ordinal, document FROM resources WHERE {' AND '.join(parts)} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 (own names)
    )
    return text, [*values, size, wanted.skip if after is None else 0]


def _conditions(collection: str, wanted: Selection) -> Iterator[tuple[str, list[str | int]]]:
    within, bounds = "collection = ?", [collection]
    if wanted.anywhere:
        within, bounds = "collection > ? AND collection < ?", [f"{collection}/", f"{collection}0"]
    yield within, [*bounds]
    for facet in wanted.facets:
        value = "" if facet.value is None else " AND value = ?"
        own = [facet.name, *([] if facet.value is None else [facet.value])]
        having = f"SELECT ordinal FROM facets WHERE {within} AND name = ?{value}"  # noqa: S608 (own names)
        yield f"ordinal {'NOT IN' if facet.absent else 'IN'} ({having})", [*bounds, *own]
    if wanted.names is not None:
        yield (
            f"key IN ({', '.join('?' * len(wanted.names))})",
            [f"{collection}/{name.lower()}" for name in wanted.names],
        )
    if wanted.text:
        yield "instr(substr(key, ?), ?) > 0", [len(collection) + 2, wanted.text.lower()]


def token_of(place: Place) -> str:
    """A place as clients are told it; they are not to read it."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place_of(token: str) -> Place:
    """The place that a client was told.

    Raises:
        ValueError: It was told something else.
    """
    padded = token.encode() + b"=" * (-len(token) % 4)
    match json.loads(base64.b64decode(padded, b"-_", validate=True)):
        case [str() | int() as value, int(number)]:
            return value, number
    raise ValueError(token)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
