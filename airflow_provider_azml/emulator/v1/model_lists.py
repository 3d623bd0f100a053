"""Lists as model management gives them: chosen by tags and properties, put in order, and cut into pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from airflow_provider_azml.emulator.v1.model_errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.rest.flows import Json

_ORDERS = {
    "createdatdesc": ("createdTime", True),
    "createdatasc": ("createdTime", False),
    "updatedatdesc": ("updatedTime", True),
    "updatedatasc": ("updatedTime", False),
}
_MODIFIED = ("modifiedTime", "updatedTime", "createdTime")
_PAGE = 255
"""As many as azureml-core asks for at most."""


def page(call: Call, https_url: str, found: Iterable[Json]) -> Json:
    """A page of a list, newest first unless the query says otherwise.

    Args:
        call: The request; of its query ``tags``, ``properties``, ``orderBy``, ``count`` and ``$skipToken`` are read.
        https_url: Where the next page is asked for.
        found: All that there is.

    Raises:
        ModelManagementError: The query makes no sense.

    Source: the parameters and ``Paginated*List`` of the 2019-09-30 model management file. ``nextLink`` is left out on
    the last page: azureml-core's ``get_paginated_results`` follows it for as long as it is there.
    """
    query = call.request.query_params
    tags, properties = _pairs(query.get("tags") or query.get("tag")), _pairs(query.get("properties"))
    rows = [one for one in found if _has(one.get("kvTags"), tags) and _has(one.get("properties"), properties)]
    order = (query.get("orderBy") or query.get("orderby") or "CreatedAtDesc").lower()
    if order not in _ORDERS:
        raise bad_request(f"'{order}' is no order: CreatedAtDesc, CreatedAtAsc, UpdatedAtDesc or UpdatedAtAsc.")
    field, newest_first = _ORDERS[order]
    rows.sort(key=lambda one: _moment(one, field), reverse=newest_first)
    start, size = _number(query.get("$skipToken"), 0), _number(query.get("count"), _PAGE) or _PAGE
    shown: Json = {"value": rows[start : start + size]}
    if start + size < len(rows):
        following = urlencode({**query, "$skipToken": str(start + size)})
        shown["nextLink"] = f"{https_url}{quote(call.request.scope['path'])}?{following}"
    return shown


def _moment(one: Json, field: str) -> str:
    fields = ("createdTime",) if field == "createdTime" else _MODIFIED
    return next((str(one[name]) for name in fields if one.get(name)), "")


def _pairs(text: str | None) -> list[tuple[str, str | None]]:
    """``a,b=c`` as ``[("a", None), ("b", "c")]``: the name alone asks for any value."""
    parts = [part.partition("=") for part in (text or "").split(",") if part]
    return [(name.strip(), value if sign else None) for name, sign, value in parts]


def _has(given: object, wanted: list[tuple[str, str | None]]) -> bool:
    members = given if isinstance(given, dict) else {}
    return all(name in members and value in (None, str(members[name])) for name, value in wanted)


def _number(text: str | None, usual: int) -> int:
    if not text:
        return usual
    if not text.isdecimal():
        raise bad_request(f"'{text}' is not a whole number.")
    return int(text)
