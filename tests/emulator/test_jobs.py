"""Command jobs: they really run, and their status, outputs and logs say what happened."""

from __future__ import annotations

import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

LITERAL = "literal"


@pytest.fixture
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def test_a_job_gets_code_inputs_and_outputs(workspace: Workspace) -> None:
    code = workspace.code({"train.py": "import sys; print(open(sys.argv[1]).read())", "lib/x.py": ""})
    folder = workspace.data({"part.csv": "one,two", "sub/more.csv": "three"}, "inputs-of-test")
    uri = workspace.put("data", "table", "1", properties={"dataType": "uri_file", "dataUri": f"{folder}part.csv"})
    job = workspace.run(
        "python train.py ${{inputs.table}} && ls lib && (cd ${{inputs.all}} && find . -type f | sort) && "
        "echo ${{inputs.words}} > ${{outputs.model}}/m.txt && mkdir -p outputs logs && echo o > outputs/o.txt && "
        "echo l > logs/l.txt",
        codeId=code,
        inputs={
            "table": {"jobInputType": "uri_file", "uri": uri, "mode": "Download"},
            "all": {"jobInputType": "uri_folder", "uri": folder, "mode": "ReadOnlyMount"},
            "words": {"jobInputType": LITERAL, "value": "two  'words'; $HOME"},
        },
        outputs={"model": {"jobOutputType": "uri_folder"}},
    )
    assert workspace.log(job).split() == ["one,two", "x.py", "./part.csv", "./sub/more.csv"]
    assert workspace.output(job, "model", "m.txt") == "two  'words'; $HOME\n"
    assert workspace.artifact(job, "outputs/o.txt") == "o\n"
    assert workspace.artifact(job, "logs/l.txt") == "l\n"


def test_a_job_knows_who_it_is_and_no_secret_of_the_emulator(workspace: Workspace) -> None:
    job = workspace.run(
        "env; which python; python -c 'import mlflow; print(mlflow.__name__)'",
        environmentVariables={"MINE": "a b", "NUMBER": 1, "NOTHING": None},
        inputs={"x": {"jobInputType": LITERAL, "value": "7"}},
        outputs={"y": {"jobOutputType": "uri_folder"}},
    )
    log = workspace.log(job)
    run = workspace.history(f"runs/{job}")
    for line in (
        f"AZUREML_RUN_ID={job}",
        f"AZUREML_ARM_SUBSCRIPTION={workspace.id.subscription_id}",
        f"AZUREML_ARM_RESOURCEGROUP={workspace.id.resource_group}",
        f"AZUREML_ARM_WORKSPACE_NAME={workspace.id.name}",
        "AZUREML_EXPERIMENT_NAME=tests",
        "MLFLOW_EXPERIMENT_NAME=tests",
        f"MLFLOW_EXPERIMENT_ID={run['experimentId']}",
        f"MLFLOW_RUN_ID={job}",
        f"MLFLOW_TRACKING_URI={workspace.emulator.url}/mlflow/v1.0{workspace.id}",
        "AZURE_ML_INPUT_x=7",
        "MINE=a b",
        "NUMBER=1",
        "mlflow",
    ):
        assert line in log.splitlines()
    assert "NOTHING=" not in log
    assert re.search(r"^AZURE_ML_OUTPUT_y=/", log, re.MULTILINE)
    assert re.search(r"/bin/python$", log, re.MULTILINE)
    secrets = [workspace.emulator.environment["AZURE_CLIENT_SECRET"], "AZURE_CLIENT_SECRET", "sig=", "emulator.db"]
    assert not [secret for secret in secrets if secret in log]


def test_a_script_that_fails_fails_the_job_and_keeps_what_it_made(workspace: Workspace) -> None:
    job = workspace.submit(
        "echo half > ${{outputs.o}}/half; mkdir outputs; echo h > outputs/h; echo the reason >&2; exit 3",
        outputs={"o": {"jobOutputType": "uri_folder"}},
    )
    error = workspace.error(job)
    assert error["code"] == "UserError"
    assert "exited with status code 3" in error["message"]
    assert "user_logs/std_log.txt" in error["message"]
    assert "the reason" in error["message"]
    assert workspace.artifact(job, "outputs/h") == "h\n"
    assert workspace.output(job, "o", "half") == "half\n"
    details = workspace.details(job)
    assert details["status"] == "Failed"
    assert details["startTimeUtc"] <= details["endTimeUtc"]


