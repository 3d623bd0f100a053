"""Document 003, "Deploy machine learning models to Azure", by the page that says what replaces what it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block
    from tests.seeds.serving import Serving

pytestmark = pytest.mark.shared


def test_003_connect_to_your_workspace_1(bench: Bench, block: Block) -> None:
    assert bench.id.name in [each["name"] for each in bench.do(block.text)]


@pytest.fixture
def run(bench: Bench) -> Bench:
    """The workspace, with the run of the document."""
    if bench.call("GET", bench.id.child("job", "myrunid"), ok=False).status_code == 404:
        command = "mkdir outputs && echo digits > outputs/sklearn_mnist_model.pkl"
        properties = {"jobType": "Command", "command": command, "experimentName": "myexperiment"}
        properties["environmentId"] = bench.shared_environment()
        bench.call("PUT", bench.id.child("job", "myrunid"), json={"properties": properties})
    bench.until("myrunid", ["Completed"])
    return bench


def test_003_register_a_model_from_an_azure_ml_training_run_1(run: Bench, block: Block) -> None:
    made = run.do(block.text)
    assert made["name"] == "sklearn_mnist"
    shown = run.get("model", "sklearn_mnist", made["version"])["properties"]
    assert shown["tags"]["area"] == "mnist"
    assert run.read(shown["modelUri"]) == "digits\n"


def test_003_register_a_model_from_a_local_file_1(bench: Bench, block: Block) -> None:
    (bench.folder / "mnist").mkdir()
    (bench.folder / "mnist" / "model.onnx").write_text("digits")
    made = bench.do(block.text)
    assert made["name"] == "onnx_mnist"
    assert bench.read(made["path"]) == "digits"


def test_003_define_an_inference_configuration_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci"}, json.loads(block.text))
    serving.deploy()
    assert serving.score([2]) == [6]


def test_003_using_a_registered_model_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 1}})
    made = serving.bench.do(block.text)
    assert (made["name"], made["status"]) == ("myservice", "Succeeded")
    assert serving.score([2]) == [6]


def test_003_using_a_local_model_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci"})
    (serving.bench.folder / "working_dir" / "factor.txt").write_text("5")
    serving.bench.do(block.text)
    assert serving.score([2]) == [10]


def test_003_delete_resources_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci"})
    serving.deploy()
    bench = serving.bench
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", bench.id.child("online_endpoint", "myservice"), ok=False).status_code == 404


def test_003_delete_resources_2(serving: Serving, block: Block) -> None:
    bench = serving.bench
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", bench.id.child("model", "mymodel", "1"), ok=False).status_code == 404
