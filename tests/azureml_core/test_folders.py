"""azureml-core reads the folders that ``azml folder attach`` and ``azml environment scaffold`` write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.cli import main
from tests.azureml_core.asking import answer

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.azureml_core

FOLDER = """
import json, sys
from azureml._project import project_info
from azureml.core.runconfig import RunConfiguration
folder = sys.argv[1]
found = RunConfiguration.load(folder, "local"), RunConfiguration.load(folder, "docker")
print(json.dumps({
    "workspace": project_info.get_workspace_info(f"{folder}/.azureml/config.json"),
    "scope": project_info.get(folder).Scope,
    "docker": [one.docker.use_docker for one in found],
    "packages": [list(one.environment.python.conda_dependencies.pip_packages) for one in found],
    "environments": [one.environment.name for one in found],
}))
"""
ENVIRONMENT = """
import json, sys
from azureml.core.environment import Environment
found = Environment.load_from_directory(sys.argv[1])
print(json.dumps([found.name, found.docker.base_image, list(found.python.conda_dependencies.pip_packages)]))
"""


def test_an_attached_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    assert main(["folder", "attach", "-w", "w", "-g", "g", "-s", "s", "-e", "irises", "-p", str(project)]) == 0
    assert answer(FOLDER, tmp_path, str(project)) == {
        "workspace": ["s", "g", "w"],
        "scope": "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
        "/projects/irises",
        "docker": [False, True],
        "packages": [["azureml-defaults"], ["azureml-defaults"]],
        "environments": ["default-environment", "default-environment"],
    }


def test_a_scaffold(tmp_path: Path) -> None:
    assert main(["environment", "scaffold", "-n", "mine", "-d", str(tmp_path / "mine")]) == 0
    name, image, packages = answer(ENVIRONMENT, tmp_path, str(tmp_path / "mine"))
    assert (name, packages) == ("mine", ["azureml-defaults"])
    assert image.startswith("mcr.microsoft.com/azureml/")
