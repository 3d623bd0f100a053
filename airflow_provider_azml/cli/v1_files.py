"""Files of CLI v1 on the command line: which of them belong together, and what they become."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import formats, hyperdrive, published, script_runs, web_services
from airflow_provider_azml.spec.v1.formats import (
    DEPLOYMENT,
    FORMATS,
    HYPERDRIVE,
    INFERENCE,
    PIPELINE,
    RUN_CONFIGURATION,
    SCHEDULE,
)
from airflow_provider_azml.spec.v1.translation import Translation

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source
_OF_SERVICES = frozenset({INFERENCE, DEPLOYMENT})
_OF_RUNS = frozenset({RUN_CONFIGURATION})
_A_JOB = "--set create_job.job=azureml:NAME of a job that ran"
_PUBLISHED = "component"
"""The kind of what ``az ml pipeline create`` of CLI v1 made of a pipeline file."""
_GO_WITH: Mapping[str, frozenset[str]] = {
    "script": _OF_RUNS,
    "arguments": _OF_RUNS,
    "source_directory": _OF_RUNS,
    "experiment_name": _OF_RUNS | {PIPELINE, SCHEDULE},
    "name": _OF_SERVICES | {SCHEDULE},
    **dict.fromkeys(("model", "compute_target", "environment", "model_framework"), _OF_SERVICES),
}
"""Options -> the formats of which one has to be among the files."""


class _OfRun(TypedDict):
    """What the command line says of a run."""

    script: str | None
    arguments: list[str] | None
    source_directory: Path | None
    experiment_name: str | None


@dataclass(frozen=True)
class Product:
    """A file of today.

    Args:
        name: What it is called, without its ending.
        translation: What it says.
        origins: The files that it was made of.
        pipeline: Of a schedule, the name of the pipeline file that it submits.
        afterwards: What is to be done once it is made; a sentence.
    """

    name: str
    translation: Translation
    origins: Sequence[Source] = field(default_factory=tuple)
    pipeline: str | None = None
    afterwards: str | None = None

    @property
    def is_of_v1(self) -> bool:
        """Whether it was made of files of CLI v1."""
        return any(formats.of(one) for one in self.origins)

    def merged(self, overrides: Mapping[str, object]) -> Product:
        """The same with other values over its own."""
        source = self.translation.source.merged(overrides)
        return replace(self, translation=replace(self.translation, source=source))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare what CLI v1 was told on its command line, besides files."""
    told = parser.add_argument_group("of files of CLI v1, what its command line said")
    told.add_argument("--script", metavar="FILE", help="of a run configuration: the script, in --source-directory")
    told.add_argument("--arguments", metavar="TEXT", help="its arguments, e.g. --arguments='--epochs 3'")
    told.add_argument("--source-directory", type=Path, metavar="FOLDER", help="folder of the code")
    told.add_argument("--experiment-name", metavar="NAME", help="experiment of the job, or of a schedule's jobs")
    told.add_argument("--name", metavar="NAME", help="name of the service, schedule or component")
    told.add_argument(
        "--model", action="append", metavar="NAME[:VERSION]", help="a model of the web service; repeatable"
    )
    told.add_argument("--compute-target", metavar="NAME", help="cluster of the web service")
    told.add_argument("--environment", metavar="NAME[:VERSION]", help="registered environment of the web service")
    told.add_argument("--model-framework", metavar="NAME", help="framework of a model without inference configuration")


def products(files: Sequence[Source], arguments: argparse.Namespace, overrides: Json) -> Sequence[Product]:
    """What files become that are given together.

    Args:
        files: The files, as they are written.
        arguments: The options of the command line.
        overrides: Values over those of what they become, which has to be one file then, or a schedule with its
            pipeline.

    Raises:
        SpecError: One cannot be used, or lacks another that it goes with; it is named.
    """
    _refuse_pointless(files, arguments)
    sorted_ = _Files(files)
    found = [
        *_pipelines(sorted_, arguments, overrides),
        *_runs(sorted_, arguments),
        *_services(sorted_, arguments),
        *(Product(_stem(one), _alone(one, overrides, arguments.kind), (one,)) for one in sorted_.rest),
    ]
    if overrides and found:
        if len(found) > 1 and found[-1].pipeline is None:
            raise SpecError([Problem("--set", 0, 0, "", f"{len(found)} files would take it; translate one at a time")])
        found[-1] = found[-1].merged(overrides)
    return found


def _refuse_pointless(files: Sequence[Source], arguments: argparse.Namespace) -> None:
    """Refuse options that say nothing of any of the files."""
    given = {formats.name_of(one) for one in files}
    if arguments.kind == _PUBLISHED and PIPELINE in given:
        given.add(SCHEDULE)  # a component has a name as well
    for option in (option for option, names in _GO_WITH.items() if getattr(arguments, option) and not names & given):
        nouns = " or ".join(FORMATS[name].noun for name in FORMATS if name in _GO_WITH[option])
        shown = f"--{option.replace('_', '-')}"
        raise SpecError([Problem(shown, 0, 0, "", f"goes with a {nouns} of CLI v1, and none is given")])


