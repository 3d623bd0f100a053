"""Run history over HTTP: runs, their details with log URLs, their artifacts, and where their outputs are."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_azml.emulator.history.changes import Changes
from airflow_provider_azml.emulator.history.data_plane import Call, DataPlaneError, Operation, endpoint, json_value
from airflow_provider_azml.emulator.history.experiments import Experiments
from airflow_provider_azml.emulator.history.metrics import Metrics
from airflow_provider_azml.emulator.history.named_runs import RUN, named_run
from airflow_provider_azml.emulator.history.queries import QueryError, condition, ordered
from airflow_provider_azml.emulator.history.runs import Runs, enumerated, page_of
from airflow_provider_azml.emulator.history.views import shown
from airflow_provider_azml.emulator.jobs.outputs import resolved
from airflow_provider_azml.emulator.jobs.services import service_instances
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.storage.locations import Location
    from airflow_provider_azml.rest.flows import Json

_LOG_FOLDERS = ("user_logs/", "azureml-logs/", "logs/", "system_logs/")
_CHANGEABLE = ("displayName", "description", "tags", "properties", "hidden")
_DIGITS = 18
"""As many as a number has at most."""
_METHODS = ["GET", "POST", "PATCH", "DELETE"]


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of run history, and of the data and model registries where they resolve outputs of runs."""
    history, resolving = History(emulator), Resolving(emulator)
    return [
        Route("/history/v1.0{path:path}", endpoint(emulator, "/history/v1.0", history.operations()), methods=_METHODS),
        Route("/data/v1.0{path:path}", endpoint(emulator, "/data/v1.0", resolving.operations("uri")), methods=["POST"]),
        Route(
            "/modelregistry/v1.0{path:path}",
            endpoint(emulator, "/modelregistry/v1.0", resolving.operations("path")),
            methods=["POST"],
        ),
    ]


