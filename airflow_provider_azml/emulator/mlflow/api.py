"""What the modules of the MLflow tracking server share: a call, an error, and how times and numbers look there."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.history.runs import Runs
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json


_LISTS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("datasets", "metrics", "models", "params", "tags"), dict),
    "experiment_ids": str,
    "order_by": (str, dict),
}
_PAIRS = ("params", "tags")


class MlflowError(Exception):
    """Ends a call with an error answer.

    Args:
        status: HTTP status.
        code: MLflow's error code.
        message: What is wrong.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> JSONResponse:
        """The answer."""
        return JSONResponse({"error_code": self.code, "message": self.message}, self.status)


def checked(arguments: Json) -> Json:
    """The arguments of a call, once it is sure that those are lists which have to be.

    Raises:
        MlflowError: One is not what it must be.

    Source: MLflow's REST reference.
    """
    for name in _LISTS.keys() & arguments.keys():
        value = arguments[name]
        fits = isinstance(value, list) and all(isinstance(entry, _LISTS[name]) for entry in value)
        if name in _PAIRS:
            fits = fits and all(isinstance(entry.get("key"), str) for entry in value)
        if value is not None and not fits:
            raise invalid(f"Invalid value {json.dumps(value):.100} for parameter '{name}' supplied.")
    return arguments


@dataclass(frozen=True)
class MlflowCall:
    """A call of the tracking server of one workspace.

    Args:
        emulator: The emulator.
        workspace: The workspace.
        runs: Its runs.
        arguments: What was sent, in the body or the query.
        names: What the path holds besides.
    """

    emulator: Emulator
    workspace: WorkspaceId
    runs: Runs
    arguments: Json
    names: dict[str, str]

    def argument(self, name: str) -> str:
        """An argument that must be there.

        Raises:
            MlflowError: It is not.
        """
        value = self.arguments.get(name)
        if value in (None, ""):
            raise invalid(f"Missing value for required parameter '{name}'.")
        return str(value)


@dataclass(frozen=True)
class MlflowOperation:
    """A row of the tracking server's table.

    Args:
        method: HTTP method.
        path: Pattern of the path below ``/api/2.0/mlflow/``.
        answer: Makes the answer's body.
        takes_time: Whether other requests should not wait for it.
    """

    method: str
    path: str
    answer: Callable[[MlflowCall], Json]
    takes_time: bool = False


def missing(what: str) -> MlflowError:
    """The error for something that is not there."""
    return MlflowError(404, "RESOURCE_DOES_NOT_EXIST", f"{what} was not found.")


def invalid(message: str) -> MlflowError:
    """The error for a call that cannot be made so."""
    return MlflowError(400, "INVALID_PARAMETER_VALUE", message)


def milliseconds(moment: str | None) -> int:
    """A moment of the service as MLflow counts it; 0 for none."""
    return int(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() * 1000) if moment else 0


def moment(milliseconds_: object) -> str | None:
    """A moment of MLflow as the service writes it; ``None`` for none."""
    try:
        count = int(str(milliseconds_ or 0))
        return timestamp(datetime.fromtimestamp(count / 1000, timezone.utc)) if count else None
    except (ValueError, OverflowError, OSError) as error:
        raise invalid(f"{milliseconds_!r:.40} is no time in milliseconds: {error}") from error


def number(value: object) -> float | str:
    """A number as protocol buffers write it in JSON, which has no word for some."""
    real = float(str(value))
    if math.isnan(real):
        return "NaN"
    return real if math.isfinite(real) else "Infinity" if real > 0 else "-Infinity"


def pairs(values: Json) -> list[Json]:
    """A mapping as MLflow's list of key and value."""
    return [{"key": key, "value": "" if value is None else str(value)} for key, value in values.items()]


def mapping(listed: object) -> dict[str, str]:
    """MLflow's list of key and value as a mapping."""
    entries: list[Json] = listed if isinstance(listed, list) else []
    return {str(entry["key"]): str(entry.get("value") or "") for entry in entries}