class _Files:
    """Files by their formats.

    Args:
        files: The files, as they are written.
    """

    def __init__(self, files: Sequence[Source]) -> None:
        by: dict[str | None, list[Source]] = {}
        for one in files:
            by.setdefault(formats.name_of(one), []).append(one)
        self._by = by

    def of(self, name: str) -> list[Source]:
        """The files of a format, which are seen to."""
        return self._by.pop(name, [])

    @property
    def rest(self) -> list[Source]:
        """The files that nobody has seen to."""
        return [one for found in self._by.values() for one in found]


def _pipelines(files: _Files, arguments: argparse.Namespace, overrides: Json) -> list[Product]:
    """Pipelines, and after them the schedule of one."""
    if arguments.kind == _PUBLISHED:
        return [
            Product(_stem(one), published.component(one, arguments.name or _stem(one)), (one,))
            for one in files.of(PIPELINE)
        ]
    found = [Product(_stem(one), _alone(one), (one,)) for one in files.of(PIPELINE)]
    given = files.of(SCHEDULE)
    if arguments.experiment_name and not given:
        found = [one.merged({"experiment_name": arguments.experiment_name}) for one in found]
    names_job = "job" in mapping(overrides.get("create_job"))
    return [*found, *(_schedule(one, arguments, found, names_job=names_job) for one in given)]


def _schedule(
    source: Source, arguments: argparse.Namespace, pipelines: Sequence[Product], *, names_job: bool
) -> Product:
    """A schedule of the one pipeline that is given beside it, or of the job that is named."""
    made = _named(Product(_stem(source), _alone(source), (source,)), arguments.name or _stem(source))
    if arguments.experiment_name:
        made = made.merged({"create_job": {"experiment_name": arguments.experiment_name}})
    if len(pipelines) == 1:
        file = pipelines[0].origins[0].file
        job = str(file and file.absolute())
        return replace(made.merged({"create_job": {"job": job}}), pipeline=pipelines[0].name)
    if not names_job:
        reason = f"goes with one pipeline, and there are {len(pipelines)}; give the file of one beside it, or {_A_JOB}"
        raise SpecError([source.problem((), reason)])
    return made


def _runs(files: _Files, arguments: argparse.Namespace) -> list[Product]:
    """Jobs of run configurations, or a sweep of one."""
    runs, sweeps = files.of(RUN_CONFIGURATION), files.of(HYPERDRIVE)
    told: _OfRun = {
        "script": arguments.script,
        "arguments": None if arguments.arguments is None else shlex.split(arguments.arguments),
        "source_directory": arguments.source_directory and arguments.source_directory.absolute(),
        "experiment_name": arguments.experiment_name,
    }
    if not sweeps:
        return [Product(_stem(one), script_runs.command_job(one, **told), (one,)) for one in runs]
    if len(runs) != 1:
        reason = f"goes with one run configuration, and there are {len(runs)}; give the file of one beside it"
        raise SpecError([one.problem((), reason) for one in sweeps])
    return [Product(_stem(one), hyperdrive.sweep_job(one, *runs, **told), (*runs, one)) for one in sweeps]


def _services(files: _Files, arguments: argparse.Namespace) -> list[Product]:
    """The endpoint and the deployment of a web service."""
    found, configs = files.of(INFERENCE), files.of(DEPLOYMENT)
    given = (*found, *configs)
    if not given:
        return []
    for many in (many for many in (found, configs) if many[1:]):
        raise SpecError([one.problem((), "is one of several of its kind; a web service has one") for one in many])
    if not arguments.name:
        raise SpecError([given[0].problem((), "does not say what the web service is called; give --name")])
    made = web_services.web_service(
        arguments.name,
        arguments.model or [],
        next(iter(found), None),
        next(iter(configs), None),
        compute_target=arguments.compute_target,
        environment=arguments.environment,
        framework=arguments.model_framework,
        base_path=Path(),
    )
    deployed = made.deployment
    if made.local_port is not None:
        reason = (
            "v1 served it on a port of this machine; the emulator does, and 'az ml online-deployment create --local'"
        )
        here = configs[0].problem(("computeType",), reason, severity="note")
        deployed = replace(deployed, notes=(*deployed.notes, here))
    told = f"Once it is there, its endpoint is to send it its traffic: {web_services.DEPLOYMENT}={made.traffic}."
    return [
        Product("endpoint", made.endpoint, given),
        Product("deployment", deployed, given, afterwards=told),
    ]


def _named(made: Product, name: str) -> Product:
    """The same with a name, which files of today begin with."""
    source = made.translation.source
    return replace(
        made, translation=replace(made.translation, source=replace(source, value={"name": name, **source.value}))
    )


def _alone(source: Source, overrides: Json | None = None, kind: str | None = None) -> Translation:
    """What a file becomes by itself; one of today becomes the same again."""
    made = formats.translation(source)
    return made or Translation(kind or kinds.kind_of(source.merged(overrides or {})), source)


def _stem(source: Source) -> str:
    return Path(source.file.name).stem if source.file else "file"
