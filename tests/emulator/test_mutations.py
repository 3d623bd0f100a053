"""Jobs that teams have files for, with parts of them replaced by what does not belong there: never an error of ours."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.test_job_corpus import CASES, NEVER, Bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NASTY: list[Any] = [
    *(None, True, -1, 0, 1.5, 1e308, 10**400, float("nan"), float("inf")),
    *("", " ", "x", "\0", "é", "\ud800", "../..", "x" * 5000, "PT-1S", "P9999999999D", "2024-02-30", "$(true)"),
    *("${{parent.inputs.x}}", "${{parent.jobs.a.outputs.b}}", "azureml:x@latest", "/subscriptions/s", "http://[::/x"),
    *([], {}, [None], [[]], {"": None}, {"a": {"b": [1]}}, ["x"], [{}]),
]
SEED = 20
BODIES = 300


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all parts of a body."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def mutated(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A body with one to three of its parts replaced, left out, or put where others were."""
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        known = [*places(body["properties"])]
        if not known:
            break
        path, other = chance.choice(known), chance.choice(known)
        holder, part = body["properties"], body["properties"]
        for key in path[:-1]:
            holder = holder[key]
        for key in other:
            part = part[key]
        act = chance.random()
        if act < 0.1:
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(part if act < 0.25 else chance.choice(NASTY))
        if not isinstance(body["properties"], dict):
            break
    return body


@pytest.mark.shared
@pytest.mark.skipif(not CASES.is_dir(), reason="the corpus of files is not here")
def test_no_job_breaks_the_emulator_or_the_lists_that_it_is_in(tmp_path: Path) -> None:
    cases = [json.loads(line) for line in (CASES / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    chance = random.Random(SEED)
    with running_emulator(tmp_path / "home", "--create-workspace", "--node-seconds", NEVER) as emulator:
        workspace = Workspace(emulator)
        bodies = Bodies(workspace)
        jobs = [bodies.body(case["normal"]) for case in cases if case["kind"] == "job" and case["ok"]]
        statuses = set()
        for number in range(BODIES):
            sent = json.dumps(mutated(chance.choice(jobs), chance)).encode()
            path, kind = workspace.id.child("job", f"job-{number}"), {"Content-Type": "application/json"}
            answer = workspace.call("PUT", path, data=sent, headers=kind, ok=False)
            statuses.add(answer.status_code)
            assert answer.status_code in (201, 400), sent
        assert statuses == {201, 400}
        for view in ("ActiveOnly", "All"):
            assert workspace.call("GET", workspace.id.child("job"), params={"listViewType": view}).json()["value"]
        log = emulator.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") :]
