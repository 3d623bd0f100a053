"""Files that commands write: none is written over unless that is asked for, and each is told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path


def add_force_option(parser: argparse.ArgumentParser) -> None:
    """Declare the option that lets files be written over."""
    parser.add_argument("--force", action="store_true", help="write over files that are there already")


def refuse_present(files: Iterable[Path], *, force: bool) -> None:
    """Refuse to go on if one of some files is there, and nobody said that it may be written over.

    Raises:
        SpecError: One is there; nothing was written.
    """
    there = [] if force else [file for file in files if file.exists()]
    if there:
        reason = "is there already, and nothing was written; give another folder, or --force"
        raise SpecError([Problem(str(file), 0, 0, "", reason) for file in there])


def write(texts: Mapping[Path, str], *, force: bool, kept: Collection[Path] = ()) -> None:
    """Write files, and tell of each; those that hold the same text already stay as they are.

    Args:
        texts: File -> text.
        force: Whether files that are there already may be written over.
        kept: Files that stay if they are there, whatever they hold.

    Raises:
        SpecError: One is there with another text; nothing was written.
    """
    same = {file for file, text in texts.items() if _holds(file, text)}
    stay = {file for file in kept if file.exists()}
    refuse_present((file for file in texts if file not in same | stay), force=force)
    for file, text in texts.items():
        if file in same | stay:
            sys.stderr.write(f"{file}: is there already; kept\n")
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        sys.stdout.write(f"{file}\n")


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()
