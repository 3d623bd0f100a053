"""``azml translate --to yaml``: files of CLI v1 as files of CLI v2."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.cli import written_files
from airflow_provider_azml.cli.written_files import refuse_present
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec.v1 import written
from airflow_provider_azml.spec.v1.translation import copy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.cli.v1_files import Product

_ENDING = ".yml"
_OF_REQUESTS = {
    "json": "the file is YAML",
    "var": "the file keeps the templates, which operators fill in",
    "no_templates": "the file keeps the templates as they are",
    "follow_symlinks": "give it to the operator, or to 'azml translate' of the new file",
}
"""Options that say nothing of a YAML file, and why."""


def refusal(arguments: argparse.Namespace) -> str | None:
    """Why some of the options of ``azml translate`` cannot be had with ``--to yaml``; ``None`` if they can."""
    name = next((name for name in _OF_REQUESTS if getattr(arguments, name)), None)
    return name and f"--{name.replace('_', '-')} does not go with --to yaml: {_OF_REQUESTS[name]}"


@dataclass(frozen=True)
class Written:
    """The files to write.

    Args:
        texts: File -> text.
        copies: File or folder -> what it is a copy of.
    """

    texts: Mapping[Path, str]
    copies: Mapping[Path, Path]

    @property
    def files(self) -> Sequence[Path]:
        """All of them."""
        return [*self.texts, *self.copies]


def files_of(made: Sequence[Product], folder: Path) -> Written:
    """The files to write: those of today, and what they need besides.

    Args:
        made: What files of CLI v1 became.
        folder: Where the files are to stand.

    Raises:
        SpecError: Two of them would be one file.
    """
    found: dict[Path, str] = {}
    for product in made:
        for name, text in {f"{product.name}{_ENDING}": _text(product, folder), **product.translation.files}.items():
            if found.setdefault(folder / name, text) != text:
                raise SpecError([Problem(str(folder / name), 0, 0, "", "two files would become this one; rename one")])
    return Written(found, {folder / name: old for one in made for name, old in one.translation.copies.items()})


def write(made: Written, *, force: bool) -> None:
    """Write files, and tell of each.

    Args:
        made: The files.
        force: Whether files that are there already may be written over.

    Raises:
        SpecError: One is there already; none was written.
    """
    refuse_present(made.files, force=force)
    for target, origin in made.copies.items():
        copy(origin, target)
    written_files.write(made.texts, force=force)
    sys.stdout.writelines(f"{target}\n" for target in made.copies)


def _text(product: Product, folder: Path) -> str:
    if product.pipeline is not None:
        product = product.merged({"create_job": {"job": str((folder / f"{product.pipeline}{_ENDING}").absolute())}})
    return written.text(product.translation, folder, list(_head(product)))


def _head(product: Product) -> Iterator[str]:
    """What is said at the top: what it was made of, and what of that is not in it."""
    if not product.is_of_v1:
        return
    names = [one.file.name for one in product.origins if one.file]
    yield f"Made of {' and '.join(names)} of CLI v1 by 'azml translate --to yaml'."
    for note in product.translation.notes:
        yield f"Left out: {note.path} (line {note.line}): {note.reason.removeprefix('not sent: ')}."
    if product.afterwards:
        yield product.afterwards
