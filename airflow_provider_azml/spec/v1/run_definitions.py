"""Run configurations of CLI v1 as its own service takes them: with the script, and with the conda packages written out.

Source: azureml-core 1.61, ``_serialize_run_config_to_dict`` (what ``definition.json`` has under ``Configuration``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import validate, yaml_text
from airflow_provider_azml.spec.source import text_of
from airflow_provider_azml.spec.v1 import environments, runconfigs, unsayable
from airflow_provider_azml.spec.v1.script_runs import script_run
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.script_runs import ScriptRun

_ON_THIS_MACHINE = "is this machine in v1, and nothing runs there; name a compute of the workspace here, or as compute"


@dataclass(frozen=True)
class RunDefinition:
    """What a run of v1 is started with.

    Args:
        configuration: The run configuration, complete.
        code: Folder of the code.
    """

    configuration: Json
    code: Path


def run_definition(
    runconfig: Source,
    *,
    script: str | None = None,
    arguments: Sequence[object] | None = None,
    source_directory: Path | None = None,
    target: str | None = None,
) -> RunDefinition:
    """What a run of v1 is started with, by its own service.

    Args:
        runconfig: The run configuration, as it is written.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script, in the place of those of the run configuration.
        source_directory: Folder of the code; by default that of the project.
        target: The compute, in the place of that of the run configuration.

    Raises:
        SpecError: The run configuration is not valid, or nothing can be run with it; with all problems at once.

    Example:
        >>> run_definition(as_written(Path("sklearn.runconfig")), script="train.py").configuration["script"]
        'train.py'
    """
    run = script_run(runconfig, script=script, arguments=arguments, source_directory=source_directory, target=target)
    # notes tell what v2 is not sent, and v1 is sent all
    validate.told(_problems(run), strict=True)
    value: dict[str, Any] = {**run.source.value, "environment": _environment(run)}
    return RunDefinition(value, run.code)


def _problems(run: ScriptRun) -> Iterator[Problem]:
    source = run.source
    yield from validate.problems(source, runconfigs.SCHEMA)
    yield from unsayable.none_texts(source, but=runconfigs.WITH_ANY_TEXT)
    yield from run.runconfig.environment_problems(rows=())
    if run.runconfig.target is None:
        yield source.problem(("target",), _ON_THIS_MACHINE)
    yield from run.script_problems()


def _environment(run: ScriptRun) -> Mapping[str, object]:
    """The environment, with what v1 takes where nothing is said, and without files that the service does not see."""
    environment = run.runconfig.environment
    value: dict[str, Any] = dict(environment.value) if isinstance(environment.value, dict) else {}
    if is_unset(value):
        return {"python": {"condaDependencies": environments.CONDA}, "docker": {"baseImage": environments.IMAGE}}
    file = environments.conda_file(environment, run.runconfig.folders)
    if file is None:
        return value
    packages = yaml_text.parse(text_of(file), str(file))[0]
    return {**value, "python": {**value["python"], "condaDependencies": packages, "condaDependenciesFile": None}}
