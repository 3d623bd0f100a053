"""Environments: standing alone, named inside another file, or without a name of their own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import local_paths, references, validate, yaml_text
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.needs import Asset, Local
from airflow_provider_azml.spec.rules import Rule, integer, lower, mapping, nested, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

ANONYMOUS = "CliV2AnonymousEnvironment"
_WEB = re.compile(r"(https?|ftps?)://", re.IGNORECASE)
"""What azure-ai-ml takes for the URL of a folder to build from."""
_ROUTE = nested((Rule("path", "path"), Rule("port", "port", integer)))
_RULES = (
    Rule("description", "description"),
    Rule("image", "image"),
    Rule("os_type", "osType", lower),
    Rule("tags", "tags", sendable),
    Rule(
        "inference_config",
        "inferenceConfig",
        nested((
            Rule("liveness_route", "livenessRoute", _ROUTE),
            Rule("readiness_route", "readinessRoute", _ROUTE),
            Rule("scoring_route", "scoringRoute", _ROUTE),
        )),
    ),
)


def properties(source: Source, path: Path = (), *, anonymous: bool = False) -> Json:
    """The ``properties`` of an environment version.

    Args:
        source: The file that holds it.
        path: Where in the file it stands.
        anonymous: Whether it has no name of its own.
    """
    value = mapping(source.value_at(path))
    body = translated(value, _RULES)
    conda = _conda(source, value)
    if conda:
        body["condaFile"] = _dumped(conda)
    if value.get("build"):
        body["build"] = _build(source, value)
    return {**body, "isAnonymous": anonymous, "isArchived": False}


def used(source: Source, path: Path, *, may_be_named: bool) -> str | Named | Need:
    """What stands for the environment that something runs in.

    Args:
        source: The file that uses it.
        path: Where it says so.
        may_be_named: Whether an environment in the file that has a name is registered under it. Jobs ignore the name.
    """
    value = source.value_at(path)
    if isinstance(value, str) and value.startswith(references.FILE):
        return used(source.pulled(value), (), may_be_named=may_be_named)
    if isinstance(value, str):
        return references.asset(value, "environment")
    given = mapping(value)
    if may_be_named and given.get("name"):
        version = given.get("version")
        body = {"properties": properties(source, path)}
        return Asset("environment", str(given["name"]), None if version is None else str(version), body)
    body = {"properties": properties(source, path, anonymous=True)}
    return Asset("environment", ANONYMOUS, _anonymous_version(source, given), body, keep=True)


def problems(source: Source, path: Path = ()) -> Iterator[Problem]:
    """What is wrong with an environment, or with a reference to one, besides what its schema says."""
    value = source.value_at(path)
    if isinstance(value, str) and value.startswith(references.FILE):
        yield from _file_problems(source, path, value)
    elif isinstance(value, str):
        yield from reference_problems(source, path, value, "environment")
    elif isinstance(value, dict):
        yield from _problems(source, path, value)


def reference_problems(source: Source, path: Path, text: str, kind: str) -> Iterator[Problem]:
    """What is wrong with a reference to a registered asset."""
    try:
        references.asset(text, kind)
    except references.BadReference as error:
        yield source.problem(path, str(error))


def _file_problems(source: Source, path: Path, file: str) -> Iterator[Problem]:
    try:
        pulled = source.pulled(file)
    except SpecError as error:
        yield from _named_here(source, path, error)
        return
    yield from validate.problems(pulled, "environment.schema.json")
    yield from problems(pulled)


def _named_here(source: Source, path: Path, error: SpecError) -> Iterator[Problem]:
    """The problems of a file at their own place and with where it is named; at that alone where they have no place."""
    for found in error.problems:
        if found.line:
            named = source.problem(path, "")
            place = f"{named.file}:{named.line}:{named.column}" if named.line else named.file
            yield replace(found, reason=f"{found.reason} (named at {place}: {named.path})")
        else:
            yield source.problem(path, f"{found.file}: {found.reason}")


def _problems(source: Source, path: Path, value: Json) -> Iterator[Problem]:
    build = value.get("build")
    if value.get("image") and build:
        yield source.problem((*path, "build"), "an image or a build, not both", at_key=True)
    if not value.get("image") and not build:
        yield source.problem(path, "an environment needs an image, or a build", at_key=True)
    if isinstance(build, dict) and isinstance(build.get("path"), str):
        where = build["path"]
        yield from local_paths.problems(source, (*path, "build", "path"), where)
        if references.is_remote(where) and not _WEB.match(where):
            yield source.problem((*path, "build", "path"), f"is {where!r}; it must be a local folder, or an https URL")
    if isinstance(value.get("conda_file"), str):
        try:
            _conda(source, value)
        except SpecError as error:
            yield from _named_here(source, (*path, "conda_file"), error)


def _build(source: Source, value: Json) -> Json:
    build = value["build"]
    body = translated(build, (Rule("dockerfile_path", "dockerfilePath"),))
    where = build.get("path")
    if where:
        remote = references.is_remote(where)
        datastore = _datastore(value)
        body["contextUri"] = where if remote else Local(local_paths.taken(source, where), "url", "/", datastore)
    return body


def _datastore(value: Json) -> str:
    return str(value.get("datastore") or Local.datastore).removeprefix(references.PREFIX)


def _conda(source: Source, value: Json) -> Any:  # a conda file is any YAML
    """The content of the conda file; it is not a template, so that it is the same for everybody who uses it."""
    conda = value.get("conda_file")
    if not isinstance(conda, str):
        return conda
    file = source.local(conda)
    return yaml_text.parse(sources.text_of(file), str(source.shown(conda)))[0]


def _dumped(value: object) -> str:
    import yaml

    return str(yaml.safe_dump(value, sort_keys=True))


def _anonymous_version(source: Source, value: Json) -> str:
    """A version that says what the environment holds, the same that azure-ai-ml makes, so that images are shared.

    Source: azure-ai-ml 1.35.2, ``_generate_anonymous_name_version``: what was made so far is the separator between the
    characters of the next hash.
    """
    build = value.get("build")
    if build and build.get("path") and not references.is_remote(build["path"]):
        parts = [local_paths.taken(source, build["path"]).object_hash(), build.get("dockerfile_path")]
    else:
        inference, conda = value.get("inference_config"), _conda(source, value)
        parts = [
            value.get("image") or str((build or {}).get("path")),
            _dumped(inference) if inference else None,
            _dumped(conda) if conda else None,
        ]
    text = ""
    for part in filter(None, parts):
        text = text.join(_sha256(part))
    return _sha256(text)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
