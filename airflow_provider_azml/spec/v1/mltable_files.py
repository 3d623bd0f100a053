"""``MLTable`` files, which say how a table is read from files.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/MLTable.schema.json"
_WIDE = 10_000
_SHORT = "azureml://datastores/"
_IN_TEXT = re.compile(re.escape(_SHORT))
_MADE = "# Made for a dataset of CLI v1; where it is registered, datastores get the workspace that a table needs.\n"
"""What a file begins with whose datastores are completed when it is uploaded; files of others are left alone."""


def text(paths: Sequence[Mapping[str, str]], transformations: Sequence[Json]) -> str:
    """The text of a file.

    Args:
        paths: Where its files are, each by ``file``, ``folder`` or ``pattern``.
        transformations: What is done with them, in this order; without any it is a table of files.

    Example:
        >>> print(text([{"file": "https://example.com/iris.csv"}], [{"read_delimited": {"delimiter": ","}}]))
        # Made for a dataset of CLI v1; where it is registered, datastores get the workspace that a table needs.
        $schema: https://azuremlschemas.azureedge.net/latest/MLTable.schema.json
        type: mltable
        paths:
        - file: https://example.com/iris.csv
        transformations:
        - read_delimited:
            delimiter: ','
    """
    import yaml

    content: Json = {"$schema": _SCHEMA, "type": "mltable", "paths": [dict(path) for path in paths]}
    if transformations:
        content["transformations"] = list(transformations)
    return _MADE + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=_WIDE))


def is_made(text: str) -> bool:
    """Whether a file was made here, so that its datastores are to be completed."""
    return text.startswith(_MADE)


def completed(text: str, workspace: WorkspaceId) -> str:
    """The text of a file with the workspace of each datastore, the only form in which a table may name one.

    Args:
        text: The text of a file that was made here.
        workspace: The workspace that it is registered in.
    """
    return _IN_TEXT.sub(_above(workspace), text)


def is_short(uri: str) -> bool:
    """Whether a URI names a datastore without its workspace, which tells a table nothing."""
    return uri.startswith(_SHORT)


def uri(of: str, workspace: WorkspaceId) -> str:
    """A URI of a datastore with its workspace; any other as it is.

    Example:
        >>> uri("azureml://datastores/blobs/paths/iris.csv", WorkspaceId("s", "rg", "ws"))
        'azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/blobs/paths/iris.csv'
    """
    return _above(workspace) + of.removeprefix(_SHORT) if is_short(of) else of


def _above(workspace: WorkspaceId) -> str:
    return (
        f"azureml://subscriptions/{workspace.subscription_id}/resourcegroups/{workspace.resource_group}"
        f"/workspaces/{workspace.name}/datastores/"
    )
