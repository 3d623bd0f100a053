"""Script runs of CLI v1 as jobs of today: a run configuration, with the script that its command line names.

Source: azureml-core 1.61, ``azureml._cli.run.run_commands.submit_run``, which is ``az ml run submit-script``, and
https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-command-job.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.local_paths import is_folder
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import environments, run_clusters, run_services, runconfigs, scripts, spark_runs
from airflow_provider_azml.spec.v1.camel_keys import in_camel_case
from airflow_provider_azml.spec.v1.placed import Placed, gathered, put, unless_empty
from airflow_provider_azml.spec.v1.run_data import REFERENCES, RunData
from airflow_provider_azml.spec.v1.runconfigs import SCHEMA, RunConfig
from airflow_provider_azml.spec.v1.steps import compute_name
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path as Place
    from airflow_provider_azml.spec.source import Source

_NO_COMPUTE = "v1 ran this on the machine that submitted it; without a compute Azure ML runs it on serverless compute"
_DEFAULTS = "the image and packages that v1 took where nothing was said; name an environment of the workspace instead"
_VARIABLES = "v1 told the script in environment variables where its data are; so does this"
_READ_ONLY = "v1 mounted data in datastores to be written too; Azure ML mounts inputs to be read alone"
_AS_FOLDER = "taken as a folder; for a dataset that is still one of v1, write type mltable and mode eval_mount"


@dataclass(frozen=True)
class ScriptRun:
    """A run of a script.

    Args:
        source: The run configuration, with the script and arguments of the command line over its own.
        code: Folder of the code.
    """

    source: Source
    code: Path

    @cached_property
    def runconfig(self) -> RunConfig:
        """The run configuration."""
        return RunConfig(self.source, self.code)

    @cached_property
    def data(self) -> RunData:
        """The data of its script."""
        return RunData(self.source, self.runconfig.runs_spark)

    @property
    def script(self) -> str | None:
        """The script, relative to the folder of the code."""
        given = self.source.value.get("script")
        return None if is_unset(given) else str(given).replace("\\", "/")

    @property
    def arguments(self) -> list[str]:
        """The arguments of the script."""
        given = self.source.value.get("arguments")
        return [str(argument) for argument in given] if isinstance(given, list) else []

    @property
    def line(self) -> str | None:
        """What runs instead of a script."""
        given = self.source.value.get("command")
        if is_unset(given):
            return None
        return " ".join(map(str, given)) if isinstance(given, list) else str(given)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it, and what v2 cannot say."""
        yield from self.runconfig.problems()
        yield from self.data.problems(self._texts)
        yield from run_services.problems(self.source)
        if self._has_own_cluster:
            yield from run_clusters.problems(self.source)
        yield from self.script_problems()
        if self.runconfig.runs_spark:
            yield from spark_runs.problems(self.runconfig, self.data, self.line, self.arguments)

    def script_problems(self) -> Iterator[Problem]:
        """What is wrong with what it runs."""
        source = self.source
        if self.script and self.line:
            yield source.problem(("command",), f"goes without a script, and {self.script!r} is one; leave one of them")
        elif not self.script and not self.line:
            yield source.problem(("script",), "is missing: say here, or to what submits this, which script runs")
        elif self.line and self.arguments:
            yield source.problem(("arguments",), "goes with a script alone; write them into the command", at_key=True)
        if not is_folder(self.code):
            yield source.problem((), f"there is no folder {str(self.code)!r} with the code")
        elif self.script:
            yield from scripts.problems(source, ("script",), self.script, self.code, str(self.code))

    def job(self, more: Mapping[str, str] | None = None) -> Mapping[str, Placed | None]:
        """The keys of the command job that it becomes.

        Args:
            more: Further arguments of the script, word -> the text that stands for its value.
        """
        runconfig = self.runconfig
        target = None if self._has_own_cluster else runconfig.target
        said = dict(runconfig.translated(runconfigs.project_folder(self.source)))
        return {
            "command": put(self._command(more or {}), self.source, "command" if self.line else "script"),
            "code": self.folder(),
            "environment": said.pop("environment"),
            "compute": None if target is None else target._replace(value=compute_name(target.value)),
            "inputs": unless_empty(gathered(self.data.inputs(), self.source, "data")),
            "outputs": unless_empty(gathered(self.data.outputs(), self.source, "outputData")),
            **said,
            **(run_clusters.members(self.source, said["resources"]) if self._has_own_cluster else {}),
            "services": run_services.services(self.source),
        }

    def folder(self) -> Placed:
        """Folder of the code, relative to that of the project."""
        project = runconfigs.project_folder(self.source)
        return put(Path(os.path.relpath(self.code, project)).as_posix(), self.source, "script")

    def content(self, placed: Placed) -> Source:
        """The content of a new file, whose paths start from the folder of the project as those of v1 did."""
        project = runconfigs.project_folder(self.source)
        return replace(self.source, value=placed.value, marks=placed.marks, base_path=project, file=None)

    def remarks(self, trial: Place = ()) -> Iterator[Remark]:
        """The choices that were made.

        Args:
            trial: Where in the new file command and environment are.
        """
        if self._has_own_cluster:
            yield run_clusters.remark()
        elif self.runconfig.target is None:
            yield Remark((), _NO_COMPUTE)
        yield from self._environment_remarks((*trial, "environment"))
        if self.data.variables(self._named):
            yield Remark((*trial, "command"), _VARIABLES)
        for name, placed in self.data.inputs().items():
            if str(placed.value["path"]).startswith("azureml:") and "://" not in placed.value["path"]:
                yield Remark(("inputs", name), _AS_FOLDER)
            elif placed.value["mode"] == "ro_mount" and name in mapping(self.source.value.get(REFERENCES)):
                yield Remark(("inputs", name), _READ_ONLY)

    def _environment_remarks(self, place: Place) -> Iterator[Remark]:
        if is_unset(self.source.value.get("environment")):
            yield Remark(place, _DEFAULTS)
            return
        made = self.runconfig.translated(self.code)["environment"]
        said = mapping(None if made is None else made.value)
        named = environments.written_out(self.runconfig.environment)
        if said and named:
            yield Remark(place, named)
        if said.get("image") == environments.IMAGE and environments.names_no_image(self.runconfig.environment):
            yield Remark((*place, "image"), "the image that v1 took where none was named")
        if said.get("conda_file") == environments.CONDA:
            yield Remark((*place, "conda_file"), "the packages that v1 took where none were named")

    @property
    def _has_own_cluster(self) -> bool:
        return run_clusters.is_asked_for(self.source)

    @property
    def _named(self) -> set[str]:
        return self.data.named(list(self._texts.values()))

    @property
    def _texts(self) -> Mapping[Place, str]:
        if self.line:
            return {("command",): self.line}
        return {("arguments", place): argument for place, argument in enumerate(self.arguments)}

    def _command(self, more: Mapping[str, str]) -> str:
        variables = [f"{name}={value}" for name, value in self.data.variables(self._named).items()]
        if self.line is not None:
            exported = [f"export {' '.join(variables)} &&"] if variables else []
            return " ".join([*exported, self.data.filled(self.line, quoted=False)])
        script = [shlex.quote(self.runconfig.interpreter), shlex.quote(str(self.script))]
        arguments = [self.data.filled(argument) for argument in self.arguments]
        return " ".join([*variables, *script, *arguments, *(word for pair in more.items() for word in pair)])


