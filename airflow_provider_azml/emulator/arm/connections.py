"""Connections of a workspace to other services, and the secrets that open them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, required
from airflow_provider_azml.emulator.arm.errors import not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.selections import Selection
    from airflow_provider_azml.rest.flows import Json

SECRETS = "connection_secrets"


class Connection(Behaviour):
    """A connection: kept and shown, its secrets to whoever asks for them alone.

    Sources: WorkspaceConnection examples of the 2024-04-01 OpenAPI file: GET has no credentials, listsecrets has.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check what it is, and keep the secrets apart from what is shown."""
        document = super().accept(target, body, old)
        required(body, "properties", "category")
        secrets = document["properties"].pop("credentials", None)
        self.emulator.store.put_record(SECRETS, target.arm_id.lower(), {"credentials": secrets})
        document["properties"] |= {
            "createdByWorkspaceArmId": target.workspace_id,
            "isSharedToAll": bool(document["properties"].get("isSharedToAll")),
            "metadata": document["properties"].get("metadata") or {},
        }
        return document

    def selection(self, target: Target, query: Mapping[str, str]) -> Selection:
        """The connections to a target, or of a category. Source: ``WorkspaceConnections_List``."""
        wanted = super().selection(target, query)
        asked = {name: query[name].lower() for name in ("category", "target") if query.get(name)}
        if not asked:
            return wanted
        found = self.emulator.store.children(target.arm_id)
        names = (
            one["name"]
            for one in found
            if all(str(one["properties"].get(name)).lower() == value for name, value in asked.items())
        )
        return replace(wanted, names=tuple(names))

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Secrets."""
        return {"list_secrets": self._list_secrets}

    async def _list_secrets(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        secrets = self.emulator.store.record(SECRETS, target.arm_id.lower()) or {}
        return answer({**document, "properties": {**document["properties"], **secrets}})
