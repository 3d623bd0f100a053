"""The execution service: runs are started from run definitions, and cancelled."""

from __future__ import annotations

import hashlib
import json
import re
import time
from functools import partial
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, unquote

from starlette.datastructures import UploadFile
from starlette.routing import Route

from airflow_provider_azml.emulator.arm.asset_versions import component_version
from airflow_provider_azml.emulator.arm.errors import ArmError
from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint, json_part
from airflow_provider_azml.emulator.history.named_runs import named_run
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.jobs.python_environments import curated
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.emulator.threads import done_in_thread
from airflow_provider_azml.emulator.v1.run_definitions import command_properties, environment_properties
from airflow_provider_azml.emulator.v1.sections import Section
from airflow_provider_azml.emulator.v1.snapshots import Snapshots

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/execution/v1.0"
_EXPERIMENT = "experiments/(?P<experiment>[^/]+)"
_ANONYMOUS = "CliV2AnonymousEnvironment"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}")


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the execution service."""
    execution = Execution(emulator)
    return [Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, execution.operations()), methods=["POST"])]


class Execution:
    """Answers for the execution service.

    A run that is started here is a command job of its name, and so runs as any other does.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: the 2019-09-30 execution file.

        Its ``startlocalrun`` answers with a program of the service's own that runs on the caller's machine. There is no
        public description of that program, so the emulator has none.
        """
        return [
            Operation("POST", f"{_EXPERIMENT}/startrun", self._start, body="form"),
            Operation("POST", f"{_EXPERIMENT}/snapshotrun", self._start_snapshot),
            Operation("POST", f"{_EXPERIMENT}/startlocalrun", _refuse_local),
            Operation("POST", f"{_EXPERIMENT}/localrun", _refuse_local, body="raw"),
            Operation("POST", f"{_EXPERIMENT}/runId/(?P<run>[^/]+)/cancel", self._cancel),
        ]

    async def _start(self, call: Call) -> Json:
        definition = Section(await json_part(call, "runDefinitionFile"))
        # before the project is unpacked, so that what is refused costs nothing
        run_id = self._run_id(call)
        command_properties(definition, call.workspace)
        project = await done_in_thread(Snapshots(self._emulator, call.workspace).of_zip, _project(call))
        return self._started(call, run_id, definition, project)

    def _start_snapshot(self, call: Call) -> Json:
        definition = Section(call.body)
        snapshot = definition.text("snapshotId")
        if not snapshot:
            raise definition.wrong("snapshotId", "is missing")
        Snapshots(self._emulator, call.workspace).place_of(snapshot)
        return self._started(call, self._run_id(call), definition, snapshot)

    def _started(self, call: Call, run_id: str, definition: Section, snapshot_id: str) -> Json:
        submit_run(
            self._emulator,
            call.workspace,
            run_id,
            experiment=unquote(call.names["experiment"]),
            definition=definition,
            snapshot_id=snapshot_id,
        )
        return {"runId": run_id}

    def _run_id(self, call: Call) -> str:
        """The id that the caller wants for the run, or one as the service makes them."""
        experiment = unquote(call.names["experiment"])
        asked = call.request.query_params.get("runId")
        run_id = asked or f"{experiment}_{time.time_ns() // 1_000_000}"
        if not _RUN_ID.fullmatch(run_id):
            raise DataPlaneError(
                400, "UserError", f"'{run_id}' cannot be the id of a run: use letters, digits, _ and -."
            )
        if Runs(self._emulator.store, call.workspace).get(run_id) is not None:
            raise DataPlaneError(409, "UserError", f"Run {run_id} already exists in workspace {call.workspace.name}.")
        return run_id

    def _cancel(self, call: Call) -> Json:
        run = named_run(self._emulator.store, call)
        self._emulator.jobs.cancel(call.workspace.child("job", run["runId"]))
        return {"runId": run["runId"]}


def submit_run(
    emulator: Emulator,
    workspace: WorkspaceId,
    run_id: str,
    *,
    experiment: str,
    definition: Section,
    snapshot_id: str,
) -> None:
    """Start the command job that a run definition describes.

    Args:
        emulator: The emulator.
        workspace: Where to.
        run_id: The run's id, and the job's name.
        experiment: Name of the experiment.
        definition: The run definition.
        snapshot_id: The snapshot that holds its code.

    Raises:
        DataPlaneError: It is refused.
    """
    properties = {
        **job_properties(emulator, workspace, definition, snapshot_id),
        "experimentName": experiment,
        "displayName": run_id,
        "properties": {"_azureml.ComputeTargetType": "amlcompute", "ContentSnapshotId": snapshot_id},
    }
    try:
        start_job(emulator, str(workspace), run_id, properties)
    except ArmError as error:
        raise DataPlaneError(error.status, "UserError", error.message) from error
    configuration = definition.section("configuration")
    path = f"{workspace}/experiments/{quote(experiment)}/runId/{run_id}/cancel"
    known = {
        "cancelUri": f"{emulator.https_url}{PREFIX}{path}",
        "runDefinition": configuration.values,
        "scriptName": configuration.text("script") or None,
        "target": configuration.text("target"),
    }
    Runs(emulator.store, workspace).change(run_id, known)


def job_properties(emulator: Emulator, workspace: WorkspaceId, definition: Section, snapshot_id: str) -> Json:
    """What the job of a run definition is made of: what it runs, its code and its environment.

    Args:
        emulator: The emulator.
        workspace: Where it is to run.
        definition: The run definition.
        snapshot_id: The snapshot that holds its code.

    Raises:
        DataPlaneError: It asks for something that cannot be.
    """
    snapshots = Snapshots(emulator, workspace)
    properties = command_properties(definition, workspace)
    for name, given in properties["inputs"].items():
        given["jobInputType"] = _type_of(emulator, workspace, name, given["uri"])
    return {
        **properties,
        "codeId": snapshots.code_id(snapshot_id),
        "environmentId": _environment_id(emulator, workspace, definition, partial(_conda_file, snapshots, snapshot_id)),
    }


def _type_of(emulator: Emulator, workspace: WorkspaceId, name: str, uri: str) -> str:
    """What kind of thing a data reference leads to: run definitions do not say."""
    try:
        place = Locations(emulator.store, workspace).find(uri)
    except LocationError as error:
        raise DataPlaneError(400, "UserError", f"The data reference '{name}' cannot be used: {error}.") from error
    is_file = place.path in emulator.blobs.names(place.container, place.path)
    return "uri_file" if is_file and place.path else "uri_folder"


def _conda_file(snapshots: Snapshots, snapshot_id: str, path: str) -> str:
    return snapshots.read(snapshot_id, path).decode(errors="replace")


def _environment_id(
    emulator: Emulator, workspace: WorkspaceId, definition: Section, conda_file_at: partial[str]
) -> str:
    """The environment that a run definition names, or one that is made of what it describes."""
    given = definition.section("configuration").section("environment")
    name, version = given.text("name"), given.text("version")
    if name and curated(f"azureml:{name}") is not None:
        return f"azureml:{name}:{version or '1'}"
    if name and version and (known := component_version(emulator.store, workspace.child("environment", name, version))):
        return str(known["id"])
    properties = environment_properties(definition, conda_file_at)
    digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:32]
    arm_id = workspace.child("environment", _ANONYMOUS, digest)
    if emulator.store.get(arm_id) is None:
        emulator.store.put(arm_id, {"properties": properties})
    return arm_id


def _project(call: Call) -> IO[bytes]:
    given = call.form.get("projectZipFile")
    if not isinstance(given, UploadFile):
        raise DataPlaneError(400, "UserError", "The form has no file 'projectZipFile'.")
    return given.file


def _refuse_local(_call: Call) -> Json:
    raise DataPlaneError(
        501,
        "UserError",
        "The emulator has no program that runs on your machine in the service's place: name a compute as the target.",
    )
