# ruff: noqa: F811 (the arguments of tests are fixtures that are imported)
"""Microsoft's own SDK, unchanged, deploys to batch endpoints, invokes them and reads what they predict."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.emulator.serving.inference_server import SERVER_PACKAGE
from tests.emulator import doubling_model
from tests.emulator.execution import Workspace
from tests.emulator.test_execution_sdk import client  # noqa: F401 (a fixture)

if TYPE_CHECKING:
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

SCORE = """
import argparse, os, pathlib

def init():
    global factor
    factor = int(pathlib.Path(os.environ["AZUREML_MODEL_DIR"], "weights", "factor.txt").read_text())
    parser = argparse.ArgumentParser()
    parser.add_argument("--logging_level")
    print(os.environ["GREETING"], parser.parse_known_args()[0].logging_level)

def run(mini_batch):
    pathlib.Path(os.environ["AZUREML_BI_OUTPUT_PATH"], f"{pathlib.Path(mini_batch[0]).stem}.json").write_text("[]")
    return [f"{pathlib.Path(path).name}: {int(pathlib.Path(path).read_text()) * factor}" for path in mini_batch]
"""


@pytest.fixture(autouse=True)
def headers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK keeps the deployment of one invocation in the headers of all that follow."""
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields

    monkeypatch.setattr(EndpointInvokeFields, "DEFAULT_HEADER", {**EndpointInvokeFields.DEFAULT_HEADER})


