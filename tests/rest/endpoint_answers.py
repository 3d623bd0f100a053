"""An online endpoint as the service shows it, and what it answers: shapes of ``onlineEndpoint.json`` of 2022-02-01."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.rest.scripted_service import ScriptedService

WORKSPACE = WorkspaceId("s", "rg", "ws")
ENDPOINT = WORKSPACE.child("online_endpoint", "iris")
GREEN = WORKSPACE.child("online_deployment", "iris", "green")
SCORE = "/score"
KEYS = f"{ENDPOINT}/listKeys"
SMOKE: dict[str, Any] = {
    "name": "smoke",
    "request": {"data": [[5.1, 3.5, 1.4, 0.2]]},
    "expect": [{"expression": "result[0]", "value": 0}],
}
RIGHT, WRONG = Answer(body={"result": [0]}), Answer(body={"result": [7]})
BUSY = Answer(503, {"error": {"code": "ServerBusy", "message": "busy"}})
GONE = Answer(404, {"error": {"code": "ResourceNotFound", "message": "There is no deployment green."}})


def state(word: str | None, **properties: Any) -> Answer:
    """A resource with a provisioning state."""
    return Answer(body={"name": "green", "properties": {"provisioningState": word, **properties}})


def endpoint(service: ScriptedService, word: str = "Succeeded", **properties: Any) -> Answer:
    """The endpoint."""
    shown = {"provisioningState": word, "authMode": "Key", "scoringUri": f"{service.url}{SCORE}", **properties}
    return Answer(body={"name": "iris", "properties": shown})


def serves(
    service: ScriptedService,
    *answers: Answer,
    states: Sequence[Answer] = (),
    keys: Sequence[str] = ("k",),
    traffic: Mapping[str, int] | None = None,
) -> None:
    """Let it have a deployment that answers, one after the other; the last goes on."""
    service.answer("GET", ENDPOINT, endpoint(service, traffic=traffic or {}))
    service.answer("POST", KEYS, *(Answer(body={"primaryKey": key, "secondaryKey": "other"}) for key in keys))
    service.answer("GET", GREEN, *(states or [state("Succeeded")]))
    service.answer("POST", SCORE, *(answers or [RIGHT]))


def asked(service: ScriptedService, method: str, path: str) -> int:
    """How often something was asked for."""
    return sum((one.method, one.path) == (method, path) for one in list(service.asked))
