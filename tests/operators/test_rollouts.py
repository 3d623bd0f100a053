"""Rollouts of models to online endpoints: they really serve, and are really put back."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlDeployModelOperator
from tests.airflow.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airflow.running import Finished

SCORE = """\
import json, os, sys

def init():
    if os.environ.get("FAILS"):
        sys.exit("the weights are missing")

def run(raw):
    answered = os.environ["COUNT"] and os.path.exists(os.environ["COUNT"])
    return {"version": os.environ["VERSION"], "answer": 3 if answered else 2 * json.loads(raw)["data"]}
"""
CHECKS = [{"name": "doubles", "request": {"data": 2}, "expect": {"answer": 4}}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "score.py").write_text(SCORE)
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11, pip]\n")
    return tmp_path


@pytest.fixture
def hook(azml_connection: str) -> Iterator[AzmlHook]:
    hook = AzmlHook(azml_connection)
    yield hook
    hook.close()


@pytest.fixture
def endpoint(hook: AzmlHook) -> Iterator[str]:
    """The name of an endpoint, which need not be there."""
    name = f"rolled-{uuid.uuid4().hex[:8]}"
    yield name
    try:
        hook.delete("online_endpoint", name)
    except NotFound:
        pass


def version(name: str, **variables: str) -> dict[str, Any]:
    """A version of the model, as AML's YAML has it."""
    return {
        "code_configuration": {"code": "serving", "scoring_script": "score.py"},
        "environment": {"image": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu", "conda_file": "conda.yml"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"VERSION": name, "WORKER_COUNT": "1", "COUNT": "", **variables},
        "liveness_probe": {"period": 1, "initial_delay": 1, "timeout": 2, "failure_threshold": 30},
    }


def deployed(endpoint: str, folder: Path, spec: dict[str, Any], *, retries: int = 0, **arguments: Any) -> Finished:
    with DAG("rollouts", schedule=None, default_args={"poll_seconds": 0.2, "retries": retries}) as dag:
        AzmlDeployModelOperator(task_id="it", spec=spec, base_path=str(folder), endpoint_name=endpoint, **arguments)
    return run(dag)


def traffic_of(hook: AzmlHook, endpoint: str) -> dict[str, int]:
    shown = hook.get("online_endpoint", endpoint)["properties"]["traffic"]
    return {name: share for name, share in shown.items() if share}


def deployments_of(hook: AzmlHook, endpoint: str) -> dict[str, str]:
    found = hook.list("online_deployment", parent=endpoint)
    return {each["name"]: each["properties"]["provisioningState"] for each in found}


@pytest.mark.parametrize("deferrable", [False, True])
def test_versions_follow_each_other(deferrable: bool, hook: AzmlHook, endpoint: str, folder: Path) -> None:
    """The first one makes the endpoint; the second takes over step by step, and the first is removed."""
    first = deployed(endpoint, folder, {"name": "iris", **version("1")}, strategy="blue_green", step_seconds=0)
    assert first.errors == {}
    blue = first.value("it")["deployment"]
    assert blue.startswith("iris-")
    assert first.value("it")["traffic"] == {blue: 100}
    assert first.value("it")["traffic_before"] == {}
    second = deployed(
        endpoint,
        folder,
        {"name": "iris", **version("2")},
        strategy="canary",
        steps=(10, 100),
        step_seconds=1,
        checks=CHECKS,
        remove_old=True,
        deferrable=deferrable,
    )
    assert second.errors == {}
    result = second.value("it")
    assert result["traffic"] == {result["deployment"]: 100}
    assert result["traffic_before"] == {blue: 100}
    assert deployments_of(hook, endpoint) == {result["deployment"]: "Succeeded"}
    assert hook.score(endpoint, {"data": 2}) == {"version": "2", "answer": 4}
