"""Experiments over HTTP: their lists, and the runs in them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation
from airflow_provider_azml.emulator.history.queries import QueryError, condition, ordered
from airflow_provider_azml.emulator.history.runs import Runs, enumerated, page_of
from airflow_provider_azml.emulator.history.views import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_NAME = "experiments/(?P<experiment>[^/:]+)"
_ID = "experimentids/(?P<experiment_id>[^/]+)"
_CHANGEABLE = ("description", "tags")


class Experiments:
    """Answers for the experiments of run history.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked.

        Sources: the 2019-09-30 run history file; the list with a GET:
        https://learn.microsoft.com/azure/machine-learning/v1/how-to-manage-rest ("experiments"); ``tags:delete``:
        ``ExperimentOperations`` of azureml-core 1.61.
        """
        return [
            Operation("GET", "experiments", self._list),
            Operation("POST", "experiments:query", self._list),
            Operation("GET", _NAME, lambda call: _shown(self._runs(call), self._named(call))),
            Operation("POST", _NAME, self._create),
            Operation("GET", _ID, lambda call: _shown(self._runs(call), self._with_id(call))),
            Operation("PATCH", _ID, self._change),
            Operation("DELETE", f"{_ID}/tags", self._delete_tags),
            Operation("POST", f"{_ID}/tags:delete", self._delete_tags),
            Operation("POST", f"{_NAME}/runs:query", self._query_runs),
        ]

    def _runs(self, call: Call) -> Runs:
        return Runs(self._emulator.store, call.workspace)

    def _named(self, call: Call) -> Json:
        name = unquote(call.names["experiment"])
        found = self._runs(call).find_experiment(name=name)
        if found is None:
            raise DataPlaneError(404, "UserError", f"Experiment {name} was not found.")
        return found

    def _with_id(self, call: Call) -> Json:
        experiment_id = call.names["experiment_id"]
        found = self._runs(call).find_experiment(experiment_id=experiment_id)
        if found is None:
            raise DataPlaneError(404, "UserError", f"The experiment with the id {experiment_id} was not found.")
        return found

    def _create(self, call: Call) -> Json:
        runs = self._runs(call)
        return _shown(runs, runs.experiment(unquote(call.names["experiment"])))

    def _list(self, call: Call) -> Json:
        runs = self._runs(call)
        return _page(call, enumerate((_shown(runs, found) for found in runs.experiments()), 1))

    def _query_runs(self, call: Call) -> Json:
        runs = self._runs(call)
        found = runs.newest(self._named(call)["experimentId"])
        return _page(call, enumerate((shown(run) for _, run in found), 1))

    def _change(self, call: Call) -> Json:
        runs, found = self._runs(call), self._with_id(call)
        given = {name: call.body[name] for name in _CHANGEABLE if call.body.get(name) is not None}
        tags = given.get("tags", {})
        if not isinstance(tags, dict):
            raise DataPlaneError(400, "UserError", "The 'tags' of the request's body must be a JSON object.")
        changed = {**found, **given, "tags": {**found["tags"], **tags}}
        if call.body.get("archive") is not None:
            changed["archivedTime"] = timestamp() if call.body["archive"] else None
        return _shown(runs, runs.change_experiment(changed))

    def _delete_tags(self, call: Call) -> Json:
        runs, found, names = self._runs(call), self._with_id(call), call.body.get("tags") or []
        if not isinstance(names, list):
            raise DataPlaneError(400, "UserError", "The 'tags' of the request's body must be a list.")
        kept = {name: value for name, value in found["tags"].items() if name not in names}
        return _shown(runs, runs.change_experiment({**found, "tags": kept}))


def _page(call: Call, found: Iterator[tuple[int, Json]]) -> Json:
    """A page of what a query asks for.

    Source: ``QueryParams`` and the ``Paginated...List``s of the 2019-09-30 run history file.
    """
    asked = {**dict(call.request.query_params), **call.body}
    start, most = _count(asked, "continuationToken"), _count(asked, "top")
    try:
        passes = condition(str(asked.get("filter") or ""))
        kept = [one for _, one in found if passes(one)]
        sorted_ = ordered(kept, str(asked.get("orderBy") or ""))
    except QueryError as error:
        raise DataPlaneError(400, "UserError", f"{error}.") from error
    page, token = page_of(enumerated(sorted_, start), most)
    return {"value": page, "continuationToken": None if token is None else str(token), "nextLink": None}


def _count(asked: Json, name: str) -> int:
    value = asked.get(name) or 0
    if not str(value).isdecimal():
        raise DataPlaneError(400, "UserError", f"'{name}' must be a number, not '{value}'.")
    return int(value)


def _shown(runs: Runs, experiment: Json) -> Json:
    """An experiment, with the run in it that was made last."""
    newest = next(runs.newest(experiment["experimentId"]), None)
    return {
        "description": None,
        "archivedTime": None,
        "latestCreatedRunId": newest[1]["runId"] if newest else None,
        "latestCreatedRunCreatedUtc": newest[1]["createdUtc"] if newest else None,
        **experiment,
    }
