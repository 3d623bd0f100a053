"""Versions of assets: which one was newest, now or at some moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.flows import Send, call, json_object, request, version_of

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_azml.rest.flows import Flow, Json

_NEWEST_FIRST = {"$orderBy": "createdtime desc"}


def newest_version(container_id: str, *, as_of: datetime | None = None, api_version: str | None = None) -> Flow[Json]:
    """The version of an asset that was created last.

    Args:
        container_id: ARM id of the asset without a version; or a URL that ends with one, for what is in a registry.
        as_of: A moment after which nothing counts: the answer is the same whenever it is asked for. Where there was no
            version yet by then, it is the first that was created since.
        api_version: Instead of that of the resource's row.

    Raises:
        NotFound: The asset has no version.

    Example:
        >>> client.run(newest_version(workspace.child("environment", "sklearn"), as_of=started))["name"]
        '7'

    Source: azure-ai-ml resolves ``@latest`` by ``$orderBy=createdtime desc&$top=1`` (recorded exchange); azure-ai-ml
    and the documentation mean the newest by creation, not the highest number.
    """
    version = {"api-version": api_version} if api_version else version_of(container_id)
    url = f"{container_id}/versions"
    found = yield from _page(url, {**version, **_NEWEST_FIRST, "$top": "1"})
    newest: list[Json] = found.get("value") or []
    if not newest:
        raise _no_version(container_id)
    if _is_of(newest[0], as_of):
        return newest[0]
    page = yield from _page(url, {**version, **_NEWEST_FIRST})
    oldest = newest[0]
    while True:
        for body in page.get("value") or ():
            if _is_of(body, as_of):
                known: Json = body
                return known
            oldest = body
        if not page.get("nextLink"):
            return oldest
        page = yield from _page(page["nextLink"], {})


def created_at(version: Json) -> datetime | None:
    """When a version was created, if it tells."""
    from dateutil.parser import isoparse  # noqa: PLC0415 (parsing a DAG file needs none of it)

    told = (version.get("systemData") or {}).get("createdAt")
    return isoparse(told) if told else None


def _is_of(version: Json, moment: datetime | None) -> bool:
    """Whether a version was there at a moment; one that does not tell when it was created was."""
    created = created_at(version)
    return moment is None or created is None or created <= moment


def _page(url: str, params: dict[str, str]) -> Flow[Json]:
    sent = request("GET", url, params=params)
    return json_object(sent, (yield from call(Send(sent))))


def _no_version(container_id: str) -> NotFound:
    asset = arm_ids.parse(container_id[container_id.index("/subscriptions/") :])
    return NotFound(
        method="GET",
        url=f"{container_id}/versions",
        status=404,
        code="NotFound",
        message=f"{asset.kind.removeprefix('registry_')} {asset.name!r} has no version",
    )
