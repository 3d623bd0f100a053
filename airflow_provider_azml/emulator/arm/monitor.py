"""Azure Monitor's metrics of online deployments: how busy the servers are that stand for their instances."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from starlette.routing import Route

from airflow_provider_azml.emulator.arm.behaviour import answer
from airflow_provider_azml.emulator.arm.errors import bad_request, not_found
from airflow_provider_azml.emulator.arm.locations import sizes
from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.serving.usage import Minute
    from airflow_provider_azml.rest.flows import Json

_SUFFIX = "/providers/Microsoft.Insights/metrics"
_NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
_CPU, _MEMORY = "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage"
_INTERVAL = "PT1M"
_USUAL = timedelta(hours=1)
_AGGREGATIONS: dict[str, Callable[[Sequence[float]], float]] = {
    "average": lambda values: sum(values) / len(values),
    "minimum": min,
    "maximum": max,
}
_SMALLEST = {"vCPUs": 4, "memoryGB": 14.0}


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The route of metrics, which is to be asked before Resource Manager's own."""
    return [Route(f"/subscriptions/{{rest:path}}{_SUFFIX}", Metrics(emulator).list, methods=["GET"])]


class Metrics:
    """Answers for metrics.

    Args:
        emulator: The emulator.

    Sources: https://learn.microsoft.com/rest/api/monitor/metrics/list; names, units and aggregations:
    https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-deployments-metrics
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def list(self, request: Request) -> Response:
        """The metrics of a deployment, by the minute, relative to the machines that its instance type has.

        Raises:
            ArmError: There is no such deployment or metric.
        """
        arm_id = str(request.scope["path"])[: -len(_SUFFIX)]
        deployment = self._emulator.store.get(arm_id)
        if deployment is None:
            raise not_found(arm_id)
        query = request.query_params
        names = [name for name in query.get("metricnames", _CPU).split(",") if name]
        unknown = [name for name in names if name not in (_CPU, _MEMORY)]
        if unknown or deployment["type"] != _NAMESPACE:
            wrong = unknown[0] if unknown else names[0]
            message = f"Failed to find metric configuration for provider: {_NAMESPACE}, metric: {wrong}."
            raise bad_request(message, code="BadRequest")
        start, end = _timespan(query.get("timespan"))
        wanted = [one.strip().lower() for one in query.get("aggregation", "Average").split(",")]
        minutes = [one for one in self._emulator.deployments.usages.minutes(arm_id) if start <= one.start <= end]
        size = str(deployment["properties"].get("instanceType") or "").lower()
        machine = next((one for one in sizes() if one["name"].lower() == size), _SMALLEST)
        return answer({
            "cost": 0,
            "timespan": f"{timestamp(start)}/{timestamp(end)}",
            "interval": _INTERVAL,
            "namespace": _NAMESPACE,
            "resourceregion": "local",
            "value": [_metric(deployment["id"], name, minutes, machine, wanted) for name in names],
        })


def _metric(arm_id: str, name: str, minutes: Sequence[Minute], machine: Json, wanted: Sequence[str]) -> Json:
    whole = float(machine["vCPUs"] if name == _CPU else machine["memoryGB"])
    data = []
    for minute in minutes:
        shares = [100 * value / whole for value in (minute.cores if name == _CPU else minute.memory)]
        values = {key: round(of(shares), 3) for key, of in _AGGREGATIONS.items() if key in wanted}
        data.append({"timeStamp": timestamp(minute.start), **values})
    return {
        "id": f"{arm_id}{_SUFFIX}/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "unit": "Percent",
        "timeseries": [{"metadatavalues": [], "data": data}] if data else [],
        "errorCode": "Success",
    }


def _timespan(text: str | None) -> tuple[datetime, datetime]:
    """Begin and end of what is asked for; the last hour when nothing is said."""
    now = datetime.now(timezone.utc)
    if not text:
        return now - _USUAL, now
    parts = text.split("/")
    try:
        start, end = (datetime.fromisoformat(part.replace("Z", "+00:00")) for part in parts)
    except ValueError as error:
        raise bad_request(f"'{text}' is no timespan: it is two moments with '/' between them.") from error
    # a minute that has begun before the time asked for is one of it
    return start.replace(second=0, microsecond=0), end
