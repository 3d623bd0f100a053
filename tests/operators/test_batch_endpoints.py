"""Batch endpoints: deployed to, and asked to work through data, on the emulator."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlDeployBatchModelOperator,
    AzmlDownloadJobOutputsOperator,
    AzmlInvokeBatchEndpointOperator,
    AzmlRegisterDataOperator,
    AzmlRegisterModelOperator,
)
from tests.airflow.running import run
from tests.emulator.execution import Workspace
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

SCORE = """
import os, pathlib

def init():
    global factor
    folder = os.environ.get("AZUREML_MODEL_DIR")
    factor = float(next(pathlib.Path(folder).rglob("factor.txt")).read_text()) if folder else 2

def run(mini_batch):
    texts = [pathlib.Path(path).read_text() for path in mini_batch]
    return [factor * float(line) for text in texts for line in text.split()]
"""


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    workspace = Workspace(azml_emulator).ensure()
    workspace.shared_environment()
    return workspace


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    for name, text in (("code/score.py", SCORE), ("weights/factor.txt", "3"), *numbers(1, 2, 3)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def numbers(*given: int) -> list[tuple[str, str]]:
    return [(f"numbers/{number}.txt", str(number)) for number in given]


@pytest.fixture(scope="module")
def endpoint() -> str:
    return f"numbers-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def deployed(workspace: Workspace, project: Path, endpoint: str, azml_connection: str) -> AzmlHook:
    """An endpoint whose default deployment doubles numbers."""
    assert workspace
    hook = AzmlHook(azml_connection)
    if not hook.list("batch_endpoint") or endpoint not in [one["name"] for one in hook.list("batch_endpoint")]:
        finished = in_a_dag(AzmlDeployBatchModelOperator, **deployment(project, endpoint))
        assert finished.errors == {}
        told = finished.value("it")
        assert (told["name"], told["deployment"], told["default"]) == (endpoint, "doubling", "doubling")
        assert told["status"] == "Succeeded"
        assert told["scoring_uri"].endswith(f"/{endpoint}/jobs")
    return hook


def deployment(project: Path, endpoint: str, **more: Any) -> dict[str, Any]:
    return {
        "name": "doubling",
        "endpoint_name": endpoint,
        "type": "model",
        "environment": "azureml:shared:1",
        "code_configuration": {"code": str(project / "code"), "scoring_script": "score.py"},
        "compute": "azureml:serverless",
        "settings": {"mini_batch_size": 1, "error_threshold": 0, "output_file_name": "doubled.csv"},
        **more,
    }


def in_a_dag(operator: type[Any], *, retries: int = 0, **arguments: Any) -> Finished:
    with DAG("batch", schedule=None, default_args={"poll_seconds": 0.1, "retries": retries}) as dag:
        operator(task_id="it", **arguments)
    return run(dag)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_local_folder_is_scored_and_progress_told(
    deferrable: bool, deployed: AzmlHook, project: Path, endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = in_a_dag(
        AzmlInvokeBatchEndpointOperator,
        endpoint_name=endpoint,
        input=str(project / "numbers"),
        deferrable=deferrable,
        output_file_name="mine.csv",
    )
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["status"], result["endpoint"], result["deployment"]) == ("Completed", endpoint, "doubling")
    assert result["experiment_name"] == "batch"
    job = deployed.get("job", result["name"])["properties"]
    assert job["properties"]["airflow.attempt"] == job["tags"]["airflow.attempt"]
    assert job["displayName"] == f"batch-it-{job['tags']['airflow.attempt']}"
    assert result["outputs"] == {"score": f"azureml://jobs/{result['name']}/outputs/score/paths/"}
    assert result["output_file"].startswith("azureml://datastores/workspaceblobstore/paths/azureml/")
    assert result["output_file"].endswith("/score/mine.csv")
    assert "batchscoring: 3 of 3 mini-batches are processed" in capsys.readouterr().out
    fetched = deployed.download_outputs(result["name"], project / result["name"], output="score")
    assert sorted((fetched["score"] / "mine.csv").read_text().split()) == ["2.0", "4.0", "6.0"]


def test_what_one_job_wrote_is_what_the_next_one_reads(deployed: AzmlHook, project: Path, endpoint: str) -> None:
    """From registered data to a file of an upstream task, and to the folder that it is in."""
    with DAG("chain", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        name = f"numbers-{uuid.uuid4().hex[:8]}"
        data = AzmlRegisterDataOperator(task_id="data", name=name, path=str(project / "numbers"))
        arguments = {"endpoint_name": endpoint, "deferrable": False}
        first = AzmlInvokeBatchEndpointOperator(task_id="first", input=data.output, **arguments)
        AzmlInvokeBatchEndpointOperator(task_id="by_id", input=data.output["id"], **arguments)
        second = AzmlInvokeBatchEndpointOperator(task_id="second", input=first.output["output_file"], **arguments)
        third = AzmlInvokeBatchEndpointOperator(
            task_id="third", inputs={"numbers": "{{ ti.xcom_pull('second')['outputs']['score'] }}"}, **arguments
        )
        fetch = AzmlDownloadJobOutputsOperator(
            task_id="fetch", job_name=third.output["name"], target=str(project / "chain"), output_name="score"
        )
        second >> third >> fetch
    finished = run(dag)
    assert finished.errors == {}
    scored = (project / "chain/named-outputs/score/doubled.csv").read_text()
    assert sorted(scored.split()) == ["16.0", "24.0", "8.0"]
    asked = deployed.get("job", finished.value("third")["name"])["properties"]["inputs"]["dataset_param"]
    assert asked["uri"].startswith("azureml://datastores/workspaceblobstore/paths/azureml/")


def test_a_job_that_failed_says_why(deployed: AzmlHook, project: Path, endpoint: str) -> None:
    (project / "wrong").mkdir(exist_ok=True)
    (project / "wrong/1.txt").write_text("no number")
    arguments = {"endpoint_name": endpoint, "input": str(project / "wrong"), "retry_settings": {"max_retries": 0}}
    (error,) = in_a_dag(AzmlInvokeBatchEndpointOperator, **arguments).errors["it"]
    assert isinstance(error, RunFailed)
    assert error.log_of == "step 'batchscoring'"
    assert "is above the error threshold of 0" in str(error)
    assert "could not convert string to float: 'no'" in "\n".join(error.log_tail)
    assert deployed


def test_the_new_model_of_a_task_takes_over_by_default(deployed: AzmlHook, project: Path, endpoint: str) -> None:
    with DAG("retrained", schedule=None, default_args={"poll_seconds": 0.1, "deferrable": True}) as dag:
        model = AzmlRegisterModelOperator(
            task_id="model", name=f"factor-{uuid.uuid4().hex[:8]}", path=str(project / "weights"), type="custom_model"
        )
        beside = AzmlDeployBatchModelOperator(
            task_id="beside",
            **deployment(project, endpoint, name="tripling", model=model.output, set_default="{{ False }}"),
        )
        score = AzmlInvokeBatchEndpointOperator(
            task_id="score", endpoint_name=endpoint, deployment_name="tripling", input=str(project / "numbers")
        )
        default = AzmlDeployBatchModelOperator(
            task_id="default", **deployment(project, endpoint, name="tripling", model=model.output["id"])
        )
        beside >> score >> default
    finished = run(dag)
    assert finished.errors == {}
    assert [finished.value(task)["default"] for task in ("beside", "default")] == ["doubling", "tripling"]
    result = finished.value("score")
    assert result["deployment"] == "tripling"
    fetched = deployed.download_outputs(result["name"], project / "tripled", output="score")
    assert sorted((fetched["score"] / "doubled.csv").read_text().split()) == ["3.0", "6.0", "9.0"]
    back = in_a_dag(AzmlDeployBatchModelOperator, **deployment(project, endpoint))
    assert back.value("it")["default"] == "doubling"


def test_a_pipeline_is_deployed_and_takes_values(deployed: AzmlHook, project: Path, endpoint: str) -> None:
    step = {
        "type": "command",
        "environment": "azureml:shared:1",
        "inputs": {"who": {"type": "string"}, "numbers": {"type": "uri_folder"}},
        "outputs": {"said": {"type": "uri_folder"}},
        "command": 'echo "${{inputs.who}} $(ls ${{inputs.numbers}} | wc -l)" > ${{outputs.said}}/said.txt',
    }
    given = {name: f"${{{{parent.inputs.{name}}}}}" for name in step["inputs"]}
    component = {
        "type": "pipeline",
        "name": "counts",
        "inputs": step["inputs"],
        "outputs": step["outputs"],
        "jobs": {
            "say": {
                "type": "command",
                "component": "./step.yml",
                "inputs": given,
                "outputs": {"said": "${{parent.outputs.said}}"},
            }
        },
    }
    (project / "step.yml").write_text(yaml.safe_dump(step))
    (project / "component.yml").write_text(yaml.safe_dump(component))
    (project / "batch.yml").write_text(
        yaml.safe_dump({
            "name": "counting",
            "endpoint_name": endpoint,
            "type": "pipeline",
            "component": "component.yml",
            "settings": {"default_compute": "serverless"},
        })
    )
    with DAG("pipelines", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        deploy = AzmlDeployBatchModelOperator(task_id="deploy", file=str(project / "batch.yml"), set_default=False)
        count = AzmlInvokeBatchEndpointOperator(
            task_id="count",
            endpoint_name=endpoint,
            deployment_name="counting",
            inputs={"who": "everybody", "numbers": str(project / "numbers")},
            job_name="counts",
        )
        deploy >> count
    finished = run(dag)
    assert finished.errors == {}
    result = finished.value("count")
    assert (result["deployment"], result["output_file"], list(result["outputs"])) == ("counting", None, ["said"])
    assert result["name"].startswith("pipelinejob-")
    assert deployed.get("job", result["name"])["properties"]["displayName"].startswith("counts-")
    fetched = deployed.download_outputs(result["name"], project / "counted", output="said")
    assert (fetched["said"] / "said.txt").read_text().split() == ["everybody", "3"]


def test_what_cannot_be_deployed_leaves_the_default_as_it_is(deployed: AzmlHook, project: Path, endpoint: str) -> None:
    model = {"path": str(project / "weights"), "type": "custom_model"}
    wrong = {**deployment(project, endpoint, name="wrong", model=model), "code_configuration": None}
    (error,) = in_a_dag(AzmlDeployBatchModelOperator, **wrong).errors["it"]
    assert isinstance(error, RunFailed)
    assert "no MLflow model" in str(error)
    missing = deployment(project, endpoint, name="wrong", model="azureml:none:1")
    (error,) = in_a_dag(AzmlDeployBatchModelOperator, retries=2, **missing).errors["it"]
    assert isinstance(error, AirflowFailException)
    nameless = {**deployment(project, endpoint), "endpoint_name": None}
    (error,) = in_a_dag(AzmlDeployBatchModelOperator, retries=2, **nameless).errors["it"]
    assert "no endpoint is named" in str(error)
    assert deployed.get("batch_endpoint", endpoint)["properties"]["defaults"] == {"deploymentName": "doubling"}


def test_a_deployment_that_does_not_tell_its_state_is_there(service: SignedIn) -> None:
    """Neither does its endpoint, which has no scoring URI."""
    endpoint = f"{WS}/batchEndpoints/nightly"
    service.holds({
        WS: {"location": "westeurope"},
        f"{WS}/models/iris/versions/3": {"name": "3", "properties": {}},
        endpoint: {"name": "nightly", "location": "westeurope", "properties": {}},
    })

    def deployment() -> Answer:
        if not service.puts():
            return Answer(404, {"error": {"code": "ResourceNotFound", "message": "there is none"}})
        return Answer(body={**service.puts()[-1][1], "name": "first"})

    service.when("GET", f"{endpoint}/deployments/first", deployment)
    finished = in_a_dag(
        AzmlDeployBatchModelOperator,
        name="first",
        endpoint_name="nightly",
        type="model",
        model="azureml:iris:3",
        compute="azureml:serverless",
        set_default=False,
    )
    assert finished.errors == {}
    result = finished.value("it")
    assert (result["name"], result["deployment"], result["status"]) == ("nightly", "first", "Succeeded")
    assert (result["default"], result["scoring_uri"]) == (None, None)