class History:
    """Answers for run history.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self) -> list[Operation]:
        """What can be asked. Source: the run history client of azure-ai-ml 1.35.2."""
        return [
            Operation("GET", RUN, self._get),
            Operation("POST", RUN, self._change),
            Operation("PATCH", "runs/(?P<run>[^/]+)", self._change),
            Operation("GET", f"{RUN}/details", self._details),
            Operation("GET", f"{RUN}/children", self._children),
            Operation("GET", rf"{RUN}/serviceinstances/\d+", self._service_instances),
            Operation("DELETE", f"{RUN}/tags", self._delete_tags, body="raw"),
            Operation("POST", f"{RUN}/cancel", self._cancel),
            Operation("GET", rf"{RUN}/serviceinstances/(?P<node>\d+)", self._services),
            Operation("GET", rf"{RUN}/artifacts(?:/path)?", self._artifacts),
            Operation("GET", rf"{RUN}/artifacts/prefix/contentinfo", self._contents),
            Operation("GET", rf"{RUN}/artifacts/contentinfo", self._content),
            Operation("GET", rf"{RUN}/artifacts/artifacturi", self._content_uri),
            Operation("GET", rf"{RUN}/artifacts/metadata", self._metadata),
            Operation("POST", "rundata", self._data),
            Operation("POST", "batchrundata", self._batch_data),
            *Changes(self._emulator).operations(),
            *Experiments(self._emulator).operations(),
            *Metrics(self._emulator).operations_of_history(),
        ]

    def _run(self, call: Call, run_id: str | None = None) -> Json:
        return named_run(self._emulator.store, call, run_id)

    def _get(self, call: Call) -> Json:
        return shown(self._run(call))

    def _change(self, call: Call) -> Json:
        run = self._run(call)
        fields = {name: call.body[name] for name in _CHANGEABLE if name in call.body}
        for name in ("tags", "properties"):
            _check_mapping(name, fields.get(name))
        Runs(self._emulator.store, call.workspace).change(run["runId"], fields)
        return shown(self._run(call))

    def _details(self, call: Call) -> Json:
        run = self._run(call)
        place = self._artifacts_of(call, run)
        logs = {path: self._url(place, path) for path in self._paths(place) if path.startswith(_LOG_FOLDERS)}
        return {**shown(run), "runDefinition": run.get("runDefinition"), "logFiles": logs, "services": {}}

    def _children(self, call: Call) -> Json:
        """A page of the children.

        Source: ``PaginatedRunList``, ``$top`` ("if not specified, all items are returned") and ``$continuationtoken``
        of the 2019-09-30 run history file.
        """
        run, query = self._run(call), call.request.query_params
        start, order = _count(query, "$continuationtoken", 0), query.get("$orderby", "")
        children = Runs(self._emulator.store, call.workspace).children_from(run["runId"], 0 if order else start)
        try:
            passes = condition(query.get("$filter", ""))
            found = ((number, one) for number, child in children if passes(one := shown(child)))
            listed = enumerated(ordered([run for _, run in found], order), start) if order else found
            page, token = page_of(listed, _count(query, "$top", 0))
        except QueryError as error:
            raise DataPlaneError(400, "UserError", f"{error}.") from error
        if token is None:
            return {"value": page, "continuationToken": None, "nextLink": None}
        following = urlencode({**query, "$continuationtoken": str(token)})
        url = f"{self._emulator.https_url}{quote(call.request.scope['path'])}?{following}"
        return {"value": page, "continuationToken": str(token), "nextLink": url}

    def _service_instances(self, call: Call) -> Json:
        run = self._run(call)
        job = self._emulator.store.get(call.workspace.child("job", run["runId"]))
        return {"instances": service_instances(job) if job else {}}

    async def _delete_tags(self, call: Call) -> Json:
        """Take tags away. Sources: the 2019-09-30 run history file (a list), and azure-ai-ml's client (an object)."""
        run = self._run(call)
        body = await json_value(call.request)
        sent = body.get("tags") if isinstance(body, dict) else body
        given = sent or call.request.query_params.getlist("tags")
        names = set(map(str, given if isinstance(given, list) else [given]))
        Runs(self._emulator.store, call.workspace).remove_tags(run["runId"], names)
        return shown(self._run(call))

    def _cancel(self, call: Call) -> Json:
        run = self._run(call)
        self._emulator.jobs.cancel(call.workspace.child("job", run["runId"]))
        return shown(self._run(call))

    def _data(self, call: Call) -> Json:
        return _run_data(self._run(call, str(call.body.get("runId") or "")))

    def _batch_data(self, call: Call) -> Json:
        good: Json = {}
        bad: Json = {}
        requests: dict[str, Json] = call.body.get("requests") or {}
        _check_mapping("requests", requests)
        for key, asked in requests.items():
            _check_mapping(f"requests.{key}", asked)
            try:
                good[key] = _run_data(self._run(call, str((asked or {}).get("runId") or key)))
            except DataPlaneError as error:
                bad[key] = error.document()
        return {"successfulResults": good, "failedResults": bad}

    def _services(self, call: Call) -> Json:
        """The services of a job, as its nodes know them; those that a job asks for are not started here."""
        job = self._emulator.store.get(call.workspace.child("job", self._run(call)["runId"])) or {"properties": {}}
        services = job["properties"].get("services") or {}
        return {
            "instances": {
                name: {
                    "type": service.get("jobServiceType"),
                    "port": service.get("port"),
                    "status": service.get("status"),
                    "endpoint": service.get("endpoint"),
                    "properties": service.get("properties") or {},
                }
                for name, service in services.items()
            }
        }

    def _artifacts(self, call: Call) -> Json:
        place = self._artifacts_of(call, self._run(call))
        return {"value": [self._artifact(place, path) for path in self._paths(place, _asked(call))]}

    def _contents(self, call: Call) -> Json:
        place = self._artifacts_of(call, self._run(call))
        return {"value": [self._with_url(place, path) for path in self._paths(place, _asked(call))]}

    def _content(self, call: Call) -> Json:
        place = self._artifacts_of(call, self._run(call))
        path = _asked(call)
        if path not in self._paths(place, path):
            raise DataPlaneError(404, "UserError", f"Run {call.names['run']} has no artifact {path}.")
        return self._with_url(place, path)

    def _metadata(self, call: Call) -> Json:
        return {name: value for name, value in self._content(call).items() if name != "contentUri"}

    def _content_uri(self, call: Call) -> Response:
        return Response(self._content(call)["contentUri"], media_type="text/plain")

    def _artifacts_of(self, call: Call, run: Json) -> Location:
        # a step that was not run again shows what the step has that it repeats
        owner = run["dataContainerId"].removeprefix("dcid.")
        try:
            return Locations(self._emulator.store, call.workspace).of_artifacts(owner)
        except LocationError as error:
            raise DataPlaneError(404, "UserError", str(error)) from error

    def _paths(self, place: Location, prefix: str = "") -> Iterator[str]:
        root = f"{place.path}/"
        return (name.removeprefix(root) for name in self._emulator.blobs.names(place.container, root + prefix))

    def _artifact(self, place: Location, path: str) -> Json:
        container = place.name
        return {
            "artifactId": f"ExperimentRun/{container}/{path}",
            "origin": "ExperimentRun",
            "container": container,
            "path": path,
            "dataPath": {"dataStoreName": "workspaceartifactstore", "relativePath": place.below(path).path},
        }

    def _with_url(self, place: Location, path: str) -> Json:
        return {**self._artifact(place, path), "contentUri": self._url(place, path)}

    def _url(self, place: Location, path: str) -> str:
        """A URL that reads one blob of a job without a token."""
        sas = self._emulator.auth.sas(place.container, permissions="r")
        return f"{self._emulator.blobs.plain_url(place.container, place.below(path).path)}?{sas}"


class Resolving:
    """Answers where the data or models are that run history names as outputs.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def operations(self, field: str) -> list[Operation]:
        """What can be asked.

        Args:
            field: What the place is called in the answer.
        """

        def answer(call: Call) -> Json:
            asked = call.body.get("values") or []
            if not isinstance(asked, list) or not all(isinstance(asset_id, str) for asset_id in asked):
                raise DataPlaneError(400, "UserError", "The body's 'values' must be a list of asset ids.")
            return {"values": {asset_id: self._place(call, asset_id, field) for asset_id in asked}}

        return [Operation("POST", r"(?:dataversion|models)/batchGetResolvedUris", answer)]

    def _place(self, call: Call, asset_id: str, field: str) -> Json:
        found = resolved(self._emulator.store, asset_id)
        if found is None:
            raise DataPlaneError(404, "UserError", f"{asset_id} was not found in workspace {call.workspace.name}.")
        return {field: found["uri"], "type": found["type"]}


def _check_mapping(name: str, value: object) -> None:
    if value is not None and not isinstance(value, dict):
        raise DataPlaneError(400, "UserError", f"The '{name}' of the request's body must be a JSON object.")


def _count(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not value.isdecimal() or len(value) > _DIGITS:
        raise DataPlaneError(400, "UserError", f"The query parameter '{name}' must be a number, not '{value}'.")
    return int(value)


def _asked(call: Call) -> str:
    return unquote(call.request.query_params.get("path") or "").lstrip("/")


def _run_data(run: Json) -> Json:
    return {"runMetadata": shown(run), "runDefinition": None, "jobSpecification": None}
