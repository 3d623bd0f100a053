"""The front door of web services: checks the key, and passes the request to the server."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm import endpoint_keys
from airflow_provider_azml.emulator.serving.scoring import Refused, Scoring
from airflow_provider_azml.emulator.v1.web_services import service_id
from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from starlette.requests import Request

    from airflow_provider_azml.rest.flows import Json


@dataclass(frozen=True)
class ServiceScoring(Scoring):
    """Answers scoring requests to web services of the retired generation, whose server is all that there is.

    Sources: authentication by key, by token or none: ``AuthKeys``, ``AuthToken`` and ``authEnabled`` of the 2019-09-30
    model management file; the statuses, which the front end of Kubernetes still answers with:
    https://learn.microsoft.com/azure/machine-learning/v1/how-to-troubleshoot-deployment#http-status-code-502
    """

    def _endpoint(self, request: Request) -> Json:
        names = request.path_params
        workspace = WorkspaceId(names["subscription"], names["group"], names["workspace"])
        service = self.emulator.store.get(service_id(workspace, names["service"]))
        if service is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"There is no service {names['service']}.")
        closed = service["properties"]["authMode"] != "None"
        authorization = request.headers.get("Authorization")
        if closed and not endpoint_keys.opens(self.emulator, service, authorization):
            raise Refused(HTTPStatus.UNAUTHORIZED, "Provide a valid key or token in the Authorization header.")
        return service

    def _deployment(self, endpoint: Json, _chosen: str | None) -> Json:
        return endpoint

    def _told(self, _deployment: Json) -> dict[str, str]:
        return {}
