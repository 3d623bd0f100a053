"""Errors as Azure Resource Manager and Azure ML answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from airflow_provider_azml.emulator.arm.definitions import methods_of
from airflow_provider_azml.emulator.identity import CLIENT_ID, PRINCIPAL_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json


class ArmError(Exception):
    """Ends a request with an error answer.

    Args:
        status: HTTP status.
        code: The service's error code.
        message: What is wrong, with which resource, and what to do.
        target: The field that it is about.
        details: Further errors below this one.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.details = list(details)
        self.headers = dict(headers or {})

    def response(self) -> JSONResponse:
        """The answer."""
        error: Json = {"code": self.code, "message": self.message, "details": self.details, "additionalInfo": []}
        if self.target:
            error["target"] = self.target
        headers = {"x-ms-failure-cause": "gateway", "x-ms-error-code": self.code, **self.headers}
        return JSONResponse({"error": error}, self.status, headers)


def bad_request(message: str, *, code: str = "UserError", target: str | None = None) -> ArmError:
    """The request asks for something that cannot be."""
    return ArmError(400, code, message, target=target)


def conflict(message: str, *, code: str = "Conflict") -> ArmError:
    """The resource's state does not allow the request."""
    return ArmError(409, code, message)


def not_found(arm_id: str) -> ArmError:
    """A resource is not there."""
    parts = arm_id.split("/")
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{'/'.join(parts[6:])}' under resource group '{parts[4]}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def parent_not_found(act: str, kind: str, parent_id: str) -> ArmError:
    """What a resource would live under is not there."""
    return ArmError(
        404,
        "ParentResourceNotFound",
        f"Failed to perform '{act}' on resource(s) of type '{kind}', "
        f"because the parent resource '{parent_id}' could not be found.",
    )


def read_only(arm_id: str, kind: str, act: str) -> ArmError:
    """A registry, or what is in one, cannot be written: the error of somebody who may only read, in its words."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{CLIENT_ID}' with object id '{PRINCIPAL_ID}' does not have authorization to "
        f"perform action '{kind}/{act}' over scope '{arm_id}': in the emulator, registries are read-only.",
    )


def not_allowed(method: str, path: str, allowed: Sequence[str] = ()) -> ArmError:
    """The method is not one of the resource's.

    Args:
        method: The method.
        path: Path of the request.
        allowed: The methods that are; if none are given, those that the service's OpenAPI files have.
    """
    methods = allowed or methods_of(path)
    return ArmError(
        405,
        "MethodNotAllowed",
        f"The http method '{method}' is not supported for '{path}'.",
        headers={"Allow": ", ".join(methods)} if methods else None,
    )