@pytest.fixture
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    workspace = Workspace(azml_emulator).ensure()
    workspace.shared_environment()
    return workspace


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A folder of five files that hold their numbers."""
    folder = tmp_path / "numbers"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"{number}.txt").write_text(str(number))
    return folder


def make_endpoint(client: MLClient) -> str:
    from azure.ai.ml.entities import BatchEndpoint

    endpoint = BatchEndpoint(name=f"batch-{uuid.uuid4().hex[:8]}", description="Doubles numbers", tags={"a": "b"})
    client.batch_endpoints.begin_create_or_update(endpoint).result()
    return str(endpoint.name)


def set_default(client: MLClient, endpoint: str, deployment: str) -> None:
    made = client.batch_endpoints.get(endpoint)
    made.defaults.deployment_name = deployment
    client.batch_endpoints.begin_create_or_update(made).result()


def deploy_model(client: MLClient, endpoint: str, tmp_path: Path, name: str = "doubling", **settings: Any) -> Any:
    from azure.ai.ml.entities import (
        BatchRetrySettings,
        CodeConfiguration,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    (tmp_path / "code").mkdir(exist_ok=True)
    (tmp_path / "code/score.py").write_text(SCORE)
    (tmp_path / "weights").mkdir(exist_ok=True)
    (tmp_path / "weights/factor.txt").write_text("2")
    given: dict[str, Any] = {
        "mini_batch_size": 2,
        "instance_count": 1,
        "max_concurrency_per_instance": 2,
        "output_action": "append_row",
        "output_file_name": "doubled.csv",
        "retry_settings": BatchRetrySettings(max_retries=1, timeout=60),
        "environment_variables": {"GREETING": "hello"},
        "logging_level": "info",
        **settings,
    }
    deployment = ModelBatchDeployment(
        name=name,
        endpoint_name=endpoint,
        model=Model(name="batch-weights", path=str(tmp_path / "weights"), type="custom_model"),
        environment="azureml:shared:1",
        code_configuration=CodeConfiguration(code=str(tmp_path / "code"), scoring_script="score.py"),
        compute="serverless",
        settings=ModelBatchDeploymentSettings(**given),
    )
    return client.batch_deployments.begin_create_or_update(deployment).result()


def test_a_model_scores_files_as_the_documentation_shows(
    client: MLClient, workspace: Workspace, numbers: Path, tmp_path: Path
) -> None:
    from azure.ai.ml import Input

    name = make_endpoint(client)
    deploy_model(client, name, tmp_path)
    set_default(client, name, "doubling")
    endpoint = client.batch_endpoints.get(name)
    assert (endpoint.auth_mode, endpoint.defaults.deployment_name) == ("aad_token", "doubling")
    assert endpoint.scoring_uri.endswith(f"/{name}/jobs")
    deployment = client.batch_deployments.get("doubling", name)
    assert (deployment.mini_batch_size, deployment.retry_settings.timeout) == (2, 60)
    assert [one.name for one in client.batch_deployments.list(name)] == ["doubling"]

    job = client.batch_endpoints.invoke(endpoint_name=name, input=Input(type="uri_folder", path=str(numbers)))
    client.jobs.stream(job.name)
    assert client.jobs.get(job.name).status == "Completed"
    scoring_job = next(iter(client.jobs.list(parent_job_name=job.name)))
    client.jobs.download(name=scoring_job.name, download_path=tmp_path, output_name="score")
    score = tmp_path / "named-outputs/score"
    assert (score / "doubled.csv").read_text().splitlines() == [f"{number}.txt: {2 * number}" for number in range(1, 6)]
    assert sorted(path.name for path in score.glob("*.json")) == ["1.json", "3.json", "5.json"]
    client.jobs.download(name=job.name, download_path=tmp_path / "all", output_name="score")
    assert (tmp_path / "all/doubled.csv").is_file()
    assert workspace.artifact(scoring_job.name, "logs/user/stdout/0/process000.stdout.txt").startswith("hello info")
    assert "Processed 3 of 3 mini-batches, of which 0 failed." in workspace.log(scoring_job.name)

    assert [(one.name, one.status) for one in client.batch_endpoints.list_jobs(name)] == [(job.name, "Completed")]
    listed = client.batch_deployments.list_jobs(name, name="doubling")
    assert [one.id.partition("/batchEndpoints/")[2] for one in listed] == [
        f"{name}/deployments/doubling/jobs/{job.name}"
    ]
    assert name in [one.name for one in client.batch_endpoints.list()]
    client.batch_deployments.begin_delete("doubling", name).result()
    assert list(client.batch_deployments.list(name)) == []
    client.batch_endpoints.begin_delete(name).result()
    assert name not in [one.name for one in client.batch_endpoints.list()]


def test_an_invocation_overrides_settings(client: MLClient, workspace: Workspace, tmp_path: Path) -> None:
    from azure.ai.ml import Input
    from azure.ai.ml.entities import Data

    name = make_endpoint(client)
    deploy_model(client, name, tmp_path)
    folder = workspace.data({f"{number}.txt": str(number) for number in (6, 7, 8, 9)}, f"batch-{name}")
    data = client.data.create_or_update(Data(name=f"numbers-{name}", type="uri_folder", path=folder))
    override = [
        {"mini_batch_size": 1},
        {"compute.instance_count": 2},
        {"output_file_name": "other.csv"},
        {"output_dataset.datastore_id": "azureml:workspaceblobstore"},
        {"output_dataset.path": f"/scored-{name}/"},
    ]
    job = client.batch_endpoints.invoke(
        endpoint_name=name,
        deployment_name="doubling",
        inputs={"numbers": Input(type="uri_folder", path=data.id)},
        experiment_name="overridden",
        job_name="readable",
        params_override=override,
    )
    workspace.until(job.name, ["Completed"])
    shown = client.jobs.get(job.name)
    assert (shown.experiment_name, shown.display_name) == ("overridden", "readable")
    scoring_job = next(iter(client.jobs.list(parent_job_name=job.name)))
    assert "Scheduled 4 mini-batches for 4 processes." in workspace.log(scoring_job.name)
    scored = workspace.download(workspace.blob_url(f"scored-{name}/other.csv"))
    assert scored == "6.txt: 12\n7.txt: 14\n8.txt: 16\n9.txt: 18\n"


def test_an_invocation_whose_answer_is_lost_happens_once(
    client: MLClient, workspace: Workspace, tmp_path: Path
) -> None:
    from azure.ai.ml import Input

    name = make_endpoint(client)
    deploy_model(client, name, tmp_path)
    folder = workspace.data({"1.txt": "1"}, f"batch-{name}")
    fault = {"spec": "lost=1", "method": "POST", "path": f"/{name}/jobs", "times": 1}
    workspace.call("PUT", "/emulator/faults", json=fault)
    job = client.batch_endpoints.invoke(
        endpoint_name=name, deployment_name="doubling", input=Input(type="uri_folder", path=folder)
    )
    assert workspace.call("GET", "/emulator/faults").json()["done"] == {"lost": 1}
    workspace.call("DELETE", "/emulator/faults")
    assert [one.name for one in client.batch_endpoints.list_jobs(name)] == [job.name]


def test_a_pipeline_component_takes_literals(client: MLClient, workspace: Workspace, tmp_path: Path) -> None:
    from azure.ai.ml import Input, load_component
    from azure.ai.ml.entities import PipelineComponentBatchDeployment

    file = {"type": "uri_file"}
    step = {
        "type": "command",
        "environment": "azureml:shared:1",
        "inputs": {"who": {"type": "string"}, "text": file},
        "outputs": {"said": {"type": "uri_folder"}},
        "command": 'echo "${{inputs.who}} $(cat ${{inputs.text}})" > ${{outputs.said}}/said.txt',
    }
    bound = {"who": "${{parent.inputs.who}}", "text": "${{parent.inputs.text}}"}
    component = {
        "type": "pipeline",
        "name": f"greets_{uuid.uuid4().hex[:8]}",
        "version": "1",
        "inputs": {"who": {"type": "string", "default": "nobody"}, "text": file},
        "outputs": {"said": {"type": "uri_folder"}},
        "jobs": {
            "say": {
                "type": "command",
                "component": "./step.yml",
                "inputs": bound,
                "outputs": {"said": "${{parent.outputs.said}}"},
            }
        },
    }
    (tmp_path / "step.yml").write_text(yaml.safe_dump(step))
    (tmp_path / "component.yml").write_text(yaml.safe_dump(component))
    made = client.components.create_or_update(load_component(tmp_path / "component.yml"))
    name = make_endpoint(client)
    deployment = PipelineComponentBatchDeployment(
        name="greets", endpoint_name=name, component=made.id, settings={"default_compute": "serverless"}
    )
    client.batch_deployments.begin_create_or_update(deployment).result()
    set_default(client, name, "greets")
    text = workspace.data({"t.txt": "said"}, f"texts-{name}") + "t.txt"
    inputs = {"who": Input(type="string", default="somebody"), "text": Input(type="uri_file", path=text)}
    job = client.batch_endpoints.invoke(endpoint_name=name, inputs=inputs)
    assert job.name.startswith("pipelinejob-")
    workspace.until(job.name, ["Completed"])
    client.jobs.download(name=job.name, download_path=tmp_path, output_name="said")
    assert (tmp_path / "named-outputs/said/said.txt").read_text() == "somebody said\n"


def test_a_pipeline_job_becomes_a_deployment(client: MLClient, workspace: Workspace, tmp_path: Path) -> None:
    from azure.ai.ml import Input, load_job
    from azure.ai.ml.entities import PipelineComponentBatchDeployment

    bound = {"who": "${{parent.inputs.who}}"}
    say = {"type": "command", "command": "echo ${{inputs.who}}", "environment": "azureml:shared:1", "inputs": bound}
    settings = {"default_compute": "azureml:serverless"}
    pipeline = {"type": "pipeline", "settings": settings, "inputs": {"who": "nobody"}, "jobs": {"say": say}}
    (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(pipeline))
    source = client.jobs.create_or_update(load_job(tmp_path / "pipeline.yml"))
    name = make_endpoint(client)
    deployment = PipelineComponentBatchDeployment(
        name="says", endpoint_name=name, job_definition=source.name, settings={"default_compute": "serverless"}
    )
    client.batch_deployments.begin_create_or_update(deployment).result()
    for inputs, said in ({}, "nobody"), ({"who": Input(type="string", default="somebody")}, "somebody"):
        job = client.batch_endpoints.invoke(endpoint_name=name, deployment_name="says", inputs=inputs)
        workspace.until(job.name, ["Completed"])
        step = next(iter(client.jobs.list(parent_job_name=job.name)))
        assert workspace.log(step.name) == f"{said}\n"


def test_an_mlflow_model_needs_neither_script_nor_environment(
    client: MLClient, workspace: Workspace, tmp_path: Path
) -> None:
    from azure.ai.ml import Input
    from azure.ai.ml.entities import Model, ModelBatchDeployment, ModelBatchDeploymentSettings

    # the same environment as that of the online deployment of such a model
    folder = doubling_model.written(tmp_path / "doubling", SERVER_PACKAGE)
    name = make_endpoint(client)
    deployment = ModelBatchDeployment(
        name="flow",
        endpoint_name=name,
        model=Model(name="batch-flow", path=str(folder), type="mlflow_model"),
        compute="serverless",
        settings=ModelBatchDeploymentSettings(mini_batch_size=1, instance_count=1),
    )
    client.batch_deployments.begin_create_or_update(deployment).result()
    set_default(client, name, "flow")
    table = workspace.data({"one.csv": "x\n1\n2.5\n", "two.csv": "x\n4\n"}, f"tables-{name}")
    job = client.batch_endpoints.invoke(endpoint_name=name, input=Input(type="uri_folder", path=table))
    client.jobs.stream(job.name)
    client.jobs.download(name=job.name, download_path=tmp_path, output_name="score")
    assert (tmp_path / "predictions.csv").read_text().splitlines() == ["0,2.0,one.csv", "1,5.0,one.csv", "0,8,two.csv"]
