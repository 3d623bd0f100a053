"""Environment files of CLI v1 as environments of today, and the other way round.

Source: "Environment configuration schema" of
https://learn.microsoft.com/azure/machine-learning/v1/reference-azure-machine-learning-cli, and what azureml-core 1.61
reads from such a folder and writes to it (``Environment.load_from_directory``, ``save_to_directory``).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import names, validate
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.local_paths import is_file
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1 import environments, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path as Place

SCHEMA = "v1_environment.schema.json"
FILE = "azureml_environment.json"
"""What the file of an environment is called in the folder that has it."""
CONDA_FILE = "conda_dependencies.yml"
"""What lies beside it, and counts before all that it says of conda packages itself."""
DOCKERFILE = "BaseDockerfile"
"""What may lie beside it, and counts before its ``baseDockerfile``."""
_BASE_DOCKERFILE = ("docker", "baseDockerfile")
_TELLING = frozenset({"python", "docker", "spark", "databricks", "environmentVariables", "inferencingStackVersion"})
_OF_OTHERS = frozenset({
    "$schema",
    "type",
    "environment",
    "script",
    "target",
    "framework",
    "entryScript",
    "computeType",
})
"""Keys of files of v2, of run configurations, and of configurations for deployments."""
_INFERENCE = "azureml-inference-server-http"
_SERVES = (_INFERENCE, "azureml-defaults")
"""Packages with the server that a deployment needs; the second one depends on the first."""
_LATEST = "latest"
_LONGEST_FOLDER = 100
_UNSAYABLE = (
    *(row for row in environments.UNSAYABLE if row.path != _BASE_DOCKERFILE),
    Unsayable(("spark", "repositories"), "v2 names repositories in the conf of a job of type spark"),
    Unsayable(("spark", "packages"), "v2 names packages in the conf of a job of type spark: spark.jars.packages"),
    Unsayable(("spark", "precachePackages"), "v2 puts no packages of Spark into images", (True,)),
    Unsayable(("databricks",), "v2 runs nothing on Databricks; install libraries there"),
)
_MAY_BE_FILE = re.compile(r"[^\s\0]{1,200}")
_CONDA_TEXT = """\
# Conda packages of the environment; they are installed where userManagedDependencies is false.
name: project_environment
channels:
  - anaconda
  - conda-forge
dependencies:
  - python=3.8.13
  - pip:
      - azureml-defaults  # metrics, and the server of deployments
