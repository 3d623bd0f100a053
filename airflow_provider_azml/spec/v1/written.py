"""The text of a file of CLI v2 that was made of files of CLI v1: YAML, with a comment wherever a choice was made."""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import references
from airflow_provider_azml.spec.v1.formats import with_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.v1.translation import Translation

WIDTH = 110
_STEP = "  "
_LOCAL = frozenset({"code", "conda_file", "path", "component", "job", "create_job"})
"""Keys whose texts are paths of this machine, where they do not lead into the cloud."""
_OF_NAMES = frozenset({
    *("inputs", "outputs", "jobs", "parameters", "search_space"),
    *("environment_variables", "tags", "properties"),
})
"""Keys of mappings whose own keys are names that somebody chose."""


def text(made: Translation, folder: Path, head: Sequence[str] = ()) -> str:
    """The text of the new file.

    Args:
        made: What it says.
        folder: Where the file is to stand, and what it needs besides; its paths start from there.
        head: What is to be said at its top, a sentence each.

    Returns:
        The same content as the translation's; comments aside, it depends on nothing else.

    Example:
        >>> print(text(translation(as_written(Path("old/pipeline.yml"))), Path("new")))
        $schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
        type: pipeline
        ...
    """
    source, folder = made.source, folder.absolute()
    value = _rebased(replace(made, files={}, copies={}).beside(folder).value, source.base_path, folder)
    said: dict[Place, list[str]] = {}
    for remark in made.remarks:
        said.setdefault(remark.place, []).append(f"{remark.text}.")
    writer = _Writer(said)
    lines = [line for sentence in head for line in writer.prose(sentence, "")]
    lines += writer.comments((), "")
    return "\n".join([*lines, *writer.mapping(with_schema(made.kind, value), (), ""), ""])


@dataclass(frozen=True)
class _Writer:
    """Lays out values.

    Args:
        said: What comments say of them, by their places.
    """

    said: Mapping[Place, Sequence[str]]

    def mapping(self, value: Mapping[str, Any], place: Place, indent: str) -> Iterator[str]:
        """The lines of a mapping that is not empty."""
        for key, member in value.items():
            here = (*place, key)
            yield from self.comments(here, indent)
            yield from self._after(f"{indent}{_flow(key)}:", member, here, indent)

    def prose(self, sentence: str, indent: str) -> list[str]:
        """A comment."""
        said = "".join(character if character.isprintable() else " " for character in sentence)
        width = WIDTH - len(f"{indent}# ")
        wrapped = textwrap.wrap(said, width, break_long_words=False, break_on_hyphens=False)
        return [f"{indent}# {line}" for line in wrapped]

    def comments(self, place: Place, indent: str) -> list[str]:
        """The comments on a value."""
        return [line for sentence in self.said.get(place, ()) for line in self.prose(sentence, indent)]

    def _after(self, begun: str, value: Any, place: Place, indent: str) -> Iterator[str]:
        """A value after its key, or after the dash of a list."""
        if isinstance(value, dict) and value:
            yield begun
            yield from self.mapping(value, place, indent + _STEP)
        elif isinstance(value, list) and (self._is_long(begun, value) or self._tells_inside(place)):
            yield begun
            yield from self._items(value, place, indent + _STEP)
        elif isinstance(value, str) and _is_block(value):
            yield f"{begun} |{'' if value.endswith(_LINE) else '-'}"
            yield from (f"{indent}{_STEP}{line}" if line else "" for line in value.removesuffix(_LINE).split(_LINE))
        else:
            yield f"{begun} {_flow(value)}"

    def _items(self, value: Sequence[Any], place: Place, indent: str) -> Iterator[str]:
        for number, item in enumerate(value):
            here = (*place, number)
            yield from self.comments(here, indent)
            if isinstance(item, dict) and item:
                inner = indent + _STEP
                lines = list(self.mapping(item, here, inner))
                first = next(at for at, line in enumerate(lines) if not line.startswith(f"{inner}#"))
                lines[first] = f"{indent}- {lines[first].removeprefix(inner)}"
                yield from lines
            else:
                yield from self._after(f"{indent}-", item, here, indent)

    def _is_long(self, begun: str, value: Sequence[Any]) -> bool:
        """Whether a list takes a line for each of its items."""
        nested = any(isinstance(item, (dict, list)) and item for item in value)
        lines = any(isinstance(item, str) and _LINES.search(item) for item in value)
        return bool(value) and (nested or lines or len(f"{begun} {_flow(value)}") > WIDTH)

    def _tells_inside(self, place: Place) -> bool:
        return any(other[: len(place)] == place and other != place for other in self.said)


_LINE = "\n"
_LINES = re.compile("[\n\r\x85\u2028\u2029]")
"""What YAML takes for the end of a line. Source: YAML 1.1, section 5.4."""


def _is_block(value: str) -> bool:
    """Whether a text can stand as it is, line by line."""
    lines = value.removesuffix(_LINE).split(_LINE)
    plain = all(line == line.rstrip() and line.isprintable() for line in lines)
    return len(lines) > 1 and plain and bool(lines[0]) and bool(lines[-1]) and not lines[0].startswith(" ")


def _flow(value: object) -> str:
    """A value on one line."""
    import yaml

    style = '"' if isinstance(value, str) and _LINES.search(value) else None
    found: str = yaml.safe_dump(
        value, default_style=style, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False
    )
    return found.removesuffix("\n").removesuffix("\n...")


def _rebased(value: Any, base: Path, folder: Path, *, names: bool = False) -> Any:  # any part of a file
    """A part of a file with its local paths as seen from another folder.

    Args:
        value: The part.
        base: The folder that they start from.
        folder: The other one.
        names: Whether the keys of the part are names that somebody chose.
    """
    if isinstance(value, list):
        return [_rebased(item, base, folder) for item in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, member in value.items():
        if isinstance(member, str) and key in _LOCAL and not names and _is_local(member):
            made[key] = _seen_from(folder, base, member)
        else:
            made[key] = _rebased(member, base, folder, names=key in _OF_NAMES and not names)
    return made


def _is_local(path: str) -> bool:
    cloud = path.startswith(references.PREFIX) or references.is_remote(path) or references.is_git(path)
    return not (cloud or references.is_mlflow_run(path) or "${{" in path)


def _seen_from(folder: Path, base: Path, path: str) -> str:
    named = path.removeprefix(references.FILE)
    if Path(named).is_absolute() and not Path(named).is_relative_to(folder):
        return named
    found = Path(os.path.relpath(base / named, folder)).as_posix()
    return found if found.startswith(".") else f"./{found}"
