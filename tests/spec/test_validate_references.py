"""What is found wrong with what a file refers to, and with how its parts go together, which no schema tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spec.faulty import DEPLOYMENT, JOB, told

if TYPE_CHECKING:
    from pathlib import Path

FOUND = {
    "reference that would change the address": (
        "job",
        "command: a\nenvironment: azureml:a/b:1\n",
        ["2:14: environment: 'a/b:1' is no name and version of a registered environment"],
    ),
    "reference without a version": (
        "job",
        "command: a\nenvironment: azureml:e\n",
        [
            "2:14: environment: 'azureml:e' lacks a version; write azureml:<name>:<version> or azureml:<name>@latest",
        ],
    ),
    "label": (
        "online_deployment",
        DEPLOYMENT + "model: azureml:m@prod\n",
        [
            "4:8: model: 'prod' is no label that can be looked up; latest is, or give a version",
        ],
    ),
    "reference without a prefix": (
        "job",
        "command: a\nenvironment: e:1\n",
        [
            "2:14: environment: 'e:1' is no reference to a registered environment; write azureml:e:1",
        ],
    ),
    "local model": (
        "online_deployment",
        DEPLOYMENT + "model: ./src\n",
        [
            "4:8: model: './src' is no reference to a registered model; for local files write model: {path: ./src}",
        ],
    ),
    "unknown input": (
        "job",
        "command: echo ${{inputs.x}} ${{inputs.y}}\nenvironment: azureml:e:1\ninputs: {y: 1}\n",
        [
            "1:10: command: ${{inputs.x}} is not among the inputs of the job (y)",
        ],
    ),
    "unknown output": (
        "job",
        "command: echo ${{outputs.model}}\nenvironment: azureml:e:1\n",
        [
            "1:10: command: ${{outputs.model}} is not among the outputs of the job (none)",
        ],
    ),
    "name of an input": (
        "job",
        JOB + "inputs: {a-b: 1}\n",
        [
            "3:10: inputs.a-b: 'a-b' is no name: letters, digits and underscores, not beginning with a digit",
        ],
    ),
    "git": (
        "job",
        JOB + "code: git+https://github.com/x/y\n",
        [
            "3:7: code: the service takes no git paths; clone the repository and name the local folder",
        ],
    ),
    "image and build": (
        "environment",
        "name: e\nimage: a\nbuild: {path: .}\n",
        ["3:1: build: an image or a build, not both"],
    ),
    "neither image nor build": ("environment", "name: e\n", ["1:1: an environment needs an image, or a build"]),
    "scoring script": (
        "online_deployment",
        DEPLOYMENT + "code_configuration:\n  code: src\n  scoring_script: bad.py\n",
        [
            "6:19: code_configuration.scoring_script: bad.py is no Python: line 1: invalid syntax",
        ],
    ),
    "file for a folder": (
        "data",
        "name: d\npath: src/bad.py\n",
        [
            "2:7: path: src/bad.py is a file, but type is uri_folder; write type: uri_file",
        ],
    ),
    "file for an MLflow model": (
        "model",
        "name: m\npath: src/bad.py\ntype: mlflow_model\n",
        [
            "2:7: path: src/bad.py is a file; an MLflow model is a folder",
        ],
    ),
    "ARM id": (
        "workspace",
        "name: www\nkey_vault: mine\n",
        [
            "2:12: key_vault: 'mine' is no ARM id; write /subscriptions/.../providers/Microsoft.KeyVault/vaults/<name>",
        ],
    ),
}


def test_what_is_wrong_in_a_conda_file_is_told_at_its_place_and_at_its_name(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("name: a\ndependencies: [b\n", encoding="utf-8")
    text = "command: a\nenvironment: {image: i, conda_file: conda.yml}\n"
    (found,) = told(tmp_path, "job", text)
    assert found.startswith("FOLDER/conda.yml:3:1: not YAML: ")
    assert found.endswith(" (named at FOLDER/f.yml:2:37: environment.conda_file)")


def test_a_conda_file_that_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    (found,) = told(tmp_path, "job", "command: a\nenvironment: {image: i, conda_file: conda.yml}\n")
    assert found.startswith("2:37: environment.conda_file: FOLDER/conda.yml: ")


def test_a_wrong_word_is_told_once_where_two_lists_of_words_hold(tmp_path: Path) -> None:
    assert told(tmp_path, "job", JOB + "inputs:\n  j:\n    type: uri_folder\n    mode: mont\n") == [
        "4:3: inputs.j: 'path' is missing",
        "6:11: inputs.j.mode: is 'mont'; it must be one of download, ro_mount, direct; did you mean 'ro_mount'?",
    ]


@pytest.mark.parametrize("name", FOUND)
def test_all_that_is_wrong_is_found_with_its_place(name: str, tmp_path: Path) -> None:
    kind, text, expected = FOUND[name]
    assert told(tmp_path, kind, text) == expected
