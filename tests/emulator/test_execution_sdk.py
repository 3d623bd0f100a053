"""Microsoft's own SDK, unchanged, runs jobs and serves models here as it does on Azure."""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

TRAIN = """
import argparse, os, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--data"); parser.add_argument("--factor"); parser.add_argument("--model")
given = parser.parse_args()
print("training on", open(given.data).read().strip())
pathlib.Path(given.model, "factor.txt").write_text(given.factor)
pathlib.Path("outputs").mkdir()
pathlib.Path("outputs/report.txt").write_text("fine")
"""
SCORE = """
import json, os, pathlib

def init():
    global factor
    factor = float(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.txt")).read_text())
    print("the model is loaded")

def run(raw):
    return [factor * number for number in json.loads(raw)["data"]]
"""


@pytest.fixture
def client(azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    Workspace(azml_emulator).ensure()
    for name, value in azml_emulator.environment.items():
        monkeypatch.setenv(name, value)
    return MLClient(
        DefaultAzureCredential(),
        azml_emulator.subscription_id,
        azml_emulator.resource_group,
        azml_emulator.workspace,
        enable_telemetry=False,
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "score.py").write_text(SCORE)
    (tmp_path / "data.csv").write_text("1,2,3\n")
    (tmp_path / "conda.yml").write_text("dependencies:\n- python=3.11\n- pip\n")
    return folder


def train(source: Path, command: str = "") -> Any:
    """A job that trains, or runs another command."""
    from azure.ai.ml import Input, Output
    from azure.ai.ml import command as make
    from azure.ai.ml.entities import Environment

    return make(
        name=f"sdk-{uuid.uuid4().hex[:8]}",
        command=command
        or "python train.py --data ${{inputs.data}} --factor ${{inputs.factor}} --model ${{outputs.model}}",
        code=str(source),
        inputs={"data": Input(type="uri_file", path=str(source.parent / "data.csv")), "factor": "3"},
        outputs={"model": Output(type="custom_model")},
        environment=Environment(image="mcr.microsoft.com/any", conda_file=str(source.parent / "conda.yml")),
        experiment_name="sdk",
    )


def test_train_register_deploy_and_invoke(client: MLClient, source: Path, tmp_path: Path) -> None:
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment, ManagedOnlineEndpoint, Model

    job = client.jobs.create_or_update(train(source))
    client.jobs.stream(job.name)
    assert client.jobs.get(job.name).status == "Completed"

    client.jobs.download(job.name, download_path=tmp_path / "all", all=True)
    assert (tmp_path / "all/named-outputs/model/factor.txt").read_text() == "3"
    assert (tmp_path / "all/artifacts/outputs/report.txt").read_text() == "fine"
    assert "training on 1,2,3" in (tmp_path / "all/artifacts/user_logs/std_log.txt").read_text()
    client.jobs.download(job.name, download_path=tmp_path / "one", output_name="model")
    assert (tmp_path / "one/named-outputs/model/factor.txt").read_text() == "3"

    path = f"azureml://jobs/{job.name}/outputs/model/paths/"
    model = client.models.create_or_update(Model(name="sdk-model", path=path, type="custom_model"))
    endpoint = ManagedOnlineEndpoint(name=f"sdk-{uuid.uuid4().hex[:8]}", auth_mode="key")
    client.online_endpoints.begin_create_or_update(endpoint).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=endpoint.name,
        model=f"azureml:{model.name}:{model.version}",
        environment=client.environments.get("CliV2AnonymousEnvironment", _version_of(client, job.name)),
        code_configuration=CodeConfiguration(code=str(source), scoring_script="score.py"),
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )
    made = client.online_deployments.begin_create_or_update(deployment).result()
    assert made.provisioning_state == "Succeeded"
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"data": [1, 2]}))
    answer = client.online_endpoints.invoke(endpoint.name, deployment_name="blue", request_file=str(request))
    assert json.loads(answer) == [3.0, 6.0]
    assert "the model is loaded" in client.online_deployments.get_logs("blue", endpoint.name, lines=50)
    client.online_endpoints.begin_delete(endpoint.name).result()


def test_cancel(client: MLClient, source: Path) -> None:
    job = client.jobs.create_or_update(train(source, "sleep 600"))
    while client.jobs.get(job.name).status != "Running":
        time.sleep(0.1)
    client.jobs.begin_cancel(job.name).result()
    assert client.jobs.get(job.name).status == "Canceled"


def test_stream_shows_the_log_of_a_job_that_runs_and_why_it_failed(
    client: MLClient, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azure.ai.ml.exceptions import JobException

    go_on = tmp_path / "go-on"
    command = f"echo so far; while [ ! -e {go_on} ]; do sleep 0.1; done; echo and then; exit 7"
    job = client.jobs.create_or_update(train(source, command))
    threading.Timer(3, go_on.touch).start()
    with pytest.raises(JobException, match="status code 7"):
        client.jobs.stream(job.name)
    assert "so far" in capsys.readouterr().out


def test_archive_and_tags_go_through_run_history(client: MLClient, source: Path) -> None:
    job = client.jobs.create_or_update(train(source, "true"))
    client.jobs.archive(job.name)
    assert job.name not in [found.name for found in client.jobs.list()]
    client.jobs.restore(job.name)
    assert job.name in [found.name for found in client.jobs.list()]


def _version_of(client: MLClient, job: str) -> str:
    return str(client.jobs.get(job).environment).rpartition(":")[2].rpartition("/")[2]
