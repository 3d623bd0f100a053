"""What scripts in the style of azure-ai-ml's samples do besides: services, outputs that are files, components."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

COMPONENT = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
type: command
name: copy
version: 1
inputs:
  text: {type: string}
outputs:
  file: {type: uri_file}
environment: azureml:shared:1
command: echo ${{inputs.text}} > ${{outputs.file}}
"""
PIPELINE = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: serverless}
jobs:
  one:
    type: command
    component: file:copy.yml
    inputs: {text: hello}
"""


@pytest.fixture(scope="module")
def client(azml_emulator: RunningEmulator) -> Iterator[MLClient]:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    Workspace(azml_emulator).ensure().shared_environment()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azml_emulator.environment.items():
            patch.setenv(name, value)
        yield MLClient(
            DefaultAzureCredential(),
            azml_emulator.subscription_id,
            azml_emulator.resource_group,
            azml_emulator.workspace,
            enable_telemetry=False,
        )


@pytest.fixture
def component(tmp_path: Path) -> Path:
    file = tmp_path / "copy.yml"
    file.write_text(COMPONENT)
    return file


def test_an_output_that_is_a_file_is_downloaded_as_one(client: MLClient, tmp_path: Path) -> None:
    from azure.ai.ml import Output, command

    job = client.jobs.create_or_update(
        command(
            name=f"sample-{uuid.uuid4().hex[:8]}",
            command="echo 42 > ${{outputs.answer}}",
            environment="azureml:shared:1",
            outputs={"answer": Output(type="uri_file")},
        )
    )
    client.jobs.stream(job.name)
    client.jobs.download(job.name, download_path=tmp_path, output_name="answer")
    (file,) = (found for found in tmp_path.rglob("*") if found.is_file())
    assert file.read_text() == "42\n"


def test_a_component_is_the_same_from_a_file_and_from_python(client: MLClient, component: Path) -> None:
    from azure.ai.ml import dsl, load_component, load_job

    pipeline = component.with_name("pipeline.yml")
    pipeline.write_text(PIPELINE)

    @dsl.pipeline(default_compute="serverless")
    def from_python() -> None:
        load_component(source=str(component))(text="hello")

    jobs = [client.jobs.create_or_update(job) for job in (load_job(source=str(pipeline)), from_python())]
    for job in jobs:
        client.jobs.begin_cancel(job.name).result()
    assert [len(job.jobs) for job in jobs] == [1, 1]
