"""What the routes of the data plane share: whose workspace a path is in, and how errors look there."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.request_json import parsed
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

Answer: TypeAlias = "Json | list[Any] | str | Response | None"
"""What an operation answers with: a JSON value, or a whole response."""
_WORKSPACE = re.compile(
    r"^(?P<workspace>/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.machinelearningservices"
    r"/workspaces/[^/]+)/(?P<rest>.*)$",
    re.IGNORECASE,
)


class DataPlaneError(Exception):
    """Ends a request to the data plane with an error answer.

    Args:
        status: HTTP status.
        code: The service's error code.
        message: What is wrong.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def document(self) -> Json:
        """The error as run history says it: ``RunHistoryErrorResponse`` of its client in azure-ai-ml."""
        return {
            "error": {"code": self.code, "message": self.message, "details": []},
            "correlation": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]},
            "environment": "local",
            "location": "local",
            "time": timestamp(),
        }

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse(self.document(), self.status)


@dataclass(frozen=True)
class Call:
    """A request to the data plane of a workspace that exists.

    Args:
        request: The request.
        workspace: The workspace.
        names: What the path's pattern found.
        body: What was sent, if it was a JSON object.
        form: The parts that were sent, by name, if it was a form.
    """

    request: Request
    workspace: WorkspaceId
    names: dict[str, str]
    body: Json
    form: Mapping[str, UploadFile | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """A row of a data plane's table: what answers a method on a path.

    Args:
        method: HTTP method.
        path: Pattern of the path below the workspace; its groups become ``Call.names``.
        answer: Answers with a JSON value, or with a whole response.
        body: What is sent: a ``json`` object, a ``form``, or something that is read as it comes (``raw``).
    """

    method: str
    path: str
    answer: Callable[[Call], Answer | Awaitable[Answer]]
    body: Literal["json", "form", "raw"] = "json"


def endpoint(
    emulator: Emulator,
    prefix: str,
    operations: Sequence[Operation],
    refusal: Callable[[DataPlaneError], Response] = DataPlaneError.response,
) -> Callable[[Request], Awaitable[Response]]:
    """What answers requests below a prefix.

    Args:
        emulator: The emulator.
        prefix: What paths begin with, e.g. ``/history/v1.0``.
        operations: The table.
        refusal: The answer that an error becomes.
    """

    async def answer(request: Request) -> Response:
        try:
            return await _answer(emulator, request, str(request.scope["path"]).removeprefix(prefix), operations)
        except DataPlaneError as error:
            return refusal(error)

    return answer


async def _answer(emulator: Emulator, request: Request, path: str, operations: Sequence[Operation]) -> Response:
    workspace, rest = workspace_of(emulator, path)
    for operation in operations:
        found = re.fullmatch(operation.path, rest)
        if found and operation.method == request.method:
            return await _done(operation, request, workspace, found.groupdict())
    raise DataPlaneError(404, "NotFound", f"The emulator has nothing at {request.method} {request.scope['path']}.")


async def _done(operation: Operation, request: Request, workspace: WorkspaceId, names: dict[str, str]) -> Response:
    if operation.body == "form":
        async with request.form() as form:
            return await _answered(operation, Call(request, workspace, names, {}, form))
    body = await json_body(request) if operation.body == "json" else {}
    return await _answered(operation, Call(request, workspace, names, body))


async def _answered(operation: Operation, call: Call) -> Response:
    answered = operation.answer(call)
    value = await answered if isawaitable(answered) else answered
    return value if isinstance(value, Response) else JSONResponse(value)


def workspace_of(emulator: Emulator, path: str) -> tuple[WorkspaceId, str]:
    """The workspace that a path begins with, in its own spelling, and the rest of the path.

    Raises:
        DataPlaneError: It begins with none, or with one that does not exist.
    """
    found = _WORKSPACE.match(path)
    document = emulator.store.get(found["workspace"]) if found else None
    if found is None or document is None:
        raise DataPlaneError(404, "WorkspaceNotFound", f"There is no workspace at {path}.")
    return arm_ids.parse(document["id"]).workspace, found["rest"]


async def json_body(request: Request) -> Json:
    """The JSON object in a request; empty when there is none.

    Raises:
        DataPlaneError: There is something else.
    """
    if not await request.body():
        return {}
    body = await json_value(request)
    if not isinstance(body, dict):
        raise DataPlaneError(400, "UserError", "The request's body is not a JSON object.")
    return body


async def json_value(request: Request) -> object:
    """What a request holds as JSON; ``None`` when there is nothing.

    Raises:
        DataPlaneError: It is not JSON.
    """
    raw = await request.body()
    try:
        return parsed(raw) if raw else None
    except ValueError as error:
        raise DataPlaneError(400, "UserError", f"The request's body is not JSON: {error}") from error


async def json_part(call: Call, name: str) -> Json:
    """The JSON object in a part of a form.

    Raises:
        DataPlaneError: There is no such part, or something else in it.
    """
    given = call.form.get(name)
    raw = await given.read() if isinstance(given, UploadFile) else (given or "").encode()
    if not raw:
        raise DataPlaneError(400, "UserError", f"The form has no part '{name}'.")
    try:
        value = parsed(raw)
    except ValueError as error:
        raise DataPlaneError(400, "UserError", f"The form's part '{name}' is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise DataPlaneError(400, "UserError", f"The form's part '{name}' is not a JSON object.")
    return value
