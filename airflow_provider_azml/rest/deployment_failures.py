"""Why an online deployment failed, in plain words, and what can be done about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.rest import deployment_phases

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.deployment_phases import Cause, Phases
    from airflow_provider_azml.rest.flows import Json

_INITIAL_SECONDS, _PERIOD_SECONDS, _FAILURES = 10.0, 10.0, 30
"""Defaults of probes, https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online"""
_BUILD_LOG = re.compile(r"under the path ['\"]?/?(?P<container>[^/'\"]+)/(?P<path>[^'\"\s]+?\.(?:log|txt))")


class Reason(NamedTuple):
    """What a code means, where the message holds some words.

    Args:
        code: The service's code, in lower case.
        words: A regular expression of what the message holds; empty for any.
        means: What it means, and what to do.
    """

    code: str
    words: str
    means: str


_REASONS = (
    Reason(
        "outofquota",
        "unschedulable|kubernetes",
        "the cluster has no room for it; free some, or ask for less in resources",
    ),
    Reason("outofquota", "disk", "model and image do not fit on the disk of the instance type; take a larger one"),
    Reason("outofquota", "memory", "the model does not fit into the memory of the instance type; take a larger one"),
    Reason("outofquota", "role assignment", "the subscription has no role assignment left; delete unused ones"),
    Reason(
        "outofquota",
        "capacity",
        "the region has no machines of the instance type for now; retry later, or take another",
    ),
    Reason(
        "outofquota",
        "",
        "the quota is used up; delete deployments, take a smaller instance_type, or ask for more quota",
    ),
    Reason(
        "imagebuildfailure",
        "authorization",
        "the container registry let nobody in; sync the keys of the workspace and retry",
    ),
    Reason(
        "imagebuildfailure",
        "",
        "the image of the environment could not be built; its build log says why. Pin the packages of the environment",
    ),
    Reason(
        "badargument",
        "authoriz|role assignment",
        "the endpoint's identity may not read model or image; give it Storage Blob Data Reader and AcrPull",
    ),
    Reason(
        "badargument",
        "container image",
        "the image could not be fetched; check that it is there, and that the endpoint's identity has AcrPull",
    ),
    Reason(
        "badargument",
        "user model|download",
        "model or code could not be fetched; check their files, and that the endpoint's identity may read them",
    ),
    Reason(
        "badargument", "vmsize|instance", "the instance type is none that managed online endpoints take in the region"
    ),
    Reason(
        "resourcenotfound",
        "",
        "something that the deployment names is not there, or its container registry lets nobody in",
    ),
    Reason("operationcanceled", "", "another operation on the endpoint came first; a retry is likely to do"),
    Reason(
        "internalservererror",
        "",
        "the service itself failed; retry, and ask its support with the request id if it stays",
    ),
    Reason("podoutofmemory", "", "the container needs more memory than its limit; raise resources.limits.memory"),
    Reason("podunschedulable", "", "no node of the cluster has room for it, or fits its node selector"),
    Reason(
        "imagepullloopbackoff",
        "",
        "the cluster cannot fetch the image; check its network and its access to the container registry",
    ),
    Reason(
        "deploymentcrashloopbackoff",
        "",
        "the container crashes when it starts: an error of the scoring script, or too little memory",
    ),
    Reason(
        "kubernetescrashloopbackoff",
        "",
        "the container crashes when it starts: an error of the scoring script, or too little memory",
    ),
    Reason("userscriptinitfailed", "", "init() of the scoring script raised an error; the log shows it"),
    Reason("userscriptimporterror", "", "the scoring script imports something that its environment does not have"),
    Reason("userscriptfunctionnotfound", "", "the scoring script has no init() or no run()"),
    Reason(
        "acrsecreterror",
        "",
        "the cluster has no access to the container registry yet; wait for role assignments, and retry",
    ),
    Reason(
        "inferencingclientcallfailed",
        "",
        "the extension of the cluster cannot be reached; detach the compute, and attach it again",
    ),
    Reason(
        "namespacenotfound",
        "",
        "the namespace of the compute is not in the cluster; attach the compute with one that is",
    ),
    Reason("scoringfeunhealthy", "", "azureml-fe of the cluster is not healthy; check the extension of the cluster"),
    Reason("resourcenotready", "", "the container does not serve; its log says more"),
)
"""The first that fits counts. Source:
https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints"""
OF_MEMORY = (
    "a process of the container was killed for want of memory; take a larger instance_type, or load less in init()"
)
_MEANS: Mapping[Cause, str] = {
    "out_of_memory": OF_MEMORY,
    "crash": "the container ended by itself when it started; the end of its log says why",
    "image_pull": (
        "the image could not be fetched; check that it is there, and that the endpoint's identity has AcrPull (new "
        "role assignments take some minutes)"
    ),
    "model_download": (
        "model or code could not be fetched; check that their files are still in the storage, and that the endpoint's "
        "identity has Storage Blob Data Reader (the log of the storage initializer says more)"
    ),
}


def explanation(code: str | None, message: str | None, phases: Phases, deployment: Json) -> str | None:
    """Why a deployment failed, and what to do; ``None`` where neither log nor code tell.

    What its container shows says more than the code, which is often ResourceNotReady whatever happened.

    Args:
        code: The service's code.
        message: The service's message.
        phases: What the deployment's log tells.
        deployment: The deployment, for the settings of its probes.

    Example:
        >>> explanation("OutOfQuota", "Not enough quota available", Phases(), {})
        'the quota is used up; delete deployments, take a smaller instance_type, or ask for more quota'
    """
    said = message or ""
    found = deployment_phases.cause(phases, said)
    if found == "script":
        what = deployment_phases.raised(phases)
        told = f": {what}" if what else ""
        return f"the scoring script failed when it was loaded{told}; fix it or its environment"
    if found == "probe":
        return of_probe(deployment_phases.failed_probe(phases, said), deployment)
    if found:
        return _MEANS[found]
    return next(
        (
            each.means
            for each in _REASONS
            if each.code == (code or "").lower() and re.search(each.words, said, re.IGNORECASE)
        ),
        None,
    )


def of_probe(probe: str, deployment: Json) -> str:
    """That a probe, not the model, ended a container, and after how long.

    Args:
        probe: Which, e.g. ``liveness``.
        deployment: The deployment.
    """
    settings: Json = (deployment.get("properties") or {}).get(f"{probe}Probe") or {}
    initial = _seconds(settings.get("initialDelay"), _INITIAL_SECONDS)
    period = _seconds(settings.get("period"), _PERIOD_SECONDS)
    failures = int(settings.get("failureThreshold") or _FAILURES)
    whole = initial + failures * period
    return (
        f"the {probe} probe, not the model, ended the container: it did not answer within {whole:g} s (initial_delay "
        f"{initial:g} s, then {failures} x period {period:g} s). If it is merely slow to start, raise initial_delay or "
        f"failure_threshold of {probe}_probe, or take a larger instance_type"
    )


def build_log(message: str | None) -> tuple[str, str] | None:
    """Container and path of the log of an image's build that a message names; ``None`` where it names none.

    Source: "The build log is available in the workspace blob store '[storage-account-name]' under the path
    '/azureml/ImageLogs/your-image-id/build.log'", under ImageBuildFailure of the page above.
    """
    found = _BUILD_LOG.search(message or "")
    return (found["container"], found["path"]) if found else None


def _seconds(text: object, otherwise: float) -> float:
    """A duration as the service writes it, in seconds."""
    import isodate  # type: ignore[import-untyped]  # has no stubs

    try:
        return float(isodate.parse_duration(str(text)).total_seconds()) if text else otherwise
    except isodate.ISO8601Error:
        return otherwise
