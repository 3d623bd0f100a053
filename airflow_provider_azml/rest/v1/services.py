"""Web services of v1, on container instances and Kubernetes clusters: made, changed and asked for their secrets.

Source: ``modelManagement.json`` of the 2019-09-30 OpenAPI files, and ``azureml.core.webservice`` of azureml-core 1.61.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest.flows import Sleep
from airflow_provider_azml.rest.v1 import data_plane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

ENDED = frozenset({"Succeeded", "Failed", "Cancelled", "TimedOut"})
"""States of operations after which nothing more happens. Source: ``AsyncOperationStatus``."""
_LOCATION = "Operation-Location"
_POLL_SECONDS = 1.0
"""Making a key anew takes seconds; azureml-core 1.61 looks every 5 s."""


@dataclass(frozen=True)
class Operation:
    """An act of the service on a web service, or on its keys.

    Args:
        id: Its id; ``None`` when the act was done at once.
        state: The service's word for how it goes.
        error: Why it failed.
        body: All that the service tells of it.
    """

    id: str | None
    state: str = "NotStarted"
    error: Json | None = None
    body: Json = field(default_factory=dict)


def create(place: WorkspaceId | DataPlane, request: Json) -> Flow[Operation]:
    """Make a web service, by one request that is sent once.

    Args:
        place: The workspace.
        request: ``name``, ``computeType``, ``environmentImageRequest``...; with ``overwrite``, one that is there is
            replaced.

    Returns:
        What makes it, to be waited for with :func:`~airflow_provider_azml.rest.v1.tickets.web_service`.

    Raises:
        Conflict: There is one of that name.

    Source: ``POST services``: 202 with ``Operation-Location``.
    """
    response = yield from data_plane.ask(place, "modelmanagement", "POST", "services", json=request, retry="never")
    return _begun(response)


def find(place: WorkspaceId | DataPlane, name: str, *, expand: bool = True) -> Flow[Json | None]:
    """A web service, or ``None`` if there is none.

    Args:
        place: The workspace.
        name: Its name.
        expand: Whether its models, image and environment are told too.
    """
    params = {"expand": str(expand).lower()}
    return (yield from data_plane.found(place, "modelmanagement", "services", name, params=params))


def get(place: WorkspaceId | DataPlane, name: str, *, expand: bool = True) -> Flow[Json]:
    """A web service: ``state``, ``error``, ``scoringUri``, ``computeType``...

    Raises:
        NotFound: There is none.
    """
    params = {"expand": str(expand).lower()}
    return (yield from data_plane.told(place, "modelmanagement", "GET", "services", name, params=params))


def each(place: WorkspaceId | DataPlane, *, params: Mapping[str, str] | None = None) -> Flow[list[Json]]:
    """All web services.

    Args:
        place: The workspace.
        params: Which are wanted: ``name``, ``computeType``, ``modelId``, ``modelName``, ``tags``, ``properties``.
    """
    return (yield from data_plane.pages(place, "modelmanagement", "services", params=params))


def update(place: WorkspaceId | DataPlane, name: str, patch: Sequence[Json]) -> Flow[Operation]:
    """Change a web service.

    Args:
        place: The workspace.
        name: Its name.
        patch: What is to be otherwise, e.g. ``[{"op": "replace", "path": "/numReplicas", "value": 2}]``.

    Source: ``PATCH services/{id}``, a JSON Patch: 200 with ``operationId``, or 202 with ``Operation-Location``.
    """
    response = yield from data_plane.ask(
        place,
        "modelmanagement",
        "PATCH",
        "services",
        name,
        json=list(patch),
        headers={"Content-Type": data_plane.JSON_PATCH},
        retry="never",
    )
    return _begun(response)


def delete(place: WorkspaceId | DataPlane, name: str) -> Flow[Operation]:
    """Delete a web service; one that is gone already is as good as deleted.

    Source: ``DELETE services/{id}``: 200, 202 with ``Operation-Location``, or 204 where there is none.
    """
    try:
        response = yield from data_plane.ask(place, "modelmanagement", "DELETE", "services", name)
    except NotFound as error:
        if error.code in data_plane.MISSING_PARENTS:
            raise
        return Operation(None, "Succeeded")
    return _begun(response)


def operation(place: WorkspaceId | DataPlane, operation_id: str) -> Flow[Operation]:
    """How an act goes.

    Source: azureml-core takes the last segment of ``Operation-Location`` and asks ``GET operations/{id}`` itself.
    """
    body = yield from data_plane.told(place, "modelmanagement", "GET", "operations", operation_id)
    return Operation(operation_id, str(body.get("state") or ""), body.get("error"), body)


def keys(place: WorkspaceId | DataPlane, name: str) -> Flow[Json]:
    """The keys of a web service: ``primaryKey`` and ``secondaryKey``."""
    return (yield from data_plane.told(place, "modelmanagement", "POST", "services", name, "listkeys"))


def regenerate_key(
    place: WorkspaceId | DataPlane, name: str, which: Literal["Primary", "Secondary"], value: str | None = None
) -> Flow[Json]:
    """Make a key of a web service anew, and answer both.

    Args:
        place: The workspace.
        name: Name of the service.
        which: Which key.
        value: What it is to be; by default the service thinks of one.

    Raises:
        ApiError: The service took it and failed.

    Source: ``POST regenerateKeys``, an act that is waited for; azureml-core sends ``keyType`` as a word.
    """
    response = yield from data_plane.ask(
        place,
        "modelmanagement",
        "POST",
        "services",
        name,
        "regenerateKeys",
        json={"keyType": which, "keyValue": value},
        retry="never",
    )
    begun = _begun(response)
    while begun.id and begun.state not in ENDED:
        begun = yield from operation(place, begun.id)
        if begun.state not in ENDED:
            yield Sleep(_POLL_SECONDS)
    if begun.state != "Succeeded":
        error = begun.error or {}
        raise ApiError(
            method="POST",
            url=response.request.url.partition("?")[0],
            status=None,
            code=str(error.get("code") or begun.state),
            message=str(error.get("message") or f"the {which.lower()} key of web service {name!r} was not made anew"),
        )
    return (yield from keys(place, name))


def token(place: WorkspaceId | DataPlane, name: str) -> Flow[Json]:
    """A token for a web service: ``accessToken``, ``tokenType``, ``expiryOn`` and ``refreshAfter``.

    Source: ``POST token``: 201.
    """
    return (yield from data_plane.told(place, "modelmanagement", "POST", "services", name, "token"))


def log(place: WorkspaceId | DataPlane, name: str, *, lines: int = 5000, init: bool = False) -> Flow[str]:
    """What a web service's containers have written.

    Args:
        place: The workspace.
        name: Name of the service.
        lines: How many lines from its end are wanted.
        init: Whether what is wanted is the log of what prepares the containers.

    Source: azureml-core 1.61, ``Webservice.get_logs``; the OpenAPI file does not have it.
    """
    params = {"tail": str(lines), "init": str(init).lower()}
    answer = yield from data_plane.told(place, "modelmanagement", "GET", "services", name, "logs", params=params)
    return str(answer.get("content") or "")


def log_tail(place: WorkspaceId | DataPlane, name: str, *, lines: int) -> Flow[tuple[str, ...]]:
    """The last lines of a web service's log, none where it cannot be read: the failure that it explains matters more.

    Args:
        place: The workspace.
        name: Name of the service.
        lines: How many lines from its end are wanted.
    """
    try:
        written = yield from log(place, name, lines=lines)
    except ApiError:
        return ()
    return tuple(written.splitlines()[-lines:])


def _begun(response: HttpResponse) -> Operation:
    """The act that an accepted request began; one without an id is done."""
    location = response.headers.get(_LOCATION)
    said = response.json() if response.content and "json" in response.headers.get("Content-Type", "") else {}
    body: Json = said if isinstance(said, dict) else {}
    found = location.rstrip("/").rpartition("/")[2].partition("?")[0] if location else body.get("operationId")
    return Operation(str(found)) if found else Operation(None, "Succeeded", None, body)
