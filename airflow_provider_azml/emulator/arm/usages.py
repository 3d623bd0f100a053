"""What of a region's quota is used: clusters, and the cores of their nodes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.identity import SUBSCRIPTION_ID

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_CLUSTERS = 200
_CORES = 1000
_DS_SIZE = re.compile(r"Standard_DS?(\d+)_v2", re.IGNORECASE)
_SIZE = re.compile(r"Standard_[A-Z]+(\d+)", re.IGNORECASE)


def usages(emulator: Emulator) -> list[Json]:
    """The usages of a location; the emulator has one, and its limits are its own.

    Source: the example of ``Usages_List`` in the 2024-04-01 OpenAPI file.
    """
    below = emulator.store.below(f"/subscriptions/{SUBSCRIPTION_ID}", "computes")
    clusters = [one for one in below if one.get("properties", {}).get("computeType") == "AmlCompute"]
    cores = 0
    for cluster in clusters:
        inner = cluster["properties"]["properties"]
        cores += emulator.computes.clusters.size(cluster["id"]) * cores_of(inner["vmSize"])
    return [
        _usage("totalCores", "Clusters", len(clusters), _CLUSTERS),
        _usage("dedicatedCores", "Total Cluster Dedicated Regional vCPUs", cores, _CORES),
    ]


def cores_of(size: str) -> int:
    """How many cores a VM size has, by its name.

    Source: "Azure virtual machine sizes naming conventions": the number is that of cores, except in the D series up
    to v2, where sizes are counted.

    Example:
        >>> cores_of("STANDARD_DS3_V2"), cores_of("Standard_NC24ads_A100_v4")
        (4, 24)
    """
    if found := _DS_SIZE.fullmatch(size):
        number = int(found[1])
        return 1 << (number - (10 if number > 10 else 1))  # noqa: PLR2004 (DS11 is the second of its own row)
    found = _SIZE.match(size)
    return int(found[1]) if found else 1


def _usage(kind: str, name: str, current: int, limit: int) -> Json:
    return {
        "id": f"/subscriptions/{SUBSCRIPTION_ID}/usages",
        "type": f"Microsoft.MachineLearningServices/{kind}/usages",
        "currentValue": current,
        "limit": limit,
        "name": {"localizedValue": name, "value": name},
        "unit": "Count",
    }
