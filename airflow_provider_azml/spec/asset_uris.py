"""``azml://`` URIs: what Airflow calls the assets of Azure ML.

Light, for Airflow calls :func:`sanitize_uri` in every process that sees such a URI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from urllib.parse import SplitResult

SCHEME = "azml"
_PLACES = {"data": "data", "model": "models"}
"""Kind of an asset -> where it is found in a workspace."""
_FORMS = "azml://data/<name> or azml://models/<name>"


def asset_uri(kind: str, name: str) -> str:
    """The URI of an asset, which all its versions share; the workspace is not in it, for the connection names that.

    Args:
        kind: ``data`` or ``model``.
        name: The asset's name.

    Example:
        >>> asset_uri("model", "churn")
        'azml://models/churn'
    """
    return f"{SCHEME}://{_PLACES[kind]}/{quote(name)}"


def asset_name(uri: str) -> str:
    """The name of the asset of such a URI.

    Example:
        >>> asset_name("azml://models/churn")
        'churn'
    """
    return unquote(uri.rpartition("/")[2])


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """An ``azml://`` URI in the one form that Airflow is to keep.

    Args:
        uri: The URI, taken apart.

    Raises:
        ValueError: It names no data and no model.

    Source: ``asset-uris`` of Airflow's ``provider_info.schema.json``; Airflow calls it for every asset of the scheme.
    """
    place, name = uri.netloc.lower(), unquote(uri.path).strip("/")
    if place not in _PLACES.values() or not name or "/" in name:
        hint = "; the version is in the extra of each event" if "/" in name else ""
        raise ValueError(f"{uri.geturl()!r} is no URI of an asset of Azure ML; write {_FORMS}{hint}")
    return uri._replace(netloc=place, path=f"/{quote(name)}", query="", fragment="")
