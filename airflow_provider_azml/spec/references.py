"""What a string in an AML file refers to: a registered asset, a compute, a place in the cloud, or a local path.

Source: azure-ai-ml 1.35.2, ``_operation_orchestrator`` and ``_schema.core.fields`` (which forms are taken, which kept).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import labelled, names
from airflow_provider_azml.spec.labelled import Curated, Newest, OfRegistry
from airflow_provider_azml.spec.needs import GroupResource, WorkspaceResource

if TYPE_CHECKING:
    from airflow_provider_azml.spec.needs import Named, Need

PREFIX = "azureml:"
FILE = "file:"
"""Stands before a local path in some places; azure-ai-ml refuses it in others."""
REGISTRIES = ("azureml://registries/", "azureml://feeds/")
"""How ids of what is in a registry begin; the second is the older way."""
_REGISTRY = re.compile(r"^azureml://(registries|feeds)/[^/]+/")
_NEWEST_OF_REGISTRY = re.compile(r"^azureml://registries/([^/]+)/([^/]+)/([^/]+)/labels/latest$")
_CURATED = "AzureML-"
_URL = re.compile(r"^([A-Za-z][A-Za-z0-9+.\-]+://|/subscriptions/)")
_MLFLOW_RUN = re.compile(r"^runs:/")
_GIT = re.compile(r"^git\+")
_VIRTUAL_CLUSTER = re.compile(r"^virtualclusters/([^/]+)$", re.IGNORECASE)
LATEST = labelled.LATEST
_NAME = re.compile(r"^[A-Za-z0-9][\w\-.]{0,80}$", re.ASCII)
_NAME_AND_VERSION = re.compile(r"^[A-Za-z0-9][\w\-.]{0,80}(:[\w\-.]{1,80}|@latest)$", re.ASCII)


class BadReference(ValueError):
    """A string refers to nothing that the service could find; the message says why."""


def asset(text: str, kind: str) -> str | Named | Need:
    """What a reference to a registered asset becomes in a body.

    Args:
        text: ``azureml:<name>:<version>``, ``azureml:<name>@latest``, an ARM id after ``azureml:``, or an
            ``azureml://registries/...`` id.
        kind: Kind of the asset: environment, model, data, component or code.

    Returns:
        The text to send, or what is to be looked up for it.

    Raises:
        BadReference: It has none of these forms.

    Example:
        >>> asset("azureml://registries/azureml/environments/sklearn-1.5/versions/3", "environment")
        'azureml://registries/azureml/environments/sklearn-1.5/versions/3'
    """
    if _REGISTRY.match(text):
        return in_registry(text)
    if not text.startswith(PREFIX):
        raise BadReference(f"{text!r} is no reference to a registered {kind}; write {_meant(text)}")
    rest = text.removeprefix(PREFIX)
    if rest.startswith("/subscriptions/"):
        return rest
    name, at, label = rest.rpartition("@")
    if kind == "environment" and rest.startswith(_CURATED):
        return Curated(name) if at and label == LATEST else text
    if at and ":" not in label:
        if names.is_unfit(name):
            raise BadReference(f"{name!r} is no name of a registered {kind}")
        if label != LATEST:
            raise BadReference(f"{label!r} is no label that can be looked up; {LATEST} is, or give a version")
        return Newest(kind, name)
    name, colon, version = rest.partition(":")
    if not (name and colon and version):
        raise BadReference(f"{text!r} lacks a version; write {PREFIX}<name>:<version> or {PREFIX}<name>@{LATEST}")
    if names.is_unfit(name) or names.is_unfit(version):
        raise BadReference(f"{rest!r} is no name and version of a registered {kind}")
    return WorkspaceResource(kind, (name, version))


def made_by_task(given: object) -> str | None:
    """The reference to an asset that a task has made, where it is given by that task's result, or by its ``id``.

    Args:
        given: The result, with ``id``, or ``name`` and ``version``; or the id. Anything else is none of these.

    Example:
        >>> made_by_task({"name": "iris", "version": "3"})
        'azureml:iris:3'
    """
    if isinstance(given, dict) and "path" in given and "id" not in given:
        return None  # it describes an asset
    found = given.get("id") if isinstance(given, dict) else given
    if isinstance(found, str) and found.startswith("/subscriptions/"):
        return f"{PREFIX}{found}"
    if isinstance(given, dict) and given.get("name") and given.get("version"):
        return f"{PREFIX}{given['name']}:{given['version']}"
    return None


def in_registry(text: str) -> str | Named:
    """What the id of something in a registry becomes in a body: itself, but for the label ``latest``."""
    labelled = _NEWEST_OF_REGISTRY.match(text)
    return OfRegistry(*labelled.groups()) if labelled else text


def _meant(text: str) -> str:
    """What somebody who wrote a name, or a name and a version, will have meant."""
    if _NAME.match(text):
        return f"{PREFIX}{text}@{LATEST}"
    return f"{PREFIX}{text}" if _NAME_AND_VERSION.match(text) else f"{PREFIX}<name>:<version>"


def compute(text: str) -> str | Named | Need:
    """What the name of a compute becomes in a body.

    Args:
        text: A name, with or without ``azureml:``, an ARM id, or ``azureml:virtualClusters/<name>``.
    """
    name = text.removeprefix(PREFIX)
    if name.startswith("/"):
        return name
    cluster = _VIRTUAL_CLUSTER.match(name)
    if cluster:
        return GroupResource(f"Microsoft.MachineLearningServices/virtualclusters/{cluster[1]}")
    return WorkspaceResource("compute", (name,))


def is_remote(path: str) -> bool:
    """Whether a path leads into the cloud, so that it is sent as it is."""
    return bool(_URL.match(path))


def is_arm_id(path: str) -> bool:
    """Whether a path is the ARM id of something, with or without ``azureml:``."""
    return path.removeprefix(PREFIX).startswith("/subscriptions/")


def is_in_registry(path: str) -> bool:
    """Whether a path leads to something in a registry."""
    return bool(_REGISTRY.match(path))


def is_mlflow_run(path: str) -> bool:
    """Whether a path is one of MLflow's ``runs:/`` URIs, which models alone take."""
    return bool(_MLFLOW_RUN.match(path))


def is_registered(path: str) -> bool:
    """Whether a path is a reference to a registered asset rather than a place."""
    return path.startswith(PREFIX) and not path.startswith(f"{PREFIX}//")


def is_git(path: str) -> bool:
    """Whether a path leads into a git repository, which the service takes from nobody."""
    return bool(_GIT.match(path))
