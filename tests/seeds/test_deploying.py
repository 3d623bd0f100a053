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
