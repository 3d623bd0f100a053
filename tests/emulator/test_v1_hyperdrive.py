"""The hyperdrive service: searches really try combinations, and find the best."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.v1_requests import V1, compute, configuration

if TYPE_CHECKING:
    import requests

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PROGRAM = """\
import json, os, sys, urllib.request
print(sys.argv[1:])
value = float(sys.argv[sys.argv.index("--lr") + 1])
metric = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "acc", "value": 1 - abs(value - 0.5), "timestamp": 1, "step": 0}
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
urllib.request.urlopen(urllib.request.Request(url, json.dumps(metric).encode(), headers)).read()
"""

SNAPSHOTS: dict[str, str] = {}


@pytest.fixture(scope="module")
def v1(azml_emulator: RunningEmulator) -> V1:
    return V1(Workspace(azml_emulator).ensure(), "v1-searches")


@pytest.fixture(scope="module")
def target(v1: V1) -> str:
    return compute(v1.workspace)


def snapshot(v1: V1, target: str, script: str) -> str:
    """The snapshot of a run that is cancelled at once: whatever was sent, it is kept."""
    if script in SNAPSHOTS:
        return SNAPSHOTS[script]
    run_id = v1.start({"Configuration": configuration(target)}, {"train.py": script}).json()["runId"]
    v1.call("execution/v1.0", f"experiments/{v1.experiment}/runId/{run_id}/cancel", "POST")
    SNAPSHOTS[script] = v1.ended(run_id)["properties"]["ContentSnapshotId"]
    return SNAPSHOTS[script]


def config(v1: V1, target: str, script: str, **more: object) -> dict[str, Any]:
    """The configuration of a search, spelled as azureml-train-core does; ``more`` goes over it."""
    overrides = {key[0].lower() + key[1:]: value for key, value in configuration(target, Arguments=["--a", 1]).items()}
    platform = {"Definition": {"Overrides": overrides, "SnapshotId": snapshot(v1, target, script)}}
    return {
        "name": v1.experiment,
        "platform": "AML",
        "platform_config": platform,
        "generator_config": {"name": "GRID", "parameter_space": {"--lr": ["choice", [[0.1, 0.5]]]}},
        "policy_config": {"name": "Bandit", "properties": {"slack_factor": 0.1, "evaluation_interval": 1}},
        "primary_metric_config": {"name": "acc", "goal": "maximize"},
        "max_total_jobs": 2,
        "max_concurrent_jobs": 2,
        "max_duration_minutes": 10,
        **more,
    }


def search(v1: V1, given: object, path: str = "runs", *, ok: bool = True) -> requests.Response:
    parts = {"config": ("config.json", json.dumps(given))}
    return v1.call("hyperdrive/v1.0", f"experiments/{v1.experiment}/{path}", "POST", ok=ok, files=parts)


def test_a_search_tries_what_its_space_has_and_finds_the_best(v1: V1, target: str) -> None:
    answer = search(v1, config(v1, target, PROGRAM))
    assert (answer.status_code, answer.json()["code"]) == (201, 201)
    result = answer.json()["result"]
    run_id = result["platform_config"]["ParentRunId"]
    assert result["hyperdrive_run_id"] == run_id
    run = v1.ended(run_id)
    assert (run["status"], run["runType"]) == ("Completed", "hyperdrive")
    assert run["properties"]["best_child_run_id"] == f"{run_id}_1"
    assert json.loads(run["tags"]["generator_config"])["name"] == "GRID"
    assert run["tags"]["max_total_jobs"] == "2"
    assert json.loads(run["tags"][f"{run_id}_0"]) == {"--lr": 0.1}
    assert v1.log_of(f"{run_id}_0") == "['--a', '1', '--lr', '0.1']\n"
    job = v1.workspace.get("job", run_id)["properties"]
    assert (job["jobType"], job["earlyTermination"]["policyType"]) == ("Sweep", "Bandit")
    assert job["limits"] == {
        "jobLimitsType": "Sweep",
        "timeout": "PT10M",
        "maxTotalTrials": 2,
        "maxConcurrentTrials": 2,
    }


def test_a_search_has_the_id_that_is_asked_for_and_is_canceled(v1: V1, target: str) -> None:
    run_id = f"mine-{uuid.uuid4().hex[:8]}"
    space = {"name": "RANDOM", "parameter_space": {"lr": ["uniform", [0, 1]]}}
    given = config(
        v1, target, "import time; time.sleep(600)", generator_config=space, policy_config={"name": "Default"}
    )
    search(v1, given, f"hdruns/{run_id}")
    while not v1.call("history/v1.0", f"experiments/{v1.experiment}/runs/{run_id}/children").json()["value"]:
        time.sleep(0.05)
    told = v1.call("hyperdrive/v1.0", f"experiments/{v1.experiment}/runs/{run_id}/cancel", "POST").json()
    assert (told["code"], run_id in told["result"]) == (200, True)
    assert v1.ended(run_id)["status"] == "Canceled"
    command = v1.workspace.get("job", run_id)["properties"]["trial"]["command"]
    assert command.endswith("--lr ${{search_space.lr}}")


def test_a_search_may_be_below_another_run(v1: V1, target: str) -> None:
    parent = str(uuid.uuid4())
    path = f"experiments/{v1.experiment}/runs/{parent}"
    v1.call("history/v1.0", path, "PATCH", json={"runId": parent})
    run_id = search(v1, config(v1, target, PROGRAM), f"runs/{parent}").json()["result"]["hyperdrive_run_id"]
    assert v1.ended(run_id)["parentRunId"] == parent


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"platform": "AML_PIPELINES"}, "platform"),
        ({"generator_config": {"name": "GUESS", "parameter_space": {"a": ["choice", [[1]]]}}}, "RANDOM, GRID"),
        ({"generator_config": {"name": "GRID", "parameter_space": {"a b": ["choice", [[1]]]}}}, "'a b'"),
        ({"generator_config": {"name": "GRID", "parameter_space": {"a": ["uniform", [0, 1]]}}}, "grid"),
        ({"policy_config": {"name": "Luck"}}, "Bandit, MedianStopping"),
        ({"primary_metric_config": {"name": "acc", "goal": "enjoy"}}, "goal"),
        ({"max_total_jobs": 0}, "maxTotalTrials"),
        ({"platform_config": {"Definition": {"Overrides": {}}}}, "SnapshotId"),
    ],
)
def test_what_cannot_be_searched_is_refused(v1: V1, target: str, changed: dict[str, Any], words: str) -> None:
    refused = search(v1, {**config(v1, target, ""), **changed}, ok=False)
    assert (refused.status_code, refused.json()["code"]) == (400, 400)
    assert words.lower() in refused.json()["message"].lower()


def test_what_is_no_configuration_is_refused(v1: V1) -> None:
    for parts in ({"other": ("x", "y")}, {"config": ("c", "no json")}, {"config": ("c", "[]")}):
        path = f"experiments/{v1.experiment}/runs"
        refused = v1.call("hyperdrive/v1.0", path, "POST", ok=False, files=parts)
        assert refused.status_code == 400
    gone = v1.call("hyperdrive/v1.0", f"experiments/{v1.experiment}/runs/none/cancel", "POST", ok=False)
    assert gone.json() == {"code": 404, "message": gone.json()["message"]}
