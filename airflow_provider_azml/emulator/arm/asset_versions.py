"""Versions of assets and the containers that hold them, whoever registers one: a client, a job's output or MLflow.

Source: ``nextVersion`` ("next auto incremental version") of the ``*Container`` kinds of the 2024-04-01 OpenAPI file,
and ``dataType``, which those of data have besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_DEFAULT_VERSION, _DEFAULT_LABEL = "azureml_default", "default"


def register(
    store: Store, workspace: WorkspaceId, kind: str, name: str, properties: Json, *, version: str | None = None
) -> Json:
    """Store a version of an asset, under the next number when it has no name of its own, and return its document."""
    version = version or next_version(store, workspace.child(kind, name))
    document = store.put(workspace.child(kind, name, version), {"properties": properties})
    note_version(store, document["id"])
    return document


def next_version(store: Store, container_id: str) -> str:
    """The version that a new one without a name of its own gets: ``nextVersion`` of the container."""
    container = store.get(container_id)
    return str(container["properties"]["nextVersion"]) if container else "1"


def component_version(store: Store, arm_id: str) -> Json | None:
    """A version of a component, by its id or as the default one, which here is always the newest.

    Source: azure-ai-ml 1.35.2 reads the default as the version ``azureml_default``, and has ``labels/default`` in ids.
    """
    container_id, _, version = arm_id.rpartition("/versions/" if arm_id.endswith(_DEFAULT_VERSION) else "/labels/")
    if version in (_DEFAULT_VERSION, _DEFAULT_LABEL):
        return store.newest(f"{container_id}/versions")
    return store.get(arm_id)


def note_version(store: Store, version_id: str) -> None:
    """Keep the container of a new version: it appears with the first one, and counts on from the highest number."""
    container_id, _, version = version_id.rpartition("/versions/")
    following = next_version(store, container_id)
    if version.isdecimal() and int(version) >= int(following):
        following = str(int(version) + 1)
    if store.get(container_id) is None:
        first = (store.get(version_id) or {}).get("properties", {})
        empty: Json = {"description": None, "tags": {}, "properties": {}, "isArchived": False}
        of_type = {"dataType": first["dataType"]} if "dataType" in first else {}
        store.put(container_id, {"properties": {**empty, **of_type, "nextVersion": following}})
    else:
        store.update(container_id, lambda document: document["properties"].update(nextVersion=following))
