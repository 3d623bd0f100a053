"""Run configurations and HyperDrive configurations of CLI v1 as tasks: what they say really runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.cli import main
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlSubmitHyperDriveOperator, AzmlSubmitScriptRunOperator
from tests.airflow.running import run

if TYPE_CHECKING:
    from tests.operators.conftest import SignedIn

RUNCONFIG = """\
script:
arguments: [--kept, "{{ ds }}"]
target: local
framework: Python
communicator: None
environment:
  docker: {baseImage: local}
  python: {condaDependenciesFile: .azureml/conda_dependencies.yml}
environmentVariables: {DAY: "{{ ds }}"}
history: {outputCollection: true, snapshotProject: true, directoriesToWatch: [logs]}
"""
WRITES = """\
outputData:
  made:
    outputLocation: {dataPath: {datastoreName: workspaceblobstore, relativePath: made/by/v1}}
    mechanism: upload
"""
READS = """\
dataReferences:
  before: {dataStoreName: workspaceblobstore, pathOnDataStore: made/by/v1, mode: download}
"""
TRAIN = """\
import os, pathlib, sys
print("train", os.environ["DAY"], sys.argv[1:])
pathlib.Path(os.environ["made"], "a.txt").write_text("written by v1")
"""
SCORE = """\
import pathlib, sys
print("found", pathlib.Path(sys.argv[2], "a.txt").read_text(), sys.argv[1], sys.argv[3:])
"""
# as the document on CLI v1 has it
HDCONFIG = """\
sampling:
    type: random # Supported options: Random, Grid, Bayesian
    parameter_space: # specify a name|expression|values tuple for each parameter.
    - name: --penalty # The name of a script parameter to generate values for.
      expression: choice
      values: [0.5, 1, 1.5]
policy:
    type: BanditPolicy
    evaluation_interval: 1
    slack_factor: 0.2
