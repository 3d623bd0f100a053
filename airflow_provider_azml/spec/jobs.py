"""Command jobs."""

from __future__ import annotations

import re
import secrets
import string
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import environments, job_io, local_paths, references
from airflow_provider_azml.spec.needs import Code
from airflow_provider_azml.spec.rules import (
    Rule,
    as_is,
    each,
    integer,
    lower,
    nested,
    sendable,
    some_seconds,
    translated,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_OLD_BRACES = re.compile(r"(?<!\{)\{(inputs|outputs|search_space)\.([^}]*)\}(?!\})")
_REFERENCE = re.compile(r"\$\{\{(inputs|outputs)\.([\w.-]+)\}\}")
_OPTIONAL = re.compile(r"\$\[\[.*?\]\]|\[[\w.\s-]*\$\{\{inputs\.[\w.-]+\}\}\]", re.DOTALL)
_SUFFIX_LENGTH = 10
_DISTRIBUTIONS = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow", "ray": "Ray"}
_DISTRIBUTION_RULES = (
    Rule("type", "distributionType", words(_DISTRIBUTIONS)),
    Rule("process_count_per_instance", "processCountPerInstance", integer),
    Rule("parameter_server_count", "parameterServerCount", integer),
    Rule("worker_count", "workerCount", integer),
    Rule("port", "port", integer),
    Rule("address", "address"),
    Rule("include_dashboard", "includeDashboard"),
    Rule("dashboard_port", "dashboardPort", integer),
    Rule("head_node_additional_args", "headNodeAdditionalArgs"),
    Rule("worker_node_additional_args", "workerNodeAdditionalArgs"),
)
_RESOURCE_RULES = (
    Rule("instance_count", "instanceCount", integer),
    Rule("instance_type", "instanceType"),
    Rule("shm_size", "shmSize"),
    Rule("properties", "properties", sendable, default={}),
)
_PLACEMENT_RULES = (  # azure-ai-ml drops these where docker_args is a list
    Rule("docker_args", "dockerArgs"),
    Rule("locations", "locations"),
    Rule("max_instance_count", "maxInstanceCount", integer),
)
_IDENTITIES = {
    "managed": "Managed",
    "managed_identity": "Managed",
    "aml_token": "AMLToken",
    "user_identity": "UserIdentity",
}
_IDENTITY_RULES = (
    Rule("type", "identityType", words(_IDENTITIES)),
    Rule("client_id", "clientId"),
    Rule("object_id", "objectId"),
    Rule("msi_resource_id", "resourceId"),
)
_TIERS = {"null": "Null", "spot": "Spot", "basic": "Basic", "standard": "Standard", "premium": "Premium"}
_QUEUE_RULES = (
    Rule("job_tier", "jobTier", words(_TIERS)),
    Rule("priority", "priority", words({"low": 1, "medium": 2, "high": 3})),
)
_SERVICES = {"jupyter_lab": "JupyterLab", "vs_code": "VSCode", "tensor_board": "TensorBoard", "ssh": "SSH"}
_SERVICE_RULES = (
    Rule("type", "jobServiceType", words(_SERVICES)),
    Rule("port", "port", integer),
    Rule("nodes", "nodes", lambda _: {"nodesValueType": "All"}),
)
_LIMIT_RULES = (Rule("timeout", "timeout", some_seconds),)
_SERVICE_PROPERTIES = (Rule("log_dir", "logDir"), Rule("ssh_public_keys", "sshPublicKeys"))


def distribution(value: Mapping[str, Any]) -> Json:
    """How the processes of a job work together."""
    defaults = {"parameter_server_count": 0} if lower(value["type"]) == "tensorflow" else {}
    return translated({**defaults, **value}, _DISTRIBUTION_RULES)


def resources(value: Mapping[str, Any]) -> Json:
    """What a job runs on."""
    body = translated(value, _RESOURCE_RULES)
    if isinstance(value.get("docker_args"), list):
        return {**body, "dockerArgsList": value["docker_args"]}
    return {**body, **translated(value, _PLACEMENT_RULES)}


def service(value: Mapping[str, Any]) -> Json:
    """A way into a running job."""
    extra = {**value.get("properties", {}), **translated(value, _SERVICE_PROPERTIES)}
    return {**translated(value, _SERVICE_RULES), **({"properties": extra} if extra else {})}


def command_line(text: str) -> str:
    """A command with the references in the older single braces written in the current ones."""
    return _OLD_BRACES.sub(r"${{\1.\2}}", text)


_COMMAND_RULES = (
    Rule("description", "description"),
    Rule("command", "command", command_line),
    Rule("environment_variables", "environmentVariables", sendable, default={}),
    Rule("distribution", "distribution", distribution),
    Rule("resources", "resources", resources),
    Rule("limits", "limits", lambda value: {"jobLimitsType": "Command", **translated(value, _LIMIT_RULES)}),
    Rule("identity", "identity", nested(_IDENTITY_RULES)),
    Rule("queue_settings", "queueSettings", nested(_QUEUE_RULES)),
    Rule("services", "services", each(service)),
    Rule("tags", "tags", as_is, default={}),
    Rule("properties", "properties", as_is, default={}),
    Rule("parent_job_name", "parentJobName"),
)


def command_properties(source: Source, name: str) -> Json:
    """The ``properties`` of a command job.

    Args:
        source: The job.
        name: Its name.
    """
    value = source.value
    body = translated(value, _COMMAND_RULES)
    body["jobType"] = "Command"
    body["isArchived"] = False
    body["displayName"] = value.get("display_name") or name
    body["experimentName"] = value.get("experiment_name") or _experiment_of_folder()
    body["environmentId"] = environments.used(source, ("environment",), may_be_named=False)
    body["inputs"] = job_io.inputs(source)
    body["outputs"] = job_io.outputs(source)
    if value.get("code") is not None:
        code = str(value["code"])
        body["codeId"] = code if references.is_remote(code) else Code(source.local(code))
    return _placed(body, value)


def command_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a command job besides what its schema says."""
    value = source.value
    yield from environments.problems(source, ("environment",))
    yield from job_io.problems(source)
    if isinstance(value.get("code"), str):
        yield from local_paths.problems(source, ("code",), value["code"])
    if isinstance(value.get("command"), str):
        yield from _unknown_references(source, command_line(value["command"]))


def name_of(value: Mapping[str, Any]) -> str:
    """The name that a job has, or a new one that is easy to say and to sort by."""
    if value.get("name"):
        return str(value["name"])
    letters = string.ascii_lowercase + string.digits
    return "job_" + "".join(secrets.choice(letters) for _ in range(_SUFFIX_LENGTH))


def _unknown_references(source: Source, command: str) -> Iterator[Problem]:
    """References to inputs and outputs that the job lacks; what stands in ``$[[...]]`` or ``[...]`` may lack one."""
    needed = _OPTIONAL.sub("", command)
    for place, name in dict.fromkeys(_REFERENCE.findall(needed)):
        known = source.value.get(place) or {}
        if isinstance(known, dict) and name not in known and (place, name) != ("outputs", "default"):
            listed = ", ".join(known) or "none"
            reason = f"${{{{{place}.{name}}}}} is not among the {place} of the job ({listed})"
            yield source.problem(("command",), reason)


def _placed(body: Json, value: Mapping[str, Any]) -> Json:
    """The body with where the job runs: a compute, this machine, or nothing for serverless."""
    compute = value.get("compute")
    if not compute:
        return body
    if lower(compute) != "local":
        return {**body, "computeId": references.compute(compute)}
    properties = {**body.get("resources", {}).get("properties", {}), "IsLocal": {"IsLocal": True}}
    return {
        **body,
        "environmentVariables": {**body["environmentVariables"], "AZUREML_COMPUTE_USE_COMMON_RUNTIME": "true"},
        "resources": {**body.get("resources", {}), "properties": properties},
    }


def _experiment_of_folder() -> str:
    """The experiment that azure-ai-ml takes when none is named: the working folder's name."""
    return LocalPath.cwd().stem.replace(" ", "") or "Default"
