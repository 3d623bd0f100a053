"""Jobs of all kinds that teams have files for: each is taken, or refused with a reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.contract.shared_sources import SHARED
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = SHARED / "oracle/cases"
NEVER = "10000"
SIMULATED = ("AutoML", "FineTuning", "Spark")
NOT_HERE = ("does not exist", "partition_keys")
"""What the reasons say of jobs that are refused: they name what nobody has registered, or ask for what is not there."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace in which no job gets as far as to run: its nodes take too long to start."""
    with running_emulator(tmp_path_factory.mktemp("corpus"), "--create-workspace", "--node-seconds", NEVER) as emulator:
        yield Workspace(emulator)


class Bodies:
    """Bodies of jobs as azure-ai-ml sends them, with all that they name in a workspace that there is."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._components = 0
        self._code = workspace.code({"main.py": ""})
        self._environment = workspace.shared_environment()
        scale = {"minNodeCount": 0, "maxNodeCount": 100}
        inner = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}
        cluster = {"computeType": "AmlCompute", "properties": inner}
        self._compute = workspace.put("compute", "never", location="local", properties=cluster)

    def body(self, normal: dict[str, Any]) -> dict[str, Any]:
        """A body, from its normal form."""
        found: dict[str, Any] = self._there(normal)
        properties = found["properties"]
        if properties["jobType"] == "Pipeline":
            properties["settings"] = {**(properties.get("settings") or {}), "default_compute": self._compute}
        else:
            properties["computeId"] = self._compute
        return found

    def _there(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._there(item) for item in value]
        if isinstance(value, dict):
            return self._anonymous(value) or {key: self._there(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        text = value.replace("$WS", str(self._workspace.id)).replace("$generated", "generated")
        if text.startswith("/") and "/computes/" in text:
            return self._compute
        return self._environment if text.startswith("/") and "/environments/" in text else text

    def _anonymous(self, value: dict[str, Any]) -> str | None:
        if "$code" in value:
            return self._code
        if "$environment" in value:
            return self._environment
        if "$component" not in value:
            return None
        spec = self._there(value["$component"])
        self._components += 1
        return self._workspace.put("component", f"c{self._components}", "1", properties={"componentSpec": spec})


@pytest.mark.shared
@pytest.mark.skipif(not CASES.is_dir(), reason="the corpus of files is not here")
def test_every_job_is_taken_or_refused_with_a_reason(workspace: Workspace) -> None:
    lines = [
        line
        for name in ("corpus", "edge")
        for line in (CASES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    cases = [case for case in map(json.loads, lines) if case["kind"] == "job" and case["ok"]]
    bodies = Bodies(workspace)
    taken: dict[str, list[str]] = {}
    for number, case in enumerate(cases):
        name, body = f"job-{number}-x", bodies.body(case["normal"])
        answer = workspace.call("PUT", workspace.id.child("job", name), json=body, ok=False)
        assert answer.status_code in (201, 400), f"{case['path']}: {answer.text}"
        if answer.status_code == 400:
            error = answer.json()["error"]
            assert any(words in error["message"] for words in NOT_HERE), f"{case['path']}: {error}"
        else:
            taken.setdefault(body["properties"]["jobType"], []).append(name)
    for kind in SIMULATED:
        for name in taken.pop(kind):
            workspace.until(name, ["Completed"])
            assert workspace.get("job", name)["properties"]["properties"]["azml.simulated"] == "true"
    assert {kind: len(names) > 0 for kind, names in taken.items()} == {"Command": True, "Pipeline": True, "Sweep": True}
    for name in (name for names in taken.values() for name in names):
        if workspace.status(name) == "Failed":
            assert workspace.error(name)["code"] == "UserError", workspace.error(name)
