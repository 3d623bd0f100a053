"""azureml-core registers, deploys, scores and deletes by the emulator; what it sends is answered as it was recorded."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.azureml_core.asking import driven
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

RECORDING = Path(__file__).with_name("model_management.json")
UNDER_WAY = ("NotStarted", "Running")
PARTS = re.compile(r"[/?&=]+")
SHORTEST = 6


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[RunningEmulator]:
    """One in which there is nothing yet."""
    with running_emulator(tmp_path / "home") as emulator:
        Workspace(emulator).ensure()
        yield emulator


class Replay:
    """Sends what was recorded, with the ids, addresses and keys of this emulator in place of those of then."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._workspace = Workspace(emulator)
        self._now: dict[str, str] = {}

    def send(self, exchange: dict[str, Any]) -> None:
        """Send a request again; its answer has the status and the members that it had."""
        answer = self._answer(exchange)
        assert answer.status_code == exchange["status"], f"{exchange['path']}: {answer.text}"
        told = answer.json() if exchange["answer"] is not None else None
        while self._is_under_way(exchange, told):
            time.sleep(0.05)
            told = self._answer(exchange).json()
        if "/operations/" not in exchange["path"]:
            assert shape(told) == shape(exchange["answer"]), exchange["path"]
        if exchange["path"].startswith("/score/"):
            assert told == exchange["answer"]
        self._learn(exchange["answer"], told)
        self._learn(exchange["location"], answer.headers.get("Operation-Location"))

    def _is_under_way(self, exchange: dict[str, Any], told: Any) -> bool:
        is_operation = "/operations/" in exchange["path"]
        return is_operation and exchange["answer"]["state"] not in UNDER_WAY and told["state"] in UNDER_WAY

    def _answer(self, exchange: dict[str, Any]) -> requests.Response:
        headers = {name: self._today(value) for name, value in exchange["headers"].items()}
        body = base64.b64decode(exchange["body"] or "")
        if "json" in headers.get("Content-Type", ""):
            body = self._today(body.decode()).encode()
        path = self._today(exchange["path"])
        if path.startswith(("/stor.blob", "/score/", "/discovery")):
            emulator = self._workspace.emulator
            bundle = emulator.environment["REQUESTS_CA_BUNDLE"]
            url = emulator.https_url + path
            return requests.request(exchange["method"], url, data=body, headers=headers, verify=bundle, timeout=60)
        return self._workspace.call(exchange["method"], path, data=body, headers=headers, ok=False)

    def _today(self, text: str) -> str:
        for then in sorted(self._now, key=len, reverse=True):
            text = text.replace(then, self._now[then])
        return text

    def _learn(self, then: Any, now: Any) -> None:
        """What is called otherwise today."""
        if isinstance(then, dict) and isinstance(now, dict):
            for name in then.keys() & now.keys():
                self._learn(then[name], now[name])
        elif isinstance(then, list) and isinstance(now, list):
            for one, other in zip(then, now, strict=False):
                self._learn(one, other)
        elif isinstance(then, str) and isinstance(now, str):
            parts = PARTS.split(then), PARTS.split(now)
            if len(parts[0]) == len(parts[1]):
                changed = {one: other for one, other in zip(*parts, strict=True) if one != other}
                self._now |= {one: other for one, other in changed.items() if len(one) >= SHORTEST}


def shape(told: Any) -> Any:
    """The names of the members of an answer, all the way down."""
    if isinstance(told, dict):
        return {name: shape(value) for name, value in told.items() if name not in ("artifacts", "tags", "kvTags")}
    return [shape(value) for value in told] if isinstance(told, list) else None


def test_what_azureml_core_sends_is_answered_as_it_was(emulator: RunningEmulator) -> None:
    recorded = json.loads(RECORDING.read_text())
    assert recorded["packages"]["azureml-core"].startswith("1.61.")
    replay = Replay(emulator)
    for exchange in recorded["exchanges"]:
        replay.send(exchange)


@pytest.mark.azureml_core
def test_azureml_core_registers_deploys_and_scores(emulator: RunningEmulator, tmp_path: Path) -> None:
    recorded = json.loads(RECORDING.read_text())
    (tmp_path / "work").mkdir()
    file = tmp_path / "recording.json"
    assert driven("drive_model_management.py", emulator, tmp_path / "work", str(file)) == recorded["found"]
    sent = [json.loads(text.read_text())["exchanges"] for text in (file, RECORDING)]
    routes = [
        [(one["method"], re.sub(r"[0-9a-f-]{8,}|tmp\w+", "*", one["path"].partition("?")[0])) for one in each]
        for each in sent
    ]
    assert set(routes[0]) == set(routes[1])
