"""Errors as model management says them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from airflow_provider_azml.rest.flows import Json


class ModelManagementError(DataPlaneError):
    """Ends a request to model management with an error answer.

    Args:
        status: HTTP status.
        code: The service's error code.
        message: What is wrong.
        details: What in particular: ``code``, ``message`` and ``target`` of each.
    """

    def __init__(self, status: int, code: str, message: str, details: Sequence[Json] = ()) -> None:
        super().__init__(status, code, message)
        self.details = list(details)


def error_document(status: int, code: str, message: str, details: Sequence[Json] = ()) -> Json:
    """An error, in an answer or as part of what failed.

    Sources: ``ModelErrorResponse`` of the 2019-09-30 model management file; ``correlation`` as azureml-core reads it.
    """
    correlation = {"RequestId": uuid.uuid4().hex[:16]}
    return {
        "code": code,
        "statusCode": status,
        "message": message,
        "details": list(details),
        "correlation": correlation,
    }


def refusal(error: DataPlaneError) -> Response:
    """The answer that an error becomes."""
    details = error.details if isinstance(error, ModelManagementError) else ()
    return JSONResponse(error_document(error.status, error.code, error.message, details), error.status)


def bad_request(message: str, *, target: str | None = None) -> ModelManagementError:
    """The request asks for something that cannot be."""
    details = [{"code": "BadRequest", "message": message, "target": target}] if target else []
    return ModelManagementError(400, "BadRequest", message, details)
