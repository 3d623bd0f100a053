"""Job files when a DAG file is parsed: their templates can be rendered by a task alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, templating
from airflow_provider_azml.spec import source as sources

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source


def read(file: Path) -> Source:
    """An AML file as it is; where templates keep it from being YAML, with blanks in place of them.

    Raises:
        SpecError: It cannot be read either way.
    """
    try:
        return sources.read(file)
    except SpecError:
        return sources.read(file, render=templating.blanked)


def problems(job: Source, *, strict: bool = True) -> list[Problem]:
    """What is wrong with a job; nothing where templates may put it right, whose task says so once they are rendered.

    Args:
        job: The job.
        strict: Whether what azure-ai-ml sends and the service refuses is an error; else it is a warning.

    Returns:
        The errors; without any, the warnings.
    """
    rendered: list[str] = []

    def render(text: str) -> str:
        rendered.append(text)
        return templating.blanked(text)

    try:
        told = kinds.check(replace(job, render=render), "job", strict=strict)
    except SpecError as error:
        own = sources.text_of(job.file) if job.file else ""
        if rendered or templating.has_templates(own) or templating.has_templates(job.value):
            return []
        return [replace(problem, severity="error") if strict else problem for problem in error.problems]
    return [problem for problem in told if problem.severity == "warning"]
