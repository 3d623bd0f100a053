"""Ids of DAGs, from the names of AML files."""

from __future__ import annotations

import re

_NOT_LEGAL = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 250


def legal(name: str) -> str:
    """A name as Airflow takes it for an id: what it cannot hold becomes ``_``.

    Example:
        >>> legal("retrain (nightly)")
        'retrain_nightly_'
    """
    return _NOT_LEGAL.sub("_", name)[:_LONGEST] or "_"
