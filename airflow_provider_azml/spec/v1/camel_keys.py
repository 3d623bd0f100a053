"""Keys of files of CLI v1 that are written in snake_case, as it took them, in camelCase.

Source: azureml-core 1.61, ``RunConfiguration._check_camel_case_keys``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import schema_files

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Marks
    from airflow_provider_azml.spec.source import Source

_HUMP = re.compile(r"_([a-z0-9])")


def in_camel_case(source: Source, schema: str) -> Source:
    """A source whose keys are in camelCase where a schema has them so; names that its author chose stay.

    Args:
        source: The source.
        schema: What says which keys there are.

    Example:
        >>> in_camel_case(source, "v1_runconfig.schema.json").value
        {'nodeCount': 2, 'environmentVariables': {'my_name': 'x'}}
    """
    value, marks = _renamed(source.value, source.marks, schema_files.whole(schema))
    return replace(source, value=value, marks=marks)


def _renamed(value: Any, marks: Marks, schema: Json) -> tuple[Any, Marks]:  # any part of a file
    if not isinstance(value, dict):
        return value, marks
    known: Json = {}
    for branch in (schema, *schema.get("anyOf", ())):
        known |= branch.get("properties", {})
    others = schema.get("additionalProperties")
    made, inside = {}, dict(marks.inside)
    for key, item in value.items():
        name = _name(key, known, value)
        of_item = known.get(name, others if isinstance(others, dict) else {})
        made[name], found = _renamed(item, marks.inside.get(key, marks), of_item)
        if key in inside:
            del inside[key]
            inside[name] = found
    return made, marks._replace(inside=inside)


def _name(key: str, known: Json, value: Json) -> str:
    name = _HUMP.sub(lambda found: found[1].upper(), str(key))
    return name if key not in known and name in known and name not in value else key
