"""Sweeps: trials really run beside each other, are ended when they do badly, and the best is found."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.test_execution_sdk import client  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

TRAIN = """
import json, os, pathlib, sys, time, urllib.request

def log(value, key="auc"):
    call = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric",
        json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], "key": key, "value": value}).encode(),
        {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
    )
    urllib.request.urlopen(call).read()

lr = float(os.environ["AZUREML_SWEEP_lr"])
"""


@dataclass
class Sweeps:
    """A workspace whose sweeps try ``lr``, by a script that can ``log`` a metric."""

    workspace: Workspace
    code: str

    def submit(self, script: str, values: list[float], *, ok: bool = True, **fields: Any) -> Any:
        """Submit a sweep of a script over values of ``lr``; its name, or the answer that refuses it."""
        name = f"sweep-{uuid.uuid4().hex[:8]}"
        limits = {"jobLimitsType": "Sweep", "maxTotalTrials": 10, "maxConcurrentTrials": 2, **fields.pop("limits", {})}
        command = f"python -c 'from train import *\n{script}'"
        properties = {
            "jobType": "Sweep",
            "experimentName": "tests",
            "searchSpace": {"lr": ["choice", [values]]},
            "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
            "objective": {"goal": "maximize", "primaryMetric": "auc"},
            "trial": {
                "command": command,
                "codeId": self.code,
                "environmentId": self.workspace.shared_environment(),
            },
            "limits": limits,
            **fields,
        }
        path = self.workspace.id.child("job", name)
        answer = self.workspace.call("PUT", path, json={"properties": properties}, ok=ok)
        return name if ok else answer

    def run(self, script: str, values: list[float], **fields: Any) -> tuple[str, dict[str, Any]]:
        """A sweep that has completed: its name, and its properties."""
        name = self.submit(script, values, **fields)
        self.workspace.until(name, ["Completed"])
        return name, self.workspace.get("job", name)["properties"]

    def trials(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.workspace.history(f"runs/{name}/children")["value"]
        return found

    def statuses(self, name: str) -> list[str]:
        return [trial["status"] for trial in self.trials(name)]

    def until_running(self, name: str, count: int) -> None:
        while self.statuses(name).count("Running") < count:
            time.sleep(0.05)


@pytest.fixture(scope="module")
def sweeps(azml_emulator: RunningEmulator) -> Sweeps:
    workspace = Workspace(azml_emulator).ensure()
    return Sweeps(workspace, workspace.code({"train.py": TRAIN}))


def test_a_sweep_runs_its_trials_and_finds_the_best(sweeps: Sweeps) -> None:
    workspace = sweeps.workspace
    script = (
        'log(0.5); log(lr); log(0.1); print("${{inputs.greeting}}", os.environ["AZUREML_SWEEP_greeting"], "at", '
        '"${{search_space.lr}}"); pathlib.Path(os.environ["AZUREML_SWEEP_model"], "lr.txt").write_text(str(lr))'
    )
    name, sweep = sweeps.run(
        script,
        [0.2, 0.9, 0.6],
        inputs={"greeting": {"jobInputType": "literal", "value": "hello there"}},
        outputs={"model": {"jobOutputType": "custom_model", "assetName": f"best-{uuid.uuid4().hex[:8]}"}},
    )
    trials = [f"{name}_{number}" for number in range(3)]
    assert sweep["properties"] == {
        "azureml.runsource": "hyperdrive",
        "best_child_run_id": trials[1],
        "best_data_container_id": f"dcid.{trials[1]}",
        "best_metric_status": "Succeeded",
        "platform": "AML",
        "primary_metric_config": '{"name":"auc","goal":"maximize"}',
        "resume_from": "null",
        "runTemplate": "HyperDrive",
        "score": "0.9",
        "space_size": "3",
    }
    assert {trial: json.loads(sweep["tags"][trial]) for trial in trials} == {
        trial: {"lr": lr} for trial, lr in zip(trials, [0.2, 0.9, 0.6], strict=True)
    }
    assert workspace.history(f"runs/{name}")["runType"] == "hyperdrive"

    runs = sweeps.trials(name)
    assert [run["runId"] for run in runs] == trials
    assert {(run["parentRunId"], run["rootRunId"], run["status"]) for run in runs} == {(name, name, "Completed")}
    best = workspace.get("job", trials[1])["properties"]
    assert (best["jobType"], best["parentJobName"], best["parameters"]) == ("Command", name, {"lr": 0.9})
    assert best["tags"] == {"hyperparameters": '{"lr": 0.9}'}
    assert workspace.log(trials[1]) == "hello there hello there at 0.9\n"
    assert workspace.log(trials[2]) == "hello there hello there at 0.6\n"

    assert workspace.output(trials[0], "model", "lr.txt") == "0.2"
    assert workspace.output(name, "model", "lr.txt") == "0.9"
    asset = sweep["outputs"]["model"]["assetName"]
    versions = workspace.call("GET", workspace.id.child("model", asset) + "/versions").json()["value"]
    assert [version["properties"]["jobName"] for version in versions] == [name]
    listed = [job["name"] for job in workspace.call("GET", workspace.id.child("job")).json()["value"]]
    assert name in listed
    assert not set(trials) & set(listed)
    check_the_log(workspace, name, trials[2])


def check_the_log(workspace: Workspace, name: str, trial: str) -> None:
    """The log of a sweep of three trials names each of them."""
    log = workspace.download(workspace.details(name)["logFiles"]["azureml-logs/hyperdrive.txt"])
    assert "[GENERATOR][INFO]Trying to sample '2' jobs from the hyperparameter space" in log
    assert f"[SCHEDULER][INFO]Successfully scheduled a job. Id='{trial}'" in log
    assert log.endswith("[CONTROLLER][INFO]Changing Run Status from Running to Completed\n")


def test_as_many_trials_run_at_once_as_may(sweeps: Sweeps, tmp_path: Path) -> None:
    def most_at_once(concurrent: int) -> int:
        begun = tmp_path / str(concurrent)
        begun.mkdir()
        script = (
            f'begun = pathlib.Path("{begun}"); (begun / str(lr)).touch()\n'
            f"while len([*begun.iterdir()]) < {concurrent}: time.sleep(0.05)\n"
            "time.sleep(0.3)"
        )
        name, _ = sweeps.run(script, [1, 2], limits={"maxConcurrentTrials": concurrent})
        spans = [(run["startTimeUtc"], run["endTimeUtc"]) for run in sweeps.trials(name)]
        return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)

    assert [most_at_once(concurrent) for concurrent in (1, 2)] == [1, 2]


def test_no_more_trials_run_than_are_asked_for(sweeps: Sweeps) -> None:
    space = {"lr": ["uniform", [0, 1]], "depth": ["randint", [3]]}
    sampling = {"samplingAlgorithmType": "Random", "seed": 5}
    script = 'log(-lr, "other"); log(lr)'

    def tried() -> list[Any]:
        name, sweep = sweeps.run(
            script,
            [],
            searchSpace=space,
            samplingAlgorithm=sampling,
            objective={"goal": "Minimize", "primaryMetric": "auc"},
            limits={"maxTotalTrials": 3},
        )
        found = [json.loads(sweep["tags"][f"{name}_{number}"]) for number in range(3)]
        assert len(sweeps.trials(name)) == 3
        lowest = min(found, key=lambda parameters: parameters["lr"])
        assert sweep["properties"]["best_child_run_id"] == f"{name}_{found.index(lowest)}"
        assert float(sweep["properties"]["score"]) == lowest["lr"]
        return found

    assert tried() == tried()


def test_a_poor_trial_is_ended_early(sweeps: Sweeps, tmp_path: Path) -> None:
    # the poor one is compared with the good one from the first interval on
    script = (
        f'good = pathlib.Path("{tmp_path}", "good")\n'
        "if lr > 0.5: log(lr); good.touch()\n"
        "while not good.exists(): time.sleep(0.05)\n"
        "while lr < 0.5: log(lr); print(lr); time.sleep(0.05)"
    )
    name, sweep = sweeps.run(
        script,
        [0.9, 0.1],
        earlyTermination={"policyType": "Bandit", "slackFactor": 0.1, "evaluationInterval": 1, "delayEvaluation": 3},
    )
    good, poor = sweeps.trials(name)
    assert (good["status"], poor["status"]) == ("Completed", "Canceled")
    assert "early termination policy" in poor["error"]["error"]["message"]
    assert sweep["properties"]["best_child_run_id"] == good["runId"]
    assert "0.1" in sweeps.workspace.log(poor["runId"])
    log = sweeps.workspace.download(sweeps.workspace.details(name)["logFiles"]["azureml-logs/hyperdrive.txt"])
    assert f"[ENFORCER][INFO]Canceling job '{poor['runId']}', which does badly at interval 3." in log


def test_a_trial_that_takes_too_long_is_one_trial_less(sweeps: Sweeps) -> None:
    name, sweep = sweeps.run("log(lr); time.sleep(0 if lr > 0.5 else 60)", [0.9, 0.1], limits={"trialTimeout": "PT6S"})
    assert sweeps.statuses(name) == ["Completed", "Canceled"]
    assert "limits.timeout (6 s)" in sweeps.trials(name)[1]["error"]["error"]["message"]
    assert sweep["properties"]["score"] == "0.9"


def test_a_sweep_that_takes_too_long_is_canceled_with_its_trials(sweeps: Sweeps) -> None:
    name = sweeps.submit("log(lr); time.sleep(60)", [0.1, 0.2, 0.3], limits={"timeout": "PT8S"})
    assert sweeps.workspace.until(name) == "Canceled"
    assert "longer than limits.timeout (8 s)" in sweeps.workspace.details(name)["error"]["error"]["message"]
    assert sweeps.statuses(name) == ["Canceled", "Canceled"]
    assert sweeps.workspace.get("job", name)["properties"]["properties"]["score"] == "0.2"


def test_a_cancel_reaches_all_trials_and_there_are_no_more(sweeps: Sweeps) -> None:
    workspace = sweeps.workspace
    name = sweeps.submit("time.sleep(60)", [0.1, 0.2, 0.3])
    sweeps.until_running(name, 2)
    workspace.call("POST", workspace.id.child("job", name) + "/cancel")
    assert workspace.until(name) == "Canceled"
    assert sweeps.statuses(name) == ["Canceled", "Canceled"]
    assert "best_child_run_id" not in workspace.get("job", name)["properties"]["properties"]
    assert workspace.call("GET", workspace.id.child("job", f"{name}_2"), ok=False).status_code == 404


def test_one_canceled_trial_is_one_trial_less(sweeps: Sweeps) -> None:
    workspace = sweeps.workspace
    name = sweeps.submit("log(lr); time.sleep(60 if lr < 0.5 else 0)", [0.1, 0.9])
    sweeps.until_running(name, 1)
    while "score" not in workspace.get("job", name)["properties"]["properties"]:
        time.sleep(0.05)
    workspace.call("POST", workspace.id.child("job", f"{name}_0") + "/cancel")
    assert workspace.until(name) == "Completed"
    assert sweeps.statuses(name) == ["Canceled", "Completed"]


def test_a_trial_that_fails_is_one_trial_less(sweeps: Sweeps) -> None:
    name, sweep = sweeps.run("lr < 0.5 and sys.exit(3); log(lr)", [0.1, 0.9])
    assert sweeps.statuses(name) == ["Failed", "Completed"]
    assert sweep["properties"]["best_child_run_id"] == f"{name}_1"


def test_a_sweep_fails_when_no_trial_completes(sweeps: Sweeps) -> None:
    name = sweeps.submit("sys.exit(3)", [0.1, 0.2])
    error = sweeps.workspace.error(name)
    assert error["code"] == "UserError"
    assert "User errors were found in at least one of the child runs." in error["message"]
    assert f"2 failed; {name}_0: Execution failed. User process 'bash' exited with status code 3." in error["message"]


def test_a_sweep_without_its_metric_has_no_best_trial(sweeps: Sweeps) -> None:
    _, sweep = sweeps.run('log(1.0, "accuracy")', [0.1])
    assert "best_child_run_id" not in sweep["properties"]


def test_a_trial_takes_no_name_of_another_job(sweeps: Sweeps) -> None:
    name = f"taken-{uuid.uuid4().hex[:8]}"
    workspace = sweeps.workspace
    properties = {"jobType": "Command", "command": "true", "environmentId": workspace.shared_environment()}
    workspace.call("PUT", workspace.id.child("job", f"{name}_0"), json={"properties": properties})
    trial = {"command": "true", "environmentId": workspace.shared_environment()}
    sweep = {
        "jobType": "Sweep",
        "searchSpace": {"lr": ["choice", [[1]]]},
        "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
        "objective": {"goal": "maximize", "primaryMetric": "auc"},
        "trial": trial,
    }
    workspace.call("PUT", workspace.id.child("job", name), json={"properties": sweep})
    assert f"The trial {name}_0 cannot be submitted" in workspace.error(name)["message"]


def test_a_sweep_that_an_emulator_leaves_behind_has_failed_with_its_trials(tmp_path: Path) -> None:
    def reasons(workspace: Workspace) -> list[str]:
        return [workspace.details(job)["error"]["error"]["message"] for job in (name, f"{name}_0")]

    with running_emulator(tmp_path, "--create-workspace") as emulator:
        sweeps = Sweeps(Workspace(emulator), "")
        sweeps.code = sweeps.workspace.code({"train.py": TRAIN})
        name = sweeps.submit("time.sleep(60)", [0.1])
        sweeps.until_running(name, 1)
    with running_emulator(tmp_path) as emulator:
        assert all(reason.startswith("The emulator was stopped") for reason in reasons(Workspace(emulator)))


@pytest.mark.parametrize(
    ("fields", "target", "reason"),
    [
        ({"trial": {"environmentId": "azureml:x:1"}}, "trial.command", "Command field is required"),
        ({"objective": {"goal": "maximize"}}, "objective.primaryMetric", "PrimaryMetric field is required"),
        ({"objective": {"goal": "grow", "primaryMetric": "auc"}}, "objective.goal", '"grow" is none of Minimize, Max'),
        ({"searchSpace": {}}, "searchSpace", "lacks the required field 'properties.searchSpace'"),
        ({"searchSpace": {"lr": ["beta", [1]]}}, "searchSpace", "searchSpace.lr: 'beta' is none of choice"),
        ({"searchSpace": {"lr": ["uniform", [0, 1]]}}, "samplingAlgorithm", "grid sampling takes choice"),
        ({"samplingAlgorithm": {"samplingAlgorithmType": "Best"}}, "samplingAlgorithm.samplingAlgorithmType", "of Bay"),
        ({"earlyTermination": {"policyType": "Luck"}}, "earlyTermination.policyType", "none of Bandit"),
        ({"limits": {"maxTotalTrials": 0}}, "limits.maxTotalTrials", "must be an integer from 1 to 1000, not 0"),
        ({"limits": {"maxConcurrentTrials": 2000}}, "limits.maxConcurrentTrials", "not 2000"),
        ({"limits": {"trialTimeout": "1 minute"}}, "limits.trialTimeout", "is not an ISO 8601 duration"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(sweeps: Sweeps, fields: dict[str, Any], target: str, reason: str) -> None:
    answer = sweeps.submit("pass", [0.1], ok=False, **fields)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "ValidationError"
    assert error["target"] == f"properties.{target}"
    assert reason in error["message"]


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore")
def test_azure_ai_ml_drives_a_sweep(
    client: MLClient,  # noqa: F811 (the fixture)
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from azure.ai.ml import Output, command
    from azure.ai.ml.entities import Environment
    from azure.ai.ml.sweep import BanditPolicy, Choice

    (tmp_path / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/train.py").write_text(
        "import mlflow, pathlib, sys\n"
        "mlflow.log_metric('auc', float(sys.argv[1]))\n"
        "pathlib.Path(sys.argv[2], 'lr.txt').write_text(sys.argv[1])\n"
    )
    job = command(
        command="python train.py ${{inputs.lr}} ${{outputs.model}}",
        code=str(tmp_path / "src"),
        inputs={"lr": 0.0},
        outputs={
            "model": Output(type="uri_folder")
        },  # models it cannot download: it passes values, which is no keyword
        environment=Environment(image="mcr.microsoft.com/any", conda_file=str(tmp_path / "conda.yml")),
    )(lr=Choice([0.25, 0.75]))
    sweep = job.sweep(sampling_algorithm="random", primary_metric="auc", goal="Maximize")
    sweep.set_limits(max_total_trials=4, max_concurrent_trials=2, timeout=120, trial_timeout=60)
    sweep.early_termination = BanditPolicy(slack_factor=0.1, evaluation_interval=1, delay_evaluation=5)
    sweep.experiment_name = "sdk"

    made = client.jobs.create_or_update(sweep)
    client.jobs.stream(made.name)
    assert "Trying to sample '2' jobs" in capsys.readouterr().out
    done = client.jobs.get(made.name)
    assert done.status == "Completed"
    best = done.properties["best_child_run_id"]
    trials = list(client.jobs.list(parent_job_name=made.name))
    assert sorted(trial.name for trial in trials) == [f"{made.name}_0", f"{made.name}_1"]
    assert {trial.status for trial in trials} == {"Completed"}
    assert json.loads(client.jobs.get(best).tags["hyperparameters"]) == {"lr": 0.75}
    client.jobs.download(made.name, download_path=tmp_path / "best", output_name="model")
    assert (tmp_path / "best/named-outputs/model/lr.txt").read_text() == "0.75"
    client.jobs.download(made.name, download_path=tmp_path / "all", all=True)
    assert "GENERATOR" in (tmp_path / "all/hd-artifacts/azureml-logs/hyperdrive.txt").read_text()
