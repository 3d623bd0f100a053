"""A service with one online endpoint: slow, forgetful of answers, changed by others, and deadly for who asks it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from tests.operators.conftest import SignedIn
from tests.rest.scripted_service import Answer, Asked
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler

ENDPOINT = f"{WS}/onlineEndpoints/iris"
DEPLOYMENTS = f"{ENDPOINT}/deployments"
SCORE = "/score"
_FAILED_OPERATION = "/operations/failed"
_LOOKS = 2
"""How many looks at something show that it is still being changed."""
_MISSING = Answer(404, {"error": {"code": "ResourceNotFound", "message": "there is none"}})
_BUSY = Answer(409, {"error": {"code": "Conflict", "message": "because it is in Updating provisioning state"}})


class EndpointService(SignedIn):
    """An endpoint with its deployments, in the shapes of the 2024-04-01 OpenAPI file; all that changes takes its time.

    Traffic that the real service would serve badly is noted in ``wrong``: a sum that is neither 100 nor 0, a share of a
    deployment that has not succeeded.
    """

    def begin(self, traffic: dict[str, int]) -> EndpointService:
        """Have an endpoint with deployments that share its traffic; none where there is none."""
        self.open()
        failed = {"status": "Failed", "error": {"code": "InternalServerError", "message": "It broke."}}
        self.answer("GET", _FAILED_OPERATION, Answer(body=failed))
        self.holds({WS: {"location": "westeurope"}, f"{WS}/models/iris/versions/1": {"name": "1", "properties": {}}})
        self.bodies: dict[str, Any] = {}
        self.busy: dict[str, int] = {}
        self.lock = threading.RLock()
        self.wrong: list[str] = []
        self.made: list[str] = []
        self.changes: list[str] = []
        """Method and path of all that was to change something."""
        self.answers: Callable[[str], object] = lambda _: {"answer": 4}
        """What a deployment answers."""
        self.fails: Callable[[str], bool] = lambda _: False
        """Whether a deployment cannot be made."""
        self.stays: set[str] = set()
        """Deployments whose deletion fails."""
        self.lost: set[int] = set()
        """Which of the changes get no answer, by their number."""
        self.kills: Callable[[int, str], int | None] = lambda _number, _when: None
        """Whom a request kills, by its number, ``before`` or ``after`` it took effect."""
        self.meanwhile: Callable[[], None] = lambda: None
        """What somebody else does, at each look at something."""
        self.asked_for = 0
        self.watched = False
        """Whether a deployment that has traffic has been asked; for tests that wait for that."""
        if traffic:
            self.bodies[ENDPOINT] = _body("iris", {"authMode": "Key", "traffic": traffic}, self.url)
            for name in traffic:
                self.bodies[f"{DEPLOYMENTS}/{name}"] = _body(name, {})
        return self

    @property
    def traffic(self) -> dict[str, int]:
        shown = self.bodies.get(ENDPOINT, {"properties": {}})["properties"].get("traffic") or {}
        return {name: share for name, share in shown.items() if share}

    @property
    def deployments(self) -> dict[str, str]:
        """Provisioning states by name."""
        found = {path: body for path, body in self.bodies.items() if path.startswith(f"{DEPLOYMENTS}/")}
        return {path.rpartition("/")[2]: body["properties"]["provisioningState"] for path, body in found.items()}

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer about the endpoint by what has become of it, and anything else as any stand-in does."""
        path = handler.path.partition("?")[0]
        if not path.startswith((ENDPOINT, SCORE)):
            super().serve(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self.lock:
            self.asked.append(Asked(handler.command, path, "", dict(handler.headers), body))
            number = self.asked_for = self.asked_for + 1
            if self._kill(number, "before"):
                return
            answer = self._answer(handler, path, json.loads(body or b"null"))
            if self._kill(number, "after"):
                return
            is_change = handler.command in {"PUT", "PATCH", "DELETE"}
            self.changes += [f"{handler.command} {path}"] if is_change else []
            if is_change and len(self.changes) in self.lost:
                handler.close_connection = True
                return
        with contextlib.suppress(OSError):
            self._send(handler, answer)

    def _kill(self, number: int, when: str) -> bool:
        pid = self.kills(number, when)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def _answer(self, handler: BaseHTTPRequestHandler, path: str, body: Any) -> Answer:
        if path == SCORE:
            name = handler.headers.get("azureml-model-deployment") or next(iter(self.traffic))
            found = self.answers(name)
            return found if isinstance(found, Answer) else Answer(body=found)
        if path.endswith("/listKeys"):
            return Answer(body={"primaryKey": "key", "secondaryKey": "key"})
        if path.endswith("/getLogs"):
            return Answer(body={"content": "the log of the container"})
        if path == DEPLOYMENTS:
            found = [self.bodies[path] for path in self.bodies if path.startswith(f"{DEPLOYMENTS}/")]
            return Answer(body={"value": found})
        act = {"GET": self._get, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}[handler.command]
        return act(path, body)

    def _get(self, path: str, _: Any) -> Answer:
        self.meanwhile()
        found = self.bodies.get(path)
        if found is None:
            return _MISSING
        answer = Answer(body=json.loads(json.dumps(found)))
        self._pass_time(path)
        return answer

    def _pass_time(self, path: str) -> None:
        if path not in self.busy:
            return
        self.busy[path] -= 1
        if self.busy[path] > 0:
            return
        del self.busy[path]
        properties = self.bodies[path]["properties"]
        if properties["provisioningState"] == "Deleting":
            self._forget(path)
        else:
            properties["provisioningState"] = "Failed" if self.fails(path.rpartition("/")[2]) else "Succeeded"

    def _forget(self, path: str) -> None:
        for each in [each for each in self.bodies if each == path or each.startswith(f"{path}/")]:
            del self.bodies[each]
            self.busy.pop(each, None)

    def _put(self, path: str, body: Any) -> Answer:
        if path in self.busy or (path != ENDPOINT and ENDPOINT in self.busy):
            return _BUSY
        if path == ENDPOINT:
            self._check(body["properties"].get("traffic") or {})
        elif ENDPOINT not in self.bodies:
            return _MISSING
        else:
            self.made.append(path.rpartition("/")[2])
        state = "Updating" if path in self.bodies else "Creating"
        made = _body(path.rpartition("/")[2], body["properties"], self.url)
        self.bodies[path] = {**made, "tags": body.get("tags") or {}}
        return self._begun(path, state)

    def _patch(self, path: str, body: Any) -> Answer:
        if path in self.busy:
            return _BUSY
        self.bodies[path]["tags"] = body["tags"]
        return self._begun(path, "Updating")

    def _delete(self, path: str, _: Any) -> Answer:
        if path not in self.bodies:
            return Answer(204)
        name = path.rpartition("/")[2]
        if name in self.stays:
            return Answer(202, headers={"Azure-AsyncOperation": f"{self.url}{_FAILED_OPERATION}"})
        if self.traffic.get(name):
            self.wrong.append(f"{name} was to be deleted with {self.traffic}")
        self._begun(path, "Deleting")
        return Answer(202)

    def _begun(self, path: str, state: str) -> Answer:
        self.busy[path] = _LOOKS
        self.bodies[path]["properties"]["provisioningState"] = state
        return Answer(201, json.loads(json.dumps(self.bodies[path])))

    def _check(self, traffic: dict[str, int]) -> None:
        states = self.deployments
        if sum(traffic.values()) not in {0, 100}:
            self.wrong.append(f"{traffic} is not 100")
        self.wrong += [
            f"{name} is {states.get(name)}"
            for name, share in traffic.items()
            if share and states.get(name) != "Succeeded"
        ]


def _body(name: str, properties: Any, url: str = "") -> dict[str, Any]:
    shown = {**properties, "provisioningState": "Succeeded", "scoringUri": f"{url}{SCORE}"}
    return {"name": name, "location": "westeurope", "tags": {}, "properties": shown}
