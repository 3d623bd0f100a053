"""What a source says about one service, in the shape in which the resource table is held against it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_azml.rest.resources import Resource

DEFAULT_STATUS = ("properties", "provisioningState")
ANY_WORD: frozenset[str] = frozenset()
"""What a source lists where it has a status without saying which words it can be."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One request that a source describes.

    Args:
        method: HTTP method.
        path: Path with ``{}`` for every name.
        long_running: Whether the source polls after it.
        headers: Headers in the answer that the source names.
        words: Path of keys in the answer -> the words that the source lists there; ``None`` if it shows no answers.
        required: Query parameters that the request needs, besides the api-version; ``None`` if it does not say.
    """

    method: str
    path: str
    long_running: bool = False
    headers: frozenset[str] = frozenset()
    words: Mapping[tuple[str, ...], frozenset[str]] | None = None
    required: frozenset[str] | None = frozenset()


class Witness:
    """All that one source describes."""

    def __init__(self, name: str, operations: Iterable[Operation]) -> None:
        self.name = name
        self._operations = {(operation.method, operation.path): operation for operation in operations}

    def find(self, method: str, path: str) -> Operation | None:
        return self._operations.get((method, path))

    def below(self, path: str) -> dict[str, Operation]:
        """Last segment -> operation, for what is POSTed right below a path."""
        return {
            found.rpartition("/")[2]: operation
            for (method, found), operation in self._operations.items()
            if method == "POST" and found.rpartition("/")[0] == path
        }


def nameless(path: str) -> str:
    """A URL template whose placeholders have lost their names."""
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/")


def collection(row: Resource, rows: Mapping[str, Resource]) -> str:
    """URL template of the list that a resource is in, spelled out from the table alone."""
    above = "/subscriptions/{}" if row.parent == "subscription" else item(rows[row.parent], rows)
    provider = f"/providers/{row.provider}" if row.provider else ""
    return f"{above}{provider}/{row.segment}{'/{}/versions' if row.versioned else ''}"


def item(row: Resource, rows: Mapping[str, Resource]) -> str:
    """URL template of a resource, spelled out from the table alone."""
    return f"{collection(row, rows)}/{{}}"


def contradictions(row: Resource, rows: Mapping[str, Resource], witness: Witness) -> list[str]:
    """Everything in a row that a witness says otherwise."""
    path = item(row, rows)
    known = {method: found for method in ("GET", "PUT", "PATCH", "DELETE") if (found := witness.find(method, path))}
    if "GET" not in known:
        return [f"{witness.name} has no GET {path}"]
    wrong = [] if witness.find("GET", collection(row, rows)) else [f"{witness.name} has no GET of the list"]
    return [*wrong, *_words(row, known["GET"]), *_acts(row, known, witness.below(path))]


def _words(row: Resource, read: Operation) -> list[str]:
    if read.words is None:
        return []
    if not row.status:
        return [f"{row.kind} has no status, the witness has {sorted(read.words)}"] if read.words else []
    said = read.words.get(row.status)
    if said is None:
        return [f"{row.kind} has its status at {'.'.join(row.status)}, the witness has none there"]
    ours = row.good | row.bad | row.active
    wrong = [f"{row.kind} lacks the word {word}" for word in sorted(said - ours)]
    if said != ANY_WORD:
        wrong += [f"{row.kind} has the word {word}, the witness does not" for word in sorted(ours - said)]
    if len(ours) != len(row.good) + len(row.bad) + len(row.active):
        wrong.append(f"{row.kind} sorts a word twice")
    return wrong


def _acts(row: Resource, verbs: Mapping[str, Operation], posts: Mapping[str, Operation]) -> list[str]:
    wrong = [
        f"{row.kind} has the action {segment}, the witness has {sorted(posts)}"
        for segment in row.actions.values()
        if segment not in posts
    ]
    needed = verbs["DELETE"].required if "DELETE" in verbs else frozenset()
    if needed is not None and needed != row.delete_params.keys():
        wrong.append(f"{row.kind} DELETE has {sorted(row.delete_params)}, the witness needs {sorted(needed)}")
    acts = {**verbs, **{name: posts[segment] for name, segment in row.actions.items() if segment in posts}}
    for name, operation in acts.items():
        header = row.long_running.get(name)
        if operation.long_running != bool(header):
            wrong.append(f"{row.kind} {name} is {'' if header else 'not '}long-running, the witness says otherwise")
        elif header and operation.headers and header != _polled(operation.headers):
            wrong.append(f"{row.kind} {name} is polled by {header}, the witness has {sorted(operation.headers)}")
    wrong += [
        f"{row.kind} {name} is long-running, the witness has no such act" for name in row.long_running.keys() - acts
    ]
    return wrong


def _polled(headers: frozenset[str]) -> str | None:
    """The header that a client polls; Azure-AsyncOperation goes before Location (ARM's rule, and azure-mgmt-core's)."""
    return next((header for header in ("Azure-AsyncOperation", "Location") if header in headers), None)
