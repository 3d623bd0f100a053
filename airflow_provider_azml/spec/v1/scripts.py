"""Scripts that files of CLI v1 name: each lies in the folder of the code, of which nothing else is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.spec.local_paths import is_file, is_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source


def problems(source: Source, place: Place, script: str, folder: Path, shown: str) -> Iterator[Problem]:
    """What is wrong with a script; nothing where the folder is not there, which somebody else tells.

    Args:
        source: What names it.
        place: Where.
        script: The script, relative to the folder, with slashes.
        folder: Folder of the code.
        shown: The folder as people know it.
    """
    opened = source.opened
    if not is_folder(folder):
        return
    if not opened.local(folder, script).is_relative_to(opened.real(folder)):
        yield source.problem(place, f"{script!r} is outside of {shown!r}, which is what is sent")
    elif not is_file(folder / script):
        yield source.problem(place, f"there is no file {script!r} in {shown!r}")
