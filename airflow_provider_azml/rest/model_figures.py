"""How good models are: the figure that a job has logged, or that a version of a model carries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.rest import arm_ids, families, flows, history, versions
from airflow_provider_azml.rest.best_trials import best_trial, completed
from airflow_provider_azml.rest.datastores import files_of
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.traffic import shares
from airflow_provider_azml.rest.waiting import status_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane

_NAMED = re.compile(r"(?:azureml:)?(?P<name>[^:@/]+)(?::(?P<version>[^:@/]+)|@latest)")
_OUTPUT_OF = re.compile(r"azureml://(?:.*/)?jobs/(?P<job>[^/]+)/outputs/.*", re.IGNORECASE)
_WRITTEN_BY = {
    "workspaceartifactstore": re.compile(r"ExperimentRun/dcid\.(?P<job>[^/]+)/.*", re.IGNORECASE),
    "workspaceblobstore": re.compile(r"azureml/(?P<job>[^/]+)/.*", re.IGNORECASE),
}
"""Datastore -> paths in it that say which job has written there. Sources: "Job output" of
https://learn.microsoft.com/azure/machine-learning/how-to-manage-models; azure-ai-ml 1.35.2, ``jobs.download``; outputs
without a path of their own, of https://learn.microsoft.com/azure/machine-learning/how-to-read-write-data-v2."""


@dataclass(frozen=True)
class Candidate:
    """What has a figure.

    Args:
        kind: ``job``, or ``model`` for a version of one.
        name: Its name.
        version: The version; the newest of a model where there is none.
    """

    kind: Literal["job", "model"]
    name: str
    version: str | None = None

    def __str__(self) -> str:
        if self.kind == "job":
            return f"job {self.name}"
        return f"model {self.name}:{self.version}" if self.version else f"model {self.name}@latest"


@dataclass(frozen=True)
class Figure:
    """A metric of a candidate.

    Args:
        candidate: Whose it is, with its version.
        arm_id: Its ARM id.
        value: The value; text where it is no number that JSON has (``nan``, ``inf``).
        told_by: Where it was found, e.g. ``job train-1``.
    """

    candidate: Candidate
    arm_id: str
    value: float | str
    told_by: str


@dataclass(frozen=True)
class Serving:
    """The version of a model that an endpoint serves most of its requests with.

    Args:
        candidate: The version.
        deployment: Name of its deployment.
        share: Its percentage of the traffic.
    """

    candidate: Candidate
    deployment: str
    share: int


def candidate(given: object) -> Candidate:
    """What somebody means who names a job, or a version of a model.

    Args:
        given: The name of a job; ``azureml:<model>:<version>`` or ``azureml:<model>@latest``, with or without
            ``azureml:``; an ARM id; or what a task has returned that trains or registers: a mapping with ``id``, or
            with ``name`` and, of a model, ``version``.

    Raises:
        ValueError: It is none of these.

    Example:
        >>> str(candidate("azureml:iris:3")), str(candidate({"name": "train-1", "metrics": {}}))
        ('model iris:3', 'job train-1')
    """
    if isinstance(given, dict):
        return _of_result(given)
    text = given.strip() if isinstance(given, str) else ""
    plain = text.removeprefix("azureml:")
    if plain.startswith("/"):
        return _of_arm_id(plain)
    named = _NAMED.fullmatch(text)
    if named:
        return Candidate("model", named["name"], named["version"])
    if not text or re.search(r"[:@/\s]", text):
        raise ValueError(f"is {given!r:.200}, which names neither a job nor a version of a model of this workspace")
    return Candidate("job", text)


def _of_result(given: Mapping[str, object]) -> Candidate:
    name, version, arm_id = (given.get(key) for key in ("name", "version", "id"))
    if isinstance(arm_id, str) and arm_id.startswith("/"):
        return _of_arm_id(arm_id)
    if not isinstance(name, str) or not name:
        raise ValueError(f"is a mapping of {', '.join(map(repr, given)) or 'nothing'}, and has neither 'id' nor 'name'")
    return Candidate("job", name) if version is None else Candidate("model", name, str(version))


def _of_arm_id(arm_id: str) -> Candidate:
    found = arm_ids.parse(arm_id)
    if found.kind == "job":
        return Candidate("job", found.name)
    if found.kind == "model":
        return Candidate("model", found.name, found.version)
    raise ValueError(f"is the id of a {found.kind}; it must be that of a job, or of a version of a model")


def serving(endpoint_id: str) -> Flow[Serving | None]:
    """The version of a model that gets most of an endpoint's traffic; ``None`` where nothing gets any.

    Args:
        endpoint_id: ARM id of an online endpoint, which need not be there.

    Raises:
        NotFound: The deployment with most traffic has no model of this workspace, e.g. one that is in its image.
    """
    endpoint = yield from flows.find(endpoint_id)
    traffic = shares(endpoint) if endpoint else {}
    if not traffic:
        return None
    deployment = max(sorted(traffic), key=lambda name: traffic[name])
    place = arm_ids.parse(endpoint_id)
    deployment_id = place.workspace.child("online_deployment", place.name, deployment)
    model = (yield from flows.get(deployment_id))["properties"].get("model")
    try:
        return Serving(candidate(model), deployment, traffic[deployment])
    except ValueError as error:
        raise _nothing(
            deployment_id,
            "ModelNotFound",
            f"the model of deployment {deployment!r} of endpoint {place.name!r} {error}",
            "Name the champion instead of its endpoint.",
        ) from error


