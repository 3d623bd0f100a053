"""Pipeline files of Microsoft's examples, read by PyYAML alone: their nodes, and which takes something from which."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ORACLE = Path(__file__).parents[3] / "shared" / "oracle"
Node: TypeAlias = tuple[str, ...]
_TAKEN = re.compile(r"\$\{\{\s*parent\.jobs\.([\w.-]+?)\.outputs\.([\w.-]+)\s*\}\}")
_GIVEN = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.-]+)\s*\}\}")
_MADE = re.compile(r"\$\{\{\s*parent\.outputs\.([\w.-]+)\s*\}\}")


def accepted() -> Iterator[Path]:
    """The pipeline jobs that azure-ai-ml accepts."""
    for which in ("corpus", "edge"):
        lines = (ORACLE / "cases" / f"{which}.jsonl").read_text(encoding="utf-8").splitlines()
        for case in map(json.loads, lines):
            file = ORACLE / which / case["path"]
            if case["kind"] == "job" and case["ok"] and _loaded(file).get("type") == "pipeline":
                yield file


class Expected:
    """What a DAG of a pipeline file must hold.

    Args:
        file: The file.
    """

    def __init__(self, file: Path) -> None:
        self.nodes: list[Node] = []
        self.edges: set[tuple[Node, Node]] = set()
        job = _loaded(file)
        component = job.get("component")
        root, folder = (_component(job, file.parent) or ({}, file.parent)) if component else (job, file.parent)
        self._walk(root, folder, (), {})
        self._add_ends(job.get("settings") or {})

    def _walk(self, pipeline: Any, folder: Path, path: Node, given: dict[str, set[Node]]) -> None:
        jobs = pipeline.get("jobs") or {}
        inner = {name: _nested(node, folder) for name, node in jobs.items()}
        for name, node in jobs.items():
            own = {key: value for key, value in node.items() if key not in ("component", "trial")}
            found = inner[name]
            if found:
                inputs = {
                    key: self._sources(value, jobs, inner, path, given)
                    for key, value in (node.get("inputs") or {}).items()
                }
                self._walk(*found, (*path, name), inputs)
                continue
            self.nodes.append((*path, name))
            self.edges |= {(one, (*path, name)) for one in self._sources(own, jobs, inner, path, given)}

    def _add_ends(self, settings: Any) -> None:
        """The nodes that run before and after all others."""
        first, last = settings.get("on_init"), settings.get("on_finalize")
        between = [path for path in self.nodes if path[0] not in (first, last)]
        self.edges |= {((first,), path) for path in between if first} | {(path, (last,)) for path in between if last}

    def _sources(self, value: Any, jobs: Any, inner: Any, path: Node, given: dict[str, set[Node]]) -> set[Node]:
        text = json.dumps(value, default=str)
        found = {one for name in _GIVEN.findall(text) for one in given.get(name, set())}
        for name, output in _TAKEN.findall(text):
            writer = _writer(name, output, jobs, inner, path)
            if writer:
                found.add(writer)
        return found


def _writer(name: str, output: str, jobs: Any, inner: Any, path: Node) -> Node | None:
    if name not in jobs:
        return None
    if not inner[name]:
        return (*path, name)
    pipeline, folder = inner[name]
    below = pipeline["jobs"]
    deeper = {key: _nested(node, folder) for key, node in below.items()}
    for key, node in below.items():
        for port, value in (node.get("outputs") or {}).items():
            if output in _MADE.findall(json.dumps(value, default=str)):
                return _writer(key, port, below, deeper, (*path, name))
    return None


def _nested(node: Any, folder: Path) -> tuple[Any, Path] | None:
    return _component(node, folder) if node.get("type") == "pipeline" else None


def _component(node: Any, folder: Path) -> tuple[Any, Path] | None:
    """The pipeline component that a node brings along, and the folder of its paths."""
    named = str(node.get("component", ""))
    if named.startswith("azureml:"):
        return None
    file = folder / named.removeprefix("file:")
    return _loaded(file), file.parent


def _loaded(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
