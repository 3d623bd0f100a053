"""A service on https that answers what a test gives it, takes every PUT, and has nothing else."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AccessTokenInfo

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.spec.target import Target
from tests.rest.scripted_service import Answer, Asked, ScriptedService

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.server import BaseHTTPRequestHandler

    from airflow_provider_azml.rest.flows import Flow

TARGET = Target(WorkspaceId("s", "rg", "ws"), CLOUDS["public"])
WS = str(TARGET.workspace)


class _Credential:
    def get_token_info(self, *scopes: str, options: object = None) -> AccessTokenInfo:
        return AccessTokenInfo("token", int(time.time()) + 3600)


class StandIn(ScriptedService):
    """Resources by their paths."""

    def holds(self, resources: Mapping[str, Any]) -> StandIn:
        """Answer GETs of these paths with these bodies."""
        for path, body in resources.items():
            self.answer("GET", path, Answer(body=body))
        return self

    def refuses(self, method: str, path: str, status: int, code: str) -> StandIn:
        """Answer one request with an error."""
        self.answer(method, path, Answer(status, {"error": {"code": code, "message": code}}))
        return self

    def forget(self) -> None:
        """Start anew for the next test."""
        self.asked.clear()
        self._answers.clear()

    def run(self, flow: Flow[Any]) -> Any:
        """Drive a flow against this service."""
        with Client(self.cloud, TokenCache(_Credential()), ca_bundle=self.ca_bundle) as client:
            return client.run(flow)

    @property
    def sent(self) -> list[tuple[str, Any]]:
        """Method and path, and body, of every request so far."""
        return [(f"{asked.method} {asked.path}", json.loads(asked.body or b"null")) for asked in self.asked]

    def puts(self) -> list[tuple[str, Any]]:
        """Path and body of every PUT so far."""
        return [(name.removeprefix("PUT "), body) for name, body in self.sent if name.startswith("PUT ")]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer as told, and take every PUT that nothing was told about."""
        path = handler.path.partition("?")[0]
        if handler.command != "PUT" or ("PUT", path) in self._answers:
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append(Asked(handler.command, path, "", dict(handler.headers), body))
        self._send(handler, Answer(body=json.loads(body)))
