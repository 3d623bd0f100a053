"""What a file of CLI v1 becomes: the content of a file of today, files that it needs besides, and choices to tell."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source


@dataclass(frozen=True)
class Remark:
    """A choice that was made where v1 says another thing than v2 can, or leaves open what v2 wants to know.

    Args:
        place: Where in the new file.
        text: What was chosen, and why; a sentence without its full stop.
    """

    place: Place
    text: str


@dataclass(frozen=True)
class Translation:
    """A file of today, made of files of CLI v1.

    Args:
        kind: What it describes, a key of ``spec.table.KINDS``.
        source: Its content; the marks point to the files of v1, and paths start from where those of v1 did.
        files: What has to stand beside it and v1 had no file for, say a scoring script: path -> text.
        named: Where the content names one of these: place -> path, a key of `files` or `copies` or a folder above some.
        remarks: The choices that were made.
        notes: What v1 heeded and nothing is sent for.
        copies: What of v1's own has to stand beside `files`: path -> file or folder of this machine.
    """

    kind: str
    source: Source
    files: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[Place, str] = field(default_factory=dict)
    remarks: Sequence[Remark] = ()
    notes: Sequence[Problem] = ()
    copies: Mapping[str, Path] = field(default_factory=dict)

    def beside(self, folder: Path) -> Source:
        """The content, once the files that it needs besides are written below a folder.

        Args:
            folder: An empty folder, which has to stay until the content was submitted.
        """
        for path, origin in self.copies.items():
            copy(origin, folder / path)
        for path, text in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        value: Any = self.source.value
        for place, path in self.named.items():
            value = _with(value, place, str(folder / path))
        return replace(self.source, value=value)


def copy(origin: Path, target: Path) -> None:
    """Copy a file, or a folder with all that is in it; folders that lead there are made.

    Args:
        origin: The file or folder.
        target: Where it goes, under its new name.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if origin.is_dir():
        shutil.copytree(origin, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(origin, target)


def _with(value: Any, place: Place, new: str) -> Any:
    if not place:
        return new
    step, *rest = place
    if isinstance(value, list):
        return [_with(item, tuple(rest), new) if number == step else item for number, item in enumerate(value)]
    return {**value, step: _with(value[step], tuple(rest), new)}
