"""Values that jobs have written: outputs of type boolean, integer, number or string, and small files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.rest.listed_blobs import read_blob

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.clouds import Cloud
    from airflow_provider_azml.rest.flows import Flow

PROPERTY = "azureml.pipeline.control"
_IN_A_FOLDER = "output"


def values_in(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a job has told run history: output -> value.

    Args:
        properties: ``properties`` of its run.

    Example:
        >>> values_in({"azureml.pipeline.control": '{"again": true}', "azureml.pipeline.control.round": "3"})
        {'again': True, 'round': '3'}

    Source: mldesigner 0.1.0b23, which writes them there: ``finalize`` those that are there at the end, as JSON, and
    ``ready`` each of those that are ``early_available``.
    """
    early = {key.removeprefix(f"{PROPERTY}."): value for key, value in properties.items() if key.startswith(PROPERTY)}
    try:
        late = json.loads(early.pop(PROPERTY, "{}"))
    except ValueError:
        late = {}
    return {**(late if isinstance(late, dict) else {}), **early}


def text_at(workspace: WorkspaceId, cloud: Cloud, uri: str) -> Flow[str]:
    """The text of a small file in a datastore.

    Args:
        workspace: Whose datastore.
        cloud: The cloud that it is in.
        uri: Where it is, ``azureml://datastores/<datastore>/paths/<path>``, also in the long form.

    Raises:
        NotFound: There is no such file.
        ApiError: The service refused.

    Source: mldesigner 0.1.0b23: a value goes to the file that the output is, or to ``output`` in the folder.
    """
    found = datastores.files_of(uri)
    if found is None or not found.path:
        raise _missing(uri, "that is no place in a datastore")
    container = yield from datastores.opened(workspace, cloud, found.datastore, act="values are read from")
    path = found.path.rstrip("/")
    for name in (path, f"{path}/{_IN_A_FOLDER}"):
        text = yield from read_blob(container, name)
        if text is not None:
            return text
    raise _missing(uri, "there is no such file")


def _missing(uri: str, reason: str) -> NotFound:
    return NotFound(method="GET", url=uri, status=None, code="BlobNotFound", message=reason)
