"""The recorded script of 48 steps, driven through MLClient against the emulator: each does what it should."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.emulator.mlclient_script import STEPS, Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

TRANSCRIPT = Path(__file__).parents[3] / "shared/transcripts/mlclient_full.jsonl"
_WIRE = logging.getLogger("urllib3.connectionpool")
_SENT = re.compile(r'"([A-Z]+) (\S+) HTTP')
_BEGINNINGS = {
    "discovery": "discovery",
    "metadata": "metadata",
    "score": "score",
    "stor.blob.core.windows.net": "storage",
}


class Wire(logging.Handler):
    """Notes the requests that leave this process."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.sent: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        found = _SENT.search(record.getMessage())
        if found:
            path, _, query = found[2].partition("?")
            self.sent.append((found[1], shape(path, query)))


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    handler, level = Wire(), _WIRE.level
    _WIRE.addHandler(handler)
    _WIRE.setLevel(logging.DEBUG)
    yield handler
    _WIRE.setLevel(level)
    _WIRE.removeHandler(handler)


@pytest.fixture(scope="module")
def script(azml_emulator: RunningEmulator, tmp_path_factory: pytest.TempPathFactory, wire: Wire) -> Iterator[Script]:
    from azure.identity import ClientSecretCredential

    environment = azml_emulator.environment
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        credential = ClientSecretCredential(
            environment["AZURE_TENANT_ID"],
            environment["AZURE_CLIENT_ID"],
            environment["AZURE_CLIENT_SECRET"],
            authority=environment["AZURE_AUTHORITY_HOST"],
            disable_instance_discovery=True,
        )
        script = Script(azml_emulator, credential, tmp_path_factory.mktemp("transcript"))
        assert wire.sent == []
        yield script
        script.clean_up()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_does_what_it_should(script: Script, step: str) -> None:
    script.until(step)


@pytest.mark.shared
@pytest.mark.skipif(not TRANSCRIPT.exists(), reason="the transcripts are not there")
def test_the_steps_are_those_of_the_transcript_and_send_what_it_sent(script: Script, wire: Wire) -> None:
    recorded = [json.loads(line) for line in TRANSCRIPT.read_text().splitlines()]
    assert {one["step"] for one in recorded} - {"boot"} == STEPS.keys()
    script.until([*STEPS][-1])
    asked = {
        (one["method"], shape(one["path"], "&".join(f"{key}={value}" for key, value in one["query"].items())))
        for one in recorded
    }
    assert asked - set(wire.sent) == set()


def shape(path: str, query: str) -> str:
    """What a path is about, without names: ``workspaces/*/jobs/*`` for the path of a job.

    A path of the workspace's storage is ``storage``, with what the query asks to do.
    """
    parts = path.strip("/").split("/")
    if parts[0] in _BEGINNINGS:
        what = re.search(r"\bcomp=(\w+)", query) if parts[0].startswith("stor") else None
        return " ".join(filter(None, (_BEGINNINGS[parts[0]], what and what[1])))
    if re.search(r"/(asyncops|\w+Operation(s|sStatus|Results))/[^/]+$|/operationStatuses/", path):
        return "operation"
    if "/workspaces/" not in path and "/deployments/" not in path.lower():
        return "/".join(parts[1:])
    service = parts[0] if parts[0] in ("history", "data") else ""
    below = re.split(r"/(workspaces|deployments)/", path, maxsplit=1)
    names = below[2].split("/")
    return "/".join([
        *filter(None, [service]),
        below[1],
        *("*" if place % 2 == 0 else name for place, name in enumerate(names)),
    ])
