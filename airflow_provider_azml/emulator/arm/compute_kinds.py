"""What computes say of themselves that are no clusters: instances, and what is attached."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.computes.instances import last_operation
from airflow_provider_azml.emulator.computes.power_schedules import next_act
from airflow_provider_azml.emulator.identity import PRINCIPAL_ID, TENANT_ID
from airflow_provider_azml.exceptions import SpecError

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_HELD_ELSEWHERE = ("Databricks", "HDInsight", "Kubernetes", "SynapseSpark", "VirtualMachine")
"""Types that are attached and never made: they need a ``resourceId``."""
_SECRETS = frozenset({
    "databricksAccessToken",
    "password",
    "privateKeyData",
    "relayConnectionString",
    "serviceBusConnectionString",
})
_APPLICATIONS = {"Jupyter": "tree", "Jupyter Lab": "lab", "VS Code": "vscode"}
_RESOURCE_ID_PARTS = 8


def instance(name: str, inner: Json, old: Json | None) -> Json:
    """The properties of a compute instance, as they are stored.

    Source: the ComputeInstance examples of the 2024-04-01 OpenAPI file.

    Args:
        name: Its name.
        inner: What was sent.
        old: What is stored of it.

    Raises:
        ArmError: They lack its size, or are wrong.
    """
    if not inner.get("vmSize"):
        raise bad_request("A ComputeInstance needs a vmSize.", code="ValidationError", target="properties.properties")
    check_duration("idleTimeBeforeShutdown", inner.get("idleTimeBeforeShutdown"))
    try:
        next_act(inner.get("schedules"), datetime.now(timezone.utc))
    except (ValueError, TypeError, SpecError) as error:
        message = f"The schedules of compute '{name}' are wrong: {error}."
        raise bad_request(message, code="ValidationError", target="properties.properties.schedules") from error
    kept: Json = {key: old[key] for key in ("state", "lastOperation") if key in old} if old else {}
    host = f"https://{name}.local.instances.azureml.ms"
    applications = [{"displayName": app, "endpointUri": f"{host}/{path}"} for app, path in _APPLICATIONS.items()]
    ssh = {"sshPublicAccess": "Disabled", "adminUserName": "azureuser", "sshPort": 50000}
    return {
        "applicationSharingPolicy": "Shared",
        "computeInstanceAuthorizationType": "personal",
        "enableNodePublicIp": True,
        **inner,
        "sshSettings": {**ssh, **(inner.get("sshSettings") or {})},
        "schedules": _with_ids(inner.get("schedules"), name),
        "state": "Creating",
        "lastOperation": last_operation("Create", "InProgress"),
        "applications": applications,
        "connectivityEndpoints": {"publicIpAddress": None, "privateIpAddress": "10.0.0.4"},
        "createdBy": {"userName": "azml emulator", "userOrgId": TENANT_ID, "userId": PRINCIPAL_ID},
        "osImageMetadata": {
            "currentImageVersion": "24.01.30",
            "latestImageVersion": "24.01.30",
            "isLatestOsImageVersion": True,
        },
        "versions": {"runtime": "3.0.02042.0004"},
        "errors": [],
        **kept,
    }


def attached(name: str, kind: str, inner: Json, resource_id: object) -> Json:
    """The properties of a compute that is not Azure ML's own, as they are stored.

    Sources: the Kubernetes and AKS examples, ``SynapseSpark`` and ``Compute.resourceId`` ("ARM resource id of the
    underlying compute") of the 2024-04-01 OpenAPI file.

    Args:
        name: Its name.
        kind: Its ``computeType``.
        inner: What was sent.
        resource_id: What it is attached to.

    Raises:
        ArmError: It is attached to nothing, or to what is no resource.
    """
    if resource_id is None and kind in _HELD_ELSEWHERE:
        raise bad_request(
            f"Compute '{name}' is of type {kind}, which is attached: it needs the resourceId of what is there already.",
            code="ValidationError",
            target="properties.resourceId",
        )
    if resource_id is not None and not _is_resource_id(str(resource_id)):
        raise bad_request(
            f"The resourceId of compute '{name}' is no ARM resource id: '{resource_id}'.",
            code="ValidationError",
            target="properties.resourceId",
        )
    if kind == "Kubernetes":
        return {**_KUBERNETES, **{key: value for key, value in inner.items() if value is not None}}
    if kind == "SynapseSpark":
        return {**inner, **_of_spark_pool(str(resource_id))}
    return inner


def keys_of(compute: Json) -> Json | None:
    """What ``listKeys`` tells of a compute; ``None`` for one that has no keys.

    Source: ``ComputeSecrets`` of the 2024-04-01 OpenAPI file: AKS, Databricks, VirtualMachine.
    """
    properties = compute["properties"]
    kind, inner = properties["computeType"], properties.get("properties") or {}
    found: Json = {"computeType": kind}
    if kind == "VirtualMachine":
        return {**found, "administratorAccount": inner.get("administratorAccount") or {}}
    if kind == "Databricks":
        return {**found, "databricksAccessToken": inner.get("databricksAccessToken")}
    if kind == "AKS":
        config = f"apiVersion: v1\nkind: Config\nclusters: [{{name: {compute['name']}}}]\n"
        return {**found, "userKubeConfig": config, "adminKubeConfig": config, "imagePullSecretName": None}
    return None


def without_secrets(inner: Json) -> Json:
    """Properties without what ``listKeys`` alone tells.

    Source: "Any secrets (storage keys, service credentials, etc) are not returned - use 'keys' nested resource to get
    them", of ``Compute_Get`` in the 2024-04-01 OpenAPI file.
    """
    shown: Json = {}
    for key, value in inner.items():
        if key not in _SECRETS:
            shown[key] = without_secrets(value) if isinstance(value, dict) else value
    return shown


def let_sign_on(emulator: Emulator, compute_id: str, body: Json) -> Json:
    """Let users of an instance sign on once for all, or not; nobody signs on here.

    Source: ``ComputeOperations.enable_sso`` of azure-ai-ml 1.35.2.

    Args:
        emulator: The emulator.
        compute_id: The instance.
        body: ``{"enableSSO": true}``.

    Returns:
        What is answered: nothing.

    Raises:
        ArmError: It is no instance.
    """

    def change(document: Json) -> None:
        if document["properties"]["computeType"] != "ComputeInstance":
            kind = document["properties"]["computeType"]
            raise bad_request(f"Compute '{document['name']}' is of type {kind}; only a ComputeInstance has sign-on.")
        document["properties"]["properties"]["enableSSO"] = bool(body.get("enableSSO", True))

    emulator.store.update(compute_id, change)
    return {}


def check_duration(field: str, text: object) -> None:
    """Check a duration.

    Raises:
        ArmError: It is none.
    """
    try:
        durations.seconds(str(text or "PT0S"))
    except ValueError as error:
        raise bad_request(
            f"{field}: {error}.", code="ValidationError", target=f"properties.properties.{field}"
        ) from error


_KUBERNETES: Json = {
    "namespace": "default",
    "defaultInstanceType": "defaultinstancetype",
    "instanceTypes": {
        "defaultinstancetype": {
            "nodeSelector": None,
            "resources": {
                "requests": {"cpu": "100m", "memory": "2Gi"},
                "limits": {"cpu": "2", "memory": "2Gi", "nvidia.com/gpu": None},
            },
        }
    },
    "extensionInstanceReleaseTrain": "stable",
    "extensionPrincipalId": None,
    "vcName": None,
}


def _is_resource_id(text: str) -> bool:
    parts = text.strip("/").split("/")
    return len(parts) >= _RESOURCE_ID_PARTS and [part.lower() for part in parts[:5:2]] == [
        "subscriptions",
        "resourcegroups",
        "providers",
    ]


def _of_spark_pool(resource_id: str) -> Json:
    """What the id of a Spark pool says of it."""
    parts = resource_id.strip("/").split("/")
    names = dict(zip((part.lower() for part in parts[::2]), parts[1::2], strict=False))
    return {
        "subscriptionId": names.get("subscriptions"),
        "resourceGroup": names.get("resourcegroups"),
        "workspaceName": parts[7],
        "poolName": parts[-1],
    }


def _with_ids(schedules: Json | None, name: str) -> Json | None:
    if not schedules:
        return None
    listed = schedules.get("computeStartStop") or []
    return {
        "computeStartStop": [
            {"id": f"{name}-{number}", "status": "Enabled", **schedule, "provisioningStatus": "Completed"}
            for number, schedule in enumerate(listed)
        ]
    }
