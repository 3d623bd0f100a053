"""Invocations of batch endpoints: sent once, and found again among the jobs of the endpoint.

The service makes the name of the job, so what was sent is found by what it carries: every attempt of a submission has a
mark, ``<submission>-<attempt>``, which stands at the end of the job's display name and in a property and a tag of it.
"""

from __future__ import annotations

import logging
import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest import arm_ids, flows, job_files
from airflow_provider_azml.rest.awaited_defaults import default_of
from airflow_provider_azml.rest.flows import Send, call, json_object, request
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.versions import created_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from azure.core.rest import HttpRequest

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

_log = logging.getLogger(__name__)
ATTEMPT = "airflow.attempt"
"""Property and tag of a job: the mark of the attempt that it is."""
_REPEATABILITY = ("repeatability_request-id", "Repeatability-Request-ID")
"""Headers that tell an invocation that is sent again from a new one. azure-ai-ml sends the first; there are proxies
that drop headers with an underscore, so the second, which is the standard's, goes beside it."""
_DEPLOYMENT = "azureml-model-deployment"
_MANAGEMENT = "/mferp/managementfrontend"
_VERSION = {"api-version": "2020-09-01-dataplanepreview"}
_SLACK = timedelta(minutes=10)
"""How far the clocks of Airflow and of the service may be apart."""
_MOST_PAGES = 200
_ENDED = RESOURCES["job"].terminal
_OF_PIPELINE = "PipelineComponent"
_OUTPUT, _OF, _FILE = "score", "azureml.deploymentname", "azureml.outputfilename"


@dataclass(frozen=True)
class Door:
    """Where a batch endpoint is invoked, and who is to answer.

    Args:
        uri: Its scoring URI.
        deployment: Name of the deployment.
        of_model: Whether that is one of a model; else it is one of a pipeline.
    """

    uri: str
    deployment: str
    of_model: bool


@dataclass(frozen=True)
class Invocation:
    """What is sent to a batch endpoint.

    Args:
        door: Where it goes.
        body: ``{"properties": {"inputData": {...}, ...}}``.
        name: What the job is called for people, without the mark.
    """

    door: Door
    body: Json
    name: str


def mark(submission: str, attempt: int | str) -> str:
    """The mark of an attempt.

    Example:
        >>> mark("9f86d081884c", 2)
        '9f86d081884c-2'
    """
    return f"{submission}-{attempt}"


def request_id(attempt: str) -> str:
    """What tells the service that an invocation was sent before: the same for the same mark."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, attempt))


def sends(sent: HttpRequest, arm_id: str) -> bool:
    """Whether a request is the invocation of an attempt, given the ARM id that stands for the attempt's job."""
    asked = sent.headers.get(_REPEATABILITY[0])
    found = re.search(r"[^-]+-\d+$", arm_ids.parse(arm_id).name)
    return bool(asked and found and sent.method == "POST" and asked == request_id(found[0]))


def door(workspace: WorkspaceId, endpoint: str, deployment: str | None = None) -> Flow[Door]:
    """Where a batch endpoint is invoked, looked up before anything is uploaded for it.

    Args:
        workspace: The workspace of the endpoint.
        endpoint: Name of the endpoint.
        deployment: Name of the deployment; by default the endpoint's default one.

    Raises:
        NotFound: There is no such endpoint or deployment, or the endpoint has no default one.
        ApiError: The endpoint cannot be invoked yet.
    """
    endpoint_id = workspace.child("batch_endpoint", endpoint)
    found = yield from flows.get(endpoint_id)
    name = deployment or default_of(found)
    if not name:
        hint = "Give deployment_name, or deploy with set_default=True."
        raise NotFound(**_refusal(endpoint_id, "NoDefaultDeployment", "has no default deployment", hint))
    uri = found["properties"].get("scoringUri")
    if not uri:
        hint = "Wait until it is provisioned."
        raise ApiError(**_refusal(endpoint_id, "NoScoringUri", "has no scoring URI", hint))
    made = yield from flows.get(workspace.child("batch_deployment", endpoint, name))
    configuration = made["properties"].get("deploymentConfiguration") or {}
    return Door(str(uri), name, of_model=configuration.get("deploymentConfigurationType") != _OF_PIPELINE)


