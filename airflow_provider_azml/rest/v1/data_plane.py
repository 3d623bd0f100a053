"""What requests to all services of the v1 data plane share: where they are, the token, and how lists are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Flow, Json, Send, call
from airflow_provider_azml.rest.history import DataPlane

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from azure.core.rest import HttpResponse

    from airflow_provider_azml.rest.arm_ids import WorkspaceId

Service = Literal["artifact", "datastore", "execution", "history", "hyperdrive", "modelmanagement", "pipelines"]
_PATHS: Mapping[Service, str] = {
    "artifact": "/artifact/v2.0",
    "datastore": "/datastore/v1.0",
    "execution": "/execution/v1.0",
    "history": "/history/v1.0",
    "hyperdrive": "/hyperdrive/v1.0",
    "modelmanagement": "/modelmanagement/v1.0",
    "pipelines": "/pipelines/v1.0",
}
"""Where each service is below the ``api`` of the discovery document.

Source: the table of https://learn.microsoft.com/azure/machine-learning/how-to-manage-rest; ``pipelines`` as
azureml-pipeline-core 1.62 addresses it.
"""
JSON_PATCH = "application/json-patch+json"
MISSING_PARENTS = flows.MISSING_PARENTS | {"WorkspaceNotFound"}
"""Codes of a 404 that does not mean that what was asked for is gone; the last is the data plane's own."""


def ask(
    place: WorkspaceId | DataPlane,
    service: Service,
    method: str,
    *below: str,
    params: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    retry: Literal["safe", "never"] = "safe",
) -> Flow[HttpResponse]:
    """Send a request to one of the services and return its answer if it is a success.

    It carries a token for Resource Manager, as azureml-core's do; the hosts of the cloud alone get it.

    Args:
        place: The workspace.
        service: The service.
        method: HTTP method.
        below: The segments of the path below the workspace.
        params: Query parameters.
        json: The body, as JSON.
        content: The body, as bytes.
        headers: Headers besides the usual.
        retry: ``never`` for acts that the service would do twice.

    Raises:
        ApiError: The service refused it, or cannot be reached.

    Source: "Use REST to manage Azure ML resources": the token that opens Resource Manager opens these services.
    """
    url = yield from DataPlane.of(place).url(_PATHS[service], path(*below))
    sent = flows.request(method, url, params=params, json=json, content=content, headers=headers)
    return (yield from call(Send(sent, retry=retry)))


def told(
    place: WorkspaceId | DataPlane,
    service: Service,
    method: str,
    *below: str,
    params: Mapping[str, str] | None = None,
    json: object = None,
    headers: Mapping[str, str] | None = None,
) -> Flow[Json]:
    """The JSON object that a request is answered with; see :func:`ask`."""
    response = yield from ask(place, service, method, *below, params=params, json=json, headers=headers)
    return flows.json_object(response.request, response)


def found(
    place: WorkspaceId | DataPlane, service: Service, *below: str, params: Mapping[str, str] | None = None
) -> Flow[Json | None]:
    """What a GET answers, or ``None`` where there is nothing. A missing workspace is still an error."""
    try:
        return (yield from told(place, service, "GET", *below, params=params))
    except NotFound as error:
        if error.code in MISSING_PARENTS:
            raise
        return None


def pages(
    place: WorkspaceId | DataPlane, service: Service, *below: str, params: Mapping[str, str] | None = None
) -> Flow[list[Json]]:
    """All items of a list, over all its pages.

    Source: ``nextLink`` of the paginated lists of the 2019-09-30 OpenAPI files, an absolute URI.
    """
    page = yield from told(place, service, "GET", *below, params=params)
    items: list[Json] = list(page.get("value") or ())
    while page.get("nextLink"):
        sent = flows.request("GET", page["nextLink"])
        page = flows.json_object(sent, (yield from call(Send(sent))))
        items += page.get("value") or ()
    return items


def queried(
    place: WorkspaceId | DataPlane, *below: str, question: Mapping[str, object], most: int | None = None
) -> Flow[list[Json]]:
    """All that run history has of a kind, or the first of it, asked for by POST.

    Args:
        place: The workspace.
        below: The segments of the path below the workspace; the last ends with ``:query``.
        question: ``filter``, ``orderBy``, ``top``: see ``QueryParams``.
        most: How many are wanted.

    Source: ``QueryParams`` of the 2019-09-30 run history file; ``continuationToken`` asks for the next page.
    """
    items: list[Json] = []
    token: str | None = None
    while True:
        asked = {**question, **({"continuationToken": token} if token else {})}
        page = yield from told(place, "history", "POST", *below, json=asked)
        items += page.get("value") or ()
        following = page.get("continuationToken")
        if not following or following == token or (most is not None and len(items) >= most):
            return items if most is None else items[:most]
        token = str(following)


def path(*segments: str) -> str:
    """A path of names, each with what a URL takes in no name as ``%``; ``:`` is taken, as in ``iris:3``."""
    return "".join(f"/{quote(segment, safe=':')}" for segment in segments)
