"""The routes of batch endpoints: they are invoked there, and tell of the jobs that came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.routing import Route

from airflow_provider_azml.emulator.arm.behaviour import answer, json_body
from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request, not_found
from airflow_provider_azml.emulator.auth import TokenRefused
from airflow_provider_azml.emulator.serving.batch_invocation import invoke
from airflow_provider_azml.emulator.serving.batch_scoring import OUTPUT
from airflow_provider_azml.emulator.serving.scoring import CHOSEN
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE
from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PAGE_SIZE = 100
_SCORING = "/score/{subscription}/{group}/{workspace}/{endpoint}/jobs"
_MANAGEMENT = (
    "/mferp/managementfrontend/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}/batchEndpoints/{endpoint}"
)
_REQUEST_IDS = ("repeatability_request-id", "repeatability-request-id")
_TYPE = "Microsoft.MachineLearningServices/workspaces/batchEndpoints"
_SKIP = "$skiptoken"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """Where batch endpoints are invoked, and where the SDK lists their jobs."""
    jobs = BatchJobs(emulator)
    places = (_SCORING, f"{_MANAGEMENT}/jobs")
    return [
        *(Route(place, jobs.create, methods=["POST"]) for place in places),
        *(Route(place, jobs.list, methods=["GET"]) for place in places),
        *(Route(f"{place}/{{job}}", jobs.get, methods=["GET"]) for place in places),
        Route(f"{_MANAGEMENT}/deployments/{{deployment}}/jobs", jobs.list, methods=["GET"]),
        Route(f"{_MANAGEMENT}/deployments/{{deployment}}/jobs/{{job}}", jobs.get, methods=["GET"]),
    ]


class BatchJobs:
    """The jobs of batch endpoints, as ``BatchJobResource``.

    Sources: the client of ``2020-09-01-dataplanepreview`` in azure-ai-ml 1.11 (paths, models); printed answers of the
    service in Ansible's ``azure_rm_ml_batch_endpoint_invoke`` and ``azure_rm_ml_batch_endpoint_info``; the audience:
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-batch-endpoints

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def create(self, request: Request) -> Response:
        """Invoke the endpoint."""
        endpoint = self._endpoint(request)
        body = await json_body(request)
        request_id = next((request.headers[name] for name in _REQUEST_IDS if request.headers.get(name)), None)
        chosen = request.headers.get(CHOSEN)
        job = invoke(self._emulator, endpoint["id"], body, chosen=chosen, request_id=request_id)
        return answer(self._resource(endpoint, job), 201)

    async def list(self, request: Request) -> Response:
        """The jobs of the endpoint or of one of its deployments, newest first, a page at a time."""
        endpoint = self._endpoint(request)
        deployment = request.path_params.get("deployment") or request.query_params.get("deployment")
        notes = self._emulator.store.records(f"batch_jobs:{endpoint['id'].lower()}")[::-1]
        wanted = [note["job"] for note in notes if deployment in (None, note["deployment"])]
        given = request.query_params.get(_SKIP, "0")
        if not given.isdecimal():
            raise bad_request(f"The query parameter '{_SKIP}' is none that the emulator has given: '{given}'.")
        start = int(given)
        found = (self._emulator.store.get(job_id) for job_id in wanted[start : start + PAGE_SIZE])
        page: Json = {"value": [self._resource(endpoint, job, deployment) for job in found if job]}
        if start + PAGE_SIZE < len(wanted):
            query = urlencode({**request.query_params, _SKIP: start + PAGE_SIZE})
            page["nextLink"] = f"{self._emulator.https_url}{request.url.path}?{query}"
        return answer(page)

    async def get(self, request: Request) -> Response:
        """One job of the endpoint."""
        endpoint = self._endpoint(request)
        deployment = request.path_params.get("deployment")
        name = request.path_params["job"]
        note = self._emulator.store.record(f"batch_jobs:{endpoint['id'].lower()}", name)
        job = self._emulator.store.get(note["job"]) if note and deployment in (None, note["deployment"]) else None
        if job is None:
            raise not_found(f"{endpoint['id']}/jobs/{name}")
        return answer(self._resource(endpoint, job, deployment))

    def _endpoint(self, request: Request) -> Json:
        try:
            self._emulator.auth.check(request.headers.get("Authorization"), self._emulator.auth.aml_audiences)
        except TokenRefused as refused:
            raise ArmError(401, refused.code, refused.message) from refused
        names = request.path_params
        workspace = WorkspaceId(names["subscription"], names["group"], names["workspace"])
        endpoint_id = workspace.child("batch_endpoint", names["endpoint"])
        endpoint = self._emulator.store.get(endpoint_id)
        if endpoint is None:
            raise not_found(endpoint_id)
        return endpoint

    def _resource(self, endpoint: Json, job: Json, deployment: str | None = None) -> Json:
        known = job["properties"]
        below = f"/deployments/{deployment}" if deployment else ""
        workspace_id = endpoint["id"].partition("/batchEndpoints/")[0]
        scored = (known.get("outputs") or {}).get(OUTPUT)
        shown: Json = {
            "name": known.get("displayName"),
            "description": known.get("description"),
            "status": known["status"],
            "provisioningState": "Succeeded",
            "compute": {"isLocal": False},
            "interactionEndpoints": {
                kind: {"jobEndpointType": kind, "endpoint": service["endpoint"]}
                for kind, service in (known.get("services") or {}).items()
            },
            "output": {
                "datastoreId": f"{workspace_id}/datastores/{ARTIFACT_STORE}",
                "path": f"ExperimentRun/dcid.{job['name']}",
            },
            "properties": known["properties"],
            "tags": known["tags"],
        }
        if scored:
            shown["outputData"] = {OUTPUT: _output(scored, known["properties"].get("azureml.outputfilename"))}
        return {
            "id": f"{endpoint['id']}{below}/jobs/{job['name']}",
            "name": job["name"],
            "type": f"{_TYPE}{'/deployments' if deployment else ''}/jobs",
            "properties": shown,
            "systemData": job["systemData"],
        }


def _output(scored: Json, file: str | None) -> Json:
    """Where predictions are: a model deployment's in a file of the folder that its job knows."""
    uri, kind = scored.get("uri"), str(scored.get("jobOutputType") or "uri_folder")
    if file:
        uri, kind = uri and f"{str(uri).rstrip('/')}/{file}", "uri_file"
    name = "".join(word.capitalize() for word in kind.split("_"))
    return {"jobOutputType": name, "mode": "ReadWriteMount", **({"uri": uri} if uri else {})}
