"""Ids of DAGs, from the names of AML files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NOT_LEGAL = re.compile(r"[^A-Za-z0-9_.-]+")
_NAME = re.compile(r"^[\"']?name[\"']?\s*:\s*[\"']?([A-Za-z0-9_.-]+)", re.MULTILINE)
_LONGEST = 250


def legal(name: str) -> str:
    """A name as Airflow takes it for an id: what it cannot hold becomes ``_``.

    Example:
        >>> legal("retrain (nightly)")
        'retrain_nightly_'
    """
    return _NOT_LEGAL.sub("_", name)[:_LONGEST] or "_"


def expected_id(path: Path, text: str) -> str:
    """The id of the DAG that a schedule file would have, also of one that cannot be read as YAML.

    Args:
        path: The file.
        text: Its text.
    """
    found = _NAME.search(text)
    return legal(found[1] if found else path.stem)
