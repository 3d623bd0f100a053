"""What is sent to make a web service: checked, with what the service fills in, and as servers of models take it."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.v1.model_errors import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{,61}[a-z0-9])?")
_SHORTEST, _LONGEST = 3, 32
_KINDS = ("ACI", "AKS")
_RESOURCES: Json = {"cpu": 0.1, "cpuLimit": None, "memoryInGB": 0.5, "memoryInGBLimit": None, "gpu": None}
_COLLECTION: Json = {"eventHubEnabled": False, "storageEnabled": False}
_SCALER: Json = {
    "autoscaleEnabled": True,
    "minReplicas": 1,
    "maxReplicas": 10,
    "refreshPeriodInSeconds": 1,
    "targetUtilization": 70,
}
_PROBE: Json = {
    "periodSeconds": 10,
    "initialDelaySeconds": 310,
    "timeoutSeconds": 2,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_DEFAULTS: Mapping[str, Json] = {
    "ACI": {
        "containerResourceRequirements": _RESOURCES,
        "location": None,
        "authEnabled": False,
        "sslEnabled": False,
        "sslCertificate": None,
        "sslKey": None,
        "cname": None,
        "dnsNameLabel": None,
        "appInsightsEnabled": False,
        "dataCollection": _COLLECTION,
    },
    "AKS": {
        "containerResourceRequirements": _RESOURCES,
        "computeName": None,
        "namespace": None,
        "numReplicas": None,
        "autoScaler": _SCALER,
        "authEnabled": True,
        "aadAuthEnabled": False,
        "appInsightsEnabled": False,
        "dataCollection": _COLLECTION,
        "livenessProbeRequirements": _PROBE,
        "maxConcurrentRequestsPerContainer": 1,
        "maxQueueWaitMs": 500,
        "scoringTimeoutMs": 60000,
        "isDefault": True,
        "trafficPercentile": 100,
        "type": "Control",
    },
}
_SHARED: Json = {"description": None, "kvTags": {}, "properties": {}, "deploymentType": "HttpRealtimeEndpoint"}
_ALONE = ("description", "kvTags", "properties")
"""What can change without anything being deployed anew."""
_SECRET = ("keys", "overwrite")


def accepted(body: Json) -> Json:
    """A request for a service as it is kept: checked, with its defaults.

    Args:
        body: What was sent.

    Raises:
        ModelManagementError: It cannot be made into a service.

    Sources: ``CreateServiceRequest`` and its kinds of the 2019-09-30 model management file; the defaults and limits of
    https://learn.microsoft.com/azure/machine-learning/v1/reference-azure-machine-learning-cli#deployment-configuration-schema
    and of azureml-core, which checks the same before it sends.
    """
    kind = str(body.get("computeType") or "").upper()
    name = body.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or not _SHORTEST <= len(name) <= _LONGEST:
        rule = "3 to 32 lowercase letters, digits and '-', beginning with a letter, not ending in '-'"
        raise bad_request(f"'{name}' is not a valid name for a service: {rule}.", target="name")
    if kind not in _KINDS:
        raise bad_request(f"The emulator serves ACI and AKS, not the computeType '{kind}'.", target="computeType")
    if not isinstance(body.get("environmentImageRequest"), dict):
        what = "imageId" if body.get("imageId") else "environmentImageRequest"
        reason = "the emulator runs no images" if body.get("imageId") else "it says what is to be served"
        raise bad_request(f"Service '{name}' needs an environmentImageRequest: {reason}.", target=what)
    document = {**_filled({**_SHARED, **_DEFAULTS[kind]}, body), "computeType": kind}
    if kind == "AKS":
        _settle_scale(document, body)
    _check_resources(document)
    if document.get("authEnabled") and document.get("aadAuthEnabled"):
        if body.get("authEnabled"):
            message = f"Service '{name}' cannot have authEnabled and aadAuthEnabled: it is opened by keys or by tokens."
            raise bad_request(message, target="aadAuthEnabled")
        document["authEnabled"] = False
    namespace = document.get("namespace")
    if namespace is not None and not _NAMESPACE.fullmatch(str(namespace)):
        raise bad_request(f"'{namespace}' is no name of a Kubernetes namespace.", target="namespace")
    return {key: value for key, value in document.items() if key not in _SECRET}


def replicas(request: Json) -> int:
    """How many replicas of a service there are to be at first."""
    scaler: Json = request.get("autoScaler") or {}
    if scaler.get("autoscaleEnabled"):
        return int(scaler["minReplicas"])
    return int(request.get("numReplicas") or 1)


def alters_server(before: Json, now: Json) -> bool:
    """Whether a change of a request needs more than writing it down."""
    return any(now.get(key) != before.get(key) for key in {*before, *now} - {*_ALONE})


def serving(request: Json) -> Json:
    """A request as servers of models take it: in the words of an online deployment.

    Sources: what each setting becomes in https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-deploy-endpoints
    and the descriptions of both.
    """
    probe: Json = request.get("livenessProbeRequirements") or {}
    environment = request["environmentImageRequest"].get("environment") or {}
    milliseconds = request.get("scoringTimeoutMs") or _DEFAULTS["AKS"]["scoringTimeoutMs"]
    return {
        "endpointComputeType": "Kubernetes",
        "authMode": "AMLToken" if request.get("aadAuthEnabled") else "Key" if request.get("authEnabled") else "None",
        "environmentImageRequest": request["environmentImageRequest"],
        # the script is where the files of the service are here, which the server is told by this name
        "environmentVariables": {
            name: value
            for name, value in (environment.get("environmentVariables") or {}).items()
            if name != "AZUREML_ENTRY_SCRIPT"
        },
        "requestSettings": {
            "requestTimeout": f"PT{milliseconds / 1000:g}S",
            "maxConcurrentRequestsPerInstance": request.get("maxConcurrentRequestsPerContainer") or 1,
        },
        "livenessProbe": {
            "initialDelay": f"PT{probe['initialDelaySeconds']}S",
            "period": f"PT{probe['periodSeconds']}S",
            "timeout": f"PT{probe['timeoutSeconds']}S",
            "failureThreshold": probe["failureThreshold"],
        }
        if probe
        else None,
    }


def _filled(defaults: Json, given: Json) -> Json:
    """What was given, and the defaults of what was not or is null; of objects, member by member."""
    result = copy.deepcopy(defaults)
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _filled(result[key], value)
        elif value is not None or key not in result:
            result[key] = value
    return result


def _settle_scale(document: Json, body: Json) -> None:
    """Replicas scale by themselves unless their number is given."""
    name, number = document["name"], body.get("numReplicas")
    asked = (body.get("autoScaler") or {}).get("autoscaleEnabled")
    document["autoScaler"]["autoscaleEnabled"] = number is None if asked is None else bool(asked)
    if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 1):
        raise bad_request(
            f"numReplicas of service '{name}' is a whole number above 0, not {number!r}.", target="numReplicas"
        )
    if not document["computeName"]:
        raise bad_request(f"Service '{name}' is for AKS, and names no computeName.", target="computeName")


def _check_resources(document: Json) -> None:
    for key, value in document["containerResourceRequirements"].items():
        wrong = isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0
        if value is not None and wrong and not (key == "gpu" and value == 0):
            path = f"containerResourceRequirements.{key}"
            message = f"{path} of service '{document['name']}' is a number above 0, not {value!r}."
            raise bad_request(message, target=path)
