"""Runs that clients make and lead themselves, over HTTP: what a script tells run history of its own run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation
from airflow_provider_azml.emulator.history.named_runs import EXPERIMENT, named_run
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.history.views import shown
from airflow_provider_azml.emulator.identity import AML_AUDIENCE

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_DESCRIBING = ("displayName", "description", "tags", "properties", "hidden")
_OF_OTHERS = ("target", "scriptName", "runType", "status", "startTimeUtc", "endTimeUtc", "parentRunId")
_TOKEN_SECONDS = 21 * 24 * 3600
_EVENT = "Microsoft.MachineLearning.Run."
_STATUSES = {
    "Start": "Running",
    "Completed": "Completed",
    "Failed": "Failed",
    "Canceled": "Canceled",
    "CancelRequested": "CancelRequested",
}


class Changes:
    """Answers where clients make runs and change them.

    The status of a run that is a job is its process's to say, whatever a client tells of it.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked.

        Sources: ``CreateRun``, ``BatchAddOrModifyRunRequest`` and ``BaseEvent`` of the 2019-09-30 run history file;
        tokens, and the names of events: azureml-core 1.61 (``RunOperations.get_token``, ``azureml._restclient``).
        """
        return [
            Operation("PATCH", f"{EXPERIMENT}/runs/(?P<run>[^/]+)", self._make_or_change),
            Operation("PATCH", f"{EXPERIMENT}/batch/runs", self._batch),
            Operation("POST", f"{EXPERIMENT}/runs/(?P<run>[^/]+)/events", self._event),
            Operation("POST", f"{EXPERIMENT}/batch/events", self._events),
            Operation("GET", f"{EXPERIMENT}/runs/(?P<run>[^/]+)/token", self._token),
        ]

    def _make_or_change(self, call: Call) -> Json:
        return self._changed(call, unquote(call.names["run"]), call.body)

    def _changed(self, call: Call, run_id: str, given: Json) -> Json:
        runs = Runs(self._emulator.store, call.workspace)
        fields = {name: given[name] for name in _DESCRIBING if name in given}
        for name in ("tags", "properties"):
            if not isinstance(fields.get(name) or {}, dict):
                raise DataPlaneError(400, "UserError", f"The '{name}' of the request's body must be a JSON object.")
        if given.get("name") and "displayName" not in given:
            fields["displayName"] = given["name"]
        own = {name: given[name] for name in _OF_OTHERS if given.get(name) is not None}
        if runs.get(run_id) is None:
            runs.create(run_id, experiment=self._experiment(call, runs), fields=_new(run_id, {**fields, **own}))
        else:
            named_run(self._emulator.store, call, run_id)
            runs.change(run_id, fields if runs.is_job(run_id) else {**fields, **own})
        return shown(runs.get(run_id) or {})

    def _batch(self, call: Call) -> Json:
        given = call.body.get("runs") or []
        if not isinstance(given, list) or not all(isinstance(run, dict) and run.get("runId") for run in given):
            raise DataPlaneError(400, "UserError", "The 'runs' of the request's body must be a list of runs with ids.")
        made: Json = {}
        errors: Json = {}
        for run in given:
            try:
                made[run["runId"]] = self._changed(call, str(run["runId"]), run)
            except DataPlaneError as error:
                errors[run["runId"]] = error.document()
        return {"runs": made, "errors": errors}

    def _event(self, call: Call) -> None:
        self._take(call, unquote(call.names["run"]), call.body)

    def _events(self, call: Call) -> Json:
        given, errors = call.body.get("events") or [], []
        if not isinstance(given, list) or not all(isinstance(event, dict) for event in given):
            raise DataPlaneError(400, "UserError", "The 'events' of the request's body must be a list of events.")
        for event in given:
            try:
                self._take(call, _any_case(event.get("data") or {}).get("runid", ""), event)
            except DataPlaneError as error:
                errors.append({"key": event, "value": error.document()})
        return {"errors": errors}

    def _take(self, call: Call, run_id: str, event: Json) -> None:
        runs = Runs(self._emulator.store, call.workspace)
        named_run(self._emulator.store, call, run_id)
        name = str(event.get("name") or "").removeprefix(_EVENT)
        given = _any_case(event.get("data") or {})
        if name == "Warning":
            warned = {"source": given.get("source"), "message": given.get("message")}
            runs.change(run_id, {"warnings": [*(runs.get(run_id) or {})["warnings"], warned]})
        elif name == "Error" and not runs.is_job(run_id):
            runs.change(run_id, {"error": given.get("errorresponse") or given})
        elif name in ("Canceled", "CancelRequested") and runs.is_job(run_id):
            self._emulator.jobs.cancel(call.workspace.child("job", run_id))
        elif name in _STATUSES and not runs.is_job(run_id):
            moment = "startTimeUtc" if name == "Start" else "endTimeUtc"
            timed = {} if name == "CancelRequested" else {moment: event.get("timestamp") or timestamp()}
            runs.change(run_id, {"status": _STATUSES[name], **timed})

    def _token(self, call: Call) -> Json:
        run = named_run(self._emulator.store, call)
        token = self._emulator.auth.issue(AML_AUDIENCE, seconds=_TOKEN_SECONDS, claims={"runid": run["runId"]})
        ends = timestamp(datetime.now(timezone.utc) + timedelta(seconds=_TOKEN_SECONDS))
        return {**shown(run), "token": token, "tokenExpiryTimeUtc": ends}

    def _experiment(self, call: Call, runs: Runs) -> str:
        if name := call.names.get("experiment"):
            return unquote(name)
        found = runs.find_experiment(experiment_id=call.names["experiment_id"])
        if found is None:
            message = f"The experiment with the id {call.names['experiment_id']} was not found."
            raise DataPlaneError(404, "UserError", message)
        return str(found["name"])


def _any_case(data: Json) -> Json:
    """What an event tells, with keys in small letters: azureml-core begins them with capitals."""
    return {name.lower(): value for name, value in data.items()}


def _new(run_id: str, given: Json) -> Json:
    return {
        "status": "NotStarted",
        "displayName": run_id,
        "description": None,
        "hidden": False,
        "tags": {},
        "properties": {},
        **{name: value for name, value in given.items() if value is not None},
    }
