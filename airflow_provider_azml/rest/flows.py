"""Service operations, written once: generators that yield steps and are driven by ``client.Client.run`` or ``arun``.

A flow says what to send and what to make of the answer; it does no I/O, so the same flow serves the worker and
the triggerer::

    def job_status(job_id: str) -> Flow[str]:
        body = yield from get(job_id)
        return body["properties"]["status"]

    client.run(job_status(job_id))          # in a worker
    await client.arun(job_status(job_id))   # in the triggerer
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from airflow_provider_azml.exceptions import ApiError, AuthError, Conflict, NotFound, Throttled
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.score_step import Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from azure.core.rest import HttpRequest, HttpResponse

    from airflow_provider_azml.rest.local_files import LocalFile

Json: TypeAlias = dict[str, Any]
"""A JSON object of the service: its fields are the service's to add to, so their types are not known here."""

Scope = Literal["arm", "aml", "storage", "anonymous"]
"""Which token a request carries: Resource Manager's, the AML data plane's, storage's, or none (a SAS URL, a key)."""


@dataclass(frozen=True)
class Send:
    """Send one request; the result is its response, whatever its status.

    Args:
        request: What to send. A path instead of a URL is taken below the cloud's Resource Manager.
        scope: Which token it carries.
        retry: ``never`` for acts that the service would do twice.
        stream: Leave the body unread.
        token_header: A header that carries a token of the AML data plane besides the one that ``scope`` asks for.
        timeout_seconds: How long the service may be silent, in seconds; on the event loop the whole exchange takes no
            longer. Without one, as long as azure-core bears, which is minutes.
    """

    request: HttpRequest
    scope: Scope = "arm"
    retry: Literal["safe", "never"] = "safe"
    stream: bool = False
    token_header: str | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Upload:
    """Upload files to a blob container; the result is ``None``. For the blocking driver alone.

    Args:
        container_url: URL of the container, with its SAS if there is one.
        files: Local file and the blob's name, file by file.
        metadata: Metadata that a blob gets once all files are there.
        marked: Name of that blob; the first file's by default.
        title: What is uploaded, for the log.
        scope: Which token it takes.
        replaces: Whether blobs that are there are written again; those whose names say what they hold need not be.
    """

    container_url: str = field(repr=False)
    files: Sequence[tuple[LocalFile, str]]
    metadata: Mapping[str, str] = field(default_factory=dict)
    marked: str = ""
    title: str = "files"
    scope: Scope = "anonymous"
    replaces: bool = False


@dataclass(frozen=True)
class Download:
    """Fetch the blob at a path, or all that are below it, into a folder; the result is a :class:`Downloaded`.

    For the blocking driver alone.

    Args:
        container_url: URL of the container, with its SAS if there is one.
        path: Path of a blob, or of a folder of blobs, in the container.
        folder: Where they go: one blob under its own name, those of a folder under their paths in it.
        scope: Which token it takes.
    """

    container_url: str = field(repr=False)
    path: str
    folder: Path
    scope: Scope = "anonymous"


@dataclass(frozen=True)
class Downloaded:
    """What was fetched.

    Args:
        files: How many files.
        size: Their bytes together.
    """

    files: int
    size: int


@dataclass(frozen=True)
class Sleep:
    """Wait; the result is ``None``."""

    seconds: float


@dataclass(frozen=True)
class Work:
    """Reckon with much that has come already; the result is what it comes to.

    On the event loop it is done beside the loop, so that it holds nobody up.

    Args:
        do: What reckons; it does no I/O.
    """

    do: Callable[[], object]


@dataclass(frozen=True)
class All:
    """Run flows beside each other; the result is the list of theirs, in their order. The first error ends it."""

    flows: Sequence[Flow[Any]]


class Answered(Protocol):
    """What an error is read from: an answer of azure-core, or of another client."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def reason(self) -> str | None:
        """The words beside it."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def json(self) -> object:
        """The body, of JSON."""

    def text(self) -> str:
        """The body."""


