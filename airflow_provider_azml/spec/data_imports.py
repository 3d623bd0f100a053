"""Data imports: tables and files that the service fetches from elsewhere, once or by a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.rules import Rule, each, lower, nested, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

SCHEMA = "schedule.schema.json#/$defs/import_data"
_RUN = "${{name}}"
"""What the service puts the job's name in for."""
_PARAMETER = nested((Rule("name", "name"), Rule("value", "value"), Rule("type", "type")))
_SOURCE_RULES = (
    Rule("type", "sourceType", lower),
    Rule("connection", "connection"),
    Rule("query", "query"),
    Rule("stored_procedure", "storedProcedure"),
    Rule("stored_procedure_params", "storedProcedureParams", each(_PARAMETER)),
    Rule("table_name", "tableName"),
    Rule("path", "path"),
)
"""azure-ai-ml 1.35.2 loses all that a database is asked for but a query; the service has fields for it."""
_RULES = (
    Rule("name", "assetName"),
    Rule("path", "dataUri"),
    Rule("source", "source", nested(_SOURCE_RULES)),
)


def definition(source: Source, path: Path) -> Json:
    """What is sent for the data import at a path of a file, or in the file that is named there."""
    value = _imported(source, path).value
    return {"dataType": "uri_folder", "isAnonymous": False, "isArchived": False, **translated(value, _RULES)}


def job(source: Source, path: Path) -> Json:
    """The pipeline job that imports once what a schedule imports again and again, with the keys of its file.

    Source: azure-ai-ml 1.35.2, ``data.import_data``.
    """
    value = _imported(source, path).value
    name = f"data_import_{value['name']}"
    from_database = lower(value["source"]["type"]) == "database"
    where = str(value["path"])
    sink = {
        "type": "mltable" if from_database else "uri_folder",
        "path": where if _RUN in where else f"{where.rstrip('/')}/{_RUN}",
        "name": value["name"],
    }
    node = {
        "type": "data_transfer",
        "task": "import_data",
        "display_name": name,
        "description": value.get("description") or name,
        "compute": "serverless",
        "source": value["source"],
        "outputs": {"sink": sink if "version" not in value else {**sink, "version": value["version"]}},
    }
    return {
        "type": "pipeline",
        "description": value.get("description") or name,
        "experiment_name": name,
        "tags": value.get("tags") or {},
        "properties": {**(value.get("properties") or {}), "azureml.materializationAssetName": value["name"]},
        "settings": {"force_rerun": True},
        "jobs": {name: node},
    }


def problems(source: Source, path: Path) -> Iterator[Problem]:
    """What is wrong with a data import besides what the schema of the file says."""
    named = source.value_at(path)
    try:
        imported = _imported(source, path)
    except SpecError as error:
        yield from error.problems
        return
    if isinstance(named, str):
        yield from validate.problems(imported, SCHEMA)
    where = imported.value.get("path")
    if isinstance(where, str) and "://" not in where:
        yield imported.problem(("path",), f"{where!r:.80} is no place in a datastore; write azureml://datastores/...")


def _imported(source: Source, path: Path) -> Source:
    named = source.value_at(path)
    return source.pulled(named, at=path) if isinstance(named, str) else source.at(*path)
