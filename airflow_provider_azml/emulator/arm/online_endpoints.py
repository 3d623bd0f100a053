"""Online endpoints, as Resource Manager shows them. What serves is in ``serving``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, invalid_name
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

MOST_MIRRORED = 50
ALL = 100
NAME = re.compile(r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,30}[a-zA-Z0-9]")
NAME_RULE = "3 to 32 letters, digits and single '-', beginning with a letter, not ending in '-'"


class OnlineEndpoint(Behaviour):
    """An online endpoint.

    Sources: recorded answers to MLClient; OnlineEndpoint examples and descriptions of the 2024-04-01 OpenAPI file; what
    may be mirrored: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints; that
    nothing is done to one which is being deleted: "because it is in {state} provisioning state",
    Azure/azure-sdk-for-net#36961, which tells it of deployments.
    """

    patchable = ("tags", "identity")

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check name, authentication and traffic."""
        document = super().accept(target, body, old)
        if old and old["properties"].get("provisioningState") == "Deleting":
            raise conflict(f"Cannot update endpoint {target.name} because it is in Deleting provisioning state.")
        if not NAME.fullmatch(target.name):
            raise invalid_name("an endpoint", target.name, NAME_RULE)
        properties = document["properties"]
        traffic, mirror = properties.get("traffic") or {}, properties.get("mirrorTraffic") or {}
        self._check_traffic(target, traffic, mirror)
        endpoint_keys.make_keys(self.emulator, target.arm_id, properties.get("keys"))
        names = self._path(target)
        properties |= {
            "description": properties.get("description"),
            "properties": properties.get("properties") or {},
            "publicNetworkAccess": properties.get("publicNetworkAccess") or "Enabled",
            "traffic": traffic,
            "mirrorTraffic": mirror,
            "compute": properties.get("compute"),
            "keys": None,
            "scoringUri": f"{self.emulator.https_url}/score/{names}",
            "swaggerUri": f"{self.emulator.https_url}/score/{names}/swagger.json",
        }
        document["identity"] = document.get("identity") or {"type": "SystemAssigned"}
        return {**document, "tags": document.get("tags") or {}, "kind": document.get("kind") or "Managed"}

    async def unmake(self, arm_id: str) -> None:
        """Stop what serves below the endpoint."""
        for deployment in self.emulator.store.children(f"{arm_id}/deployments"):
            await self.emulator.operations.cancel(deployment["id"])
            await self.emulator.deployments.remove(deployment["id"])
        endpoint_keys.drop_keys(self.emulator, arm_id)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Keys and tokens."""
        return {"list_keys": self._list_keys, "get_token": self._get_token, "regenerate_keys": self._regenerate_keys}

    def _check_traffic(self, target: Target, traffic: Json, mirror: Json) -> None:
        for kind, weights, most in (("traffic", traffic, ALL), ("mirrorTraffic", mirror, MOST_MIRRORED)):
            for name, weight in weights.items():
                if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= most:
                    raise bad_request(
                        f"The {kind} of deployment '{name}' must be a whole number from 0 to {most}, not {weight!r}.",
                        target=kind,
                    )
                self._check_deployment(target, name, kind, weight)
        if sum(traffic.values()) not in (0, ALL):
            raise bad_request(
                f"The traffic of endpoint '{target.name}' sums to {sum(traffic.values())}; it must sum to 0 or 100.",
                target="traffic",
            )
        self._check_mirror(target, traffic, mirror)

    def _check_mirror(self, target: Target, traffic: Json, mirror: Json) -> None:
        mirrors = [name for name, share in mirror.items() if share]
        if len(mirrors) > 1:
            raise bad_request(
                f"The mirrorTraffic of endpoint '{target.name}' names {' and '.join(mirrors)}; traffic can be "
                "mirrored to one deployment alone.",
                target="mirrorTraffic",
            )
        for name in mirrors:
            deployment = self.emulator.store.get(f"{target.arm_id}/deployments/{name}") or {"properties": {}}
            if traffic.get(name):
                reason = "gets live traffic; a deployment gets either that or mirrored traffic"
            elif deployment["properties"].get("endpointComputeType") == "Kubernetes":
                reason = "is in a Kubernetes cluster, where traffic cannot be mirrored"
            else:
                continue
            raise bad_request(f"Deployment '{name}' of endpoint '{target.name}' {reason}.", target="mirrorTraffic")

    def _check_deployment(self, target: Target, name: str, kind: str, weight: int) -> None:
        deployment = self.emulator.store.get(f"{target.arm_id}/deployments/{name}")
        if deployment is None:
            raise bad_request(
                f"The {kind} of endpoint '{target.name}' names deployment '{name}', which does not exist.", target=kind
            )
        state = deployment["properties"].get("provisioningState")
        if weight and state in ("Failed", "Canceled", "Deleting", "Creating"):
            raise bad_request(
                f"The {kind} of endpoint '{target.name}' names deployment '{name}', which cannot serve: it is {state}.",
                target=kind,
            )

    def _path(self, target: Target) -> str:
        parts = target.arm_id.split("/")
        return f"{parts[2]}/{parts[4]}/{target.names[0]}/{target.name}"

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._require_mode(target, "Key", "keys")
        return answer(endpoint_keys.keys_of(self.emulator, target.arm_id))

    async def _get_token(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        self._require_mode(target, "AMLToken", "tokens")
        now = int(time.time())
        return answer({
            "accessToken": endpoint_keys.issue_token(self.emulator, target.arm_id),
            "tokenType": "Bearer",
            "expiryTimeUtc": now + endpoint_keys.TOKEN_SECONDS,
            "refreshAfterTimeUtc": now + endpoint_keys.TOKEN_SECONDS // 2,
        })

    async def _regenerate_keys(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        self._require_mode(target, "Key", "keys")
        which = endpoint_keys.NAMES[body["keyType"].lower()]
        endpoint_keys.change_key(self.emulator, target.arm_id, which, body.get("keyValue"))
        headers = self.emulator.operations.begin(target.arm_id, "regenerate_keys", super().make(target.arm_id))
        return Response(status_code=202, headers=headers)

    def _require_mode(self, target: Target, mode: str, what: str) -> None:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        if document["properties"]["authMode"] != mode:
            has = document["properties"]["authMode"]
            raise bad_request(f"Endpoint '{target.name}' has no {what}: its authMode is {has}, not {mode}.")
