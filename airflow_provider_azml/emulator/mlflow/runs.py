"""MLflow's runs, metrics and experiments, over the runs of a workspace."""

from __future__ import annotations

import heapq
import uuid
from operator import itemgetter
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.history.runs import enumerated, page_of
from airflow_provider_azml.emulator.mlflow.api import (
    MlflowCall,
    MlflowError,
    MlflowOperation,
    invalid,
    mapping,
    milliseconds,
    missing,
    moment,
    number,
    pairs,
)
from airflow_provider_azml.emulator.mlflow.search import condition, ordered
from airflow_provider_azml.emulator.mlflow.uris import artifact_uri

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_OF_SERVICE = {
    "RUNNING": "Running",
    "SCHEDULED": "Queued",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
_OF_MLFLOW = {
    "NotStarted": "SCHEDULED",
    "Queued": "SCHEDULED",
    "Preparing": "SCHEDULED",
    "Starting": "SCHEDULED",
    "Completed": "FINISHED",
    "Failed": "FAILED",
    "Canceled": "KILLED",
}
_VIEWS = {"ACTIVE_ONLY": (False,), "DELETED_ONLY": (True,)}
_MOST_IN_A_BATCH = 1000
_PAGE = 1000


def operations() -> list[MlflowOperation]:
    """What can be called. Source: calls of mlflow 3.17 as recorded, and MLflow's REST reference."""
    return [
        MlflowOperation("POST", "experiments/create", _create_experiment),
        MlflowOperation("GET", "experiments/get", _get_experiment),
        MlflowOperation("GET", "experiments/get-by-name", _get_experiment_by_name),
        MlflowOperation("POST", "experiments/search", _search_experiments),
        MlflowOperation("POST", "runs/create", _create_run),
        MlflowOperation("GET", "runs/get", _get_run),
        MlflowOperation("POST", "runs/update", _update_run),
        MlflowOperation("POST", "runs/delete", _delete_run),
        MlflowOperation("POST", "runs/restore", _restore_run),
        MlflowOperation("POST", "runs/log-metric", _log_metric),
        MlflowOperation("POST", "runs/log-batch", _log_batch),
        MlflowOperation("POST", "runs/log-parameter", _log_parameter),
        MlflowOperation("POST", "runs/set-tag", _set_tag),
        MlflowOperation("POST", "runs/delete-tag", _delete_tag),
        MlflowOperation("POST", "runs/search", _search_runs, takes_time=True),
        MlflowOperation("POST", "runs/log-inputs", _log_inputs),
        MlflowOperation("POST", "runs/outputs", _log_outputs),
        MlflowOperation("GET", "metrics/get-history", _metric_history),
    ]


def run_of(call: MlflowCall) -> Json:
    """The run that a call is about.

    Raises:
        MlflowError: It is not there.
    """
    run_id = str(call.arguments.get("run_id") or call.argument("run_uuid"))
    run = call.runs.get(run_id)
    if run is None:
        raise missing(f"Run with id={run_id}")
    return run


def _create_experiment(call: MlflowCall) -> Json:
    name = call.argument("name")
    if call.runs.find_experiment(name=name):
        raise MlflowError(400, "RESOURCE_ALREADY_EXISTS", f"Experiment '{name}' already exists.")
    return {"experiment_id": call.runs.experiment(name)["experimentId"]}


def _get_experiment(call: MlflowCall) -> Json:
    experiment_id = call.argument("experiment_id")
    return {"experiment": _experiment(call.runs.find_experiment(experiment_id=experiment_id), f"id '{experiment_id}'")}


def _get_experiment_by_name(call: MlflowCall) -> Json:
    name = call.argument("experiment_name")
    return {"experiment": _experiment(call.runs.find_experiment(name=name), f"name '{name}'")}


def _search_experiments(call: MlflowCall) -> Json:
    return {"experiments": [_experiment(found, "") for found in call.runs.experiments()]}


def _create_run(call: MlflowCall) -> Json:
    experiment = call.runs.find_experiment(experiment_id=call.argument("experiment_id"))
    if experiment is None:
        raise missing(f"Experiment with id '{call.arguments['experiment_id']}'")
    tags = mapping(call.arguments.get("tags"))
    run_id = str(uuid.uuid4())
    fields: Json = {
        "runType": "mlflow",
        "status": "Running",
        "displayName": call.arguments.get("run_name") or tags.get("mlflow.runName") or run_id,
        "parentRunId": tags.get("mlflow.parentRunId"),
        "startTimeUtc": moment(call.arguments.get("start_time")),
        "userId": call.arguments.get("user_id"),
        "tags": tags,
        "properties": {},
        "hidden": False,
    }
    call.runs.create(run_id, experiment=experiment["name"], fields=fields)
    return {"run": _shown(call.runs.get(run_id) or {})}


def _get_run(call: MlflowCall) -> Json:
    return {"run": _shown(run_of(call))}


def _update_run(call: MlflowCall) -> Json:
    run = run_of(call)
    fields: Json = {}
    if name := call.arguments.get("run_name"):
        fields["displayName"] = name
    if not call.runs.is_job(run["runId"]):
        # of a job, its process decides: scripts end their run early and open it again
        if status := _OF_SERVICE.get(str(call.arguments.get("status"))):
            fields["status"] = status
        if ended := moment(call.arguments.get("end_time")):
            fields["endTimeUtc"] = ended
    changed = call.runs.change(run["runId"], fields) or run
    return {"run_info": _shown(changed)["info"]}


def _delete_run(call: MlflowCall) -> Json:
    call.runs.change(run_of(call)["runId"], {"hidden": True})
    return {}


def _restore_run(call: MlflowCall) -> Json:
    call.runs.change(run_of(call)["runId"], {"hidden": False})
    return {}


def _log_metric(call: MlflowCall) -> Json:
    run = run_of(call)
    call.runs.log_metric(run["runId"], _metric(call.arguments))
    _tell(call, run)
    return {}


def _log_batch(call: MlflowCall) -> Json:
    run = run_of(call)
    metrics: list[Json] = call.arguments.get("metrics") or []
    if len(metrics) > _MOST_IN_A_BATCH:
        raise invalid(f"A batch may hold at most {_MOST_IN_A_BATCH} metrics, not {len(metrics)}.")
    _set_params(call, run, mapping(call.arguments.get("params")))
    for metric in metrics:
        call.runs.log_metric(run["runId"], _metric(metric))
    if metrics:
        _tell(call, run)
    if tags := mapping(call.arguments.get("tags")):
        call.runs.change(run["runId"], {"tags": tags})
    return {}


def _log_parameter(call: MlflowCall) -> Json:
    _set_params(call, run_of(call), {call.argument("key"): str(call.arguments.get("value") or "")})
    return {}


def _set_tag(call: MlflowCall) -> Json:
    call.runs.change(run_of(call)["runId"], {"tags": {call.argument("key"): str(call.arguments.get("value") or "")}})
    return {}


def _delete_tag(call: MlflowCall) -> Json:
    call.runs.remove_tags(run_of(call)["runId"], {call.argument("key")})
    return {}


def _search_runs(call: MlflowCall) -> Json:
    experiments: list[str] = call.arguments.get("experiment_ids") or []
    orders, start = [*map(str, call.arguments.get("order_by") or [])], _count(call, "page_token", 0)
    newest = heapq.merge(
        *(call.runs.newest(one, 0 if orders else start) for one in dict.fromkeys(experiments)),
        key=itemgetter(0),
        reverse=True,
    )
    passes = condition(str(call.arguments.get("filter") or ""))
    view = _VIEWS.get(str(call.arguments.get("run_view_type") or "ACTIVE_ONLY").upper(), (True, False))
    found = ((place, one) for place, run in newest if bool(run["hidden"]) in view and passes(one := _shown(run)))
    shown = enumerated(ordered([run for _, run in found], orders), start) if orders else found
    page, token = page_of(shown, _count(call, "max_results", _PAGE))
    return {"runs": page, **({} if token is None else {"next_page_token": str(token)})}


def _count(call: MlflowCall, name: str, default: int) -> int:
    value = str(call.arguments.get(name) or default)
    if not value.isdecimal():
        raise invalid(f"Parameter '{name}' must be a number, not {value!r}.")
    return int(value)


def _log_inputs(call: MlflowCall) -> Json:
    run = run_of(call)
    given = call.arguments.get("datasets") or []
    call.runs.change(run["runId"], {"datasetInputs": [*run.get("datasetInputs", []), *given]})
    return {}


def _log_outputs(call: MlflowCall) -> Json:
    run = run_of(call)
    given = call.arguments.get("models") or []
    call.runs.change(run["runId"], {"modelOutputs": [*run.get("modelOutputs", []), *given]})
    return {}


def _metric_history(call: MlflowCall) -> Json:
    history = call.runs.metric_history(run_of(call)["runId"], call.argument("metric_key"))
    return {"metrics": [_shown_metric(metric) for metric in history]}


def _set_params(call: MlflowCall, run: Json, given: dict[str, str]) -> None:
    known: dict[str, str] = run["params"]
    for key, value in given.items():
        if known.get(key, value) != value:
            raise invalid(f"Parameter '{key}' of run {run['runId']} is {known[key]!r} and cannot become {value!r}.")
    if given:
        call.runs.change(run["runId"], {"params": {**known, **given}})


def _tell(call: MlflowCall, run: Json) -> None:
    """Tell the sweep that a run belongs to, if it belongs to one, that it has logged metrics."""
    if run["parentRunId"]:
        call.emulator.metric_news.tell(call.workspace.child("job", run["parentRunId"]), run["runId"])


def _metric(given: Json) -> Json:
    try:
        value = float(given["value"])
        return {
            "key": str(given["key"]),
            "value": value,
            "timestamp": int(given.get("timestamp") or 0),
            "step": int(given.get("step") or 0),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(f"{given!r} is not a metric: {error}") from error


def _shown_metric(metric: Json) -> Json:
    return {**metric, "value": number(metric["value"])}


def _experiment(found: Json | None, sought: str) -> Json:
    if found is None:
        raise missing(f"Experiment with {sought}")
    created = milliseconds(found["createdUtc"])
    return {
        "experiment_id": found["experimentId"],
        "name": found["name"],
        "artifact_location": f"mlflow-artifacts:/{found['experimentId']}",
        "lifecycle_stage": "active",
        "creation_time": created,
        "last_update_time": created,
    }


def _shown(run: Json) -> Json:
    name = run.get("displayName") or run["runId"]
    tags = {"mlflow.runName": name, "mlflow.rootRunId": run["rootRunId"], **run["tags"]}
    if run["parentRunId"]:
        tags["mlflow.parentRunId"] = run["parentRunId"]
    return {
        "info": {
            "run_id": run["runId"],
            "run_uuid": run["runId"],
            "run_name": name,
            "experiment_id": run["experimentId"],
            "user_id": run.get("userId") or "",
            "status": _OF_MLFLOW.get(run["status"], "RUNNING"),
            "start_time": milliseconds(run["startTimeUtc"] or run["createdUtc"]),
            **({"end_time": milliseconds(run["endTimeUtc"])} if run["endTimeUtc"] else {}),
            "artifact_uri": artifact_uri(run["experimentId"], run["dataContainerId"].removeprefix("dcid.")),
            "lifecycle_stage": "deleted" if run["hidden"] else "active",
        },
        "data": {
            "metrics": [_shown_metric(metric) for metric in run["metrics"].values()],
            "params": pairs(run["params"]),
            "tags": pairs(tags),
        },
        "inputs": {"dataset_inputs": run.get("datasetInputs", [])},
        "outputs": {"model_outputs": run.get("modelOutputs", [])},
    }
