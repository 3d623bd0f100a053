"""Python of document 003 as it stands there, run by azureml-core against the emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.azureml_core.asking import driven
from tests.seeds.documents import SEEDS, Block

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.execution import Workspace


pytestmark = [
    pytest.mark.azureml_core,
    pytest.mark.shared,
    pytest.mark.skipif(not SEEDS.is_dir(), reason="needs ../shared/seeds"),
]


def told(workspace: Workspace, folder: Path, name: str, *names: str, run: str = "") -> list[str]:
    """What some names stand for after a piece of the document has run."""
    (folder / "piece.py").write_text(Block.named(f"003-{name}").text)
    arguments = (str(folder / "piece.py"), run, *names)
    found: list[str] = driven("drive_document.py", workspace.emulator, folder, *arguments)
    return found


def test_a_workspace_is_found_by_its_file(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / ".file-path").mkdir()
    names = {"resource_group": workspace.id.resource_group, "workspace_name": workspace.id.name}
    written = json.dumps({"subscription_id": workspace.id.subscription_id, **names})
    (tmp_path / ".file-path" / "ws_config.json").write_text(written)
    assert told(workspace, tmp_path, "connect-to-your-workspace-2", "ws.name") == [workspace.id.name]


def test_a_run_registers_the_model_that_it_has_left(workspace: Workspace, tmp_path: Path) -> None:
    run = workspace.run("mkdir outputs && echo digits > outputs/sklearn_mnist_model.pkl")
    piece = "register-a-model-from-an-azure-ml-training-run-2"
    name, version, area = told(workspace, tmp_path, piece, "model.name", "model.version", "model.tags['area']", run=run)
    assert (name, area) == ("sklearn_mnist", "mnist")
    uri = workspace.get("model", name, version)["properties"]["modelUri"]
    assert uri.endswith("outputs/sklearn_mnist_model.pkl")


def test_a_model_is_registered_from_a_file(workspace: Workspace, tmp_path: Path) -> None:
    piece = "register-a-model-from-a-local-file-2"
    name, version, tags = told(workspace, tmp_path, piece, "model.name", "model.version", "model.tags")
    assert (name, tags) == ("onnx_mnist", "{'onnx': 'demo'}")
    shown = workspace.get("model", name, version)["properties"]
    assert shown["description"] == "MNIST image classification CNN from ONNX Model Zoo"


def test_web_services_have_classes(workspace: Workspace, tmp_path: Path) -> None:
    (local,) = told(workspace, tmp_path, "define-a-deployment-configuration-1", "LocalWebservice.__name__")
    assert local == "LocalWebservice"
