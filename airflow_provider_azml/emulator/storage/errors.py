"""Errors as blob storage answers them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS = {
    "AppendPositionConditionNotMet": 412,
    "AuthenticationFailed": 403,
    "AuthorizationPermissionMismatch": 403,
    "BlobAlreadyExists": 409,
    "BlobNotFound": 404,
    "ConditionNotMet": 412,
    "ContainerAlreadyExists": 409,
    "ContainerNotFound": 404,
    "InvalidBlobType": 409,
    "InvalidBlockList": 400,
    "InvalidHeaderValue": 400,
    "InvalidQueryParameterValue": 400,
    "InvalidRange": 416,
    "InvalidResourceName": 400,
    "InvalidXmlDocument": 400,
    "MissingRequiredHeader": 400,
    "NoAuthenticationInformation": 401,
    "NotImplemented": 501,
    "OutOfRangeInput": 400,
    "RequestBodyTooLarge": 413,
    "UnsupportedHttpVerb": 405,
}


class BlobError(Exception):
    """Ends a request to blob storage with an error answer.

    Args:
        code: The service's error code.
        message: Its words.
        headers: Further headers of the answer.

    Source: https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
    """

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        error = f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        body = f'<?xml version="1.0" encoding="utf-8"?>{error}'
        headers = {"x-ms-error-code": self.code, **self.headers}
        return Response(body, _STATUS[self.code], headers, "application/xml")
