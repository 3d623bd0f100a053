"""``azml translate --to dag``: an AML file as a DAG file in Python."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, unrendered

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from typing import Any

    from airflow_provider_azml.exceptions import Problem

_MODULE = "airflow_provider_azml.dags.written.aml_files"
"""What writes DAG files; it needs Airflow, which no other command does, and is loaded by name when it is asked for."""
_OF_REQUESTS = {
    "json": "a DAG file is Python",
    "var": "the DAG file keeps the templates, which Airflow fills in when it runs",
    "no_templates": "Airflow fills in what is in {{ }}; {% raw %} and {% endraw %} around it keep it as it is",
    "follow_symlinks": "give it to the tasks, as follow_symlinks=True",
}
"""Options that say nothing of a DAG file, and why."""


class _Writer(Protocol):
    def written(self, path: Path, overrides: Mapping[str, Any] | None = None) -> tuple[str, Sequence[str]]:
        """The text of a DAG file, and what its owner has to know besides."""


def refusal(arguments: argparse.Namespace) -> str | None:
    """Why some of the options of ``azml translate`` cannot be had with ``--to dag``; ``None`` if they can."""
    given = (name for name in _OF_REQUESTS if getattr(arguments, name))
    name = next(given, None)
    return name and f"--{name.replace('_', '-')} does not go with --to dag: {_OF_REQUESTS[name]}"


def dag_file(file: Path, overrides: Mapping[str, Any], *, strict: bool) -> tuple[str, Sequence[Problem]]:
    """The text of a DAG file that does what an AML file says; what is to be minded goes to standard error.

    Args:
        file: A job file, a pipeline file or a schedule file.
        overrides: Values over the file's.
        strict: Whether what azure-ai-ml sends and the service refuses is an error.

    Returns:
        The text, or else why the file cannot be used, or what of it cannot be written out.

    Raises:
        SpecError: The file cannot be read.
    """
    source = unrendered.read(file).merged(overrides)
    wrong = unrendered.problems(source) if strict and kinds.kind_of(source) == "job" else []
    if wrong:
        return "", wrong
    writer = cast("_Writer", importlib.import_module(_MODULE))
    # local paths are worked out from the root; what is said names files as the command line does
    here = "" if file.is_absolute() else f"{Path.cwd()}/"
    try:
        text, remarks = writer.written(file.absolute(), overrides)
    except SpecError as error:
        return "", [replace(problem, file=problem.file.removeprefix(here)) for problem in error.problems]
    for remark in remarks:
        sys.stderr.write(f"{remark.removeprefix(here)}\n")
    return text, ()
