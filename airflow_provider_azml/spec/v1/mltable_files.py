"""``MLTable`` files, which say how a table is read from files.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/MLTable.schema.json"
_SCHEME = "azureml://"
_SHORT = "azureml://datastores/"


def text(paths: Sequence[Mapping[str, str]], transformations: Sequence[Json]) -> str:
    """The text of a file.

    Args:
        paths: Where its files are, each by ``file``, ``folder`` or ``pattern``.
        transformations: What is done with them, in this order; without any it is a table of files.

    Example:
        >>> print(text([{"file": "https://example.com/iris.csv"}], [{"read_delimited": {"delimiter": ","}}]))
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
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def is_short(uri: str) -> bool:
    """Whether a URI names a datastore without its workspace, which tells a table nothing."""
    return uri.startswith(_SHORT)


def uri(of: str, workspace: str | None) -> str:
    """A URI as a table needs it: a datastore with its workspace.

    Args:
        of: The URI.
        workspace: ARM id of the workspace; ``None`` leaves the URI as it is.
    """
    if workspace is None or not is_short(of):
        return of
    named = arm_ids.parse(workspace)
    above = f"subscriptions/{named.subscription_id}/resourcegroups/{named.resource_group}/workspaces/{named.name}"
    return f"{_SCHEME}{above}/{of.removeprefix(_SCHEME)}"
