"""Assets and datastores of 2021-03-01-preview as today's interface takes them.

Source: ``DataVersion``, ``CodeVersion``, ``ModelVersion``, ``EnvironmentSpecificationVersion`` and
``DatastoreProperties`` of that version's ``mfe.json``, and their equals of 2024-04-01.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import datasets, mltable_files, unsayable
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_KEPT = ("description", "isAnonymous", "properties", "tags")
_DATASTORES: Mapping[str, str] = {
    "azureblob": "AzureBlob",
    "azuredatalakegen1": "AzureDataLakeGen1",
    "azuredatalakegen2": "AzureDataLakeGen2",
    "azurefile": "AzureFile",
}
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "azureblob": {"accountName": "accountName", "containerName": "containerName"},
    "azuredatalakegen1": {"storeName": "storeName"},
    "azuredatalakegen2": {"accountName": "accountName", "containerName": "filesystem"},
    "azurefile": {"accountName": "accountName", "containerName": "fileShareName"},
}
_CREDENTIALS: Mapping[str, str] = {
    word.lower(): word for word in ("AccountKey", "Certificate", "None", "Sas", "ServicePrincipal")
}
_NO_DOCKERFILE = (
    "today's interface builds from a folder in storage; put the Dockerfile into one, and send build: {contextUri, "
    "dockerfilePath}"
)
_UNSAYABLE = (
    Unsayable(("linkedInfo",), "today's interface knows no linked services"),
    Unsayable(("isDefault",), "today's interface makes no datastore the workspace's own", (False,)),
)


@dataclass(frozen=True)
class Known:
    """What the workspace alone knows of what a body names.

    Args:
        data_types: ARM id of a version of data, in lower case -> its type; those that are not here are folders.
        containers: ARM id of a datastore, in lower case -> URL of its container.
    """

    data_types: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, str] = field(default_factory=dict)

    def data_type(self, arm_id: str) -> str:
        """The type of a version of data."""
        return self.data_types.get(arm_id.lower(), "uri_folder")


def located_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with where an asset is."""
    store, path = source.value.get("datastoreId"), source.value.get("path")
    if not is_unset(store) and not is_datastore(store):
        yield source.problem(("datastoreId",), f"is {store!r:.120}; it must be the ARM id of a datastore")
    if is_unset(store) and isinstance(path, str) and "://" not in path:
        yield source.problem(("path",), f"is {path!r:.80}; without datastoreId it must be a URL")


def data_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a version of data, besides what its schema says."""
    yield from located_problems(source)
    if lower(source.value.get("datasetType") or "") == "dataflow":
        reason = "is Dataflow, of which there is no equal today; write an MLTable file, and register it as mltable"
        yield source.problem(("datasetType",), reason)
    path = source.value.get("path")
    if isinstance(path, str) and path and datasets.place_of(path).word == "pattern":
        yield source.problem(("path",), "is a pattern; today a folder or a file is registered, or an MLTable file")


def environment_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a version of an environment, besides what its schema says."""
    docker = source.at("docker")
    if lower(docker.value.get("dockerSpecificationType") or "") == "build":
        yield docker.problem(("dockerfile",), _NO_DOCKERFILE, at_key=True)
    elif is_unset(docker.value.get("dockerImageUri")):
        yield docker.problem((), "lacks dockerImageUri: the image", at_key=True)


def datastore_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a datastore, besides what its schema says."""
    yield from unsayable.problems(source, _UNSAYABLE)
    contents = source.at("contents")
    kind = lower(contents.value.get("contentsType") or "")
    if kind not in _DATASTORES:
        told = ", ".join(_DATASTORES.values())
        reason = f"is {contents.value.get('contentsType')!r:.80}; today there are {told}"
        yield contents.problem(("contentsType",), reason)
    for key in _FIELDS.get(kind, ()):
        if is_unset(contents.value.get(key)):
            yield contents.problem((), f"lacks {key}", at_key=True)
    if is_unset(contents.value.get("credentials")):
        yield contents.problem((), "lacks credentials", at_key=True)
    elif lower(contents.value_at(("credentials", "credentialsType"))) not in _CREDENTIALS:
        yield contents.problem(("credentials", "credentialsType"), "is for databases, which are no datastores today")


def data(source: Source, _known: Known) -> Json:
    """The properties of a version of data."""
    uri = _uri(source)
    return {**_kept(source), "dataType": f"uri_{datasets.place_of(uri).word}", "dataUri": uri}


def code(source: Source, known: Known) -> Json:
    """The properties of a version of code."""
    container = known.containers.get(str(source.value.get("datastoreId")).lower())
    path = str(source.value["path"]).strip("/")
    return {**_kept(source), "codeUri": f"{container}/{path}" if container else _uri(source)}


def model(source: Source, _known: Known) -> Json:
    """The properties of a version of a model."""
    flavors = mapping(source.value.get("flavors"))
    kind = "mlflow_model" if "python_function" in flavors else "custom_model"
    return {**_kept(source), "modelType": kind, "modelUri": _uri(source), "flavors": flavors or None}


def environment(source: Source, _known: Known) -> Json:
    """The properties of a version of an environment."""
    docker = source.at("docker")
    return {
        **_kept(source),
        "image": docker.value["dockerImageUri"],
        "osType": str(docker.value_at(("platform", "operatingSystemType")) or "Linux").title(),
        "condaFile": source.value.get("condaFile"),
        "inferenceConfig": source.value.get("inferenceContainerProperties"),
    }


def datastore(source: Source, _known: Known) -> Json:
    """The properties of a datastore."""
    contents = source.at("contents").value
    kind = lower(contents["contentsType"])
    credentials = contents["credentials"]
    return {
        **_kept(source),
        "datastoreType": _DATASTORES[kind],
        **{new: contents[old] for old, new in _FIELDS[kind].items()},
        **{key: contents.get(key) for key in ("endpoint", "protocol")},
        "credentials": {**credentials, "credentialsType": _CREDENTIALS[lower(credentials["credentialsType"])]},
    }


def _kept(source: Source) -> Json:
    return {key: source.value[key] for key in _KEPT if source.value.get(key) is not None}


def is_datastore(arm_id: object) -> bool:
    """Whether something is the ARM id of a datastore."""
    try:
        return arm_ids.parse(str(arm_id)).kind == "datastore"
    except ValueError:
        return False


def _uri(source: Source) -> str:
    """Where an asset is: a path of a datastore with its workspace, or a URL."""
    store, path = source.value.get("datastoreId"), str(source.value["path"])
    if is_unset(store):
        return path
    named = arm_ids.parse(str(store))
    return mltable_files.uri(f"azureml://datastores/{named.name}/paths/{path.lstrip('/')}", named.workspace)
