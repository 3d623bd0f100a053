"""Document 003, "Deploy machine learning models to Azure", by the page that says what replaces what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook

if TYPE_CHECKING:
    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block

pytestmark = pytest.mark.shared

SCORE = """\
import json, os
from pathlib import Path

def init():
    global model
    root = Path(os.environ.get("AZUREML_MODEL_DIR", Path(__file__).parent))
    (file,) = root.rglob("*.txt")
    model = float(file.read_text())

def run(raw):
    return [model * number for number in json.loads(raw)["data"]]
"""
ENVIRONMENT = {
    "name": "serving",
    "python": {"condaDependencies": {"name": "serving", "dependencies": ["python=3.11", "pip"]}},
    "docker": {"baseImage": "local"},
}


def test_003_connect_to_your_workspace_1(bench: Bench, block: Block) -> None:
    assert bench.id.name in [each["name"] for each in bench.do(block.text)]


def test_003_register_a_model_from_a_local_file_1(bench: Bench, block: Block) -> None:
    (bench.folder / "mnist").mkdir()
    (bench.folder / "mnist" / "model.onnx").write_text("digits")
    made = bench.do(block.text)
    assert made["name"] == "onnx_mnist"
    assert bench.read(made["path"]) == "digits"


def describe(bench: Bench, deployment: dict[str, Any], inference: dict[str, Any] | None = None) -> None:
    """Write the files of a web service that multiplies."""
    (bench.folder / "working_dir").mkdir(exist_ok=True)
    (bench.folder / "working_dir" / "score.py").write_text(SCORE)
    described = inference or {"entryScript": "score.py", "sourceDirectory": "./working_dir", "environment": ENVIRONMENT}
    (bench.folder / "inferenceconfig.json").write_text(json.dumps(described))
    (bench.folder / "deploymentconfig.json").write_text(json.dumps(deployment))


@pytest.fixture
def model(bench: Bench) -> Bench:
    """The workspace, with the model ``mymodel`` in version 1 and no service ``myservice``."""
    if bench.call("GET", bench.id.child("model", "mymodel", "1"), ok=False).status_code == 404:
        uri = bench.data({"factor.txt": "3"}, "mymodel") + "factor.txt"
        bench.put("model", "mymodel", "1", properties={"modelType": "custom_model", "modelUri": uri})
    bench.do("az ml service <name of webservice>")
    return bench


def test_003_define_an_inference_configuration_1(model: Bench, block: Block) -> None:
    describe(model, {"computeType": "aci"}, json.loads(block.text))
    model.do("az ml model deploy -m mymodel:1 --ic inferenceconfig.json --dc deploymentconfig.json")
    assert AzmlHook().score("myservice", {"data": [2]}) == [6]


def test_003_using_a_registered_model_1(model: Bench, block: Block) -> None:
    describe(model, {"computeType": "aci", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 1}})
    made = model.do(block.text)
    assert (made["name"], made["status"]) == ("myservice", "Succeeded")
    assert AzmlHook().score("myservice", {"data": [2]}) == [6]


def test_003_using_a_local_model_1(model: Bench, block: Block) -> None:
    describe(model, {"computeType": "aci"})
    (model.folder / "working_dir" / "factor.txt").write_text("5")
    model.do(block.text)
    assert AzmlHook().score("myservice", {"data": [2]}) == [10]


def test_003_delete_resources_1(model: Bench, block: Block) -> None:
    describe(model, {"computeType": "aci"})
    model.do("az ml model deploy -m mymodel:1 --ic inferenceconfig.json --dc deploymentconfig.json")
    assert model.do(block.text)["status"] == "Deleted"
    assert model.call("GET", model.id.child("online_endpoint", "myservice"), ok=False).status_code == 404


def test_003_delete_resources_2(model: Bench, block: Block) -> None:
    assert model.do(block.text)["status"] == "Deleted"
    assert model.call("GET", model.id.child("model", "mymodel", "1"), ok=False).status_code == 404
