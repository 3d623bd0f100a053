"""How many requests of which kind have come: a witness of what clients say that they save."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.refusals import ARM, DATA_PLANE, STORAGE, first_part
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

    from airflow_provider_azml.rest.flows import Json

_KINDS = {row.segment.lower(): row.kind.replace("_", " ") for row in RESOURCES.values() if row.parent != "registry"}
_IN_WORKSPACE = re.compile(r".*/workspaces/[^/]+/?", re.IGNORECASE)
_OF_RUN = re.compile(r"(?:experiment(?:id)?s/[^/]+/)?runs/[^/]+/?")
_RANGES = frozenset({b"range", b"x-ms-range"})


class RequestCounts:
    """Counts requests by operation; those that ask for the counts are not counted."""

    def __init__(self) -> None:
        self._by_operation: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._most_at_once: dict[str, int] = {}

    @contextmanager
    def noted(self, scope: Scope) -> Iterator[None]:
        """Count a request, which is answered while the block runs."""
        operation = operation_of(scope)
        self._by_operation[operation] += 1
        self._open[operation] += 1
        self._most_at_once[operation] = max(self._most_at_once.get(operation, 0), self._open[operation])
        try:
            yield
        finally:
            self._open[operation] -= 1

    def shown(self) -> Json:
        """``{"total": n, "by_operation": {"POST batchrundata": 12, ...}, "most_at_once": {...}}``.

        The most frequent come first; ``most_at_once`` is how many of an operation were being answered at one moment.
        """
        counts = self._by_operation.most_common()
        at_once = {operation: self._most_at_once[operation] for operation, _ in counts}
        return {"total": self._by_operation.total(), "by_operation": dict(counts), "most_at_once": at_once}

    def reset(self) -> None:
        """Begin anew."""
        self._by_operation.clear()
        self._most_at_once.clear()


def operation_of(scope: Scope) -> str:
    """What a request does, without names: ``GET job``, ``POST batchrundata``, ``GET run details``, ``POST token``."""
    method, path = str(scope["method"]), str(scope["path"])
    first = first_part(path)
    if first in ARM:
        return f"{method} {_resource(path.strip('/').split('/'))}"
    if first in DATA_PLANE:
        return f"{method} {_data(_IN_WORKSPACE.sub('', path).strip('/'))}"
    if first == STORAGE:
        return f"{method} {_blob(scope, path)}"
    parts = path.strip("/").split("/")
    return f"{method} {parts[-1] if parts[-1] == 'token' else parts[0]}"


def _resource(parts: list[str]) -> str:
    """The kind at the end of a path: pairs of segment and name, or one more part for a list or an action."""
    if len(parts) > 4 and parts[2].lower() == "providers" and parts[4].lower() == "locations":  # noqa: PLR2004
        return parts[6] if len(parts) > 6 else parts[-1]  # noqa: PLR2004
    pairs = parts[6:] if len(parts) > 6 and parts[4].lower() == "providers" else parts  # noqa: PLR2004
    if len(pairs) % 2 == 0:
        kind = pairs[-2].lower()
        return f"{_kind(pairs[-4].lower())} version" if kind == "versions" else _kind(kind)
    last = pairs[-1].lower()
    if len(pairs) > 1 and last == "versions":
        return f"{_kind(pairs[-3].lower())} versions"
    return f"{last}" if last in _KINDS or len(pairs) == 1 else f"{_kind(pairs[-3].lower())} {pairs[-1]}"


def _kind(segment: str) -> str:
    return _KINDS.get(segment, segment)


def _data(rest: str) -> str:
    found = _OF_RUN.match(rest)
    return f"run {rest[found.end() :]}".rstrip() if found else rest.rpartition("/mlflow/")[2]


def _blob(scope: Scope, path: str) -> str:
    query = scope["query_string"]
    if b"comp=list" in query:
        return "blobs"
    if not path.strip("/").partition("/")[2].partition("/")[2]:
        return "container"
    return "blob (range)" if any(name in _RANGES for name, _ in scope["headers"]) else "blob"
