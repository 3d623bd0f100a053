"""Run definitions of the retired generation, read as the command jobs that they are."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.emulator.v1.sections import Section
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

DEFAULT_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
"""What azureml-core 1.61 calls ``DEFAULT_CPU_IMAGE``."""
SINGLE_RUN_CLUSTER = "amlcompute"
_REFERENCE = re.compile(r"\$AZUREML_DATAREFERENCE_(\w+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_NOT_PYTHON = ("pyspark",)
_MOST_SECONDS = 30 * 24 * 3600


def command_properties(definition: Section, workspace: WorkspaceId) -> Json:
    """What a command job has of a run definition: all but its experiment, code and environment.

    Args:
        definition: The run definition.
        workspace: Where its compute is.

    Raises:
        DataPlaneError: It asks for something that cannot be.

    Sources: ``RunConfiguration`` of the 2019-09-30 execution file; what azureml-core 1.61 sends, and its documentation
    of ``azureml.core.runconfig``.
    """
    configuration = definition.section("configuration")
    if not configuration.values:
        raise definition.wrong("configuration", "is missing")
    framework = configuration.text("framework", "Python")
    if framework.lower() in _NOT_PYTHON:
        raise configuration.wrong("framework", f"is {framework}, which the emulator does not run")
    inputs, outputs = _references(configuration)
    command = _command(configuration, {*inputs, *outputs})
    exported = [f"export AZUREML_DATAREFERENCE_{name}=${{{{inputs.{name}}}}}" for name in inputs]
    exported += [f"export AZUREML_DATAREFERENCE_{name}=${{{{outputs.{name}}}}}" for name in outputs]
    parent = definition.text("parentRunId")
    return {
        "jobType": "Command",
        "command": "; ".join([*exported, command]),
        "inputs": inputs,
        "outputs": outputs,
        "environmentVariables": _variables(configuration),
        **_compute(configuration, workspace),
        **_limits(configuration),
        **({"parentJobName": parent} if parent else {}),
    }


def environment_properties(definition: Section, conda_file_at: Callable[[str], str]) -> Json:
    """The ``properties`` of the environment that a run definition describes.

    Args:
        definition: The run definition.
        conda_file_at: Reads a file of the run's code.

    Raises:
        DataPlaneError: It asks for something that cannot be.
    """
    environment = definition.section("configuration").section("environment")
    python, docker = environment.section("python"), environment.section("docker")
    if docker.text("baseDockerfile"):
        raise docker.wrong("baseDockerfile", "cannot be built: the emulator runs no containers. Give it a baseImage")
    managed = not python.flag("userManagedDependencies")
    return {
        "image": docker.text("baseImage") or DEFAULT_IMAGE,
        **({"condaFile": _conda_file(python, conda_file_at)} if managed else {}),
        "environmentType": "UserCreated",
        "osType": "Linux",
        "isAnonymous": True,
        "isArchived": False,
        "description": None,
        "tags": {},
        "properties": {},
    }


def _conda_file(python: Section, conda_file_at: Callable[[str], str]) -> str:
    file = python.text("condaDependenciesFile")
    if python.value("condaDependencies") is None and file:
        return conda_file_at(file)
    # JSON is YAML, too
    return json.dumps(python.section("condaDependencies").values or {"dependencies": []})


def _command(configuration: Section, references: set[str]) -> str:
    given = configuration.value("command")
    if given:
        return _filled(
            given if isinstance(given, str) else shlex.join(map(str, configuration.items("command"))), references
        )
    script = configuration.text("script")
    if not script:
        raise configuration.wrong("script", "is missing: name the file in the project that is to run")
    python = configuration.section("environment").section("python")
    interpreter = python.text("interpreterPath") if python.flag("userManagedDependencies") else ""
    words = [_word(argument, references) for argument in configuration.items("arguments")]
    return " ".join([shlex.quote(interpreter or "python"), shlex.quote(script), *words])


def _word(argument: object, references: set[str]) -> str:
    text = argument if isinstance(argument, str) else json.dumps(argument)
    found = _REFERENCE.fullmatch(text)
    if found and found[1] in references:
        return f'"$AZUREML_DATAREFERENCE_{found[1]}"'
    # what the shell and the emulator would take for something else is the script's to see
    return shlex.quote(text).replace("${{", "$''{{")


def _filled(command: str, references: set[str]) -> str:
    return _REFERENCE.sub(
        lambda found: f"${{AZUREML_DATAREFERENCE_{found[1]}}}" if found[1] in references else found[0], command
    )


def _references(configuration: Section) -> tuple[dict[str, Json], dict[str, Json]]:
    """Data references as inputs, and as outputs where they are uploaded."""
    inputs: dict[str, Json] = {}
    outputs: dict[str, Json] = {}
    for name, reference in configuration.sections("dataReferences"):
        if not _NAME.fullmatch(name):
            raise DataPlaneError(400, "UserError", f"'{name}' cannot name a data reference: use letters, digits and _.")
        store, path = reference.text("dataStoreName"), reference.text("pathOnDataStore")
        uri = f"azureml://datastores/{store}/paths/{path.strip('/')}"
        if reference.text("mode", "Mount").lower() == "upload":
            outputs[name] = {"jobOutputType": "uri_folder", "uri": uri, "mode": "Upload"}
        else:
            inputs[name] = {"jobInputType": "uri_folder", "uri": uri}
    for kind in ("data", "outputData"):
        for name, entry in configuration.sections(kind):
            place = entry.section("dataLocation" if kind == "data" else "outputLocation")
            raise place.wrong(
                "dataset", f"names a dataset for '{name}', and the emulator has none of v1: use a data reference"
            )
    return inputs, outputs


def _variables(configuration: Section) -> dict[str, str]:
    given = {
        **configuration.section("environment").section("environmentVariables").values,
        **configuration.section("environmentVariables").values,
    }
    return {name: str(value) for name, value in given.items() if value is not None}


def _compute(configuration: Section, workspace: WorkspaceId) -> Json:
    target = configuration.text("target")
    if not target or target.lower() == "local":
        raise configuration.wrong("target", "must name a compute of the workspace: the service runs nothing on yours")
    nodes = configuration.number("nodeCount") or 1
    per_node = configuration.section("mpi").number("processCountPerNode")
    communicator = configuration.text("communicator", "None").lower()
    mpi = {"distributionType": "Mpi", "processCountPerInstance": per_node or 1}
    resources: Json = {"instanceCount": nodes}
    if target.lower() == SINGLE_RUN_CLUSTER:
        size = configuration.section("amlcompute").text("vmSize")
        if not size:
            raise configuration.section("amlcompute").wrong("vmSize", "is missing, which the run's own cluster needs")
        return {"resources": {**resources, "instanceType": size}}
    return {
        "computeId": workspace.child("compute", target),
        "resources": resources,
        **({"distribution": mpi} if communicator in ("mpi", "openmpi", "intelmpi") else {}),
    }


def _limits(configuration: Section) -> Json:
    seconds = configuration.number("maxRunDurationSeconds")
    if seconds is None:
        return {}
    if not 0 < seconds <= _MOST_SECONDS:
        raise configuration.wrong("maxRunDurationSeconds", f"must be from 1 to {_MOST_SECONDS}")
    return {"limits": {"jobLimitsType": "Command", "timeout": f"PT{seconds}S"}}
