"""What the specifications and the recorded traffic beside the repository say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.contract.claims import DEFAULT_STATUS, Operation, Witness, nameless

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(__file__).parents[3] / "shared"
STATUS_PATHS = (DEFAULT_STATUS, ("properties", "status"))
VERBS = ("get", "put", "patch", "post", "delete")


def openapi(version: str) -> Witness:
    """The published OpenAPI files of an api-version."""
    found = [
        operation
        for file in sorted((SHARED / "specs" / version).glob("*.json"))
        for operation in _operations(_OpenApi(file))
    ]
    return Witness(f"OpenAPI {version}", found)


def derived(version: str) -> Witness:
    """Operations and models that were derived from a generated client."""
    folder = SHARED / "specs" / f"derived-{version}"
    operations = json.loads((folder / "operations.json").read_text(encoding="utf-8"))
    found = [
        Operation(
            method=operation["method"],
            path=nameless(operation["path"]),
            long_running="lro" in operation,
            headers=frozenset(operation.get("response_headers", ())),
            required=None,
        )
        for operation in operations.values()
    ]
    return Witness(f"derived {version}", found)


def recorded_requests() -> Iterator[tuple[str, str, str]]:
    """Method, path and api-version of every Resource Manager request that MLClient was recorded sending."""
    for file in sorted((SHARED / "transcripts").glob("mlclient_*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            exchange = json.loads(line)
            if exchange["path"].lower().startswith("/subscriptions/"):
                yield exchange["method"], exchange["path"], exchange["query"].get("api-version", "")


def recorded_bodies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and body of every Resource Manager request with one that MLClient was recorded sending."""
    for file in sorted((SHARED / "transcripts").glob("mlclient_*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            exchange = json.loads(line)
            if exchange["path"].lower().startswith("/subscriptions/") and exchange["req_body"]:
                body = exchange["req_body"]
                yield exchange["method"], exchange["path"], json.loads(body) if isinstance(body, str) else body


class _OpenApi:
    """One OpenAPI file, with the references that lead out of a definition followed inside it."""

    def __init__(self, file: Path) -> None:
        self.document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))

    def words(self, schema: dict[str, Any], path: tuple[str, ...]) -> frozenset[str] | None:
        schema = self._resolved(schema)
        if not path:
            return frozenset(schema["enum"]) if "enum" in schema else None
        if path[0] in schema.get("properties", {}):
            return self.words(schema["properties"][path[0]], path[1:])
        return next((words for part in schema.get("allOf", ()) if (words := self.words(part, path))), None)

    def parameter(self, described: dict[str, Any]) -> dict[str, Any]:
        """A parameter; one that is described in another file is one of every request, and of no interest here."""
        name = described.get("$ref", "")
        if name.startswith("#/parameters/"):
            return self.document["parameters"].get(name.rpartition("/")[2], {})
        return {} if name else described

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("#/definitions/")[2]
        return self.document["definitions"].get(name, {}) if name else schema


def _operations(source: _OpenApi) -> Iterator[Operation]:
    for path, verbs in source.document["paths"].items():
        for verb in VERBS:
            if verb not in verbs:
                continue
            operation = verbs[verb]
            answers = operation["responses"].values()
            params = [source.parameter(param) for param in operation["parameters"]]
            asked = [param for param in params if param.get("in") == "query" and param.get("required")]
            body = operation["responses"].get("200", {}).get("schema", {})
            yield Operation(
                method=verb.upper(),
                path=nameless(path),
                long_running=operation.get("x-ms-long-running-operation", False),
                required=frozenset(param["name"] for param in asked) - {"api-version"},
                headers=frozenset(header for answer in answers for header in answer.get("headers", ())),
                words={keys: words for keys in STATUS_PATHS if (words := source.words(body, keys))}
                if verb == "get"
                else None,
            )