primary_metric_name: Accuracy
primary_metric_goal: Maximize
max_total_runs: 8
max_concurrent_runs: 2
max_duration_minutes: 100
"""
TUNE = """\
import argparse, json, os, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("--penalty", type=float)
parser.add_argument("--kept")
given = parser.parse_args()
told = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "Accuracy", "value": 1 - abs(given.penalty - 1)}
call = urllib.request.Request(
    os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(told).encode(),
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
)
urllib.request.urlopen(call).read()
print("tried", given.penalty, given.kept)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project, as ``az ml folder attach`` leaves it, with scripts."""
    (tmp_path / ".azureml").mkdir()
    (tmp_path / ".azureml/sklearn.runconfig").write_text(RUNCONFIG + WRITES)
    (tmp_path / ".azureml/score.runconfig").write_text(RUNCONFIG + READS)
    (tmp_path / ".azureml/plain.runconfig").write_text(RUNCONFIG)
    (tmp_path / ".azureml/conda_dependencies.yml").write_text("{name: bare, dependencies: [python=3.11]}\n")
    (tmp_path / ".azureml/hdconfig.yml").write_text(HDCONFIG)
    for name, text in {"train.py": TRAIN, "score.py": SCORE, "my_train.py": TUNE}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("deferrable", [False, True])
def test_scripts_run_as_their_run_configurations_say(
    deferrable: bool, azml_connection: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("scripts", schedule=None, default_args={**arguments, "base_path": str(project)}) as dag:
        # az ml run submit-script -c sklearn -e testexperiment train.py
        train = AzmlSubmitScriptRunOperator(
            task_id="train", runconfig="sklearn", script="train.py", experiment_name="testexperiment"
        )
        score = AzmlSubmitScriptRunOperator(
            task_id="score",
            runconfig=str(project / ".azureml/score.runconfig"),
            script="score.py",
            arguments=["{{ task.task_id }} 1", "$AZUREML_DATAREFERENCE_before", "${{inputs.word}}"],
            inputs={"word": "two words"},
        )
        train >> score
    finished = run(dag)
    assert finished.errors == {}

    told = finished.value("train")
    assert (told["status"], told["experiment_name"]) == ("Completed", "testexperiment")
    hook, day = AzmlHook(azml_connection), f"{finished.dag_run.logical_date:%Y-%m-%d}"
    assert f"train {day} ['--kept', '{day}']" in hook.job_logs(told["name"])
    assert "found written by v1 score 1 ['two words']" in hook.job_logs(finished.value("score")["name"])
    assert "without a compute Azure ML runs it on serverless compute" in capsys.readouterr().out


@pytest.mark.parametrize("deferrable", [False, True])
def test_values_of_arguments_are_tried(deferrable: bool, azml_connection: str, project: Path) -> None:
    arguments = {"azml_conn_id": azml_connection, "deferrable": deferrable, "poll_seconds": 0.2}
    with DAG("tuning", schedule=None, default_args=arguments) as dag:
        # az ml run submit-hyperdrive -e tuning -c plain --hyperdrive-configuration-name hdconfig.yml my_train.py
        AzmlSubmitHyperDriveOperator(
            task_id="tune",
            hdconfig="hdconfig.yml",
            runconfig="plain",
            script="my_train.py",
            experiment_name="tuning",
            base_path=str(project),
        )
    finished = run(dag)
    assert finished.errors == {}
    best = finished.value("tune")["best_trial"]
    assert (best["parameters"], best["primary_metric"], best["metric"]) == ({"penalty": 1}, "Accuracy", 1)
    assert "tried 1.0 20" in AzmlHook(azml_connection).job_logs(best["name"])


def test_the_how_to_page_works_as_shown(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs/how-to/v1-runs.md").read_text()
    (code,), (commands,) = (re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) for language in ("python", "bash"))
    shown: dict[str, Any] = {}
    exec(code, shown)
    assert (shown["train"].runconfig, shown["tune"].hdconfig) == ("sklearn", "hdconfig.yml")
    monkeypatch.chdir(project)
    (project / ".azureml/sklearn.runconfig").write_text(RUNCONFIG.replace("{{ ds }}", "today"))
    shutil.move(".azureml/hdconfig.yml", "hdconfig.yml")
    for line in commands.splitlines():
        assert main(shlex.split(line)[1:]) == 0, capsys.readouterr().err
    assert sorted(file.name for file in Path("today").iterdir()) == ["hdconfig.yml", "sklearn.yml"]
    assert main(["validate", "today/hdconfig.yml", "today/sklearn.yml"]) == 0


def refused(service: SignedIn, operator: type[Any], folder: Path, **arguments: Any) -> str:
    """Why a task fails, which has sent nothing."""
    with DAG("refused", schedule=None) as dag:
        operator(task_id="it", base_path=str(folder), retries=1, **arguments)
    finished = run(dag)
    (error,) = finished.errors["it"]
    assert [request for request, _ in service.sent if "metadata" not in request] == []
    assert finished.tries("it") == 1
    return str(error).replace(f"{folder}/", "")


def test_what_is_wrong_is_told_with_its_place_before_anything_is_sent(service: SignedIn, project: Path) -> None:
    file = project / ".azureml/plain.runconfig"
    file.write_text(RUNCONFIG.replace("[--kept", "[--penalty, 3, --kept").replace("target: local", "target: None"))
    told = refused(
        service, AzmlSubmitHyperDriveOperator, project, hdconfig="hdconfig.yml", runconfig="plain", script="train.py"
    )
    reason = (
        "'--penalty' is an argument in .azureml/plain.runconfig:2:13 too; leave it out there, for its values are tried"
    )
    assert f".azureml/hdconfig.yml:4:13: sampling.parameter_space[0].name: {reason}" in told
    assert ".azureml/plain.runconfig:3:9: target: is the text 'None'; write null, or leave it out" in told


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"runconfig": "nothing"}, "there is no run configuration of that name"),
        ({"runconfig": None}, "runconfig: is None; it must be a file, a name, or a mapping"),
        ({"runconfig": "plain"}, "script: is missing"),
        ({"runconfig": "plain", "script": "no.py"}, "<overrides>: script: there is no file 'no.py'"),
        ({"runconfig": "plain", "script": "train.py", "spec": {}}, "spec: is for files of CLI v2"),
        ({"runconfig": "plain", "script": "train.py", "generation": "v3"}, "generation: is 'v3'"),
        (
            {"runconfig": "plain", "script": "train.py", "arguments": "--x 3"},
            "arguments: is '--x 3'; it must be a list",
        ),
        (
            {"runconfig": {"scrript": "train.py"}, "source_directory": "."},
            "scrript: unknown key; did you mean 'script'?",
        ),
    ],
)
def test_arguments_that_cannot_be_used_are_told(
    service: SignedIn, project: Path, arguments: dict[str, Any], reason: str
) -> None:
    assert reason in refused(service, AzmlSubmitScriptRunOperator, project, **arguments)
