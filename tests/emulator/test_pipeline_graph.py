"""Pipelines as graphs: those that azure-ai-ml sends for the files of the corpus can run, node by node."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pipelines.graph import check, order_of
from airflow_provider_azml.emulator.pipelines.nodes import PipelineError, component_spec, nodes_of
from airflow_provider_azml.emulator.pipelines.step_jobs import job_of
from airflow_provider_azml.emulator.pipelines.values import Scope, with_defaults
from airflow_provider_azml.emulator.sweeps.settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).resolve().parents[3] / "shared/oracle/cases"
ASSET = "/subscriptions/s/{}/versions/1"
REFUSED = ("/registries/", "$WS/components/", "partition_keys", "it has no jobs")
"""Components that no file brings along, data that is a table, and a schedule of a job by its id."""


@dataclass
class Components:
    """The components that pipelines of the corpus bring along."""

    known: dict[str, Any] = field(default_factory=dict)

    def stored(self, body: Any) -> Any:
        """A body in the oracle's normal form with ids for what that has in their place."""
        if isinstance(body, list):
            return [self.stored(member) for member in body]
        if not isinstance(body, dict):
            return body
        if "$component" in body:
            component_id = ASSET.format(f"components/c{len(self.known)}")
            self.known[component_id] = {}
            self.known[component_id] = {"properties": {"componentSpec": self.stored(body["$component"])}}
            return component_id
        for kind in ("$code", "$environment"):
            if kind in body:
                return "azureml:" + ASSET.format(kind)
        return {key: self.stored(member) for key, member in body.items()}

    def run(self, properties: dict[str, Any]) -> None:
        """Make jobs of all nodes of a pipeline, as if each had completed."""
        nodes = nodes_of(properties, self.known.get)
        declared = component_spec(properties, self.known.get).get("inputs") or {}
        scope = Scope(with_defaults(properties.get("inputs") or {}, declared, "it"), properties.get("outputs") or {})
        order = order_of(nodes)
        while order.is_active():
            for key in order.get_ready():
                job = job_of(nodes[key], scope, properties.get("settings") or {})
                if job["jobType"] == "Pipeline":
                    self.run(job)
                elif job["jobType"] == "Sweep":
                    settings_of(job)
                assert "${{parent" not in json.dumps({**job, "jobs": None})
                made = {name: {"uri": "azureml://x", **output} for name, output in job["outputs"].items()}
                scope.steps[key] = {**job, "outputs": made}
                order.done(key)


def pipelines() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in ("corpus", "edge"):
        for line in (CASES / f"{name}.jsonl").read_text().splitlines():
            case = json.loads(line)
            sent = case["normal"].get("properties", {}) if case["ok"] else {}
            body = (sent.get("action") or {}).get("jobDefinition") or sent
            if body.get("jobType") == "Pipeline":
                yield f"{name}/{case['path']}", body


def test_components_that_multiply_are_refused_before_they_are_counted() -> None:
    components = {"/leaf": {"type": "command", "command": "true"}}
    below = "/leaf"
    for level in range(8):
        kind = "pipeline" if level else "command"
        jobs = {f"n{number}": {"type": kind, "componentId": below} for number in range(10)}
        below = f"/level{level}"
        components[below] = {"type": "pipeline", "jobs": jobs}
    looked_up: list[str] = []

    def find(component_id: str) -> dict[str, Any]:
        looked_up.append(component_id)
        return {"properties": {"componentSpec": components[component_id]}}

    with pytest.raises(PipelineError, match="more than 10000 jobs in all"):
        check({"jobs": {"all": {"type": "pipeline", "componentId": below}}}, find)
    assert len(looked_up) < 50_000


@pytest.mark.shared
@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/oracle")
def test_pipelines_of_the_corpus_can_run() -> None:
    ran, refused = [], {}
    for path, body in pipelines():
        components = Components()
        properties = components.stored(body)
        try:
            check(properties, components.known.get)
        except PipelineError as error:
            refused[path] = str(error)
        else:
            components.run(properties)
            ran.append(path)
    assert {path: reason for path, reason in refused.items() if not any(word in reason for word in REFUSED)} == {}
    assert len(ran) > len(refused)
