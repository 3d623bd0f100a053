"""``azml folder attach`` and ``azml environment``: what they write is read again by everybody who should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.source import as_written, read
from airflow_provider_azml.spec.v1 import runconfigs, script_runs
from airflow_provider_azml.spec.workspace_configs import WorkspaceConfig, found

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done

ATTACH = ("folder", "attach", "-w", "myworkspace", "-g", "myresourcegroup")
SAMPLES = [".azureml/local.runconfig", ".azureml/docker.runconfig", ".azureml/conda_dependencies.yml", ".amlignore"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and nobody's subscription."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    for owner in ("AZML", "AZURE"):
        monkeypatch.delenv(f"{owner}_SUBSCRIPTION_ID", raising=False)


def test_attaching_writes_what_the_document_names(azml: Callable[..., Done]) -> None:
    done = azml(*ATTACH, "-s", "sub", "-e", "irises")
    assert (done.code, done.lines) == (0, [".azureml/config.json", *SAMPLES])
    assert json.loads(Path(".azureml/config.json").read_text()) == {
        "subscription_id": "sub",
        "resource_group": "myresourcegroup",
        "workspace_name": "myworkspace",
        "Scope": "/subscriptions/sub/resourceGroups/myresourcegroup/providers/Microsoft.MachineLearningServices"
        "/workspaces/myworkspace/projects/irises",
    }
    below = Path("src/deep")
    below.mkdir(parents=True)
    assert found(below) == WorkspaceConfig("sub", "myresourcegroup", "myworkspace", "irises")
    azml(*ATTACH, "-s", "sub", "-p", "other")
    assert found(Path("other")).experiment_name == "other"


def test_the_samples_run(azml: Callable[..., Done]) -> None:
    azml(*ATTACH, "-s", "sub")
    Path("train.py").write_text("")
    for name in ("local", "docker"):
        runconfig = as_written(runconfigs.find_runconfig(Path(), name))
        assert runconfigs.is_runconfig(runconfig)
        assert azml("validate", f".azureml/{name}.runconfig").code == 0
        made = script_runs.command_job(runconfig, script="train.py")
        assert made.source.value["command"] == "python train.py"
        assert made.source.value["environment"]["conda_file"].endswith("conda_dependencies.yml")


def test_attaching_again_keeps_what_is_there(azml: Callable[..., Done]) -> None:
    azml(*ATTACH, "-s", "sub")
    Path(".azureml/local.runconfig").write_text("script: mine.py\n")
    again = azml(*ATTACH, "-s", "sub")
    assert (again.code, again.out) == (0, "")
    assert ".azureml/local.runconfig: is there already; kept" in again.err
    other = azml(*ATTACH, "-s", "another")
    assert other.code == 1
    assert other.err.startswith(".azureml/config.json: is there already, and nothing was written")
    assert azml(*ATTACH, "-s", "another", "--force").code == 0
    assert found(Path()).subscription_id == "another"
    assert Path(".azureml/local.runconfig").read_text() == "script: mine.py\n"


def test_the_subscription_is_that_of_the_azure_cli(
    azml: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobodys = azml(*ATTACH)
    assert (nobodys.code, nobodys.out) == (2, "")
    assert "no subscription is named; give --subscription" in nobodys.err
    profile = {"subscriptions": [{"id": "a", "isDefault": False}, {"id": "b", "isDefault": True}]}
    (tmp_path / "azureProfile.json").write_text(json.dumps(profile), "utf-8-sig")
    azml(*ATTACH)
    assert found(Path()).subscription_id == "b"
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "c")
    azml(*ATTACH, "--force")
    assert found(Path()).subscription_id == "c"


def test_the_workspace_is_looked_for_as_the_sdks_do() -> None:
    """Folders .azureml above come before a file beside.

    Source: azure-ai-ml 1.35.2, ``MLClient.from_config``; azureml-core 1.61, ``Workspace.from_config``.
    """
    Path(".azureml").mkdir()
    Path(".azureml/config.json").write_text(
        '{"subscription_id": "s", "resource_group": "g", "workspace_name": "above"}'
    )
    Path("src").mkdir()
    Path("src/config.json").write_text('{"subscription_id": "s", "resource_group": "g", "workspace_name": "beside"}')
    assert found(Path("src")).workspace == "above"
    assert found(Path("src/config.json")).workspace == "beside"
    Path(".azureml/config.json").unlink()
    assert found(Path("src")).workspace == "beside"
    Path("src/config.json").write_text('{\n"subscription_id": "s",\n"resource_group": ""}')
    with pytest.raises(SpecError, match="'workspace_name' is missing"):
        found(Path("src"))
    Path("src/config.json").write_text('{"Scope": "/subscriptions/s"}')
    with pytest.raises(SpecError, match=r"config\.json:1:11: Scope: is no scope of a workspace"):
        found(Path("src"))
    Path("src/config.json").unlink()
    with pytest.raises(SpecError, match="'azml folder attach' writes one"):
        found(Path("src"))


def test_a_scaffold_is_two_files_that_can_be_registered(azml: Callable[..., Done]) -> None:
    done = azml("environment", "scaffold", "-n", "myenv", "-d", "myenvdirectory")
    files = ["myenvdirectory/azureml_environment.json", "myenvdirectory/conda_dependencies.yml"]
    assert (done.code, done.lines) == (0, files)
    assert azml("validate", files[0]).code == 0
    assert read(Path(files[0])).value["name"] == "myenv"

    Path(files[1]).write_text("mine")
    again = azml("environment", "scaffold", "-n", "myenv", "-d", "myenvdirectory")
    assert (again.code, Path(files[1]).read_text()) == (1, "mine")
    assert azml("environment", "scaffold", "-n", "myenv", "-d", "myenvdirectory", "--force").code == 0
    refused = azml("environment", "scaffold", "-n", "AzureML-mine")
    assert (refused.code, refused.out) == (1, "")
    assert "AzureML" in refused.err


@pytest.mark.sdk
def test_azure_ai_ml_finds_the_workspace(azml: Callable[..., Done]) -> None:
    from azure.ai.ml import MLClient

    class Nobody:
        def get_token(self, *_: object, **__: object) -> None:
            raise AssertionError

    azml(*ATTACH, "-s", "sub")
    client = MLClient.from_config(Nobody(), path="train.py")
    assert (client.subscription_id, client.resource_group_name) == ("sub", "myresourcegroup")
    assert client.workspace_name == "myworkspace"
