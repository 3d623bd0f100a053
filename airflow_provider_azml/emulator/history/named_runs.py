"""The run that the path of a request names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError
from airflow_provider_azml.emulator.history.runs import Runs

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.history.data_plane import Call
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json

EXPERIMENT = "(?:experiments/(?P<experiment>[^/]+)|experimentids/(?P<experiment_id>[^/]+))"
RUN = rf"(?:{EXPERIMENT}/)?runs/(?P<run>[^/]+)"


def named_run(store: Store, call: Call, run_id: str | None = None) -> Json:
    """A run that is there, and in the experiment that the path names if it names one.

    Args:
        store: The emulator's memory.
        call: The request.
        run_id: The run, where the path does not name it.

    Raises:
        DataPlaneError: It is not there.

    Source: the 2019-09-30 run history file, whose runs are below their experiments.
    """
    name = unquote(call.names["run"]) if run_id is None else run_id
    run = Runs(store, call.workspace).get(name)
    if run is None:
        raise DataPlaneError(404, "UserError", f"Run {name} was not found in workspace {call.workspace.name}.")
    experiment = unquote(call.names.get("experiment") or run["experimentName"])
    experiment_id = call.names.get("experiment_id") or run["experimentId"]
    # names of experiments are compared as run history keeps them
    if experiment != run["experimentName"] or experiment_id != run["experimentId"]:
        where = experiment if call.names.get("experiment") else experiment_id
        raise DataPlaneError(404, "UserError", f"Run {name} was not found in experiment {where}.")
    return run
