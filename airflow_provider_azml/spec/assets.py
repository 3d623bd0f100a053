"""Data assets and models."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import local_paths, references, yaml_text
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.environments import reference_problems
from airflow_provider_azml.spec.local_paths import is_file, is_folder
from airflow_provider_azml.spec.made_tables import MLTABLE, MadeTable
from airflow_provider_azml.spec.needs import Asset, Local, LongUri
from airflow_provider_azml.spec.rules import Rule, each, lower, nested, sendable, texts, translated, words
from airflow_provider_azml.spec.v1 import mltable_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

_LOCAL = re.compile(r"\.{1,2}(/|$)|/(?!subscriptions/)", re.IGNORECASE)
"""Paths that are plainly meant to be local ones."""
_CONDITIONS = {"created_greater_than": "createdGreaterThan", "last_accessed_greater_than": "lastAccessedGreaterThan"}
_AUTO_DELETE = nested((
    Rule("condition", "condition", words(_CONDITIONS), default="created_greater_than"),
    Rule("value", "value"),
))
_DATA_RULES = (
    Rule("description", "description"),
    Rule("tags", "tags", sendable),
    Rule("type", "dataType", default="uri_folder"),
    Rule("auto_delete_setting", "autoDeleteSetting", _AUTO_DELETE),
)
_TEMPLATE = each(lambda template: translated(template, (Rule("asset_id", "assetId"),)))
_MODEL_RULES = (
    Rule("description", "description"),
    Rule("tags", "tags", texts),
    Rule("properties", "properties", texts),
    Rule("type", "modelType", lower, default="custom_model"),
    Rule("flavors", "flavors", each(lambda flavor: {"data": sendable(flavor)})),
    Rule("stage", "stage"),
    Rule("default_deployment_template", "defaultDeploymentTemplate", lambda value: _TEMPLATE([value])[0]),
    Rule("allowed_deployment_templates", "allowedDeploymentTemplates", _TEMPLATE),
)


_TEMPLATE_KEYS = {"default_deployment_template", "allowed_deployment_templates"}


def data_properties(source: Source) -> Json:
    """The ``properties`` of a data version."""
    value = source.value
    body = translated(value, _DATA_RULES)
    path = str(value["path"])
    if references.is_remote(path):
        body["dataUri"] = path
    else:
        local = Local(local_paths.taken(source, path), datastore=_datastore(value), asset=_asset(value))
        body["dataUri"] = local
        if body["dataType"] == "mltable":
            body["referencedUris"] = _referenced(source, path)
            if mltable_files.is_made(sources.text_of(source.local(path) / MLTABLE)):
                body["dataUri"] = MadeTable(local)
                body["referencedUris"] = [
                    LongUri(uri) if mltable_files.is_short(uri) else uri for uri in body["referencedUris"]
                ]
    return {**body, "isAnonymous": not value.get("name"), "isArchived": False}


def model_properties(source: Source, path: Path = (), *, anonymous: bool = False) -> Json:
    """The ``properties`` of a model version."""
    value = source.value_at(path)
    value = value if isinstance(value, dict) else {}
    body = translated(value, _MODEL_RULES)
    body["modelUri"] = _model_uri(source, value, str(value["path"]))
    if value.keys() & _TEMPLATE_KEYS:
        body.pop("stage", None)  # the service's models with templates have no stage (azure-ai-ml)
    return {**body, "isAnonymous": anonymous, "isArchived": False}


def used_model(source: Source, path: Path) -> str | Named | Need:
    """What stands for the model that something uses: a registered one, or one that its file brings along."""
    value = source.value_at(path)
    if isinstance(value, str):
        return references.asset(value, "model")
    mapping = value if isinstance(value, dict) else {}
    if mapping.get("name"):
        version = mapping.get("version")
        body = {"properties": model_properties(source, path)}
        return Asset("model", str(mapping["name"]), None if version is None else str(version), body)
    body = {"properties": model_properties(source, path, anonymous=True)}
    return Asset("model", _anonymous_name(source, mapping), "1", body, keep=True)


def data_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a data asset besides what its schema says."""
    value = source.value
    path = value.get("path")
    if not isinstance(path, str) or references.is_remote(path):
        return
    found = list(local_paths.problems(source, ("path",), path))
    yield from found
    if found:
        return
    kind, local = value.get("type", "uri_folder"), source.local(path)
    if kind == "uri_file" and not is_file(local):
        yield source.problem(("path",), f"{path} is a folder, but type is uri_file")
    if kind == "uri_folder" and not is_folder(local):
        yield source.problem(("path",), f"{path} is a file, but type is uri_folder; write type: uri_file")
    if kind == "mltable":
        try:
            _referenced(source, path)
        except SpecError as error:
            for problem in error.problems:
                yield source.problem(("path",), f"{problem.file}: {problem.reason}")


def model_problems(source: Source, path: Path = ()) -> Iterator[Problem]:
    """What is wrong with a model, or with a reference to one, besides what its schema says."""
    value = source.value_at(path)
    if isinstance(value, str):
        if _LOCAL.match(value):
            reason = f"{value!r:.80} is no reference to a registered model; for local files write model:"
            yield source.problem(path, f"{reason} {{path: {value:.80}}}")
        else:
            yield from reference_problems(source, path, value, "model")
    elif isinstance(value, dict) and isinstance(value.get("path"), str):
        yield from _model_path_problems(source, (*path, "path"), value)


def _model_path_problems(source: Source, path: Path, value: Json) -> Iterator[Problem]:
    where = value["path"]
    if references.is_mlflow_run(where):
        return
    yield from local_paths.problems(source, path, where)
    if lower(value.get("type")) == "mlflow_model" and not references.is_remote(where) and is_file(source.local(where)):
        yield source.problem(path, f"{where} is a file; an MLflow model is a folder")


def _model_uri(source: Source, value: Json, where: str) -> str | Named | Need:
    if where.startswith("azureml://datastores/"):
        return LongUri(where)
    if references.is_remote(where) or references.is_mlflow_run(where):
        return where
    return Local(local_paths.taken(source, where), "long", datastore=_datastore(value), asset=_asset(value))


def _asset(value: Json) -> tuple[str, str] | None:
    """Name and version, where both are given; uploads are marked with them."""
    return (str(value["name"]), str(value["version"])) if value.get("name") and value.get("version") else None


def _datastore(value: Json) -> str:
    return str(value.get("datastore") or Local.datastore).removeprefix(references.PREFIX)


def _anonymous_name(source: Source, value: Json) -> str:
    """A name that says what the model holds.

    Source: azure-ai-ml 1.35.2: the SHA-256 of the hash of the files.
    """
    where = str(value.get("path"))
    remote = references.is_remote(where) or references.is_mlflow_run(where)
    digest = where if remote else local_paths.taken(source, where).object_hash()
    return hashlib.sha256(digest.encode()).hexdigest()


def _referenced(source: Source, path: str) -> list[str]:
    """The places that an MLTable names."""
    file = source.local(path) / MLTABLE
    table, _ = yaml_text.parse(sources.text_of(file), f"{path.rstrip('/')}/{MLTABLE}")
    places = table.get("paths") if isinstance(table, dict) else None
    uris = [uri for place in places or () if isinstance(place, dict) for uri in place.values() if isinstance(uri, str)]
    return list(dict.fromkeys(uris))
