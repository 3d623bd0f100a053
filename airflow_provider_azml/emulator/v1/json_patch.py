"""JSON Patch (RFC 6902), by which model management changes models and services."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.request_json import parsed
from airflow_provider_azml.emulator.v1.model_errors import bad_request

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.rest.flows import Json

_ACTS = ("add", "replace", "remove", "test")


async def operations_of(call: Call) -> list[Json]:
    """The patch that a request brings.

    Raises:
        ModelManagementError: It brings none.
    """
    try:
        operations = parsed(await call.request.body())
    except ValueError as error:
        raise bad_request(f"The request's body is not JSON: {error}") from error
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise bad_request("The request's body is not a JSON Patch: a list of objects with op, path and value.")
    return operations


def patched(document: Json, operations: list[Json]) -> Json:
    """A document with a patch applied; the document itself stays as it is.

    Raises:
        ModelManagementError: One of the operations cannot be done to it.

    Source: RFC 6902; ``JsonPatchOperation`` of the 2019-09-30 model management file.
    """
    changed = copy.deepcopy(document)
    for operation in operations:
        act, path = str(operation.get("op")).lower(), str(operation.get("path") or "")
        if act not in _ACTS or not path.startswith("/"):
            raise bad_request(f"The patch operation {operation!r} is none of {', '.join(_ACTS)} on a path.")
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]
        _apply(act, _holder(changed, above, path), last, operation.get("value"), path)
    return changed


def _holder(document: Json, above: list[str], path: str) -> Json:
    holder: object = document
    for part in above:
        if isinstance(holder, dict) and holder.get(part) is None:
            holder[part] = {}  # what is null can be given members, as azureml-core does to properties
        holder = holder[part] if isinstance(holder, dict) else None
    if not isinstance(holder, dict):
        raise bad_request(f"There is nothing at the path '{path}' of the patch.", target=path)
    return holder


def _apply(act: str, holder: Json, last: str, value: object, path: str) -> None:
    if act in ("remove", "test") and last not in holder:
        raise bad_request(f"There is nothing at the path '{path}' of the patch.", target=path)
    if act == "remove":
        del holder[last]
    elif act == "test":
        if holder[last] != value:
            raise bad_request(f"The value at '{path}' is not what the patch tests for.", target=path)
    else:
        holder[last] = value
