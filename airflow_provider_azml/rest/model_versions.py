"""Versions of models: the one that a wait wants, once there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound, Problem, SpecError
from airflow_provider_azml.rest import arm_ids, flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, call, request
from airflow_provider_azml.rest.readings import Reading, failed
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from azure.core.rest import HttpRequest

_ROW = RESOURCES["model"]


def checked(wanted: Json) -> Json:
    """What is wanted of a version, as templates leave it -> as :func:`find` and :func:`read` take it.

    Args:
        wanted: ``newer_than``, a version; ``tags``, a mapping; ``stage``, a word. Empty ones say nothing.

    Raises:
        SpecError: One of them cannot be.
    """
    tags = wanted.get("tags") or {}
    if not isinstance(tags, dict):
        raise SpecError([
            Problem("<arguments>", 0, 0, "tags", f"is {tags!r:.80}; it must be a mapping of names to values")
        ])
    newer_than, stage = wanted.get("newer_than"), wanted.get("stage")
    return {
        "newer_than": None if newer_than in (None, "", "None") else str(newer_than),
        "tags": {str(name): str(value) for name, value in tags.items()},
        "stage": str(stage) if stage else None,
    }


def find(arm_id: str, wanted: Json) -> Flow[Json | None]:
    """The version at an ARM id, or below the id of a model the newest that is as wanted; ``None`` while there is none.

    Raises:
        NotFound: No version is called ``newer_than``, and names alone do not tell which is newer.

    Source: azure-ai-ml resolves ``@latest`` by ``$orderBy=createdtime desc`` (recorded exchange).
    """
    if arm_ids.parse(arm_id).version:
        return (yield from _answer(request("GET", arm_id, params=flows.version_of(arm_id))))
    params = {**flows.version_of(arm_id), "$orderBy": "createdtime desc"}
    than: str | None = wanted["newer_than"]
    found: Json | None = None
    is_empty = True
    page = yield from _answer(request("GET", f"{arm_id}/versions", params=params))
    while page:
        for body in page.get("value") or ():
            is_empty = False
            if body["name"] == than:
                return found
            if found is None and _is_newer(body["name"], than) and not _lacks(body, wanted):
                found = body
            if found and _tells(found["name"], than):
                return found
        page = (yield from _answer(request("GET", page["nextLink"]))) if page.get("nextLink") else None
    if is_empty or than is None or than.isdecimal():
        return None
    raise _no_such_version(arm_id, than)


def read(body: Json, wanted: Json) -> Reading:
    """What a version's body means to somebody who wants it with some tags, or in a stage."""
    made = _made(body)
    if made in _ROW.bad:
        return failed(made, body)
    lacks = _lacks(body, wanted)
    if lacks:
        return Reading("; ".join(lacks), known=made in _ROW.good | _ROW.active)
    return Reading(made, "good")


def _made(body: Json) -> str:
    return str((body.get("properties") or {}).get("provisioningState") or "Succeeded")


def _lacks(body: Json, wanted: Json) -> list[str]:
    """What a version is not yet."""
    properties, made = body.get("properties") or {}, _made(body)
    tags = properties.get("tags") or {}
    lacks = [
        f"its tag {name} is {tags.get(name)!r}" for name, value in wanted["tags"].items() if tags.get(name) != value
    ]
    if wanted["stage"] and properties.get("stage") != wanted["stage"]:
        lacks.append(f"its stage is {properties.get('stage')!r}")
    return lacks if made in _ROW.good else [made, *lacks]


def _is_newer(version: str, than: str | None) -> bool:
    """Whether a version that is listed before another is newer than that."""
    if than is None or not (version.isdecimal() and than.isdecimal()):
        return True
    return int(version) > int(than)


def _tells(version: str, than: str | None) -> bool:
    """Whether names alone tell which of two versions is newer."""
    return than is None or (version.isdecimal() and than.isdecimal())


def _no_such_version(arm_id: str, than: str) -> NotFound:
    name = arm_ids.parse(arm_id).name
    return NotFound(
        method="GET",
        url=f"{arm_id}/versions",
        status=404,
        code="VersionNotFound",
        message=f"model {name!r} has no version {than!r} that another could be newer than",
        hint="Check newer_than; an archived version is not listed.",
    )


def _answer(sent: HttpRequest) -> Flow[Json | None]:
    """A body, or ``None`` where there is nothing; the caller bears errors, so nothing is sent twice."""
    try:
        response = yield from call(Send(sent, retry="never"))
    except NotFound as error:
        if error.code in flows.MISSING_PARENTS:
            raise
        return None
    body: Json = response.json()
    return body