def invoke(invocation: Invocation, attempt: str) -> Flow[Json]:
    """Invoke an endpoint by one request that is sent once.

    Args:
        invocation: What is sent.
        attempt: The mark of the attempt. The service answers the job that it has already where it knows the mark; it
            does not say for how long it does.

    Returns:
        The job, as ``BatchJobResource``.

    Raises:
        ApiError: The service refused it, or did not answer; then there may be a job, see :func:`find`.

    Sources: azure-ai-ml 1.35.2, ``BatchEndpointOperations.invoke``; pull request 33271 of
    Azure/azure-sdk-for-python: with the same ``repeatability_request-id`` the same call is sent again.
    """
    given: Json = invocation.body["properties"]
    carried = {ATTEMPT: attempt}
    properties = {
        **given,
        "name": f"{invocation.name}-{attempt}",
        "tags": {**(given.get("tags") or {}), **carried},
        "properties": {**(given.get("properties") or {}), **carried},
    }
    headers = {**dict.fromkeys(_REPEATABILITY, request_id(attempt)), _DEPLOYMENT: invocation.door.deployment}
    sent = request("POST", invocation.door.uri, json={**invocation.body, "properties": properties}, headers=headers)
    return json_object(sent, (yield from call(Send(sent, scope="aml", retry="never"))))


def find(
    plane: DataPlane, endpoint: str, submission: str, *, since: datetime | None = None
) -> Flow[dict[str, list[Json]]]:
    """The jobs of a submission, among those of an endpoint.

    An endpoint may have thousands of jobs. While they come newest first, the list is read up to those that are older
    than the submission can be.

    Args:
        plane: The data plane of the workspace.
        endpoint: Name of the endpoint.
        submission: What the marks of the attempts begin with.
        since: When the submission can have begun at the earliest.

    Returns:
        Mark -> the jobs that carry it, oldest first; there is more than one only where the service made more than one
        job of one invocation.

    Raises:
        ApiError: The service cannot be asked.

    Source: azure-ai-ml 1.35.2, ``BatchEndpointOperations.list_jobs``. Nothing says in which order they come.
    """
    found: dict[str, list[Json]] = {}
    oldest = since - _SLACK if since else None
    url = yield from plane.url(_MANAGEMENT, f"/batchEndpoints/{endpoint}/jobs")
    page = yield from _page(plane, url)
    for _ in range(_MOST_PAGES):
        jobs: list[Json] = page.get("value") or []
        for job in jobs:
            for attempt in _marks(job, submission):
                found.setdefault(attempt, []).append(job)
        following = page.get("nextLink")
        if not following or _ends_before(jobs, oldest):
            break
        page = yield from plane.follow(str(following))
    return {attempt: sorted(jobs, key=_age) for attempt, jobs in found.items()}


def one_of(workspace: WorkspaceId, attempt: str, jobs: Sequence[Json]) -> Flow[str]:
    """The name of the job that an attempt is; what the service made of it besides is cancelled.

    Args:
        workspace: The workspace.
        attempt: Its mark.
        jobs: The jobs that carry it, oldest first.

    Source: issue 31166 of Azure/azure-sdk-for-python: one invocation was answered with an error, and made some fifty
    jobs.
    """
    first, *others = (str(job["name"]) for job in jobs)
    ended = {str(job["name"]) for job in jobs if (job.get("properties") or {}).get("status") in _ENDED}
    for name in others:
        if name in ended:
            continue
        _log.warning("%s was made of the same invocation as %s (%s); cancelling it", name, first, attempt)
        try:
            yield from flows.act(workspace.child("job", name), "cancel")
        except ApiError as error:
            _log.warning("%s could not be cancelled: %s", name, error)
    return first


def wanted_of(endpoint: str, submission: str) -> Json:
    """The values of the goal ``invocation``, by which a job is cancelled whose name is not known yet.

    Args:
        endpoint: Name of the batch endpoint.
        submission: What the marks of the attempts begin with.
    """
    return {"endpoint": endpoint, "submission": submission}


