"""Versions of assets that name none: how a later try finds the one that an earlier try made."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Send, call, request
from airflow_provider_azml.spec.target import SUBMISSION

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.spec.target import Target

_log = logging.getLogger(__name__)
_CLOCK_SKEW = timedelta(hours=1)
"""How far the clock of who submits may be ahead of the service's."""


def marked(body: Json, target: Target) -> Json:
    """The body of a version, with the tag by which :func:`made_for` finds it; without a seed as it is."""
    if target.seed is None:
        return body
    properties = body["properties"]
    return {**body, "properties": {**properties, "tags": {**(properties.get("tags") or {}), SUBMISSION: target.seed}}}


def made_for(container_id: str, target: Target) -> Flow[Json | None]:
    """The version of an asset that was made for the target's seed, if one was.

    Versions are read newest first, back to where the submission can have begun: an asset with thousands costs no more
    than one.

    Args:
        container_id: ARM id of the asset, without a version.
        target: Where it is; with the seed, and the moment before which nothing was made for it.
    """
    if target.seed is None:
        return None
    oldest = (target.since - _CLOCK_SKEW).strftime("%Y-%m-%dT%H:%M:%S") if target.since else ""
    url: str | None = f"{container_id}/versions"
    params = {**flows.version_of(container_id), "$orderBy": "createdtime desc"}
    while url:
        try:
            response = yield from call(Send(request("GET", url, params=params)))
        except NotFound:  # nothing of that name was ever registered
            return None
        page: Json = response.json()
        for version in page.get("value") or ():
            if (version["properties"].get("tags") or {}).get(SUBMISSION) == target.seed:
                _log.info("Version %s was made before", version["name"])
                found: Json = version
                return found
            if str((version.get("systemData") or {}).get("createdAt") or oldest)[: len(oldest)] < oldest:
                return None
        url, params = page.get("nextLink"), {}
    return None
