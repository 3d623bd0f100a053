"""``azml validate`` of files of CLI v1, as they are: what is wrong is told with its place, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.cli.test_translate_to_yaml import ACI, AKS, ENVIRONMENT, FILES, HDCONFIG, INFERENCE, RUNCONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Done

ALONE = (
    "pipeline.yml",
    "schedule.yml",
    ".azureml/sklearn.runconfig",
    "hdconfig.yml",
    "azureml_environment.json",
    "data.json",
    "table.json",
    "inferenceconfig.json",
    "aci.json",
    "aks.json",
)


@pytest.fixture(autouse=True)
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder, with files of CLI v1."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def test_each_file_is_valid_as_it_is(azml: Callable[..., Done]) -> None:
    done = azml("validate", *ALONE)
    assert done.code == 0, done.out
    assert all(": note: " in line for line in done.lines)
    assert done.err.startswith(f"{len(ALONE)} files, 0 errors, 0 warnings, ")


def test_uploads_are_those_of_what_a_file_becomes(azml: Callable[..., Done]) -> None:
    done = azml("validate", "--uploads", *ALONE)
    assert done.code == 0, done.out
    uploaded = [line.removeprefix("upload ").partition(":")[0] for line in done.lines if line.startswith("upload ")]
    assert {"src", "."} < set(uploaded)
    assert any(path.endswith("/irises-mltable") for path in uploaded)
    assert "  named at table.json:1:51: path" in done.lines


def test_files_of_v1_are_found_in_folders(azml: Callable[..., Done]) -> None:
    Path("hdconfig.yml").write_text(HDCONFIG.replace("policy", "policyy"))
    Path(".azureml/sklearn.runconfig").write_text(RUNCONFIG.replace("nodeCount", "nodeCout"))
    Path("settings.json").write_text('{"runtime": "python", "policy": 3}')
    done = azml("validate", ".")
    assert done.code == 1
    wrong = [line for line in done.lines if ": note: " not in line]
    assert any(line.startswith("hdconfig.yml:") for line in wrong)
    assert any(line.startswith(".azureml/sklearn.runconfig:6:1: nodeCout: ") for line in wrong)
    assert done.err.splitlines()[-1].startswith("11 files, 3 errors, ")
    # settings, conda files, and parts of the pipeline that say nothing alone
    assert done.err.splitlines()[0].startswith("left out: ")


def test_a_schedule_is_checked_as_one_of_today_when_it_is_told_what_for(azml: Callable[..., Done]) -> None:
    told = ("--set", "name=nightly", "--set", "create_job.job=pipeline.yml")
    done = azml("validate", *told, "schedule.yml")
    assert done.code == 0, done.out
    wrong = azml("validate", *told[:3], "create_job.job=train.py", "schedule.yml")
    assert wrong.code == 1


def changed(given: Mapping[str, Any], **changes: Any) -> str:
    return json.dumps({**given, **changes}, indent=2)


BAD = {
    "an hdconfig without policy": (
        {
            "hdconfig.yml": yaml.safe_dump({
                key: value for key, value in yaml.safe_load(HDCONFIG).items() if key != "policy"
            })
        },
        "hdconfig.yml:1:1: 'policy' is missing",
    ),
    "the same argument in both": (
        {".azureml/sklearn.runconfig": RUNCONFIG.replace("--epochs", "--penalty")},
        "'--penalty' is an argument in .azureml/sklearn.runconfig:2:13 too",
    ),
    "a name of Microsoft's": ({"azureml_environment.json": changed(ENVIRONMENT, name="Microsoft-x")}, "Microsoft"),
    "a name of AzureML's": ({"azureml_environment.json": changed(ENVIRONMENT, name="AzureML-x")}, "AzureML"),
    "key and token": ({"aks.json": changed(AKS, authEnabled=True, tokenAuthEnabled=True)}, "tokenAuthEnabled"),
    "no replicas": ({"aks.json": changed(AKS, numReplicas=0)}, "numReplicas"),
    "no cpu": (
        {"aci.json": changed(ACI, containerResourceRequirements={"cpu": 0})},
        "containerResourceRequirements.cpu",
    ),
    "cpu as a text": (
        {"aci.json": changed(ACI, containerResourceRequirements={"cpu": "1"})},
        "containerResourceRequirements.cpu",
    ),
    "memory as a text": (
        {"aci.json": changed(ACI, containerResourceRequirements={"memoryInGB": "1"})},
        "containerResourceRequirements.memoryInGB",
    ),
    "a namespace of nobody": ({"aks.json": changed(AKS, namespace="Not_Kubernetes")}, "namespace"),
    "a script outside": ({"inferenceconfig.json": changed(INFERENCE, entryScript="../score.py")}, "entryScript"),
    "None as a text": ({"aks.json": changed(AKS, scoringTimeoutMs="None")}, "scoringTimeoutMs"),
    "an unknown key": ({"aci.json": changed(ACI, authEnabed=True)}, "did you mean 'authEnabled'?"),
    "an unknown key of a run": ({".azureml/sklearn.runconfig": "frameworks: Python\n" + RUNCONFIG}, "'framework'?"),
    "an unknown key of a dataset": ({"data.json": FILES["data.json"].replace("tags", "tgs")}, "'tags'?"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_place(azml: Callable[..., Done], name: str) -> None:
    changes, told = BAD[name]
    for file, text in changes.items():
        Path(file).write_text(text)
    (bad,) = changes
    if name == "the same argument in both":
        done, bad = azml("translate", bad, "hdconfig.yml", "--to", "yaml"), "hdconfig.yml"
        assert (done.code, done.out) == (1, "")
        lines = done.err.splitlines()
    else:
        done = azml("validate", bad)
        assert done.code == 1
        lines = done.lines
    (line, *_) = [line for line in lines if told in line]
    assert line.startswith(f"{bad}:"), line
    assert line.split(":")[1].isdigit(), line
