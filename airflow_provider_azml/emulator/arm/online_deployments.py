"""Deployments below online endpoints, as Resource Manager shows them. What serves is in ``serving``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm import locations
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, invalid_name, required
from airflow_provider_azml.emulator.arm.errors import ArmError, bad_request, not_found
from airflow_provider_azml.emulator.arm.online_endpoints import NAME, NAME_RULE
from airflow_provider_azml.emulator.arm.reference_checks import check_references

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

LOG_LINES = 100
MOST_INSTANCES = 50
_MOST_SECONDS = {"Managed": 180, "Kubernetes": 300}
_SCALED_BY = {"Managed": "Default", "Kubernetes": "TargetUtilization"}
_DURATIONS = (
    ("requestSettings", "requestTimeout"),
    ("requestSettings", "maxQueueWait"),
    *((probe, name) for probe in ("livenessProbe", "readinessProbe") for name in ("initialDelay", "period", "timeout")),
)
_COUNTS = (
    ("requestSettings", "maxConcurrentRequestsPerInstance"),
    ("livenessProbe", "failureThreshold"),
    ("readinessProbe", "failureThreshold"),
)


class OnlineDeployment(Behaviour):
    """A deployment below an online endpoint.

    Sources: recorded answers to MLClient; OnlineDeployment examples and descriptions of the 2024-04-01 OpenAPI file;
    limits: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
    """

    patchable = ("tags", "sku")

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check name, references and numbers."""
        document = super().accept(target, body, old)
        if not NAME.fullmatch(target.name):
            raise invalid_name("a deployment", target.name, NAME_RULE)
        self._check_endpoint(target)
        if old and old["properties"].get("provisioningState") == "Failed":
            self._check_repairable(target)
        properties = document["properties"]
        kind = properties["endpointComputeType"]
        if kind == "Managed":
            required(body, "properties", "instanceType")
            _check_size(properties["instanceType"])
        self._check_references(target, properties)
        properties |= {
            "scaleSettings": properties.get("scaleSettings") or {"scaleType": _SCALED_BY[kind]},
            "properties": properties.get("properties") or {},
            "environmentVariables": properties.get("environmentVariables") or {},
            "appInsightsEnabled": bool(properties.get("appInsightsEnabled")),
            "egressPublicNetworkAccess": properties.get("egressPublicNetworkAccess") or "Enabled",
        }
        _check_settings(target, properties)
        document["sku"] = {"name": "Default", "capacity": 1, **(document.get("sku") or {})}
        _check_count(target, "sku.capacity", document["sku"]["capacity"], MOST_INSTANCES)
        return {**document, "tags": document.get("tags") or {}}

    def _check_endpoint(self, target: Target) -> None:
        """Refuse to deploy to an endpoint that is being deleted.

        Source: "Cannot create a deployment in endpoint ... because it is in Updating provisioning state",
        Azure/azure-sdk-for-net#36961.
        """
        endpoint = self.emulator.store.get(target.parent_id) or {"properties": {}}
        state = endpoint["properties"].get("provisioningState")
        if state == "Deleting":
            where = f"in endpoint {target.names[-2]} because it is in {state} provisioning state"
            raise bad_request(f"Cannot create a deployment {where}.")

    def _check_repairable(self, target: Target) -> None:
        """Refuse to change what failed when it was made.

        Source: refusals by the service that its users show, with ``InferencingClientCallFailed``.
        """
        if self.emulator.deployments.has_served(target.arm_id):
            return
        reason = (
            f"Specified deployment [{target.name}] failed during initial provisioning and is in an unrecoverable "
            "state. Delete and re-create."
        )
        raise _refused("InferencingClientCallFailed", "", reason)

    def _check_references(self, target: Target, properties: Json) -> None:
        code = properties.get("codeConfiguration") or {}
        check_references(
            self.emulator,
            f"deployment '{target.name}'",
            {
                "properties.model": properties.get("model"),
                "properties.environmentId": properties.get("environmentId"),
                "properties.codeConfiguration.codeId": code.get("codeId"),
            },
        )

    async def make(self, arm_id: str) -> None:
        """Serve the model; nothing happens to a server when what it is made of is the same as before."""
        await self.emulator.deployments.deploy(arm_id)

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse to delete what receives traffic."""
        endpoint = self.emulator.store.get(target.parent_id) or {}
        weight = (endpoint.get("properties", {}).get("traffic") or {}).get(target.name, 0)
        if weight:
            raise bad_request(
                f"Deployment '{target.name}' receives {weight}% of the live traffic of endpoint '{target.names[-2]}'. "
                "Set its traffic to 0 before you delete it."
            )

    async def unmake(self, arm_id: str) -> None:
        """Stop what serves, and take it out of the traffic."""
        await self.emulator.deployments.remove(arm_id)
        endpoint_id, _, name = arm_id.rpartition("/deployments/")

        def forget(endpoint: Json) -> None:
            for kind in ("traffic", "mirrorTraffic"):
                (endpoint["properties"].get(kind) or {}).pop(name, None)

        self.emulator.store.update(endpoint_id, forget)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Logs."""
        return {"get_logs": self._get_logs}

    async def _get_logs(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        tail = LOG_LINES if body.get("tail") is None else body["tail"]
        if not isinstance(tail, int) or tail < 0:
            raise bad_request(f"The tail of the logs is a number of lines, not {tail!r}.", target="tail")
        journal = self.emulator.deployments.log(target.arm_id)
        container = str(body.get("containerType") or "InferenceServer").lower()
        return answer({"content": journal.of_storage(tail) if "storage" in container else journal.of_server(tail)})


def skus(document: Json) -> list[Json]:
    """How many instances a deployment can have.

    Args:
        document: The deployment.

    Source: the examples listSkus of the 2024-04-01 OpenAPI file.
    """
    settings: Json = document["properties"].get("scaleSettings") or {}
    automatic = settings.get("scaleType") == "TargetUtilization"
    capacity = {
        "minimum": (settings.get("minInstances") or 1) if automatic else 1,
        "maximum": (settings.get("maxInstances") or 1) if automatic else MOST_INSTANCES,
        "default": 1,
        "scaleType": "Automatic" if automatic else "Manual",
    }
    sku = {"name": document["sku"]["name"], "tier": document["sku"].get("tier") or "Standard"}
    return [
        {"resourceType": "Microsoft.MachineLearning.Services/endpoints/deployments", "sku": sku, "capacity": capacity}
    ]


def _check_size(size: object) -> None:
    """Refuse a size of machines that there is not.

    Source: the shape of a refusal of a VmSize, MicrosoftLearning/mslearn-azure-ml#30; its words are the emulator's.
    """
    if not isinstance(size, str) or not locations.has_size(size):
        reason = f"Not supported VmSize: {size}. Please see https://aka.ms/oe-tsg#error-badargument"
        raise _refused("InferencingClientCreateDeploymentFailed", "VmSize", reason)


def _refused(code: str, field: str, reason: str) -> ArmError:
    """A refusal by what makes deployments, as users of the service show it."""
    told = json.dumps({"errors": {field: [reason]}, "title": "One or more validation errors occurred."})
    detail = {"code": code, "message": told, "details": [], "additionalInfo": []}
    return ArmError(400, "BadRequest", "The request is invalid.", details=[detail])


def _check_settings(target: Target, properties: Json) -> None:
    for group, name in _DURATIONS:
        text = (properties.get(group) or {}).get(name)
        try:
            seconds = durations.seconds(text or "PT0S")
        except ValueError as error:
            raise bad_request(
                f"The {name} of deployment '{target.name}' is wrong: {error}.",
                code="ValidationError",
                target=f"properties.{group}.{name}",
            ) from error
        most = _MOST_SECONDS[properties["endpointComputeType"]]
        if name == "requestTimeout" and seconds > most:
            raise bad_request(
                f"The requestTimeout of deployment '{target.name}' is {seconds:g} s, which is above {most} s.",
                code="ValidationError",
                target=f"properties.{group}.{name}",
            )
    for group, name in _COUNTS:
        count = (properties.get(group) or {}).get(name)
        if count is not None:
            _check_count(target, f"properties.{group}.{name}", count)


def _check_count(target: Target, path: str, count: object, most: int | None = None) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1 or (most and count > most):
        allowed = f"from 1 to {most}" if most else "of at least 1"
        raise bad_request(
            f"{path} of deployment '{target.name}' is a whole number {allowed}, not {count!r}.",
            code="ValidationError",
            target=path,
        )
