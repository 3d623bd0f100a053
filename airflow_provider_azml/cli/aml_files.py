"""Which files are meant: files that are named, the AML files below folders, and what patterns match."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.checks import is_checks
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.v1 import formats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_azml.spec.source import Source

_ENDS = (".yml", ".yaml", ".json", ".runconfig")
_HIDDEN = ".azureml"
"""The hidden folder that is looked into: CLI v1 keeps run configurations there."""
_NOT_LOOKED_INTO = frozenset({"__pycache__", "node_modules", "_build"})
_MAY_TELL = re.compile(rf"\$schema|\b(type|checks|{'|'.join(sources.MAY_BE_V1)})\b")
_TELLS = re.compile(r"\$schema\W.*azureml", re.IGNORECASE)


@dataclass(frozen=True)
class Candidate:
    """A file that may be meant.

    Args:
        file: The file.
        named: Whether it was named, and not only found in a folder.
    """

    file: Path
    named: bool = True


def candidates(arguments: Sequence[str]) -> Iterator[Candidate | Problem]:
    """The files that arguments mean, each once, in their order; a problem for one that means none."""
    seen: set[Path] = set()
    for argument in arguments:
        found = list(_meant(argument))
        if not found:
            what = "no YAML or JSON file is below it" if Path(argument).is_dir() else "no file matches"
            yield Problem(argument, 0, 0, "", what)
        for candidate in found:
            if candidate.file not in seen:
                seen.add(candidate.file)
                yield candidate


def opened(candidate: Candidate, read: Callable[[Path], Source]) -> Source | None:
    """The content of a candidate, ``None`` when it was found in a folder and is no AML file.

    Raises:
        SpecError: It is meant to be an AML file and cannot be read.
    """
    if candidate.named:
        return read(candidate.file)
    try:
        text = sources.text_of(candidate.file)
    except SpecError:  # too large, or no text: nothing that somebody meant to be an AML file
        return None
    if not _MAY_TELL.search(text):
        return None
    try:
        source = read(candidate.file)
    except SpecError:
        if _TELLS.search(text) or _is_of_v1(candidate.file):
            raise
        return None
    return source if inferred(source.value) or formats.of(source) or is_checks(source.value) else None


def _is_of_v1(file: Path) -> bool:
    try:
        return formats.of(sources.as_written(file)) is not None
    except SpecError:
        return False


def _meant(argument: str) -> Iterator[Candidate]:
    path = Path(argument)
    if path.is_dir():
        yield from (Candidate(file, named=False) for file in _below(path))
    elif path.exists() or not has_magic(argument):
        yield Candidate(path)
    else:
        matched = map(Path, sorted(glob(argument, recursive=True)))  # noqa: PTH207 (takes absolute patterns too)
        yield from (Candidate(file) for file in matched if file.is_file())


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        seen = (name for name in folders if name == _HIDDEN or not name.startswith("."))
        folders[:] = sorted(name for name in seen if name not in _NOT_LOOKED_INTO)
        yield from (Path(where, name) for name in sorted(names) if name.lower().endswith(_ENDS))
