"""Drives a flow without a network: writes down what it would send, and answers as a workspace that has nothing new yet.

What an answer holds that only the service knows is a text such as ``<latest version of environment sklearn>``, which
then stands wherever the flow puts it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.flows import All, Send, Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from azure.core.rest import HttpRequest

    from airflow_provider_azml.rest.arm_ids import ArmId
    from airflow_provider_azml.rest.flows import Flow, Json, Step
    from airflow_provider_azml.rest.local_files import LocalFile

T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """A request that would be sent.

    Args:
        method: HTTP method.
        url: Path below Resource Manager, or a whole URL of another host.
        query: Its parameters.
        body: What it carries, if anything.
        assumed: What the answer was taken to be, where the next requests depend on it.
    """

    method: str
    url: str
    query: Mapping[str, str]
    body: Json | None = None
    assumed: str | None = None


@dataclass(frozen=True)
class Blobs:
    """Files that would be uploaded.

    Args:
        container: URL of the container.
        files: Each file, and the blob's name.
    """

    container: str
    files: Sequence[tuple[LocalFile, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file, _ in self.files)


Sent: TypeAlias = "Request | Blobs"


@dataclass
class _Answer:
    """A response, as far as flows look at it."""

    status_code: int
    body: Json
    reason: str = ""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def json(self) -> Json:
        return self.body

    def text(self) -> str:
        return json.dumps(self.body)

    @property
    def content(self) -> bytes:
        return self.text().encode()


class Offline:
    """A driver of flows that sends nothing.

    Args:
        absent: Kinds of resources that are taken not to exist.
    """

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        self.sent: list[Sent] = []
        self._absent = absent | {"template_deployment", "job"}

    @classmethod
    def for_kind(cls, kind: str) -> Offline:
        """A driver for submitting a file of a kind; a workspace is taken to be a new one."""
        return cls(frozenset({"workspace"}) if kind == "workspace" else frozenset())

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end.

        Raises:
            AzmlError: Whatever the flow raises.
        """
        try:
            step = next(flow)
            while True:
                step = flow.send(self._do(step))
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()

    def _do(self, step: Step) -> object:
        if isinstance(step, Send):
            return self._written_down(step.request)
        if isinstance(step, Upload):
            container = step.container_url.partition("?")[0]
            self.sent.append(Blobs(container, step.files))
            return None
        if isinstance(step, All):
            return [self.run(flow) for flow in step.flows]  # one after the other, so that their order is the file's
        return None

    def _written_down(self, sent: HttpRequest) -> _Answer:
        parts = urlsplit(sent.url)
        host = f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
        query = {name: "<SAS>" if name == "sig" else value for name, value in parse_qsl(parts.query)}
        body: Json | None = json.loads(sent.content) if sent.content else None
        status, answer, assumed = self._answer(sent.method, parts.path, query, body)
        self.sent.append(Request(sent.method, host + parts.path, query, body, assumed))
        return _Answer(status, answer)

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None
    ) -> tuple[int, Json, str | None]:
        """Status, body, and what that amounts to in words."""
        known = _parsed(path)
        if method == "HEAD":
            return HTTPStatus.NOT_FOUND, {}, "it is not there yet"
        if method == "POST":
            answer = _ACTIONS.get(path.rpartition("/")[2].lower())
            return HTTPStatus.OK, answer(path) if answer else {}, None
        if method in {"PUT", "PATCH"}:
            return HTTPStatus.OK, {**(body or {}), "id": path, "name": path.rpartition("/")[2]}, None
        if known and known.kind in self._absent:
            return HTTPStatus.NOT_FOUND, _not_found(path), "there is none yet"
        if path.endswith("/versions"):
            return HTTPStatus.OK, *_versions(path, query)
        return HTTPStatus.OK, _resource(path, known), "it exists"


def _parsed(path: str) -> ArmId | None:
    try:
        return arm_ids.parse(path)
    except ValueError:
        return None


def _not_found(path: str) -> Json:
    return {"error": {"code": "ResourceNotFound", "message": f"{path} was not found"}}


def _versions(path: str, query: Mapping[str, str]) -> tuple[Json, str]:
    if "hash" in query:
        return {"value": []}, "there is none with this content yet"
    known = _parsed(path.rpartition("/")[0])
    version = f"<latest version of {_called(known, path)}>"
    return {"value": [{"id": f"{path}/{version}", "name": version, "properties": {}}]}, "it has versions"


def _resource(path: str, known: ArmId | None) -> Json:
    what = _called(known, path)
    properties: Json = {}
    if known and known.row.versioned and not known.version:
        properties = {"latestVersion": f"<latest version of {what}>", "nextVersion": f"<next version of {what}>"}
    elif known and known.kind in _PROPERTIES:
        properties = _PROPERTIES[known.kind](known)
    location = "<location of the workspace>" if known and known.kind == "workspace" else f"<location of {what}>"
    return {"id": path, "name": path.rpartition("/")[2], "location": location, "properties": properties}


def _datastore(known: ArmId) -> Json:
    return {
        "datastoreType": "AzureBlob",
        "accountName": f"<account of {known.name}>",
        "containerName": f"<container of {known.name}>",
        "protocol": "https",
    }


def _deployment(known: ArmId) -> Json:
    """A deployment that collects all that a monitor may look at."""
    collected = {
        name: {
            "dataCollectionMode": "Enabled",
            "dataId": known.workspace.child("data", f"<{name} of {known.name}>", "<version>"),
        }
        for name in ("model_inputs", "model_outputs", "app_traces")
    }
    return {"dataCollector": {"collections": collected}}


_PROPERTIES: Mapping[str, Callable[[ArmId], Json]] = {"datastore": _datastore, "online_deployment": _deployment}


def _called(known: ArmId | None, path: str) -> str:
    """What to call a resource in a placeholder, without a slash: an id holds it as a name."""
    return f"{known.kind.replace('_', ' ')} {known.name}" if known else path.rpartition("/")[2]


def _pending_upload(_: str) -> Json:
    place = "https://<account for code>.blob.core.windows.net/<container for code>"
    credential = {"credentialType": "SAS", "sasUri": f"{place}?sig=SAS"}
    return {"blobReferenceForConsumption": {"blobUri": place, "credential": credential}}


_ACTIONS: Mapping[str, Callable[[str], Json]] = {
    "startpendingupload": _pending_upload,
    "listsecrets": lambda _: {"secretsType": "Sas", "sasToken": "sig=SAS"},
}


def named_again(sent: Sequence[Sent], names: Mapping[str, str]) -> list[Sent]:
    """What would be sent, with other words for names that were made up on the way."""
    if not names:
        return list(sent)
    pattern = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
    return [_put_otherwise(step, lambda text: pattern.sub(lambda found: names[found[0]], text)) for step in sent]


def _put_otherwise(step: Sent, put: Callable[[str], str]) -> Sent:
    if isinstance(step, Blobs):
        return Blobs(put(step.container), [(file, put(name)) for file, name in step.files])
    query = {name: put(value) for name, value in step.query.items()}
    return Request(step.method, put(step.url), query, _everywhere(step.body, put), step.assumed)


def _everywhere(value: Any, put: Callable[[str], str]) -> Any:  # any part of a body
    if isinstance(value, str):
        return put(value)
    if isinstance(value, dict):
        return {put(key): _everywhere(member, put) for key, member in value.items()}
    return [_everywhere(member, put) for member in value] if isinstance(value, list) else value