"""


def is_environment(source: Source) -> bool:
    """Whether a source is an environment file of CLI v1."""
    keys = source.value.keys()
    tells = any(not isinstance(source.value[key], str) for key in _TELLING & keys)  # MLflow's python_env.yaml has texts
    return tells and _OF_OTHERS.isdisjoint(keys) and not {"image", "build"} & keys


def check(source: Source) -> Sequence[Problem]:
    """Check an environment file, and what lies beside it, before anything is made of it.

    Returns:
        The notes, of what v1 heeded and v2 has no need of.

    Raises:
        SpecError: It is no valid environment file, or says what v2 cannot say; with all its problems at once.
    """
    return validate.check(source, SCHEMA, _problems, strict=True)


def environment(source: Source) -> Translation:
    """What an environment file becomes.

    Variables of the environment, and how its container is run, are told in remarks: v2 has them in jobs.

    Args:
        source: The file, or its content; conda packages may stand in ``conda_dependencies.yml`` beside it.

    Raises:
        SpecError: It is no valid environment file, or says what v2 cannot say; with all its problems at once.

    Example:
        >>> environment(as_written(Path("myenv", FILE))).source.value["conda_file"]
        'conda_dependencies.yml'
    """
    notes = check(source)
    given = _with_files(source)
    members: dict[str, Placed | None] = {"name": kept(given, "name"), "version": _version(given)}
    files, named = _dockerfile(given)
    if files:
        members["build"] = put({"path": "."}, given, *_BASE_DOCKERFILE)
    else:
        members |= environments.definition(given, [given.base_path], given.base_path)
    if _adds_server(given):
        members["conda_file"] = put(_serving(_conda(given)), given, "inferencingStackVersion")
    made = gathered(members, source)
    new = replace(source, value=made.value, marks=made.marks)
    remarks = tuple(_remarks(given, members))
    return Translation("environment", new, files=files, named=named, remarks=remarks, notes=notes)


def scaffold(name: str) -> Mapping[str, str]:
    """What ``az ml environment scaffold`` writes: the files of an environment to begin with.

    Args:
        name: Name of the environment.

    Returns:
        File -> text.

    Raises:
        SpecError: An environment cannot have that name.

    Source: azureml-core 1.61, ``Environment(name).save_to_directory(folder)``.
    """
    wrong = [problem.reason for problem in _name_problems(Source({"name": name}, Path()))]
    if wrong:
        raise SpecError([Problem(FILE, 0, 0, "name", wrong[0])])
    made = _file(name, None, docker={"baseImage": environments.IMAGE})
    return {
        FILE: _json({**made, "environmentVariables": {"EXAMPLE_ENV_VAR": "EXAMPLE_VALUE"}}),
        CONDA_FILE: _CONDA_TEXT,
    }


def written(environment_version: Json) -> Mapping[str, str]:
    """What ``az ml environment download`` writes of a registered environment.

    Args:
        environment_version: What a GET of its version answers.

    Returns:
        File -> text; without the conda file where it has no conda packages.

    Raises:
        SpecError: A file of v1 cannot say what it says.

    Example:
        >>> sorted(written(client.run(get("environment", "sklearn", "3"))))
        ['azureml_environment.json', 'conda_dependencies.yml']

    Source: azureml-core 1.61, ``Environment.get(...).save_to_directory(folder)``.
    """
    name, version = str(environment_version["id"]).split("/versions/")[0].rsplit("/", 1)[1], environment_version["name"]
    properties = environment_version["properties"]
    if properties.get("inferenceConfig"):
        reason = "files of CLI v1 have no routes of a server; download it as a file of v2"
        raise SpecError([Problem(f"environment {name}:{version}", 0, 0, "properties.inferenceConfig", reason)])
    docker: Json = {"baseImage": properties.get("image")}
    build = properties.get("build") or {}
    if build:
        docker["buildContext"] = {
            "locationType": "storageAccount" if ".blob." in str(build.get("contextUri")) else "git",
            "location": build.get("contextUri"),
            "dockerfilePath": build.get("dockerfilePath") or "Dockerfile",
        }
    if str(properties.get("osType")).lower() == "windows":
        docker["platform"] = {"os": "Windows", "architecture": "amd64"}
    conda = properties.get("condaFile")
    files = {FILE: _json(_file(name, str(version), docker=docker, is_user_managed=not conda))}
    return {**files, CONDA_FILE: str(conda)} if conda else files


def _file(name: str, version: str | None, *, docker: Json, is_user_managed: bool = False) -> Json:
    """The content of an environment file, with all that v1 wrote into one."""
    return {
        "name": name,
        "version": version,
        "environmentVariables": {},
        "python": {
            "userManagedDependencies": is_user_managed,
            "interpreterPath": "python",
            "condaDependenciesFile": None,
            "baseCondaEnvironment": None,
        },
        "docker": {
            "enabled": False,
            "baseImage": None,
            "baseDockerfile": None,
            "sharedVolumes": True,
            "shmSize": "2g",
            "arguments": [],
            "baseImageRegistry": {"address": None, "username": None, "password": None},
            **docker,
        },
        "spark": {"repositories": [], "packages": [], "precachePackages": True},
        "databricks": {f"{language}Libraries": [] for language in ("maven", "pypi", "rcran", "jar", "egg")},
        "inferencingStackVersion": None,
    }


def _json(content: Json) -> str:
    return json.dumps(content, indent=4) + "\n"


def _name_problems(source: Source) -> Iterator[Problem]:
    name = source.value.get("name")
    if name is None and "name" in source.value:
        yield source.problem(("name",), "is empty; it must be a name")
    if environments.is_reserved(name):
        yield source.problem(
            ("name",), f"is {name!r:.80}; names that begin with Microsoft or AzureML are the service's"
        )
    yield from names.problems(source, "environment")


def _problems(source: Source) -> Iterator[Problem]:
    yield from unsayable.none_texts(source, but=[("environmentVariables",)])
    given = _with_files(source)
    yield from environments.problems(given, [given.base_path], rows=_UNSAYABLE)
    yield from environments.interpreter_problems(given)
    yield from _name_problems(source)
    both = [
        key for key in ("baseImage", "baseDockerfile", "buildContext") if not is_unset(given.value_at(("docker", key)))
    ]
    if len(both) > 1:
        yield given.problem(("docker", both[-1]), f"stands beside {both[0]}; give one of them", at_key=True)
    context = given.value_at(("docker", "buildContext"))
    if not is_unset(context) and is_unset(given.value_at(("docker", "buildContext", "location"))):
        yield given.problem(("docker", "buildContext"), "lacks location: the folder, or its URL", at_key=True)
    if not is_unset(given.value_at(_BASE_DOCKERFILE)) and not _is_user_managed(given):
        reason = (
            "v2 installs no conda packages into an image of a Dockerfile; install them there, and set "
            "userManagedDependencies"
        )
        yield given.problem(_BASE_DOCKERFILE, reason, at_key=True)
    yield from _inference_problems(given)


def _inference_problems(given: Source) -> Iterator[Problem]:
    stack = given.value.get("inferencingStackVersion")
    if is_unset(stack):
        return
    if stack != _LATEST:
        yield given.problem(("inferencingStackVersion",), f"is {stack!r:.80}; there is {_LATEST!r} alone")
    elif _is_user_managed(given) or not is_unset(given.value_at(("docker", "buildContext"))):
        reason = f"v2 adds no server to an image; install {_INFERENCE} in it, and leave this out"
        yield given.problem(("inferencingStackVersion",), reason, at_key=True)


def _with_files(source: Source) -> Source:
    """An environment with what lies beside its file.

    Source: azureml-core 1.61, ``Environment.load_from_directory``; of ``baseDockerfile`` it reads a file where there is
    one, and takes anything else for the text.
    """
    value: Json = dict(source.value)
    if source.file is not None and (source.base_path / CONDA_FILE).is_file():
        python = {key: member for key, member in mapping(value.get("python")).items() if key != "condaDependencies"}
        value["python"] = {**python, "condaDependenciesFile": CONDA_FILE}
    docker = mapping(value.get("docker"))
    text = docker.get("baseDockerfile")
    if source.file is not None and (source.base_path / DOCKERFILE).is_file():
        value["docker"] = {
            **docker,
            "baseDockerfile": sources.text_of(source.base_path / DOCKERFILE),
            "baseImage": None,
        }
    elif isinstance(text, str) and _MAY_BE_FILE.fullmatch(text) and is_file(source.local(text)):
        value["docker"] = {**docker, "baseDockerfile": sources.text_of(source.local(text))}
    return replace(source, value=value)


def _version(given: Source) -> Placed | None:
    version = given.value.get("version")
    return None if is_unset(version) else put(str(version), given, "version")


def _dockerfile(given: Source) -> tuple[Mapping[str, str], Mapping[Place, str]]:
    """The folder that an image is built from whose Dockerfile the environment holds itself."""
    text = given.value_at(_BASE_DOCKERFILE)
    if not isinstance(text, str) or is_unset(text):
        return {}, {}
    folder = f"{str(given.value['name'])[:_LONGEST_FOLDER]}-build"
    return {f"{folder}/Dockerfile": text}, {("build", "path"): folder}


def _is_user_managed(given: Source) -> bool:
    return given.value_at(("python", "userManagedDependencies")) is True


def _names_packages(given: Source) -> bool:
    keys = ("condaDependenciesFile", "condaDependencies")
    return not all(is_unset(given.value_at(("python", key))) for key in keys)


def _adds_server(given: Source) -> bool:
    """Whether the server has to be installed that v1 added to the image for deployments."""
    if is_unset(given.value.get("inferencingStackVersion")):
        return False
    return not any(str(package).startswith(_SERVES) for package in _pip(_conda(given)))


def _conda(given: Source) -> Json:
    file = given.value_at(("python", "condaDependenciesFile"))
    if isinstance(file, str) and not is_unset(file):
        return sources.as_written(given.local(file)).value
    return mapping(given.value_at(("python", "condaDependencies"))) or environments.CONDA


def _pip(conda: Json) -> list[object]:
    parts = [part["pip"] for part in conda.get("dependencies") or () if isinstance(part, dict) and "pip" in part]
    return [package for part in parts for package in part or ()]


def _serving(conda: Json) -> Json:
    others = [part for part in conda.get("dependencies") or () if not (isinstance(part, dict) and "pip" in part)]
    return {**conda, "dependencies": [*others, {"pip": [*_pip(conda), _INFERENCE]}]}


def _remarks(given: Source, members: Mapping[str, Placed | None]) -> Iterator[Remark]:
    """What was chosen, and what v2 has elsewhere."""
    if members.get("image") and is_unset(given.value_at(("docker", "baseImage"))):
        yield Remark(("image",), "v1's own image, as none is named")
    if _adds_server(given):
        yield Remark(("conda_file",), f"{_INFERENCE} added, for inferencingStackVersion")
    elif members.get("conda_file") and not _names_packages(given):
        yield Remark(("conda_file",), "v1's own packages, as none are named")
    if _is_user_managed(given) and _names_packages(given):
        yield Remark((), "conda packages are left out, as userManagedDependencies is set")
    if variables := environments.variables(given):
        told = ", ".join(variables)
        yield Remark((), f"v2 has no variables in environments; give {told} to jobs and deployments")
    if container := environments.container(given):
        told = ", ".join(f"{key}: {member.value}" for key, member in container.items())
        yield Remark((), f"v2 says in the resources of a job how its container is run: {told}")
    if environments.interpreter(given) != "python":
        yield Remark((), f"v2 names the Python in the command of a job: {environments.interpreter(given)}")
