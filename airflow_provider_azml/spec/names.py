"""Names that can stand in the address of a resource; any other would send the request elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source

_IN_ADDRESSES = ("name", "version", "endpoint_name", "resource_group")
_MADE_UP = frozenset({"job", "data"})
"""Kinds that get a name where they have none."""
_UNFIT = re.compile(r"[/\\?#%\x00-\x1f\x7f\ud800-\udfff]|^\.{1,2}$")


def is_unfit(name: str) -> bool:
    """Whether a name would change the meaning of the address that it is put into."""
    return bool(_UNFIT.search(name))


def problems(source: Source, kind: str) -> Iterator[Problem]:
    """Names and versions of a source that no resource can have."""
    for key in _IN_ADDRESSES:
        name = source.value.get(key)
        if isinstance(name, str) and is_unfit(name):
            yield source.problem((key,), rf"is {name!r:.80}; it must hold none of / \ ? # % and be neither . nor ..")
        if name == "" and key in {"name", "endpoint_name"} and kind not in _MADE_UP:
            yield source.problem((key,), "is empty; it must be a name")
