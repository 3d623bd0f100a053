"""Batch endpoints: deployed to, and invoked once, on the emulator."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlDeployBatchModelOperator, AzmlInvokeBatchEndpointOperator
from tests.airflow.running import run
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished

SCORE = """
import pathlib

def init():
    pass

def run(mini_batch):
    return [2 * float(pathlib.Path(path).read_text()) for path in mini_batch]
"""


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    workspace = Workspace(azml_emulator).ensure()
    workspace.shared_environment()
    return workspace


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "code").mkdir()
    (folder / "code/score.py").write_text(SCORE)
    (folder / "numbers").mkdir()
    for number in (1, 2, 3):
        (folder / f"numbers/{number}.txt").write_text(str(number))
    return folder


@pytest.fixture(scope="module")
def endpoint() -> str:
    return f"numbers-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def deployed(workspace: Workspace, project: Path, endpoint: str, azml_connection: str) -> Finished:
    """An endpoint whose default deployment doubles numbers."""
    with DAG("batch_deploys", schedule=None, default_args={"poll_seconds": 0.1}) as dag:
        AzmlDeployBatchModelOperator(task_id="deploy", **deployment(project, endpoint))
    return run(dag)


def deployment(project: Path, endpoint: str) -> dict[str, Any]:
    return {
        "name": "doubling",
        "endpoint_name": endpoint,
        "deployment_type": "model",
        "environment": "azureml:shared:1",
        "code_configuration": {"code": str(project / "code"), "scoring_script": "score.py"},
        "compute": "azureml:serverless",
        "settings": {"mini_batch_size": 1, "output_file_name": "doubled.csv"},
    }


def test_an_endpoint_is_made_deployed_to_and_invoked(deployed: Finished, project: Path, endpoint: str) -> None:
    assert deployed.errors == {}
    told = deployed.value("deploy")
    assert (told["name"], told["deployment"], told["default"], told["status"]) == (
        endpoint,
        "doubling",
        "doubling",
        "Succeeded",
    )
    for deferrable in (False, True):
        with DAG("batch_scores", schedule=None, default_args={"poll_seconds": 0.1, "deferrable": deferrable}) as dag:
            AzmlInvokeBatchEndpointOperator(
                task_id="score", endpoint_name=endpoint, input=str(project / "numbers"), instance_count=2
            )
        finished = run(dag)
        assert finished.errors == {}
        result = finished.value("score")
        print(result)
