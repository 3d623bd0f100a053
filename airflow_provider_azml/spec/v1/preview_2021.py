"""Bodies of the first preview of today's REST interface, 2021-03-01-preview, in today's words.

That version had other names for nearly everything: ``compute.target``, ``inputDataBindings``, ``algorithm``,
``docker``, ``contents``. Names of keys count in any case, as the service took them.

Source: ``mfe.json`` of 2021-03-01-preview in Azure/azure-rest-api-specs, and ``cli/train-rest.sh`` of
Azure/azureml-examples, which sends ``Docker`` and ``DockerSpecificationType``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import schema_files, validate
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1 import preview_2021_assets, preview_2021_jobs
from airflow_provider_azml.spec.v1.preview_2021_assets import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json

API_VERSION = "2021-03-01-preview"
SCHEMA = "v1_preview_2021.schema.json"
BODY = "<body>"
_PROPERTIES = "properties"

_PROBLEMS: Mapping[str, Callable[[Source], Iterable[Problem]]] = {
    "code": preview_2021_assets.located_problems,
    "command_job": preview_2021_jobs.command_problems,
    "data": preview_2021_assets.data_problems,
    "datastore": preview_2021_assets.datastore_problems,
    "environment": preview_2021_assets.environment_problems,
    "model": preview_2021_assets.located_problems,
    "sweep_job": preview_2021_jobs.sweep_problems,
}
_TODAY: Mapping[str, Callable[[Source, Known], Json]] = {
    "code": preview_2021_assets.code,
    "command_job": preview_2021_jobs.command_job,
    "data": preview_2021_assets.data,
    "datastore": preview_2021_assets.datastore,
    "environment": preview_2021_assets.environment,
    "model": preview_2021_assets.model,
    "sweep_job": preview_2021_jobs.sweep_job,
}
KINDS = frozenset({"code", "data", "datastore", "environment", "job", "model"})
"""The kinds whose bodies had other words; those of computes and workspaces had today's."""


def problems(kind: str, body: Json | Source) -> Sequence[Problem]:
    """What is wrong with a body of that version, and what today's interface cannot say; notes among them.

    Args:
        kind: What it is of, one of :data:`KINDS`.
        body: The body, with its ``properties``; problems of one that was read from a file have its lines.

    Example:
        >>> [str(problem) for problem in problems("code", {"properties": {}})]
        ["<body>: properties: 'path' is missing"]
    """
    source = _spelt(kind, body)
    named = _definition(kind, source)
    if named not in _PROBLEMS:
        reason = (
            f"is {source.value_at(('jobType',))!r:.80}; it must be Command or Sweep, of which there is an equal today"
        )
        return [source.problem(("jobType",), reason)]
    found = dict.fromkeys((*validate.problems(source, f"{SCHEMA}#/$defs/{named}"), *_PROBLEMS[named](source)))
    return sorted(found)


def today(kind: str, body: Json | Source, known: Known | None = None) -> Json:
    """A body of that version as today's interface takes it.

    Args:
        kind: What it is of, one of :data:`KINDS`.
        body: The body, with its ``properties``.
        known: What the workspace alone knows of the resources that the body names; see :func:`named`.

    Returns:
        The body, with ``properties`` alone.

    Raises:
        SpecError: It is wrong, or says what today's interface cannot say; with all its problems at once.

    Example:
        >>> today("data", {"properties": {"datasetType": "Simple", "path": "https://example.com/iris.csv"}})
        {'properties': {'dataType': 'uri_file', 'dataUri': 'https://example.com/iris.csv'}}
    """
    validate.told(problems(kind, body))
    source = _spelt(kind, body)
    made = _TODAY[_definition(kind, source)](source, known or Known())
    return {_PROPERTIES: {key: value for key, value in made.items() if value is not None}}


def named(body: Json | Source) -> Sequence[str]:
    """The ARM ids of data and datastores that a body names, of which :func:`today` wants to know more."""
    return list(dict.fromkeys(_ids(body.value if isinstance(body, Source) else body)))


def is_body(source: Source) -> bool:
    """Whether a source is a body of that version, rather than a file: by words that no other one has.

    Example:
        >>> is_body(as_written(Path("job.json")))
        True
    """
    given = {str(key).lower(): value for key, value in mapping(source.value.get(_PROPERTIES)).items()}
    compute = {str(key).lower() for key in mapping(given.get("compute"))}
    return (
        "target" in compute
        or isinstance(given.get("docker"), dict)
        or isinstance(given.get("contents"), dict)
        or ("path" in given and ("datastoreid" in given or "datasettype" in given))
    )


def _definition(kind: str, source: Source) -> str:
    return f"{lower(source.value.get('jobType') or '')}_job" if kind == "job" else kind


def _spelt(kind: str, body: Json | Source) -> Source:
    """The properties of a body with its keys as that version spelt them."""
    whole = body if isinstance(body, Source) else Source(body, Path(), marks=Marks(BODY))
    given = whole.at(next((key for key in whole.value if str(key).lower() == _PROPERTIES), _PROPERTIES))
    type_of_job = next((value for name, value in given.value.items() if str(name).lower() == "jobtype"), "")
    named = f"{lower(type_of_job or '')}_job" if kind == "job" else kind
    definitions = schema_files.load(SCHEMA)["$defs"]
    schema = schema_files.whole(f"{SCHEMA}#/$defs/{named if named in definitions else 'command_job'}")
    value, marks = _respelt(given.value, given.marks, schema)
    return replace(given, value=value, marks=marks, place=(_PROPERTIES,))


def _respelt(value: Any, marks: Marks, schema: Json) -> tuple[Any, Marks]:  # any part of a body
    if not isinstance(value, dict):
        return value, marks
    known = schema.get("properties", {})
    spelling = {name.lower(): name for name in known}
    others = schema.get("additionalProperties")
    made, inside = {}, {}
    for key, member in value.items():
        name = spelling.get(str(key).lower(), str(key))
        below = known.get(name) or (others if isinstance(others, dict) else {})
        made[name], inside[name] = _respelt(member, marks.inside.get(key, Marks(marks.file)), below)
    return made, marks._replace(inside=inside)


def _ids(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            if str(key).lower() in ("dataid", "datastoreid") and isinstance(member, str):
                yield member
            else:
                yield from _ids(member)
