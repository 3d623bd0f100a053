"""Checks of deployments that the emulator really runs: the example of the page on checks, of good and bad versions."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest.check_requests import perform
from airflow_provider_azml.spec.checks import checked
from tests.emulator.execution import Workspace
from tests.emulator.test_serving import deploy, make_endpoint

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from airflow_provider_azml.rest.checks import Report
    from airflow_provider_azml.rest.flows import Json

PAGE = Path(__file__).parents[2] / "docs/how-to/checks.md"
SCORE = """
import json, os, time

def init():
    global wrong
    wrong = os.environ.get("GREETING") == "wrong"

def run(raw):
    rows = json.loads(raw)["data"]
    sum(map(sum, rows))
    if wrong and len(rows) > 1:
        time.sleep(0.3 if len(rows) == 2 else 1)
    scores = [0.35, 0.31, 0.34] if wrong else [0.85, 0.11, 0.04]
    return json.dumps({"label": "virginica" if wrong else "setosa", "scores": scores})
"""
ROWS = {"data": [[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2]]}
ANSWER = {"type": "object", "required": ["label", "scores"], "properties": {"scores": {"type": "array", "maxItems": 3}}}


@pytest.fixture(scope="module")
def endpoint(azml_emulator: RunningEmulator) -> str:
    """An endpoint that ``blue`` serves, and ``green``, which answers wrong, does not."""
    workspace = Workspace(azml_emulator).ensure()
    folder = workspace.data({"model.txt": "iris"}, "models-of-checks/iris")
    model = workspace.put("model", "checked", "1", properties={"modelType": "custom_model", "modelUri": folder})
    make_endpoint(workspace, "checked")
    for name, variables in (("blue", {}), ("green", {"GREETING": "wrong"})):
        made = deploy(workspace, "checked", name, SCORE, model, environmentVariables=variables)
        assert made["status"] == "Succeeded"
    make_endpoint(workspace, "checked", {"blue": 100})
    return workspace.id.child("online_endpoint", "checked")


@pytest.fixture
def checks(tmp_path: Path) -> list[Json]:
    """Those of the page."""
    (block,) = re.findall(r"```yaml\n(# iris.checks.yml\n.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads/rows.json").write_text(json.dumps(ROWS))
    (tmp_path / "answer.schema.json").write_text(json.dumps(ANSWER))
    (tmp_path / "iris.checks.yml").write_text(block)
    return checked("iris.checks.yml", tmp_path)


@pytest.fixture(params=["blocking", "asynchronous"])
def drive(request: pytest.FixtureRequest, azml_connection: str) -> Any:
    def blocking(flow: Any) -> Any:
        hook = AzmlHook(azml_connection)
        try:
            return hook.run(flow)
        finally:
            hook.close()

    async def asynchronous(flow: Any) -> Any:
        hook = AzmlHook(azml_connection)
        try:
            return await hook.arun(flow)
        finally:
            await hook.aclose()

    return blocking if request.param == "blocking" else lambda flow: asyncio.run(asynchronous(flow))


def test_a_good_version_passes_the_checks_of_the_page(endpoint: str, drive: Any, checks: list[Json]) -> None:
    told: Report = drive(perform(endpoint, None, checks, compared_with="blue"))
    assert told.problems == ()
    assert [line.split(":")[0] for line in told.lines] == [f"check {check['name']!r}" for check in checks]


def test_a_wrong_version_is_told_in_every_way(endpoint: str, drive: Any, checks: list[Json]) -> None:
    slow = {"name": "slow", "request": ROWS, "p50_seconds": 0.2}
    told: Report = drive(perform(endpoint, "green", [*checks, slow], compared_with="blue"))
    *others, last = told.problems
    before = "check 'like the version before': compared with what serves now"
    assert others == [
        "check 'setosa': expect 'label': is \"virginica\", not \"setosa\"",
        "check 'whole file': expect 'scores[0] > `0.5`': is false, not true",
        f'{before}, in \'label\': it is "virginica", not "setosa"',
        f"{before}, in 'scores': [0] is 0.35, not 0.85",
        f"{before}, in 'scores': [1] is 0.31, not 0.11",
        f"{before}, in 'scores': [2] is 0.34, not 0.04",
    ]
    assert last.startswith("check 'slow': p50 of 1 answer is 0.")


def test_what_the_model_itself_answered_is_told(endpoint: str, drive: Any) -> None:
    (check,) = checked([{"name": "nonsense", "request": {"data": "nonsense"}}])
    (problem,) = drive(perform(endpoint, "blue", [check])).problems
    assert problem.startswith("check 'nonsense': answered 424 (the model 500, model_error) instead of 200: ")


def test_more_requests_than_a_deployment_takes_are_told_as_that(endpoint: str, drive: Any) -> None:
    """Source: "429 Too many pending requests" of how-to-troubleshoot-online-endpoints; two at a time by default."""
    rows = {"data": ROWS["data"] * 2}  # which take long enough for all to come meanwhile
    crowd = {"name": "crowd", "request": rows, "requests": 8, "concurrency": 8}
    (problem,) = drive(perform(endpoint, "green", [crowd])).problems
    assert "of 8 answers: answered 429 (too_many_pending_request) instead of 200" in problem
    assert drive(perform(endpoint, "green", [{**crowd, "concurrency": 3, "requests": 3, "tries": 5}])).passed
