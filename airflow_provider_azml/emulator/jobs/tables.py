"""Tables of files, as ``MLTable`` files list them: what they name is brought to the job.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2 ("eval_mount"), and
https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable for what a file may name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "MLTable"
_WILD = re.compile(r"[*?\[]")
_BROUGHT = "brought"


def bring(folder: Path, fetch: Callable[[str, Path], Path]) -> None:
    """Bring what a table of files names elsewhere in storage to beside its file, which names it there then.

    A table of rows stays as it is, and so does what is beside its file already.

    Args:
        folder: The folder of the table.
        fetch: Brings what a URI names into an existing folder, and answers the file or that folder.

    Raises:
        JobFilesError: Something that it names is not there.
    """
    # every job's environment has it, by way of MLflow
    import yaml  # noqa: PLC0415

    file = folder / FILE
    try:
        content = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else None
    except yaml.YAMLError:
        return  # whoever reads it says so
    if not isinstance(content, dict) or content.get("transformations"):
        return
    elsewhere = [
        (place, word)
        for place in content.get("paths") or ()
        for word, uri in (place.items() if isinstance(place, dict) else ())
        if "://" in str(uri)
    ]
    for number, (place, word) in enumerate(elsewhere):
        target = folder / _BROUGHT / str(number)
        target.mkdir(parents=True)
        place[word] = _brought(str(place[word]), target, fetch, folder)
    if elsewhere:
        file.write_text(yaml.safe_dump(content), "utf-8")


def _brought(uri: str, target: Path, fetch: Callable[[str, Path], Path], folder: Path) -> str:
    """Where what a URI names is then, relative to the folder of the table."""
    wild = _WILD.search(uri)
    above = uri[: uri.rindex("/", 0, wild.start())] if wild else uri
    path = fetch(above, target).relative_to(folder).as_posix()
    return f"./{path}{uri.removeprefix(above)}" if wild else f"./{path}"