Step: TypeAlias = Send | Upload | Download | Sleep | Work | All | Score[Any]
T = TypeVar("T")
Flow: TypeAlias = Generator[Step, Any, T]

_ERRORS = {401: AuthError, 403: AuthError, 404: NotFound, 409: Conflict, 412: Conflict, 429: Throttled}
MISSING_PARENTS = frozenset({"SubscriptionNotFound", "ResourceGroupNotFound"})
"""Codes of a 404 that does not mean that the resource itself is gone."""
NO_BLOBS = "BlobNotFound"
"""Storage's code for a blob that is not there, and ours for a folder that has none."""
UNTRUSTED_HOST, NO_JSON_OBJECT, NO_STATUS, NO_LIST = "UntrustedHost", "NoJsonObject", "NoStatus", "NoList"
"""Our codes for a request that was not sent, for a token's sake, and for answers that do not say what they should."""
_MISSING_WORKSPACE = re.compile(r"MachineLearningServices/workspaces/[^/']+'", re.IGNORECASE)
_RATE_LIMIT = "x-ms-ratelimit-remaining-"
_HINTS = {
    "SubscriptionNotFound": "Check subscription_id of the connection, and that its identity may read it.",
    "ResourceGroupNotFound": "Check resource_group of the connection, or create the resource group first.",
    "ResourceNotFound": "Check its name and the workspace of the connection, or create it first.",
    "ComputeNotFound": "Create the compute first, or name another.",
    "ParentResourceNotFound": "Check workspace of the connection, or create the workspace first.",
    "AuthorizationFailed": "Give the connection's identity a role on it, e.g. AzureML Data Scientist.",
    "InvalidAuthenticationToken": "Check tenant_id and cloud of the connection.",
}


