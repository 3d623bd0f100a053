"""What a region has: sizes of machines, and how much of the quota of each family of them is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.flows import Send, call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.rest.flows import Flow, Json

_API_VERSION = "2024-04-01"
_OF_FAMILY = "/vmFamily/usages"
_NO_WORD = re.compile(r"[^a-z0-9]")


def listed(subscription_id: str, location: str) -> Flow[list[Json]]:
    """The sizes that Azure ML takes in a region: ``name``, ``family``, ``vCPUs``, ``memoryGB``...

    Args:
        subscription_id: The subscription.
        location: The region.

    Raises:
        ApiError: They cannot be listed, e.g. because the identity has no role on the subscription.

    Source: ``VirtualMachineSizes_List`` of the 2024-04-01 OpenAPI file: "supported VM Sizes in a location".
    """
    path = f"{_location(subscription_id, location)}/vmSizes"
    sent = flows.request("GET", path, params={"api-version": _API_VERSION})
    body = flows.json_object(sent, (yield from call(Send(sent))))
    found: list[Json] = list(body.get("value") or ())
    return found


def named(sizes: Sequence[Json], name: str) -> Json | None:
    """The size of a name, in any case; ``None`` where there is none."""
    return next((one for one in sizes if str(one.get("name")).lower() == name.lower()), None)


def usage_of(subscription_id: str, location: str, family: str) -> Flow[tuple[int, int] | None]:
    """Cores of a family that are used in a region, and how many may be; ``None`` where the service tells none.

    Args:
        subscription_id: The subscription.
        location: The region.
        family: As sizes are listed with, e.g. ``standardDSv2Family``.

    Raises:
        ApiError: Usages cannot be listed.

    Source: the example of ``Usages_List`` in the 2024-04-01 OpenAPI file: a family is called there
    ``Standard DSv2 Family Cluster Dedicated vCPUs``.
    """
    path = f"{_location(subscription_id, location)}/usages"
    usages = yield from flows.pages(path, api_version=_API_VERSION)
    wanted = _plain(family)
    for one in usages:
        told = (one.get("name") or {}).get("value") or ""
        if str(one.get("type")).endswith(_OF_FAMILY) and wanted and _plain(told).startswith(wanted):
            return int(one["currentValue"]), int(one["limit"])
    return None


def _location(subscription_id: str, location: str) -> str:
    region = location.replace(" ", "").lower()
    return f"/subscriptions/{subscription_id}/providers/Microsoft.MachineLearningServices/locations/{region}"


def _plain(text: str) -> str:
    return _NO_WORD.sub("", text.lower())
