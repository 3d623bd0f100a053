"""Environment files of CLI v1."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import environments as todays
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import as_written, from_mapping
from airflow_provider_azml.spec.v1 import environment_files
from airflow_provider_azml.spec.v1.environment_files import CONDA_FILE, DOCKERFILE, FILE

if TYPE_CHECKING:
    from airflow_provider_azml.spec.v1.translation import Translation

GOLDEN = json.loads((Path(__file__).parents[2] / "azureml_core" / "environments.json").read_text())
CONDA = "dependencies: [python=3.11]\n"


def folder(path: Path, files: dict[str, str]) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def made(path: Path, content: dict[str, Any], **files: str) -> Translation:
    return environment_files.environment(
        as_written(folder(path, {FILE: json.dumps(content, indent=1), **files}) / FILE)
    )


def refused(path: Path, content: dict[str, Any], **files: str) -> list[str]:
    with pytest.raises(SpecError) as error:
        made(path, content, **files)
    return [f"{Path(found.file).name}:{found.line}: {found.path}: {found.reason}" for found in error.value.problems]


def todays_body(translation: Translation, path: Path) -> dict[str, Any]:
    source = translation.beside(path / "beside")
    assert not kinds.check(source, "environment")
    return todays.properties(source)


@pytest.mark.parametrize("name", GOLDEN["cases"])
def test_an_environment_is_read_as_azureml_core_reads_it(name: str, tmp_path: Path) -> None:
    case = GOLDEN["cases"][name]
    translation = environment_files.environment(as_written(folder(tmp_path, case["given"]) / FILE))
    body, theirs = todays_body(translation, tmp_path), case["read"]
    python, docker = theirs["python"], theirs["docker"]
    assert translation.source.value["name"] == theirs["name"]
    assert translation.source.value.get("version") == theirs["version"]
    host = docker["baseImageRegistry"]["address"]
    assert body.get("image") == (f"{host}/{docker['baseImage']}" if host else docker["baseImage"])
    packages = None if python["userManagedDependencies"] else python.get("condaDependencies")
    conda = yaml.safe_load(body.get("condaFile", "null"))
    if packages or python["userManagedDependencies"]:
        assert conda == packages
    else:
        assert any(remark.place == ("conda_file",) for remark in translation.remarks)
    if docker["baseDockerfile"]:
        assert (tmp_path / "beside" / "dockered-build" / "Dockerfile").read_text() == docker["baseDockerfile"]
    if docker["buildContext"]:
        assert body["build"] == {
            "contextUri": docker["buildContext"]["location"],
            "dockerfilePath": docker["buildContext"]["dockerfilePath"],
        }
    told = " ".join(remark.text for remark in translation.remarks)
    for said in (*theirs["environmentVariables"], *docker["arguments"]):
        assert said in told


def test_a_scaffold_says_what_azureml_core_scaffolds(tmp_path: Path) -> None:
    theirs = GOLDEN["scaffold"]["read"]
    files = environment_files.scaffold(GOLDEN["scaffold"]["given"])
    assert sorted(files) == sorted(theirs)
    assert yaml.safe_load(files[CONDA_FILE]) == yaml.safe_load(theirs[CONDA_FILE])
    ours, expected = json.loads(files[FILE]), json.loads(theirs[FILE])
    # the same image under today's tag, which moves with its fixes
    assert expected["docker"]["baseImage"].startswith(ours["docker"].pop("baseImage"))
    for key in ("baseImage", "buildContext", "platform"):
        del expected["docker"][key]
    del expected["docker"]["baseImageRegistry"]["registryIdentity"], expected["r"], expected["assetId"]
    assert ours == expected
    translation = environment_files.environment(as_written(folder(tmp_path, dict(files)) / FILE))
    assert todays_body(translation, tmp_path)["image"]


@pytest.mark.parametrize(
    "properties",
    [
        {"image": "python:3.11"},
        {"image": "python:3.11", "condaFile": CONDA, "osType": "Linux"},
        {"image": "mcr.microsoft.com/windows", "osType": "Windows"},
        {"build": {"contextUri": "https://account.blob.core.windows.net/c/x", "dockerfilePath": "D"}},
        {"build": {"contextUri": "https://github.com/some/where.git#main"}},
    ],
)
def test_a_registered_environment_is_written_so_that_it_registers_again(
    properties: dict[str, Any], tmp_path: Path
) -> None:
    arm_id = "/subscriptions/s/resourceGroups/g/providers/p/workspaces/w/environments/mine/versions/7"
    files = environment_files.written({"id": arm_id, "name": "7", "properties": properties})
    translation = environment_files.environment(as_written(folder(tmp_path, dict(files)) / FILE))
    assert (translation.source.value["name"], translation.source.value["version"]) == ("mine", "7")
    assert not translation.remarks
    body = todays_body(translation, tmp_path)
    if "condaFile" in properties:
        assert files[CONDA_FILE] == properties["condaFile"]
        assert yaml.safe_load(body.pop("condaFile")) == yaml.safe_load(properties["condaFile"])
    if "build" in properties:
        assert body.pop("build") == {"dockerfilePath": "Dockerfile", **properties["build"]}
    expected = {"image": properties.get("image"), "osType": properties.get("osType", "Linux").lower()}
    assert {key: body.get(key, "linux" if key == "osType" else None) for key in expected} == expected


def test_what_is_downloaded_is_read_by_azureml_core_too() -> None:
    case = GOLDEN["cases"]["as it is downloaded"]
    properties = {"image": case["read"]["docker"]["baseImage"], "condaFile": case["given"][CONDA_FILE]}
    registered = {"id": "/x/environments/mine/versions/7", "name": "7", "properties": properties}
    assert environment_files.written(registered) == case["given"]
    assert (case["read"]["name"], case["read"]["version"]) == ("mine", "7")


def test_routes_of_a_server_are_nothing_for_a_file_of_v1() -> None:
    properties = {"image": "x", "inferenceConfig": {"scoringRoute": {"path": "/", "port": 1}}}
    with pytest.raises(SpecError, match=r"environment e:1: properties.inferenceConfig: files of CLI v1 have no routes"):
        environment_files.written({"id": "/x/environments/e/versions/1", "name": "1", "properties": properties})


def test_the_server_of_inference_is_added_where_it_is_not(tmp_path: Path) -> None:
    latest = {"name": "e", "docker": {"baseImage": "x"}, "inferencingStackVersion": "latest"}
    without = made(tmp_path, latest, **{CONDA_FILE: "dependencies: [python=3.11, {pip: [numpy]}]\n"})
    assert without.source.value["conda_file"] == {
        "dependencies": ["python=3.11", {"pip": ["numpy", "azureml-inference-server-http"]}]
    }
    assert [remark.place for remark in without.remarks] == [("conda_file",)]
    having = made(tmp_path, latest, **{CONDA_FILE: "dependencies: [{pip: [azureml-defaults>=1.5]}]\n"})
    assert having.source.value["conda_file"] == CONDA_FILE
    assert not having.remarks


def test_packages_of_an_image_that_has_all_are_told_to_be_left_out(tmp_path: Path) -> None:
    given = {"name": "e", "python": {"userManagedDependencies": True}, "docker": {"baseImage": "x"}}
    translation = made(tmp_path, given, **{CONDA_FILE: CONDA})
    assert "conda_file" not in translation.source.value
    assert [remark.text for remark in translation.remarks] == [
        "conda packages are left out, as userManagedDependencies is set"
    ]


def test_a_text_of_a_dockerfile_or_a_file_of_one_is_built_from(tmp_path: Path) -> None:
    for text in ("FROM scratch", "FROM scratch\nRUN true\n", "my.Dockerfile"):
        given = {"name": "e", "python": {"userManagedDependencies": True}, "docker": {"baseDockerfile": text}}
        translation = made(tmp_path, given, **{"my.Dockerfile": "FROM other\n"})
        expected = "FROM other\n" if text == "my.Dockerfile" else text
        assert translation.files == {"e-build/Dockerfile": expected}
        assert todays_body(translation, tmp_path)["build"]


def test_everything_that_cannot_be_said_is_told_with_its_line(tmp_path: Path) -> None:
    given = {
        "name": "AzureML-mine",
        "version": "None",
        "pythoon": {},
        "python": {"baseCondaEnvironment": "base", "condaDependenciesFile": "missing.yml"},
        "docker": {
            "baseImage": "x",
            "baseDockerfile": "FROM x\n",
            "sharedVolumes": False,
            "platform": {"architecture": "arm64"},
            "baseImageRegistry": {"username": "me", "password": "hidden"},
        },
        "spark": {"packages": [{"group": "g", "artifact": "a", "version": "1"}]},
        "databricks": {"jarLibraries": [{"library": "x.jar"}]},
        "r": {"cranPackages": []},
        "inferencingStackVersion": "1.0",
    }
    del given["r"]
    found = refused(tmp_path, given)
    told = "\n".join(found)
    assert "hidden" not in told
    for expected in (
        f"{FILE}:2: name: is 'AzureML-mine'; names that begin with Microsoft or AzureML are the service's",
        f"{FILE}:3: version: is the text 'None'; write null, or leave it out",
        f"{FILE}:4: pythoon: unknown key; did you mean 'python'?",
        f"{FILE}:6: python.baseCondaEnvironment: v2 starts from an image",
        f"{FILE}:7: python.condaDependenciesFile: there is no file 'missing.yml'",
        f"{FILE}:11: docker.baseDockerfile: v2 installs no conda packages into an image of a Dockerfile",
        f"{FILE}:11: docker.baseDockerfile: stands beside baseImage; give one of them",
        f"{FILE}:12: docker.sharedVolumes: v2 always shares volumes",
        f"{FILE}:14: docker.platform.architecture: v2 has images of amd64 alone",
        f"{FILE}:17: docker.baseImageRegistry.username: a file of v2 holds no user of a registry",
        f"{FILE}:18: docker.baseImageRegistry.password: a file of v2 holds no password",
        "spark.packages: v2 names packages in the conf of a job of type spark",
        "databricks: v2 runs nothing on Databricks",
        "inferencingStackVersion: is '1.0'; there is 'latest' alone",
    ):
        assert expected in told
    assert len(found) == 14


@pytest.mark.parametrize("name", ["Microsoft-x", "azureml", "a/b", "", ".."])
def test_a_name_that_no_environment_can_have_is_refused(name: str, tmp_path: Path) -> None:
    assert refused(tmp_path, {"name": name, "python": {}})
    assert refused(tmp_path, {"name": None, "python": {}})
    assert refused(tmp_path, {"python": {}})
    with pytest.raises(SpecError):
        environment_files.scaffold(name)


def test_a_folder_to_build_from_needs_its_place(tmp_path: Path) -> None:
    context = {"buildContext": {"dockerfilePath": "D"}}
    given = {"name": "e", "python": {"userManagedDependencies": True}, "docker": context}
    assert refused(tmp_path, given) == [f"{FILE}:7: docker.buildContext: lacks location: the folder, or its URL"]


def test_packages_for_an_image_that_is_built_are_refused(tmp_path: Path) -> None:
    docker = {"buildContext": {"location": "https://github.com/x/y.git"}}
    assert refused(tmp_path, {"name": "e", "docker": docker}, **{CONDA_FILE: CONDA}) == [
        (
            f"{FILE}:1: python.condaDependenciesFile: v2 installs no conda packages into an image that it builds from "
            "a folder; install them in the Dockerfile, and set userManagedDependencies"
        )
    ]


def test_a_folder_without_an_environment_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=re.escape(f"{tmp_path / FILE}: there is no such file")):
        as_written(tmp_path / FILE)


def test_files_of_v2_and_run_configurations_are_none(tmp_path: Path) -> None:
    for other in (
        {"name": "e", "image": "x"},
        {"name": "e", "image": "x", "docker": {}},
        {"script": "x.py", "environment": {"python": {}}},
        {"type": "command", "docker": {}},
        {"$schema": "https://azuremlschemas.azureedge.net/latest/environment.schema.json", "python": {}},
        {"entryScript": "s.py", "environmentVariables": {}},
    ):
        assert not environment_files.is_environment(from_mapping({"x": other}).at("x"))
    file = folder(tmp_path, {FILE: '{"name": "e", "python": {}}'}) / FILE
    assert environment_files.is_environment(as_written(file))
    assert DOCKERFILE == "BaseDockerfile"
