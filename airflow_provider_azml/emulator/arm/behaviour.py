"""What every kind of ARM resource does: it is stored. The modules of the kinds say what else theirs do."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request, parent_not_found
from airflow_provider_azml.emulator.arm.lists import selection
from airflow_provider_azml.emulator.request_json import parsed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.selections import Selection
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.resources import Resource

JSON_TYPES = ("application/json", "text/json")
"""Media types of the bodies that Resource Manager reads."""


class Behaviour:
    """What one kind of resource does; this one stores what it is given.

    Args:
        emulator: The emulator.
        row: The kind's row.
    """

    patchable: tuple[str, ...] = ()
    """What of a resource a PATCH may change; dotted paths. Nothing: the kind has no PATCH."""

    def __init__(self, emulator: Emulator, row: Resource) -> None:
        self.emulator = emulator
        self.row = row

    def check_method(self, target: Target, method: str) -> None:
        """Called before anything is done to a resource, a collection or by an action.

        Raises:
            ArmError: Nothing of the kind can be done with this method.
        """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:  # noqa: ARG002 (for kinds that look)
        """The document to store for a PUT.

        Args:
            target: The resource.
            body: What was sent; not to be changed.
            old: What is stored.

        Raises:
            ArmError: It cannot be put.
        """
        document = copy.deepcopy(body)
        document["properties"] = {**(document.get("properties") or {})}
        return document

    def found(self, target: Target) -> Json | None:
        """The stored document that a GET asks for."""
        return self.emulator.store.get(target.arm_id)

    def show(self, document: Json) -> Json:
        """What a GET answers for a stored document."""
        return document

    async def make(self, arm_id: str) -> None:
        """The work of a long-running PUT or PATCH.

        Raises:
            OperationFailed: It failed.
        """

    def stored(self, target: Target, document: Json, *, created: bool) -> None:
        """Called when a PUT that is not long-running has stored its document."""

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:
        """Called before a resource is deleted.

        Raises:
            ArmError: It cannot be deleted.
        """

    def delete_absent(self, target: Target, query: Mapping[str, str]) -> Response:  # noqa: ARG002 (for kinds that look)
        """What a DELETE of a resource that is not there answers."""
        return Response(status_code=204)

    async def unmake(self, arm_id: str) -> None:
        """The work of a DELETE, before the resource is gone.

        Raises:
            OperationFailed: It failed.
        """

    async def remove(self, arm_id: str, query: Mapping[str, str]) -> None:  # noqa: ARG002 (for kinds that look)
        """All of a long-running DELETE.

        Raises:
            OperationFailed: It failed.
        """
        await self.unmake(arm_id)
        self.emulator.store.delete(arm_id)

    def selection(self, target: Target, query: Mapping[str, str]) -> Selection:
        """What a list of a collection asks for.

        Raises:
            ArmError: Its query cannot be followed.
        """
        return selection(target, query)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """What answers the actions of the kind's row: called with the target, the body and the query."""
        return {}


def require_parent(emulator: Emulator, target: Target, act: str) -> None:
    """Check that what a resource lives under is there.

    Raises:
        ArmError: It is not.
    """
    if emulator.store.get(target.parent_id) is None:
        kind = target.kind.partition("/")[2]
        raise parent_not_found(act, kind, target.parent_id)


def required(body: Json, *path: str) -> object:
    """The value at a path in a request body.

    Raises:
        ArmError: There is none.
    """
    value: object = body
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or value == "":
        raise bad_request(
            f"The request body lacks the required field '{'.'.join(path)}'.",
            code="ValidationError",
            target=".".join(path),
        )
    return value


def answer(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """A JSON answer."""
    return JSONResponse(body, status, dict(headers or {}))


def invalid_name(kind: str, name: str, rule: str) -> ArmError:
    """The error for a name that no resource of a kind can have."""
    return bad_request(f"'{name}' is not a valid name for {kind}: {rule}.", code="InvalidResourceName", target="name")


async def json_body(request: Request) -> Json:
    """The JSON object in a request; empty when there is none.

    Raises:
        ArmError: It is not a JSON object, or its properties are none.
    """
    raw = await request.body()
    if not raw:
        return {}
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in JSON_TYPES:
        raise ArmError(
            415,
            "UnsupportedMediaType",
            f"The content media type '{media or '<null>'}' is not supported. Only 'application/json' is supported.",
        )
    try:
        body = parsed(raw)
    except ValueError as error:
        raise bad_request(
            f"The request content was invalid and could not be deserialized: '{error}'.", code="InvalidRequestContent"
        ) from error
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise bad_request("The request content must be a JSON object.", code="InvalidRequestContent")
    if not isinstance(body.get("properties") or {}, dict):
        raise bad_request(
            "The 'properties' of the request content must be a JSON object.", code="InvalidRequestContent"
        )
    return body


async def stop_what_runs(emulator: Emulator, document: Json) -> None:
    """Stop the server or the job of a resource whose holder is being deleted."""
    kind = document["type"].lower().partition("/")[2]
    if kind == "workspaces/onlineendpoints/deployments":
        await emulator.operations.cancel(document["id"])
        await emulator.deployments.remove(document["id"])
    if kind == "workspaces/services":
        await emulator.web_services.stop(document["id"])
    if kind == "workspaces/schedules":
        emulator.schedules.stop(document["id"])
    if kind == "workspaces/jobs":
        emulator.jobs.cancel(document["id"])
        await emulator.jobs.ended(document["id"])
