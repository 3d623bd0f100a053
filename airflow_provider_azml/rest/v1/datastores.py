"""Datastores, as v1 has them: ``azureStorageSection``, ``azureDataLakeSection``...

Source: ``datastore.json`` of the 2019-09-30 OpenAPI files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest.v1 import data_plane

if TYPE_CHECKING:
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane


def each(place: WorkspaceId | DataPlane) -> Flow[list[Json]]:
    """All datastores, without their secrets.

    Source: ``includeSecret`` of ``GET datastores``, which is true unless it is said.
    """
    return (yield from data_plane.pages(place, "datastore", "datastores", params={"includeSecret": "false"}))


def get(place: WorkspaceId | DataPlane, name: str) -> Flow[Json]:
    """A datastore.

    Raises:
        NotFound: There is none.
    """
    return (yield from data_plane.told(place, "datastore", "GET", "datastores", name))


def default(place: WorkspaceId | DataPlane) -> Flow[Json]:
    """The datastore that is taken where none is named."""
    return (yield from data_plane.told(place, "datastore", "GET", "default"))


def set_default(place: WorkspaceId | DataPlane, name: str) -> Flow[None]:
    """Have a datastore taken where none is named."""
    yield from data_plane.ask(place, "datastore", "PUT", "default", name)


def create(place: WorkspaceId | DataPlane, datastore: Json, *, skip_validation: bool = False) -> Flow[None]:
    """Create or replace a datastore.

    Args:
        place: The workspace.
        datastore: ``name``, ``dataStoreType``, and the section of its type.
        skip_validation: Do not try whether it opens.
    """
    params = {"createIfNotExists": "true", "skipValidation": str(skip_validation).lower()}
    name = str(datastore["name"])
    yield from data_plane.ask(place, "datastore", "PUT", "datastores", name, params=params, json=datastore)


def delete(place: WorkspaceId | DataPlane, name: str) -> Flow[None]:
    """Delete a datastore; what it leads to stays."""
    yield from data_plane.ask(place, "datastore", "DELETE", "datastores", name)