@pytest.mark.parametrize(
    ("command", "properties", "reason"),
    [
        ("true", {"inputs": {"d": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/no/"}}},
         "input 'd'.*there is nothing at"),
        ("true", {"inputs": {"d": {"jobInputType": "uri_file", "uri": "azureml://datastores/nostore/paths/x"}}},
         "input 'd'.*'nostore' does not exist"),
        ("true", {"inputs": {"d": {"jobInputType": "uri_file", "uri": "azureml://jobs/nojob/outputs/o"}}},
         "job 'nojob' does not exist"),
        ("echo ${{inputs.z}}", {}, r"\$\{\{inputs\.z\}\}, which the job does not have"),
        ("true", {"environmentId": "azureml:AzureML-acpt-pytorch-2.2@latest"}, "environment.*does not exist"),
        ("true", {"outputs": {"o": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/nostore/paths/x"}}},
         "output 'o'.*'nostore' does not exist"),
        ("true \0", {}, "command or environment variables cannot be: embedded null byte"),
        ("true", {"environmentVariables": {"A": "\0"}}, "variables cannot be: embedded null byte"),
        ("true", {"environmentVariables": {"A=B": "c"}}, "variables cannot be: illegal environment variable name"),
        ("true", {"computeId": "of no compute"}, "shared/versions/1 is no compute"),
        ("true", {"inputs": {"x": {"jobInputType": "uri_file", "uri": "http://[::/x"}}}, "input 'x'.*cannot be read"),
        ("true", {"inputs": {"x": {"jobInputType": "uri_file", "uri": "http://127.0.0.1:1/a b"}}},
         "input 'x'.*cannot be downloaded"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_named(
    workspace: Workspace, command: str, properties: dict[str, object], reason: str
) -> None:
    if properties.get("computeId"):
        properties = {**properties, "computeId": workspace.shared_environment()}
    assert re.search(reason, workspace.error(workspace.submit(command, **properties))["message"])


def test_an_environment_that_cannot_be_made_is_explained(workspace: Workspace) -> None:
    environment = workspace.environment("dependencies: [cudatoolkit=11.8]")
    message = workspace.error(workspace.submit("true", environmentId=environment))["message"]
    assert environment in message
    assert "'cudatoolkit'" in message
    assert "'pip' part" in message


def test_a_job_that_takes_too_long_is_canceled(workspace: Workspace) -> None:
    job = workspace.submit("sleep 60", limits={"jobLimitsType": "Command", "timeout": "PT0.5S"})
    assert workspace.until(job) == "Canceled"
    assert "limits.timeout" in workspace.details(job)["error"]["error"]["message"]


def test_cancel_ends_everything_that_the_job_started(workspace: Workspace, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    job = workspace.submit(
        f"(trap '' TERM; echo $BASHPID >> {pids}; while true; do sleep 0.2; done) & sleep 600 & echo $! >> {pids}; wait"
    )
    workspace.until(job, ["Running"])
    while not pids.exists() or len(pids.read_text().split()) < 2:
        time.sleep(0.05)
    assert workspace.call("POST", workspace.id.child("job", job) + "/cancel").status_code == 202
    assert workspace.status(job) in ("CancelRequested", "Canceled")
    assert workspace.until(job) == "Canceled"
    assert not [pid for pid in map(int, pids.read_text().split()) if _alive(pid)]


def test_what_a_job_leaves_running_neither_holds_it_up_nor_stays(workspace: Workspace, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    started = time.monotonic()
    job = workspace.run(f"sleep 600 & echo $! > {pid}; echo done")
    assert time.monotonic() - started < 120
    assert workspace.log(job) == "done\n"
    assert not _alive(int(pid.read_text()))


def test_a_job_can_be_canceled_before_it_runs(workspace: Workspace) -> None:
    workspace.put("compute", "one", location="local", properties=_cluster(1))
    compute = workspace.id.child("compute", "one")
    first = workspace.submit("sleep 30", computeId=compute)
    workspace.until(first, ["Running"])
    second = workspace.submit("true", computeId=compute)
    workspace.until(second, ["Queued"])
    for job in (second, first):
        workspace.call("POST", workspace.id.child("job", job) + "/cancel")
        assert workspace.until(job) == "Canceled"


def test_jobs_wait_for_a_node_of_their_cluster(workspace: Workspace) -> None:
    workspace.put("compute", "single", location="local", properties=_cluster(1))
    compute = workspace.id.child("compute", "single")
    jobs = [workspace.submit("date +%s.%N; sleep 0.5; date +%s.%N", computeId=compute) for _ in range(3)]
    workspace.until(jobs[2], ["Queued"])
    for job in jobs:
        workspace.until(job, ["Completed"])
    spans = [[float(word) for word in workspace.log(job).split()] for job in jobs]
    assert spans == sorted(spans)
    assert spans[0][1] < spans[1][0]
    assert spans[1][1] < spans[2][0]


@pytest.mark.parametrize(
    ("timeout", "said"),
    [
        ("soon", "'soon' is not an ISO 8601 duration"),
        ("P9999999999D", "'P9999999999D' is not a duration from none to a hundred years"),
        ("-PT1S", "'-PT1S' is not a duration from none"),
    ],
)
def test_a_timeout_that_is_no_duration_is_refused(workspace: Workspace, timeout: str, said: str) -> None:
    properties = {
        "jobType": "Command",
        "command": "true",
        "environmentId": workspace.shared_environment(),
        "limits": {"jobLimitsType": "Command", "timeout": timeout},
    }
    response = workspace.call("PUT", workspace.id.child("job", "timed"), json={"properties": properties}, ok=False)
    assert response.status_code == 400
    assert said in response.json()["error"]["message"]


def test_more_nodes_than_the_cluster_has_are_refused(workspace: Workspace) -> None:
    workspace.put("compute", "small", location="local", properties=_cluster(2))
    job = workspace.submit("true", computeId=workspace.id.child("compute", "small"), resources={"instanceCount": 3})
    assert "3 nodes" in workspace.error(job)["message"]


def test_the_log_grows_while_the_job_runs(workspace: Workspace, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    job = workspace.submit(f"echo first; while [ ! -e {go_on} ]; do sleep 0.05; done; echo second")
    workspace.until(job, ["Running"])
    deadline = time.monotonic() + 120
    while workspace.log(job) != "first\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    go_on.touch()
    workspace.until(job, ["Completed"])
    assert workspace.log(job) == "first\nsecond\n"


def test_an_output_with_a_name_becomes_an_asset(workspace: Workspace) -> None:
    job = workspace.run(
        "echo m > ${{outputs.m}}/m.txt; echo d > ${{outputs.d}}",
        outputs={
            "m": {"jobOutputType": "custom_model", "assetName": "made-model"},
            "d": {
                "jobOutputType": "uri_file",
                "assetName": "made-data",
                "assetVersion": "7",
                "uri": "azureml://datastores/workspaceblobstore/paths/made/${{name}}/d.txt",
            },
        },
    )
    model = workspace.get("model", "made-model", "1")["properties"]
    assert model["jobName"] == job
    assert model["modelType"] == "custom_model"
    assert workspace.run_and_read("cat ${{inputs.x}}/m.txt", workspace.id.child("model", "made-model", "1")) == "m\n"
    assert workspace.get("data", "made-data", "7")["properties"]["dataUri"].endswith(f"/paths/made/{job}/d.txt")
    # as after a registration through Resource Manager
    assert workspace.get("model", "made-model")["properties"]["nextVersion"] == "2"
    assert workspace.get("data", "made-data")["properties"]["nextVersion"] == "8"


@pytest.mark.parametrize("wrong", [{"assetName": "../x"}, {"assetName": "x", "assetVersion": "1/y"}])
def test_an_output_whose_asset_could_not_be_put_is_refused(workspace: Workspace, wrong: dict[str, str]) -> None:
    output = {"jobOutputType": "uri_folder", **wrong}
    properties = {"jobType": "Command", "command": "true", "environmentId": workspace.shared_environment()}
    path, body = workspace.id.child("job", "named"), {"properties": {**properties, "outputs": {"o": output}}}
    response = workspace.call("PUT", path, json=body, ok=False)
    assert (response.status_code, response.json()["error"]["target"]) == (400, f"properties.outputs.o.{[*wrong][-1]}")


def test_a_direct_input_and_output_are_uris(workspace: Workspace) -> None:
    uri = "azureml://datastores/workspaceblobstore/paths/anywhere/"
    job = workspace.run(
        "echo ${{inputs.i}} ${{outputs.o}}",
        inputs={"i": {"jobInputType": "uri_folder", "uri": uri, "mode": "Direct"}},
        outputs={"o": {"jobOutputType": "uri_folder", "uri": uri, "mode": "Direct"}},
    )
    assert workspace.log(job).split() == [uri, uri]


def test_what_a_job_installs_is_its_own(workspace: Workspace) -> None:
    job = workspace.run(
        "pip install --quiet toolz==0.12.1 && python -c 'import toolz, mlflow; print(toolz.__version__)'"
    )
    assert workspace.log(job).split()[-1] == "0.12.1"
    assert "No module named 'toolz'" in workspace.error(workspace.submit("python -c 'import toolz'"))["message"]


def test_a_name_can_be_used_again_once_its_job_is_deleted(workspace: Workspace) -> None:
    job = workspace.run("echo first")
    arm_id = workspace.id.child("job", job)
    body = workspace.call("GET", arm_id).json()
    assert workspace.call("DELETE", arm_id).status_code in (200, 202)
    while workspace.call("GET", arm_id, ok=False).status_code != 404:
        time.sleep(0.05)
    assert workspace.call("GET", f"/history/v1.0{workspace.id}/runs/{job}", ok=False).status_code == 404
    properties = {name: body["properties"][name] for name in ("jobType", "environmentId", "experimentName")}
    workspace.call("PUT", arm_id, json={"properties": {**properties, "command": "echo second"}})
    workspace.until(job, ["Completed"])
    assert workspace.log(job) == "second\n"


def test_names_of_inputs_do_not_become_paths(workspace: Workspace) -> None:
    job = workspace.submit("true", outputs={"../../x": {"jobOutputType": "uri_folder"}})
    assert "'../../x' cannot name" in workspace.error(job)["message"]


def test_a_registered_cached_environment_starts_a_job_at_once(workspace: Workspace) -> None:
    assert "azureml-logs/20_image_build_log.txt" not in workspace.details(workspace.run("true"))["logFiles"]


def _cluster(nodes: int) -> dict[str, object]:
    return {
        "computeType": "AmlCompute",
        "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": nodes}},
    }


def _alive(pid: int) -> bool:
    try:
        # a zombie is dead, whoever was to notice it
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_data_that_name_themselves_are_not_looked_for_forever(workspace: Workspace) -> None:
    for kind, field in (("data", "dataUri"), ("model", "modelUri")):
        workspace.upload(workspace.blob_url(f"round/{kind}"), b"x")
        uri = f"azureml://datastores/workspaceblobstore/paths/round/{kind}"
        typed = {"dataType": "uri_file"} if kind == "data" else {}
        workspace.put(kind, f"round-{kind}", "1", properties={field: uri, **typed})
        itself = workspace.id.child(kind, f"round-{kind}", "1")
        answer = workspace.call("PUT", itself, json={"properties": {field: itself, **typed}}, ok=False)
        assert answer.status_code < 500, answer.text
    there, back = (workspace.id.child("data", name, "1") for name in ("there", "back"))
    for arm_id, other in ((there, back), (back, there)):
        workspace.call("PUT", arm_id, json={"properties": {"dataType": "uri_file", "dataUri": other}})
    job = workspace.submit("true", inputs={"x": {"jobInputType": "uri_file", "uri": there}})
    assert "names itself as the place of its data" in workspace.error(job)["message"]


@pytest.mark.parametrize("kind", ["FineTuning", "AutoML", "Spark", "Labeling"])
def test_what_cannot_run_here_says_that_it_is_simulated(workspace: Workspace, kind: str) -> None:
    name = f"{kind.lower()}-{uuid.uuid4().hex[:8]}"
    outputs = {"made": {"jobOutputType": "mlflow_model"}}
    code = {"codeId": workspace.code({"main.py": ""})} if kind == "Spark" else {}
    body = {**MINIMAL[kind], **code, "jobType": kind, "outputs": outputs}
    workspace.call("PUT", workspace.id.child("job", name), json={"properties": body})
    workspace.until(name, ["Completed"])
    assert workspace.get("job", name)["properties"]["properties"]["azml.simulated"] == "true"
    assert f"This {kind} job is simulated" in workspace.log(name)
    # MLClient lists no workspace that has a job of a type that it does not know
    workspace.call("DELETE", workspace.id.child("job", name))


MINIMAL: dict[str, dict[str, object]] = {
    "AutoML": {
        "taskDetails": {
            "taskType": "Classification",
            "targetColumnName": "y",
            "trainingData": {"jobInputType": "mltable", "uri": "azureml://datastores/workspaceblobstore/paths/x"},
        }
    },
    "FineTuning": {
        "fineTuningDetails": {
            "modelProvider": "Custom",
            "taskType": "ChatCompletion",
            "model": {"jobInputType": "mlflow_model", "uri": "azureml://datastores/workspaceblobstore/paths/x"},
            "trainingData": {"jobInputType": "uri_file", "uri": "azureml://datastores/workspaceblobstore/paths/x"},
        }
    },
    "Labeling": {},
    "Spark": {"entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "main.py"}},
}
