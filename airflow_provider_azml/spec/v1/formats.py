"""The file formats of CLI v1 that say by themselves what is to be made: how each is known, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.kind_names import SCHEMAS, inferred, of_schema
from airflow_provider_azml.spec.v1 import (
    datasets,
    deployment,
    environment_files,
    hyperdrive,
    inference,
    pipelines,
    runconfigs,
    schedules,
    script_runs,
    todays_schedules,
)
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.translation import Translation

_SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
_OF_CLUSTERS = {"": "kubernetesOnlineEndpoint"}
"""Endpoints on Kubernetes have a schema of their own, and no type.

Source: the list of schemas in https://learn.microsoft.com/azure/machine-learning/reference-yaml-overview.
"""
PIPELINE, SCHEDULE = "pipeline", "schedule"
RUN_CONFIGURATION, HYPERDRIVE = "run_configuration", "hyperdrive"
ENVIRONMENT, DATASET = "environment", "dataset"
INFERENCE, DEPLOYMENT = "inference_configuration", "deployment_configuration"
_A_SERVICE = "it is taken by AzmlDeployWebserviceOperator as"


@dataclass(frozen=True)
class Format:
    """A file format of CLI v1.

    Args:
        noun: What a file of it is called.
        recognises: Whether a source is one, as it is written.
        check: Answers the notes of a file, or raises what is wrong with it.
        translation: What a file becomes; ``None`` for one that is nothing without another.
        goes_with: What is to be done with a file that is nothing without another.
        is_whole: Whether a file says all that what it becomes has to say, and its command line nothing.
    """

    noun: str
    recognises: Callable[[Source], bool]
    check: Callable[[Source], Sequence[Problem]]
    translation: Callable[[Source], Translation] | None = None
    goes_with: str = ""
    is_whole: Callable[[Source], bool] = lambda _: True


def _is_runconfig(source: Source) -> bool:
    """Whether a source is a run configuration, by its content or else by the ending of its file."""
    return runconfigs.is_runconfig(source) or (source.file is not None and source.file.suffix == runconfigs.ENDING)


def _names_script(runconfig: Source) -> bool:
    return not all(is_unset(runconfig.value.get(key)) for key in ("script", "command"))


FORMATS: Mapping[str, Format] = {
    PIPELINE: Format("pipeline", pipelines.is_pipeline, pipelines.check, pipelines.translation),
    SCHEDULE: Format(
        "schedule", schedules.is_schedule, schedules.check, todays_schedules.schedule, is_whole=lambda _: False
    ),
    RUN_CONFIGURATION: Format(
        "run configuration", _is_runconfig, runconfigs.check, script_runs.command_job, is_whole=_names_script
    ),
    HYPERDRIVE: Format(
        "HyperDrive configuration",
        hyperdrive.is_hdconfig,
        hyperdrive.check,
        goes_with="AzmlSubmitHyperDriveOperator takes it with a run configuration, and so does 'azml translate'",
    ),
    ENVIRONMENT: Format(
        "environment", environment_files.is_environment, environment_files.check, environment_files.environment
    ),
    DATASET: Format("dataset", datasets.is_dataset, datasets.check, datasets.data_asset),
    INFERENCE: Format(
        "inference configuration",
        inference.is_inference_config,
        inference.check,
        goes_with=f"{_A_SERVICE} inference_config=, and by 'azml translate' with --name and --model",
    ),
    DEPLOYMENT: Format(
        "deployment configuration",
        deployment.is_deployment_config,
        deployment.check,
        goes_with=f"{_A_SERVICE} deployment_config=, and by 'azml translate' with the inference configuration",
    ),
}
"""The formats, in the order in which a file is held against them."""


def name_of(source: Source) -> str | None:
    """The key of a source's format in `FORMATS`; ``None`` for what is no file of CLI v1.

    Args:
        source: A source as it is written.

    Example:
        >>> name_of(as_written(Path("hdconfig.yml")))
        'hyperdrive'
    """
    if "type" in source.value or of_schema(source.value):
        return None
    return next((name for name, row in FORMATS.items() if row.recognises(source)), None)


def of(source: Source) -> Format | None:
    """The format of a source; ``None`` for what is no file of CLI v1."""
    name = name_of(source)
    return FORMATS[name] if name else None


def translation(source: Source) -> Translation | None:
    """What a source becomes; ``None`` for what is no file of CLI v1.

    Raises:
        SpecError: It has problems, says what v2 cannot say, or is nothing without another file.
    """
    found = of(source)
    if found is None:
        return None
    if found.translation is None:
        reason = f"is {_a(found.noun)} of CLI v1, which is nothing by itself; {found.goes_with}"
        raise SpecError([source.problem((), reason)])
    return found.translation(source)


def of_today(source: Source) -> Source:
    """A source as a source of today; schedules, which Airflow takes as they are, and files of today stay.

    Raises:
        SpecError: It is a file of CLI v1 and has problems, says what v2 cannot say, or is nothing without another.

    Example:
        >>> of_today(as_written(Path("azureml_environment.json"))).value["image"]
        'mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04'
    """
    return source if name_of(source) == SCHEDULE else for_service(source)


def for_service(source: Source) -> Source:
    """As :func:`of_today`, but a schedule becomes one of today too: Azure ML takes no other.

    Raises:
        SpecError: As :func:`of_today`.
    """
    made = translation(source)
    return source if made is None else source_of(made)


def source_of(made: Translation, folder: Path | None = None) -> Source:
    """The source of a translation: it tells its kind, and notes tell what was chosen.

    Args:
        made: The translation.
        folder: Folder for the files that it needs besides; by default one that goes with the source.
    """
    source = made.beside(folder or made.source.opened.scratch) if made.files or made.copies else made.source
    chosen = [source.problem(remark.place, remark.text, severity="note") for remark in made.remarks]
    value = source.value if inferred(source.value) == made.kind else with_schema(made.kind, source.value)
    return replace(source, value=value, notes=(*source.notes, *made.notes, *chosen))


def with_schema(kind: str, value: Json) -> Json:
    """The content of a file with the ``$schema`` that tells its kind.

    Example:
        >>> with_schema("environment", {"image": "ubuntu"})["$schema"]
        'https://azuremlschemas.azureedge.net/latest/environment.schema.json'
    """
    names = SCHEMAS[kind]
    if kind == "online_endpoint" and value.get("compute"):
        names = _OF_CLUSTERS
    name = names.get(str(value.get("type", ""))) or next(iter(names.values()))
    return {"$schema": f"{_SCHEMAS}/{name}.schema.json", **value}


def _a(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
