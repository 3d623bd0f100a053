"""What jobs of all types share."""

from __future__ import annotations

import pathlib
import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import local_paths, references
from airflow_provider_azml.spec.needs import Asset, Code
from airflow_provider_azml.spec.rules import (
    Rule,
    as_is,
    each,
    integer,
    lower,
    nested,
    snake,
    translated,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.needs import Need
    from airflow_provider_azml.spec.source import Source

_SUFFIX_LENGTH = 10
LOCAL = "local"
"""What a file says for the compute that is this machine."""
_LOWER_NAMES = frozenset({"command", "spark"})
USER_HEADER = "x-azureml-token"
"""Header that carries a token of the AML data plane beside Resource Manager's."""
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


def _identity_word(value: object) -> str:
    word = snake(str(value))
    return "managed_identity" if word == "managed" else word


IDENTITY_IN_WORDS = (
    Rule("type", "type", _identity_word),
    *(Rule(rule.key, rule.key) for rule in _IDENTITY_RULES[1:]),
)
"""Rules of an identity for nodes that have the keys and words of the file."""
_TIERS = {"null": "Null", "spot": "Spot", "basic": "Basic", "standard": "Standard", "premium": "Premium"}
_QUEUE_RULES = (
    Rule("job_tier", "jobTier", words(_TIERS)),
    Rule("priority", "priority", words({"low": 1, "medium": 2, "high": 3})),
)
_SERVICES = {"jupyter_lab": "JupyterLab", "vs_code": "VSCode", "tensor_board": "TensorBoard", "ssh": "SSH"}


def _service_type(value: object) -> str | None:
    """The service's word; azure-ai-ml sends none for a type that it does not know."""
    return _SERVICES.get(lower(value))


_SERVICE_RULES = (
    Rule("type", "jobServiceType", _service_type, default="ssh"),
    Rule("port", "port", integer),
    Rule("nodes", "nodes", lambda _: {"nodesValueType": "All"}),
)
_SERVICE_PROPERTIES = (Rule("log_dir", "logDir"), Rule("ssh_public_keys", "sshPublicKeys"))


def service(value: Mapping[str, Any]) -> Json:
    """A way into a running job."""
    extra = {**value.get("properties", {}), **translated(value, _SERVICE_PROPERTIES)}
    return {**translated(value, _SERVICE_RULES), **({"properties": extra} if extra else {})}


identity = nested(_IDENTITY_RULES)
queue_settings = nested(_QUEUE_RULES)
_SHARED_RULES = (
    Rule("description", "description"),
    Rule("tags", "tags", as_is, default={}),
    Rule("properties", "properties", as_is, default={}),
    Rule("identity", "identity", identity),
    Rule("queue_settings", "queueSettings", queue_settings),
    Rule("services", "services", each(service)),
    Rule("parent_job_name", "parentJobName"),
)


def shared_properties(source: Source, job_type: str, name: str | None) -> Json:
    """The ``properties`` that jobs of all types have.

    Args:
        source: The job.
        job_type: What the service calls its type, e.g. ``Command``.
        name: Its name; ``None`` for a job inside something else, e.g. a schedule, which is not given made-up names.
    """
    value = source.value
    body = {"jobType": job_type, "isArchived": False, **translated(value, _SHARED_RULES)}
    display_name = value.get("display_name") or name
    experiment = value.get("experiment_name") or (name and _experiment_of_folder())
    return {
        **body,
        **({"displayName": display_name} if display_name else {}),
        **({"experimentName": experiment} if experiment else {}),
    }


def acts_as_user(properties: Json) -> bool:
    """Whether the service submits a job in the user's name, and so wants a token of theirs.

    Source: azure-ai-ml 1.35.2 sends it with pipelines and with jobs whose identity is the user's.
    """
    identity = (properties.get("identity") or {}).get("identityType")
    return properties["jobType"] == "Pipeline" or identity == "UserIdentity"


def code_id(source: Source, path: Path) -> str | Need | None:
    """What stands for the code at a path of a job, if there is any."""
    given = source.value_at(path)
    if given is None:
        return None
    code = str(given)
    if references.is_arm_id(code):
        return code.removeprefix(references.PREFIX)
    if references.is_remote(code):
        properties = {"codeUri": code, "isAnonymous": True, "properties": {}}
        return Asset("code", str(uuid.uuid5(uuid.NAMESPACE_URL, code)), "1", {"properties": properties}, keep=True)
    return Code(local_paths.taken(source, code))


def compute_problems(source: Source) -> Iterator[Problem]:
    """What is wrong with where a job runs that cannot run on this machine."""
    if lower(source.value.get("compute")) == LOCAL:
        yield source.problem(("compute",), "command jobs alone run on this machine; name a compute of the workspace")


def name_of(value: Mapping[str, Any]) -> str:
    """The name that a job has, or a new one that is easy to say and to sort by.

    Source: azure-ai-ml 1.35.2 writes the names of command and Spark jobs in lower case.
    """
    if value.get("name"):
        name = str(value["name"])
        return name.lower() if value.get("type", "command") in _LOWER_NAMES else name
    letters = string.ascii_lowercase + string.digits
    return "job_" + "".join(secrets.choice(letters) for _ in range(_SUFFIX_LENGTH))


def placed(body: Json, value: Mapping[str, Any]) -> Json:
    """The body with where the job runs: a compute, this machine, or nothing for serverless."""
    compute = value.get("compute")
    if not compute:
        return body
    if lower(compute) != LOCAL:
        return {**body, "computeId": references.compute(compute)}
    properties = {**body.get("resources", {}).get("properties", {}), "IsLocal": {"IsLocal": True}}
    return {
        **body,
        "environmentVariables": {**body["environmentVariables"], "AZUREML_COMPUTE_USE_COMMON_RUNTIME": "true"},
        "resources": {**body.get("resources", {}), "properties": properties},
    }


def _experiment_of_folder() -> str:
    """The experiment that azure-ai-ml takes when none is named: the working folder's name."""
    return pathlib.Path.cwd().stem.replace(" ", "") or "Default"
