"""Compute targets: names that jobs run under. Everything runs on this machine, whatever they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, invalid_name, required
from airflow_provider_azml.emulator.arm.compute_nodes import nodes_held
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found
from airflow_provider_azml.emulator.clock import timestamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.store import Store
    from airflow_provider_azml.rest.flows import Json

TYPES = (
    "AKS",
    "AmlCompute",
    "ComputeInstance",
    "DataFactory",
    "DataLakeAnalytics",
    "Databricks",
    "HDInsight",
    "Kubernetes",
    "SynapseSpark",
    "VirtualMachine",
)
_NAME = re.compile(r"[a-zA-Z](?![a-zA-Z0-9-]*-\d+$)[a-zA-Z0-9-]{2,23}")
_STATES = {"start": "Running", "stop": "Stopped", "restart": "Running"}
_BETWEEN = {"start": "Starting", "stop": "Stopping", "restart": "Restarting"}
_LEFT = {"Creating": "CreateFailed", **dict.fromkeys(_BETWEEN.values(), "Stopped")}
_NODE_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_OPERATIONS = {"start": "Start", "stop": "Stop", "restart": "Restart"}


class Compute(Behaviour):
    """A compute target.

    Sources: recorded answers to MLClient; Compute examples, states and name pattern of the 2024-04-01 OpenAPI file.
    """

    patchable = ("properties.properties.scaleSettings",)

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check name, type and scale."""
        document = super().accept(target, body, old)
        if not _NAME.fullmatch(target.name):
            rule = "3 to 24 letters, digits and '-', beginning with a letter, not ending in '-' and digits"
            raise invalid_name("a compute", target.name, rule)
        kind = required(body, "properties", "computeType")
        if kind not in TYPES:
            raise bad_request(f"computeType '{kind}' is none of {', '.join(TYPES)}.", code="ValidationError")
        old_properties = (old or {}).get("properties", {})
        if old_properties.get("computeType", kind) != kind:
            raise conflict(f"Compute '{target.name}' is there with the computeType '{old_properties['computeType']}'.")
        properties = document["properties"]
        inner = dict(properties.get("properties") or {})
        if kind == "AmlCompute":
            inner = _cluster(inner)
        if kind == "ComputeInstance":
            inner = _instance(inner, old_properties.get("properties"))
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

        def start(document: Json) -> None:
            inner = document["properties"]["properties"]
            if document["properties"]["computeType"] == "ComputeInstance" and inner["state"] == "Creating":
                inner |= {"state": "Running", "lastOperation": _last("Create")}

        self.emulator.store.update(arm_id, start)
        self.emulator.jobs.compute_changed()

    def show(self, document: Json) -> Json:
        """Count the nodes that jobs hold at this moment.

        Source: ``AllocationState`` ("Resizing - the number of compute nodes is being changed") and ``NodeStateCounts``
        of the 2024-04-01 OpenAPI file.
        """
        properties = document["properties"]
        if properties["computeType"] != "AmlCompute":
            return document
        inner = properties["properties"]
        scale = inner["scaleSettings"]
        use = self.emulator.jobs.use_of(document["id"])
        held, nodes = use.preparing + use.running, nodes_held(use, scale)
        target = max(nodes, min(held + use.awaited, int(scale["maxNodeCount"])))
        counts = dict.fromkeys((f"{state}NodeCount" for state in _NODE_STATES), 0)
        counts |= {
            "preparingNodeCount": use.preparing,
            "runningNodeCount": use.running,
            "idleNodeCount": nodes - held,
        }
        shown = {
            **inner,
            "allocationState": "Resizing" if use.preparing or target > nodes else "Steady",
            "currentNodeCount": nodes,
            "targetNodeCount": target,
            "nodeStateCounts": counts,
        }
        return {**document, "properties": {**properties, "properties": shown}}

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Insist on the query parameter that the service insists on."""
        action = query.get("underlyingResourceAction")
        if action not in ("Delete", "Detach"):
            raise bad_request(
                f"The query parameter 'underlyingResourceAction' must be Delete or Detach to delete '{target.name}'.",
                code="MissingQueryParameter",
                target="underlyingResourceAction",
            )

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Start, stop and restart of a compute instance; nodes."""
        return {
            "start": self._switch,
            "stop": self._switch,
            "restart": self._switch,
            "list_nodes": self._list_nodes,
        }

    async def _switch(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self._existing(target)
        action = str(target.action)
        if document["properties"]["computeType"] != "ComputeInstance":
            kind = document["properties"]["computeType"]
            raise bad_request(f"Compute '{target.name}' is of type {kind}; only a ComputeInstance can {action}.")
        self._set_state(target.arm_id, _BETWEEN[action], _last(_OPERATIONS[action], "InProgress"))
        work = self._switched(target.arm_id, action)
        headers = self.emulator.operations.begin(target.arm_id, action, work)
        return Response(status_code=202, headers=headers)

    async def _switched(self, arm_id: str, action: str) -> None:
        self._set_state(arm_id, _STATES[action], _last(_OPERATIONS[action]))

    async def _list_nodes(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._existing(target)
        return answer({"nodes": []})

    def _set_state(self, arm_id: str, state: str, last: Json) -> None:
        def change(document: Json) -> None:
            document["properties"]["properties"] |= {"state": state, "lastOperation": last}

        self.emulator.store.update(arm_id, change)

    def _existing(self, target: Target) -> Json:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        return document


def recover(store: Store) -> None:
    """At the start: compute instances that were on the way to a state when an emulator ended do not get there."""

    def leave(document: Json) -> None:
        inner = document["properties"]["properties"]
        operation = {**(inner.get("lastOperation") or {}), "operationStatus": "Failed"}
        inner |= {"state": _LEFT[inner["state"]], "lastOperation": operation}

    for document in store.below("/subscriptions"):
        properties = document.get("properties", {})
        if properties.get("computeType") == "ComputeInstance" and properties["properties"].get("state") in _LEFT:
            store.update(document["id"], leave)


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
    return {
        "osType": "Linux",
        "vmPriority": "Dedicated",
        "isolatedNetwork": False,
        "enableNodePublicIp": True,
        **inner,
        "scaleSettings": {"minNodeCount": least, "maxNodeCount": most, "nodeIdleTimeBeforeScaleDown": idle},
        "allocationState": "Steady",
        "allocationStateTransitionTime": timestamp(),
        "errors": None,
    }


def _instance(inner: Json, old: Json | None) -> Json:
    if not inner.get("vmSize"):
        raise bad_request("A ComputeInstance needs a vmSize.", code="ValidationError", target="properties.properties")
    kept: Json = {key: old[key] for key in ("state", "lastOperation") if key in old} if old else {}
    return {
        "applicationSharingPolicy": "Shared",
        **inner,
        "state": "Creating",
        "lastOperation": _last("Create", "InProgress"),
        "applications": [],
        "errors": None,
        **kept,
    }


def _last(name: str, status: str = "Succeeded") -> Json:
    return {"operationName": name, "operationTime": timestamp(), "operationStatus": status, "operationTrigger": "User"}
