"""Serverless endpoints and marketplace subscriptions: kept and shown, with keys; no model stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer
from airflow_provider_azml.emulator.arm.errors import not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json


class ServerlessEndpoint(Behaviour):
    """A serverless endpoint; it says ``Suspended`` of itself, since nothing answers at its URI.

    Source: ``ServerlessEndpoint`` of the 2024-04-01 OpenAPI file.
    """

    patchable = ("identity", "sku", "tags")

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Give it keys and a URI."""
        document = super().accept(target, body, old)
        endpoint_keys.make_keys(self.emulator, target.arm_id, None)
        document["properties"] |= {
            "authMode": document["properties"].get("authMode") or "Key",
            "inferenceEndpoint": {"uri": f"{self.emulator.https_url}/serverless/{target.name}", "headers": {}},
            "endpointState": "Suspended",
        }
        return document

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Keys."""
        return {"list_keys": self._list_keys, "regenerate_keys": self._regenerate_keys}

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        return answer(endpoint_keys.keys_of(self.emulator, target.arm_id))

    async def _regenerate_keys(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        name = endpoint_keys.NAMES[body["keyType"].lower()]
        work = self._change(target.arm_id, name, body.get("keyValue"))
        return Response(status_code=202, headers=self.emulator.operations.begin(target.arm_id, "regenerate_keys", work))

    async def _change(self, arm_id: str, name: str, value: str | None) -> Json:
        endpoint_keys.change_key(self.emulator, arm_id, name, value)
        return endpoint_keys.keys_of(self.emulator, arm_id)


class MarketplaceSubscription(Behaviour):
    """A subscription to a model of the marketplace; nothing is bought.

    Source: ``MarketplaceSubscription`` of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Make up a plan from the model's id."""
        model = str(body["properties"]["modelId"])
        document = super().accept(target, body, old)
        offer = model.rstrip("/").rpartition("/")[2]
        document["properties"] |= {
            "marketplacePlan": {"publisherId": "emulator", "offerId": offer, "planId": f"{offer}-plan"},
            "marketplaceSubscriptionStatus": "Subscribed",
        }
        return document
