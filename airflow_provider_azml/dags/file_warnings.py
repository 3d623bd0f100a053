"""What AML files say that is done in another way than their authors may think, as warnings of the DAG file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.exceptions import Problem

_TOLD: dict[str | tuple[str, type[Warning], int], int] = {}
"""What was warned of, for Python to tell it once."""


def warn(problems: Iterable[Problem]) -> None:
    """Have Airflow show problems as warnings, each with file and line.

    Args:
        problems: The problems.
    """
    for problem in problems:
        warnings.warn_explicit(str(problem), UserWarning, problem.file, problem.line or 1, registry=_TOLD)
