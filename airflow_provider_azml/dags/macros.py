"""What the service fills in for jobs of a schedule, as templates that Airflow renders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.templating import has_templates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.rest.flows import Json

_DUE = "{{{{ dag_run.run_after.strftime('{}') }}}}"
_TRIGGER_TIME = _DUE.format("%Y-%m-%dT%H:%M:%SZ")
_MACRO = re.compile(r"\$\{\{\s*(name|creation_context\.trigger_time)\s*\}\}")
_NAME = "name"


def has_macros(text: str) -> bool:
    """Whether the text of a file holds anything that the service fills in for jobs of a schedule."""
    return _MACRO.search(text) is not None


def scheduled_name(schedule: str) -> str:
    """What the service calls the jobs of a schedule: ``<schedule>-YYYYMMDDThhmmssZ``, as a template.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-schedule-pipeline-job, "Query triggered jobs".
    """
    return f"{schedule}-{_DUE.format('%Y%m%dT%H%M%SZ')}"


def of_schedule(job: Json, schedule: str) -> Json:
    """The inputs and outputs of a job in which the service fills in something, as templates; empty when there is none.

    ``${{creation_context.trigger_time}}`` is when the schedule fired, and ``${{name}}`` in an input what the job is
    called. In the path of an output the service itself fills in the name, whoever submits the job.

    Args:
        job: The job, with the keys of its file.
        schedule: Name of the schedule.

    Source: as above, "Expressions supported in schedule".
    """
    names = {"inputs": scheduled_name(schedule), "outputs": None}
    found: Json = {}
    for key, name in names.items():
        members = mapping(job.get(key))
        filled = {one: _filled(value, name) for one, value in members.items()}
        found[key] = {one: value for one, value in filled.items() if value != members[one]}
    return {key: members for key, members in found.items() if members}


def beside_templates(text: str) -> Iterator[int]:
    """The lines of a text that hold both something that the service fills in and something for Jinja, from 1.

    Args:
        text: The text of a job file.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if _MACRO.search(line) and has_templates(line):
            yield number


def _filled(value: Any, name: str | None) -> Any:  # any part of an AML file
    if isinstance(value, dict):
        return {key: _filled(kept, name) for key, kept in value.items()}
    if not isinstance(value, str):
        return value

    def text(found: re.Match[str]) -> str:
        if found[1] == _NAME:
            return name or found[0]
        return _TRIGGER_TIME

    return _MACRO.sub(text, value)
