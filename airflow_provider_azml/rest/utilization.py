"""How busy the machines of an online deployment are, as Azure Monitor tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import arm_ids, flows, vm_sizes
from airflow_provider_azml.rest.flows import Sleep, call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Flow, Json

_CPU, _MEMORY = "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage"
_API_VERSION = "2018-01-01"
_LOOK_AGAIN_SECONDS = 15.0
_HUNDRED = 100


@dataclass(frozen=True)
class Peak:
    """What was used at most, of each instance.

    Args:
        cores: Cores that were busy; ``None`` where it is not known.
        memory_gb: GB of memory; ``None`` where it is not known.
    """

    cores: float | None
    memory_gb: float | None


def peak(deployment: Json, since: datetime, *, patience_seconds: float) -> Flow[Peak]:
    """What the machines of a deployment have used at most since a moment.

    Azure Monitor tells of each minute, some minutes later; it is asked until it tells, or the patience is over. What
    the machines themselves need besides the model is part of it.

    Args:
        deployment: The deployment, as Resource Manager shows it.
        since: When the load began.
        patience_seconds: How long to ask, in seconds.

    Raises:
        ApiError: Azure Monitor refused, e.g. because the identity may not read metrics.

    Sources: https://learn.microsoft.com/rest/api/monitor/metrics/list;
    https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-deployments-metrics
    """
    machine = yield from _machine(deployment)
    if machine is None:
        return Peak(None, None)
    asked = 0.0
    while True:
        shares = yield from _shares(deployment["id"], since)
        if len(shares) == len((_CPU, _MEMORY)) or asked >= patience_seconds:
            break
        yield Sleep(_LOOK_AGAIN_SECONDS)
        asked += _LOOK_AGAIN_SECONDS
    cores, memory = float(machine["vCPUs"]), float(machine["memoryGB"])
    return Peak(_part(shares.get(_CPU), cores), _part(shares.get(_MEMORY), memory))


def _shares(deployment_id: str, since: datetime) -> Flow[Mapping[str, float]]:
    """The highest percentage of each metric that there is any of."""
    # a minute more than now: the one that has begun is told by its beginning, and clocks differ
    until = datetime.now(timezone.utc) + timedelta(minutes=1)
    params = {
        "api-version": _API_VERSION,
        "metricnames": f"{_CPU},{_MEMORY}",
        "timespan": f"{since:%Y-%m-%dT%H:%M:%SZ}/{until:%Y-%m-%dT%H:%M:%SZ}",
        "interval": "PT1M",
        "aggregation": "Maximum",
    }
    sent = flows.request("GET", f"{deployment_id}/providers/Microsoft.Insights/metrics", params=params)
    body = flows.json_object(sent, (yield from call(flows.Send(sent))))
    found: dict[str, float] = {}
    for metric in body.get("value") or ():
        points = (point for series in metric.get("timeseries") or () for point in series.get("data") or ())
        values = [float(point["maximum"]) for point in points if point.get("maximum") is not None]
        if values:
            found[str(metric["name"]["value"])] = max(values)
    return found


def _machine(deployment: Json) -> Flow[Json | None]:
    """What a machine of the deployment has, ``vCPUs`` and ``memoryGB``; ``None`` where it is a cluster's."""
    size, location = deployment["properties"].get("instanceType"), deployment.get("location")
    if not size or not location or deployment["properties"].get("endpointComputeType") == "Kubernetes":
        return None
    subscription = arm_ids.parse(deployment["id"]).workspace.subscription_id
    return vm_sizes.named((yield from vm_sizes.listed(subscription, str(location))), str(size))


def _part(share: float | None, whole: float) -> float | None:
    return None if share is None else share / _HUNDRED * whole