def figure(plane: DataPlane, whose: Candidate, metric: str) -> Flow[Figure]:
    """The figure of a job or of a version of a model.

    A version has the figure that it carries, as a tag or property of the metric's name, or else that of the job which
    has made it. Of a sweep or an AutoML job it is that of the best trial; where the steps of a pipeline share the work,
    that of the one step which has logged it.

    Args:
        plane: The data plane of the workspace.
        whose: The job, or the version.
        metric: Name of the metric.

    Raises:
        NotFound: There is no such job or version, or nobody has such a metric of it; the message names what there is.

    Example:
        >>> client.run(figure(DataPlane(workspace), Candidate("model", "iris", "3"), "accuracy")).value
        0.9555555555555556

    Sources: ``ModelVersion.jobName``, "Name of the training job which produced this model", of the service's OpenAPI
    file; MLflow REST API, ``runs/get``, for metrics.
    """
    arm_id = plane.workspace.child(whose.kind, whose.name, *([whose.version] if whose.version else []))
    if whose.kind == "job":
        value, told_by = yield from _of_job(plane, whose.name, metric)
        return Figure(whose, arm_id, value, told_by)
    if whose.version is None:
        body = yield from versions.newest_version(arm_id)
        arm_id = plane.workspace.child("model", whose.name, str(body["name"]))
    else:
        body = yield from flows.get(arm_id)
    whose = Candidate("model", whose.name, str(body["name"]))
    value, told_by = yield from _of_version(plane, whose, body, metric)
    return Figure(whose, arm_id, value, told_by)


def is_there(plane: DataPlane, whose: Candidate) -> Flow[bool]:
    """Whether there is such a job, or a version of a model, the newest too."""
    arm_id = plane.workspace.child(whose.kind, whose.name, *([whose.version] if whose.version else []))
    return (yield from flows.find(arm_id)) is not None


def _of_version(plane: DataPlane, whose: Candidate, body: Json, metric: str) -> Flow[tuple[float | str, str]]:
    properties = body["properties"]
    for place in ("tags", "properties"):
        value = _number((properties.get(place) or {}).get(metric))
        if value is not None:
            return value, f"its {'tag' if place == 'tags' else 'property'}"
    job = made_by(body)
    hint = f"Give the version a tag {metric!r}."
    if job is None:
        raise _nothing(body["id"], "MetricNotFound", f"{whose} does not say which job has made it", hint)
    try:
        return (yield from _of_job(plane, job, metric))
    except NotFound as error:
        raise _nothing(error.url, error.code, f"{whose} was made by job {job!r}: {error.message}", hint) from error


def made_by(version: Json) -> str | None:
    """Name of the job that has made a version of a model, if it tells.

    Args:
        version: The version, as the service shows it.
    """
    properties = version["properties"]
    if properties.get("jobName"):
        return str(properties["jobName"])
    uri = str(properties.get("modelUri") or "")
    found, files = _OUTPUT_OF.fullmatch(uri), files_of(uri)
    if not found and files and (written_by := _WRITTEN_BY.get(files.datastore.lower())):
        found = written_by.fullmatch(files.path)
    return found["job"] if found else None


def _of_job(plane: DataPlane, job: str, metric: str) -> Flow[tuple[float | str, str]]:
    arm_id = plane.workspace.child("job", job)
    body = yield from flows.get(arm_id)
    status = status_of(arm_id, body)
    if status not in RESOURCES["job"].good:
        raise _nothing(arm_id, "MetricNotFound", f"job {job!r} is {status}", "Its figures count once it is Completed.")
    best = best_trial((yield from completed(plane, body)))
    name, whose = (best["name"], f", the best trial of {job}") if best else (job, "")
    if best and best["primary_metric"] == metric and best["metric"] is not None:
        return _plain(best["metric"]), f"job {name}{whose}"
    logged = yield from history.metrics(plane, name)
    if metric in logged:
        return logged[metric], f"job {name}{whose}"
    return (yield from _of_pipeline(plane, job, metric, sorted(logged)))


def _of_pipeline(plane: DataPlane, job: str, metric: str, logged: Sequence[str]) -> Flow[tuple[float | str, str]]:
    """The figure that a job's pipeline has, or the one of its steps that has it."""
    run = yield from history.run(plane, job)
    root = str(run.get("rootRunId") or job)
    whole = run if root == job else (yield from history.run(plane, root))
    found: dict[str, float | str] = {}
    if families.family_of({}, whole) == "Pipeline":
        steps, _ = yield from history.children(plane, root)
        for name in (root, *(str(step["runId"]) for step in steps if step["runId"] != job)):
            metrics = yield from history.metrics(plane, name)
            if metric in metrics:
                found[name] = metrics[metric]
    if root in found:
        return found[root], f"job {root}"
    if len(found) == 1:
        ((name, value),) = found.items()
        return value, f"job {name}, a step of {root}"
    arm_id = plane.workspace.child("job", job)
    if found:
        steps_with = ", ".join(found)
        message = f"several steps of pipeline {root!r} have logged {metric!r}: {steps_with}"
        raise _nothing(arm_id, "MetricAmbiguous", message, "Name the job of one of them.")
    has = f"it has {', '.join(map(repr, logged))}" if logged else "it has none"
    raise _nothing(arm_id, "MetricNotFound", f"job {job!r} has logged no metric {metric!r}; {has}", None)


def _plain(value: float) -> float | str:
    """A number as it may stand in JSON."""
    return value if math.isfinite(value) else str(value)


def _number(text: object) -> float | str | None:
    try:
        return _plain(float(str(text)))
    except ValueError:
        return None


def _nothing(url: str, code: str, message: str, hint: str | None) -> NotFound:
    return NotFound(method="GET", url=url, status=404, code=code, message=message, hint=hint)
