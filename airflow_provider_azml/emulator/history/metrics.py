"""Metrics of runs over HTTP, in both versions of the service: numbers, which MLflow sees too, and rows of tables."""

from __future__ import annotations

import math
import uuid
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dateutil.parser import isoparse
from starlette.routing import Route

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint
from airflow_provider_azml.emulator.history.named_runs import RUN, named_run
from airflow_provider_azml.emulator.history.queries import QueryError, condition
from airflow_provider_azml.emulator.history.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/metric/v2.0"
SCALAR = "azureml.v1.scalar"
_OF_NUMBERS = (SCALAR, "azureml.v1.list")
_NUMBER_TYPES = ("double", "float", "int", "integer", "long")


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the metric service."""
    metrics = Metrics(emulator)
    return [Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, metrics.operations()), methods=["POST"])]


class Metrics:
    """Answers for metrics.

    Numbers are kept as MLflow has them, so that what one logs the other reads. Everything else is kept row by row.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked of the metric service. Source: ``MetricOperations`` of azureml-core 1.61."""
        return [
            Operation("POST", "runs/(?P<run>[^/]+)/batch", self._log_series),
            Operation("POST", "runs/(?P<run>[^/]+)/list", self._names),
            Operation("POST", "runs/(?P<run>[^/]+)/full", self._series),
        ]

    def operations_of_history(self) -> list[Operation]:
        """What can be asked of run history.

        Sources: the 2019-09-30 run history file; ``metricsingest``: ``RunMetricOperations`` of azureml-core 1.61.
        """
        return [
            Operation("POST", f"{RUN}/metrics", self._log),
            Operation("POST", f"{RUN}/batch/metrics", self._log_batch),
            Operation("GET", f"{RUN}/metricsingest/wait", self._settled),
            Operation("GET", r"experiments/(?P<experiment>[^/]+)/metrics/(?P<metric>[^/:]+)", self._get),
            Operation("POST", r"experiments/(?P<experiment>[^/]+)/metrics:query", self._query),
        ]

    def _log_series(self, call: Call) -> Json:
        run = self._run(call)
        for series in _objects(call.body, "values"):
            columns, kind = _object(series, "columns"), _object(series, "properties").get("uxMetricType")
            for value in _objects(series, "value"):
                data = _object(value, "data")
                self._keep(
                    call, run, {**value, "data": data, "name": series.get("name"), "columns": columns, "type": kind}
                )
        self._tell(call, run)
        return {"errors": []}

    def _names(self, call: Call) -> Json:
        series = self._rows(call, self._run(call))
        named = [
            {"metricKey": {"namespace": "", "name": name}, "columns": rows[0]["columns"]}
            for name, rows in series.items()
        ]
        return {"value": named, "continuationToken": None}

    def _series(self, call: Call) -> Json:
        run, name = self._run(call), str(call.body.get("metricName") or "")
        rows = self._rows(call, run).get(name)
        if rows is None:
            raise DataPlaneError(404, "UserError", f"Run {run['runId']} has no metric {name}.")
        return {
            "dataContainerId": run["dataContainerId"],
            "name": name,
            "columns": rows[0]["columns"],
            "properties": {"uxMetricType": rows[0]["type"]},
            "value": [{key: row.get(key) for key in ("metricId", "createdUtc", "step", "data")} for row in rows],
            "continuationToken": None,
        }

    def _log(self, call: Call) -> None:
        self._log_older(call, [call.body])

    def _log_batch(self, call: Call) -> None:
        self._log_older(call, _objects(call.body, "values"))

    def _log_older(self, call: Call, metrics: list[Json]) -> None:
        run = self._run(call)
        for metric in metrics:
            properties = _objects(_object(metric, "schema"), "properties")
            columns = {str(column.get("propertyId")): str(column.get("type") or "string") for column in properties}
            for cell in _objects(metric, "cells") or [{}]:
                shared = {key: metric.get(key) for key in ("metricId", "createdUtc", "dataLocation", "description")}
                types = {key: columns.get(key) or _type_of(value) for key, value in cell.items()}
                row = {"name": metric.get("name"), "columns": types, "type": metric.get("metricType"), "data": cell}
                self._keep(call, run, {**shared, **row})
        self._tell(call, run)

    def _settled(self, call: Call) -> Json:
        self._run(call)
        return {}

    def _get(self, call: Call) -> Json:
        wanted = call.names["metric"]
        for metric in self._of_experiment(call):
            if metric["metricId"] == wanted:
                return metric
        experiment = unquote(call.names["experiment"])
        raise DataPlaneError(404, "UserError", f"Experiment {experiment} has no metric {wanted}.")

    def _query(self, call: Call) -> Json:
        """Metrics of runs. All come at once; the continuation token is for services that hold more."""
        try:
            passes = condition(str(call.body.get("filter") or ""))
        except QueryError as error:
            raise DataPlaneError(400, "UserError", f"{error}.") from error
        found = [metric for metric in self._of_experiment(call) if passes(metric)]
        return {"value": found, "continuationToken": None, "nextLink": None}

    def _of_experiment(self, call: Call) -> Iterator[Json]:
        runs = Runs(self._emulator.store, call.workspace)
        experiment = runs.find_experiment(name=unquote(call.names["experiment"]))
        for _, run in runs.newest(experiment["experimentId"]) if experiment else ():
            for rows in self._rows(call, run).values():
                yield from (_older(run, row) for row in rows)

    def _run(self, call: Call) -> Json:
        return named_run(self._emulator.store, call)

    def _rows(self, call: Call, run: Json) -> dict[str, list[Json]]:
        """The rows of each metric of a run, by its name: numbers first, then those that are something else."""
        runs = Runs(self._emulator.store, call.workspace)
        found: dict[str, list[Json]] = {}
        for key in run["metrics"]:
            for number, metric in enumerate(runs.metric_history(run["runId"], key)):
                found.setdefault(key, []).append(_of_number(run, number, metric))
        for row in runs.metric_rows(run["runId"]):
            found.setdefault(row["name"], []).append(row)
        return found

    def _keep(self, call: Call, run: Json, row: Json) -> None:
        runs, name = Runs(self._emulator.store, call.workspace), str(row.get("name") or "")
        if not name:
            raise DataPlaneError(400, "UserError", "A metric has no name.")
        known = {key: value for key, value in row.items() if value is not None}
        row = {"metricId": str(uuid.uuid4()), "createdUtc": timestamp(), "type": SCALAR, **known}
        value = row.get("data", {}).get(name)
        kind = str(row["columns"].get(name, "")).lower()
        if row.get("type") not in _OF_NUMBERS or kind not in _NUMBER_TYPES or value is None:
            runs.log_metric_row(run["runId"], {**row, "name": name})
            return
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise DataPlaneError(400, "UserError", f"Metric {name}: {value!r} is not a number.") from error
        metric = {
            "key": name,
            "value": number,
            "timestamp": _epoch(row["createdUtc"]),
            "step": int(row.get("step") or 0),
        }
        noted = {"metricId": row["metricId"], "type": row["type"], "column": row["columns"][name]}
        runs.log_metric(run["runId"], {**metric, **noted})

    def _tell(self, call: Call, run: Json) -> None:
        """Tell the sweep that a run belongs to, if it belongs to one, that it has logged metrics."""
        if run["parentRunId"]:
            self._emulator.metric_news.tell(call.workspace.child("job", run["parentRunId"]), run["runId"])


def _of_number(run: Json, number: int, metric: Json) -> Json:
    """A number that was logged, as a row. What MLflow logged has no id, and gets one that stays."""
    key, value = metric["key"], metric["value"]
    column = metric.get("column") or "double"
    whole = column.lower() not in ("double", "float") and float(value).is_integer()
    return {
        "name": key,
        "metricId": metric.get("metricId") or str(uuid.uuid5(uuid.UUID(run["runUuid"]), f"{key}/{number}")),
        "createdUtc": timestamp(datetime.fromtimestamp(metric["timestamp"] / 1000, tz=timezone.utc)),
        "step": metric["step"],
        "type": metric.get("type") or SCALAR,
        "columns": {key: column},
        # JSON has no words for these
        "data": {key: (int(value) if whole else value) if math.isfinite(value) else str(value)},
    }


def _older(run: Json, row: Json) -> Json:
    """A row as a ``RunMetric`` of the 2019-09-30 run history file."""
    columns: dict[str, str] = row["columns"]
    return {
        "runId": run["runId"],
        "metricId": row["metricId"],
        "dataContainerId": run["dataContainerId"],
        "metricType": row["type"],
        "createdUtc": row["createdUtc"],
        "name": row["name"],
        "description": row.get("description") or "",
        "label": None,
        "numCells": 1,
        "dataLocation": row.get("dataLocation"),
        "cells": [row.get("data") or {}],
        "schema": {
            "numProperties": len(columns),
            "properties": [{"propertyId": name, "name": name, "type": kind} for name, kind in columns.items()],
        },
    }


def _objects(holder: Json, name: str) -> list[Json]:
    """The objects in the list at a key.

    Raises:
        DataPlaneError: Something else is there.
    """
    given: Any = holder.get(name) or []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise DataPlaneError(400, "UserError", f"The '{name}' of the request's body must be a list of JSON objects.")
    return given


def _object(holder: Json, name: str) -> Json:
    """The object at a key; an empty one when nothing is there.

    Raises:
        DataPlaneError: Something else is there.
    """
    given: Any = holder.get(name) or {}
    if not isinstance(given, dict):
        raise DataPlaneError(400, "UserError", f"The '{name}' of the request's body must be a JSON object.")
    return given


def _type_of(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int) else "float" if isinstance(value, float) else "string"


def _epoch(moment: object) -> int:
    try:
        found = isoparse(str(moment))
    except ValueError as error:
        raise DataPlaneError(400, "UserError", f"'{moment}' is not a time such as 2026-01-02T03:04:05Z.") from error
    return int((found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp() * 1000)