def cancel(plane: DataPlane, arm_id: str, wanted: Json) -> Flow[object]:
    """Cancel the job of an invocation.

    Args:
        plane: The data plane of the workspace.
        arm_id: The job; or what stands for it as long as its name is not known, whose name ends in the mark.
        wanted: The values that :func:`wanted_of` makes.

    Raises:
        NotFound: There is no job of that mark.
    """
    name, workspace = arm_ids.parse(arm_id).name, plane.workspace
    endpoint, submission = str(wanted["endpoint"]), str(wanted["submission"])
    found = re.search(rf"{re.escape(submission)}-\d+$", name)
    if not found:
        return (yield from flows.act(arm_id, "cancel"))
    jobs = (yield from find(plane, endpoint, submission)).get(found[0])
    if not jobs:
        raise NotFound(
            method="GET",
            url=workspace.child("batch_endpoint", endpoint),
            status=404,
            code="JobNotFound",
            message=f"the endpoint has no job of the invocation {found[0]}",
        )
    first = yield from one_of(workspace, found[0], jobs)
    return (yield from flows.act(workspace.child("job", first), "cancel"))


def deployment_of(job: Json) -> str | None:
    """The deployment that a job of a batch endpoint came of, where it tells.

    Source: the tag and property ``azureml.deploymentname`` of jobs that Ansible's ``azure_rm_ml_batch_endpoint_invoke``
    prints.
    """
    known = job["properties"]
    found = (known.get("properties") or {}).get(_OF) or (known.get("tags") or {}).get(_OF)
    return str(found) if found else None


def predictions(arm_id: str, job: Json, endpoint: str) -> Flow[str | None]:
    """Where the file is that the predictions of a model are appended to; ``None`` where there is none to be known of.

    Args:
        arm_id: The job.
        job: It, as the control plane has it.
        endpoint: Name of the batch endpoint.

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-model-deployments (the output
    ``score``, and ``predictions.csv`` in it unless the deployment says otherwise).
    """
    workspace, deployment = arm_ids.parse(arm_id).workspace, deployment_of(job)
    if _OUTPUT not in (job["properties"].get("outputs") or {}) or not deployment:
        return None
    try:
        made = yield from flows.find(workspace.child("batch_deployment", endpoint, deployment))
        files = (yield from job_files.outputs(workspace, arm_ids.parse(arm_id).name)).get(_OUTPUT)
    except ApiError as error:
        _log.warning("The job is done, but it cannot be read where its predictions are: %s", error)
        return None
    settings = (made or {}).get("properties") or {}
    name = (job["properties"].get("properties") or {}).get(_FILE) or settings.get("outputFileName")
    appends = settings.get("outputAction", "AppendRow") == "AppendRow"
    if not files or not name or not appends or "deploymentConfiguration" in settings:
        return None
    return files.below(str(name)).uri


def _page(plane: DataPlane, url: str) -> Flow[Json]:
    try:
        return (yield from plane.follow(url, _VERSION))
    except NotFound as error:
        if error.code in flows.MISSING_PARENTS:
            raise
        return {}


def _marks(job: Mapping[str, Json], submission: str) -> set[str]:
    """The marks of a submission that a job carries: one, wherever it stands."""
    properties = job.get("properties") or {}
    carried = (properties.get("properties") or {}).get(ATTEMPT), (properties.get("tags") or {}).get(ATTEMPT)
    found = (re.search(rf"(?:^|-)({submission}-\d+)$", str(text or "")) for text in (*carried, properties.get("name")))
    return {match[1] for match in found if match}


def _ends_before(jobs: Iterable[Json], moment: datetime | None) -> bool:
    """Whether jobs come newest first, and the last of them was made before a moment."""
    made = [created_at(job) for job in jobs]
    known = [each for each in made if each]
    if moment is None or not known or len(known) < len(made):
        return False
    return known == sorted(known, reverse=True) and known[-1] < moment


def _age(job: Json) -> str:
    return str((job.get("systemData") or {}).get("createdAt") or "")


def _refusal(endpoint_id: str, code: str, reason: str, hint: str) -> Json:
    """The arguments of the exception for an endpoint that cannot be invoked."""
    message = f"batch endpoint {arm_ids.parse(endpoint_id).name!r} {reason}"
    return {"method": "GET", "url": endpoint_id, "status": None, "code": code, "message": message, "hint": hint}
