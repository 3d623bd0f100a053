"""Computes as a region's resource provider shows them: what Resource Manager leaves out, it says to be nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.rest.flows import Json

PREFIX = "/rp/workspaces"
_METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
_VERSION = b"api-version=2020-01-01"
_NOTHING: Json = {
    "description": None,
    "resourceId": None,
    "provisioningErrors": None,
    "createdOn": None,
    "modifiedOn": None,
}
_NOTHING_BELOW: Json = {"subnet": None, "vmSize": None, "vmPriority": None, "scaleSettings": None}


def route(answer: Callable[[Request], Awaitable[Response]]) -> BaseRoute:
    """Where a region's resource provider is asked by itself.

    Args:
        answer: Answers as Resource Manager does.

    Source: ``RP_COMPUTE_RESOURCE_ID_FMT`` of azureml-core 1.61, and what its ``AmlCompute`` reads whether or not
    it is there. Which versions of its own a region has, nobody says, so all are taken for one that is known.
    """

    async def regionally(request: Request) -> Response:
        path = str(request.scope["path"]).removeprefix(PREFIX)
        scope = {**request.scope, "path": path, "query_string": _VERSION}
        response = await answer(Request(scope, request.receive))
        shown = json.loads(bytes(response.body)) if response.status_code == 200 and response.body else None  # noqa: PLR2004
        if request.method != "GET" or not isinstance(shown, dict):
            return response
        documents = shown["value"] if isinstance(shown.get("value"), list) else [shown]
        for document in documents:
            _say_nothing(document)
        return JSONResponse(shown)

    return Route(f"{PREFIX}/subscriptions{{path:path}}", regionally, methods=_METHODS)


def _say_nothing(document: Json) -> None:
    properties = document.setdefault("properties", {})
    document.setdefault("tags", None)
    for name, value in _NOTHING.items():
        properties.setdefault(name, value)
    if isinstance(properties.get("properties"), dict):
        for name, value in _NOTHING_BELOW.items():
            properties["properties"].setdefault(name, value)