def command_job(
    runconfig: Source,
    *,
    script: str | None = None,
    arguments: Sequence[object] | None = None,
    source_directory: Path | None = None,
    experiment_name: str | None = None,
) -> Translation:
    """The job that a run configuration becomes: of type ``command``, or ``spark`` where its framework is PySpark.

    Args:
        runconfig: The run configuration, as it is written.
        script: The script, relative to the folder of the code; by default what the run configuration says.
        arguments: Arguments of the script, in the place of those of the run configuration.
        source_directory: Folder of the code; by default that of the project.
        experiment_name: Experiment that it is listed under.

    Raises:
        SpecError: The run configuration is not valid, or says what v2 cannot say; with all problems at once.

    Example:
        >>> made = command_job(as_written(Path(".azureml/sklearn.runconfig")), script="train.py")
        >>> made.source.value["command"]
        'python train.py'
    """
    run = script_run(runconfig, script=script, arguments=arguments, source_directory=source_directory)
    notes = validate.told(run.problems(), strict=True)
    experiment = None if experiment_name is None else put(experiment_name, runconfig)
    if run.runconfig.runs_spark:
        made = spark_runs.job(run.runconfig, run.data, run.folder(), str(run.script), run.arguments)
        remarks = list(spark_runs.remarks(run.data))
        members: dict[str, Placed | None] = {"type": put("spark", runconfig, "framework"), **made}
    else:
        remarks = list(run.remarks())
        members = {"type": put("command", runconfig), **run.job()}
    placed = gathered({**members, "experiment_name": experiment}, runconfig)
    return Translation("job", run.content(placed), remarks=remarks, notes=notes)


def script_run(
    runconfig: Source,
    *,
    script: str | None = None,
    arguments: Sequence[object] | None = None,
    source_directory: Path | None = None,
    target: str | None = None,
) -> ScriptRun:
    """A run configuration with what a command line says over it; see :func:`command_job`.

    Args:
        runconfig: The run configuration, as it is written.
        script: The script.
        arguments: Arguments of the script.
        source_directory: Folder of the code.
        target: Compute that runs it.
    """
    said = {"script": script, "arguments": None if arguments is None else list(arguments), "target": target}
    given = {key: value for key, value in said.items() if value is not None}
    source = in_camel_case(runconfig, SCHEMA)
    code = runconfigs.project_folder(runconfig) if source_directory is None else source_directory
    return ScriptRun(source.merged(given) if given else source, code)