def request(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None = None,
    json: object = None,
    content: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpRequest:
    """An azure-core request; ``url`` may be a path below the cloud's Resource Manager."""
    from azure.core.rest import HttpRequest

    return HttpRequest(method, url, params=dict(params or {}), json=json, content=content, headers=dict(headers or {}))


def call(send: Send) -> Flow[HttpResponse]:
    """Send one request and return its response if it is a success.

    Raises:
        ApiError: The service refused it; the class says how (``NotFound``, ``Conflict``, ``Throttled``, ``AuthError``).
    """
    response: HttpResponse = yield send
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response
    raise error_of(send.request, response)


def error_of(sent: HttpRequest, response: Answered) -> ApiError:
    """The exception that an error answer means."""
    code, message = _code_and_message(response)
    kind = _ERRORS.get(response.status_code, ApiError)
    return kind(
        method=sent.method,
        url=_without_query(sent.url),
        status=response.status_code,
        code=code,
        message=message,
        request_id=response.headers.get("x-ms-request-id"),
        hint=_HINTS.get("ParentResourceNotFound" if _names_workspace(code, message) else code),
        retry_after=retry_after(response),
    )


def retry_after(response: Answered) -> float:
    """How long the service asks to be left alone, in seconds, whichever header says so; 0 when none does."""
    for header, unit in (("Retry-After", 1.0), ("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001)):
        said = response.headers.get(header)
        if said:
            return max(0.0, unit * _seconds(said))
    return 0.0


def _seconds(said: str) -> float:
    """The value of a Retry-After: a number, or the date of an HTTP header."""
    try:
        return float(said)
    except ValueError:
        try:
            return parsedate_to_datetime(said).timestamp() - time.time()
        except ValueError:  # neither: nothing was asked for
            return 0.0


def _names_workspace(code: str, message: str) -> bool:
    """Whether it is the workspace itself that is missing, in Resource Manager's words."""
    return code == "ResourceNotFound" and _MISSING_WORKSPACE.search(message) is not None


def json_object(sent: HttpRequest, response: HttpResponse) -> Json:
    """The JSON object that a success answers.

    Raises:
        ApiError: It answers something else, e.g. the page of a proxy; that passes.
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        return body
    raise odd_answer(sent, response, NO_JSON_OBJECT, f"the answer is no JSON object: {response.text()[:100]!r}")


def odd_answer(sent: HttpRequest, response: HttpResponse, code: str, message: str) -> ApiError:
    """The exception for a success that does not say what every such answer does.

    Args:
        sent: The request.
        response: The answer.
        code: What is odd about it, in a word.
        message: What is odd about it.
    """
    return ApiError(
        method=sent.method,
        url=_without_query(sent.url),
        status=response.status_code,
        code=code,
        message=message,
        hint="Check that no proxy answers in the service's place.",
        retry_after=retry_after(response),
    )


def requests_left(response: HttpResponse) -> float:
    """How many requests of this kind the service still takes for now, by the scarcest of its counts; often unsaid.

    Source: ``x-ms-ratelimit-remaining-subscription-reads`` and its like,
    https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
    """
    counts = [value for name, value in response.headers.items() if name.lower().startswith(_RATE_LIMIT)]
    return min((float(count) for count in counts if count.isdigit()), default=math.inf)


def get(arm_id: str) -> Flow[Json]:
    """The resource at an ARM id."""
    sent = request("GET", arm_id, params=version_of(arm_id))
    return json_object(sent, (yield from call(Send(sent))))


def find(arm_id: str) -> Flow[Json | None]:
    """The resource at an ARM id, or ``None`` if there is none. Above all a missing workspace is still an error."""
    try:
        return (yield from get(arm_id))
    except NotFound as error:
        if error.code in MISSING_PARENTS:
            raise
        return None


def put(arm_id: str, body: Json, *, token_header: str | None = None) -> Flow[HttpResponse]:
    """Create or replace the resource; its body and where to poll are in the response."""
    sent = request("PUT", arm_id, params=version_of(arm_id), json=body)
    return (yield from call(Send(sent, token_header=token_header)))


def delete(arm_id: str, *, params: Mapping[str, str] | None = None) -> Flow[HttpResponse]:
    """Delete the resource; where to poll is in the response."""
    given = {**version_of(arm_id), **arm_ids.parse(arm_id).row.delete_params, **(params or {})}
    return (yield from call(Send(request("DELETE", arm_id, params=given))))


def act(arm_id: str, action: str, body: Json | None = None) -> Flow[HttpResponse]:
    """POST one of the actions in the resource's row, by the name that the row gives it."""
    row = arm_ids.parse(arm_id).row
    if action not in row.actions:
        raise ValueError(f"{row.kind} has no action {action!r}; it has {', '.join(sorted(row.actions)) or 'none'}")
    url = f"{arm_id}/{row.actions[action]}"
    return (yield from call(Send(request("POST", url, params=version_of(arm_id), json=body))))


def pages(collection_id: str, *, api_version: str, params: Mapping[str, str] | None = None) -> Flow[list[Json]]:
    """All items of a list, over all its pages."""
    items: list[Json] = []
    sent = request("GET", collection_id, params={"api-version": api_version, **(params or {})})
    while True:
        page = json_object(sent, (yield from call(Send(sent))))
        items.extend(page.get("value") or ())
        if not page.get("nextLink"):
            return items
        sent = request("GET", page["nextLink"])


def version_of(arm_id: str) -> dict[str, str]:
    """The ``api-version`` parameter that the resource's row gives."""
    return {"api-version": arm_ids.parse(arm_id).row.api_version}


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else parts.path


def _code_and_message(response: Answered) -> tuple[str, str]:
    """What an error body says, in whichever of the service's shapes it comes."""
    try:
        body = response.json()
    except ValueError:
        code = response.headers.get("x-ms-error-code")  # of storage, whose bodies are XML
        return code or response.reason or "Error", response.text().strip()[:500] or "no body"
    error = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return response.reason or "Error", str(error)[:500]
    details = [str(detail.get("message", "")) for detail in error.get("details") or () if isinstance(detail, dict)]
    message = str(error.get("message") or error.get("error_description") or body)[:1000]
    extra = [text for text in details if text and text not in message]
    return str(error.get("code") or error.get("error_code") or response.reason), " ".join([message, *extra])
