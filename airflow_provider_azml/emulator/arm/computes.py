"""Compute targets: names that jobs run under. Everything runs on this machine, whatever they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, invalid_name, required
from airflow_provider_azml.emulator.arm.compute_kinds import (
    attached,
    check_duration,
    instance,
    keys_of,
    without_secrets,
)
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found
from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

_NAME = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9-]{2,23}")
_OPERATIONS = {"start": "Start", "stop": "Stop", "restart": "Restart"}


class Compute(Behaviour):
    """A compute target.

    Sources: recorded answers to MLClient; Compute examples, states and name pattern of the 2024-04-01 OpenAPI file.
    """

    patchable = ("properties.properties.scaleSettings",)

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check name and scale, and that the type stays."""
        document = super().accept(target, body, old)
        if not _NAME.fullmatch(target.name):
            rule = "3 to 24 letters, digits and '-', beginning with a letter, not ending in '-' and digits"
            raise invalid_name("a compute", target.name, rule)
        kind = required(body, "properties", "computeType")
        old_properties = (old or {}).get("properties", {})
        if old_properties.get("computeType", kind) != kind:
            raise conflict(f"Compute '{target.name}' is there with the computeType '{old_properties['computeType']}'.")
        properties = document["properties"]
        inner = dict(properties.get("properties") or {})
        if kind == "AmlCompute":
            inner = _cluster(inner)
        if kind == "ComputeInstance":
            inner = instance(target.name, inner, old_properties.get("properties"))
        if kind not in ("AmlCompute", "ComputeInstance"):
            inner = attached(target.name, str(kind), inner, properties.get("resourceId"))
        now = timestamp()
        properties |= {
            "properties": inner,
            "computeLocation": properties.get("computeLocation") or document.get("location"),
            "createdOn": old_properties.get("createdOn", now),
            "modifiedOn": now,
            "isAttachedCompute": bool(properties.get("resourceId")),
            "provisioningErrors": None,
            "disableLocalAuth": bool(properties.get("disableLocalAuth")),
        }
        return document

    async def make(self, arm_id: str) -> None:
        """Start a compute instance; the nodes of a cluster come and go with its jobs."""
        document = self.emulator.store.get(arm_id)
        properties = (document or {}).get("properties", {})
        computes = self.emulator.computes
        if properties.get("computeType") == "ComputeInstance":
            if properties["properties"]["state"] == "Creating":
                await computes.instances.finish(arm_id, "Create")
            computes.instances.changed(arm_id)
        if properties.get("computeType") == "AmlCompute":
            computes.clusters.changed(arm_id)
        self.emulator.jobs.compute_changed()

    def show(self, document: Json) -> Json:
        """Count the nodes of a cluster, and keep what is secret to ourselves."""
        properties = document["properties"]
        inner = without_secrets(properties.get("properties") or {})
        if properties["computeType"] == "AmlCompute":
            arm_id = document["id"]
            inner |= self.emulator.computes.clusters.shown(arm_id, self.emulator.jobs.awaited(arm_id))
        if properties["computeType"] == "ComputeInstance" and inner["state"] == "Running":
            busy = self.emulator.computes.instances.is_busy(document["id"])
            inner["state"] = "JobRunning" if busy else "Running"
        return {**document, "properties": {**properties, "properties": inner}}

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Insist on the query parameter that the service insists on."""
        action = query.get("underlyingResourceAction")
        if action not in ("Delete", "Detach"):
            raise bad_request(
                f"The query parameter 'underlyingResourceAction' must be Delete or Detach to delete '{target.name}'.",
                code="MissingQueryParameter",
                target="underlyingResourceAction",
            )

    async def unmake(self, arm_id: str) -> None:
        """End what runs on it, and let its nodes go."""
        name = arm_id.rpartition("/")[2]
        self.emulator.jobs.compute_gone(arm_id, f"The compute '{name}' was deleted while the job ran on it.")
        self.emulator.computes.forget(arm_id)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Start, stop and restart of a compute instance; nodes of a cluster; keys of what is attached."""
        return {
            "start": self._switch,
            "stop": self._switch,
            "restart": self._switch,
            "list_nodes": self._list_nodes,
            "list_keys": self._list_keys,
        }

    async def _switch(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self._existing(target)
        action = str(target.action)
        if document["properties"]["computeType"] != "ComputeInstance":
            kind = document["properties"]["computeType"]
            raise bad_request(f"Compute '{target.name}' is of type {kind}; only a ComputeInstance can {action}.")
        instances = self.emulator.computes.instances
        instances.begin(target.arm_id, _OPERATIONS[action])
        work = instances.finish(target.arm_id, _OPERATIONS[action])
        headers = self.emulator.operations.begin(target.arm_id, action, work)
        return Response(status_code=202, headers=headers)

    async def _list_nodes(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self._existing(target)
        is_cluster = document["properties"]["computeType"] == "AmlCompute"
        return answer({"nodes": self.emulator.computes.clusters.listed(target.arm_id) if is_cluster else []})

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        found = keys_of(self._existing(target))
        if found is None:
            kind = self._existing(target)["properties"]["computeType"]
            raise bad_request(f"Compute '{target.name}' is of type {kind}, which has no keys.")
        return answer(found)

    def _existing(self, target: Target) -> Json:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        return document


def _cluster(inner: Json) -> Json:
    if not inner.get("vmSize"):
        raise bad_request(
            "An AmlCompute needs a vmSize.", code="ValidationError", target="properties.properties.vmSize"
        )
    scale = inner.get("scaleSettings") or {}
    least, most = scale.get("minNodeCount") or 0, scale.get("maxNodeCount")
    if not (isinstance(least, int) and isinstance(most, int) and 0 <= least <= most):
        raise bad_request(
            f"scaleSettings of an AmlCompute need a maxNodeCount that is not below minNodeCount; got {scale}.",
            code="ValidationError",
            target="properties.properties.scaleSettings",
        )
    idle = scale.get("nodeIdleTimeBeforeScaleDown") or "PT120S"
    check_duration("scaleSettings.nodeIdleTimeBeforeScaleDown", idle)
    return {
        "osType": "Linux",
        "vmPriority": "Dedicated",
        "isolatedNetwork": False,
        "enableNodePublicIp": True,
        **inner,
        "scaleSettings": {"minNodeCount": least, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": idle},
        "errors": None,
    }
