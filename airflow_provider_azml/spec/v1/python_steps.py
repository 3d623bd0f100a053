"""Steps that run a Python script, as commands."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.v1 import environments, run_clusters, runconfigs, scripts, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, put, unless_empty
from airflow_provider_azml.spec.v1.runconfigs import RunConfig
from airflow_provider_azml.spec.v1.unsayable import Unsayable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.v1.steps import Step

_RUNCONFIG = ("runconfig",)
_ASSIGNED = "runconfig_parameters"
_PLACES: Mapping[str, Path] = {
    "NodeCount": ("resources", "instance_count"),
    "MpiProcessCountPerNode": ("distribution", "process_count_per_instance"),
    "TensorflowWorkerCount": ("distribution", "worker_count"),
    "TensorflowParameterServerCount": ("distribution", "parameter_server_count"),
}
"""What a pipeline's parameters can set in a run configuration -> where it stands today.

Source: azureml-pipeline-core 1.62, ``_get_parameterizable_runconfig_properties``.
"""
_OF_SCRIPTS = (
    Unsayable(("dataReferences",), "a step takes data as inputs; give it under data_references of the pipeline"),
    Unsayable(("data",), "a step takes data as inputs; give it under data_references of the pipeline"),
    Unsayable(("outputData",), "a step writes to outputs; give it under outputs of the step"),
    Unsayable(("applicationEndpoints",), "v2 calls them services, of a command job; write the job as one"),
)
_NO_SPARK = "v2 runs Spark as jobs of type spark; write this step as one"
_NO_CLUSTER = "v2 makes no cluster for a run; name a compute, or serverless"
_COMPONENT_KEYS = ("command", "code", "environment")


@dataclass(frozen=True)
class PythonScriptStep:
    """A step that runs a Python script.

    Args:
        step: The step.
    """

    step: Step

    @cached_property
    def runconfig(self) -> RunConfig | SpecError | None:
        """Its run configuration, or why that cannot be read."""
        return runconfigs.found(self.step.source, _RUNCONFIG, self.step.code_folder)

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it."""
        step, runconfig = self.step, self.runconfig
        yield from step.problems()
        if isinstance(runconfig, SpecError):
            yield from runconfig.problems
        elif runconfig is not None:
            yield from runconfig.problems()
            yield from unsayable.problems(runconfig.source, _OF_SCRIPTS)
            if runconfig.runs_spark:
                yield runconfig.source.problem(("framework",), _NO_SPARK)
            if run_clusters.is_asked_for(runconfig.source):
                yield runconfig.source.problem(("target",), _NO_CLUSTER)
        script = str(step.source.value.get("script_name")).replace("\\", "/")
        yield from scripts.problems(step.source, ("script_name",), script, step.code_folder, step.code)
        for name in step.names(_ASSIGNED):
            if name not in _PLACES:
                meant = closest(name, _PLACES)
                hint = f"; did you mean {meant!r}?" if meant else ""
                reason = f"{name!r} cannot be set; {', '.join(_PLACES)} can{hint}"
                yield step.source.problem((_ASSIGNED, name), reason, at_key=True)
            elif _PLACES[name][0] == "distribution" and not self._is_distributed:
                reason = "counts with a runconfig that has a communicator, which this step has not"
                yield step.source.problem((_ASSIGNED, name), reason, at_key=True)

    def node(self) -> Placed:
        """The node that it becomes."""
        step, source, base = self.step, self.step.source, self.step.source.base_path
        runconfig = self.runconfig if isinstance(self.runconfig, RunConfig) else None
        said = dict(runconfig.translated(base)) if runconfig else {"environment": environments.default(source)}
        members: dict[str, Placed | None] = {
            "type": put("command", source, "type"),
            "display_name": step.display_name(),
            "command": put(self._command(runconfig), source, "script_name"),
            "code": put(step.code, source, "source_directory"),
            "compute": step.compute(runconfig.target if runconfig else None),
            "inputs": unless_empty(gathered(step.inputs(), source, "inputs")),
            "outputs": unless_empty(gathered(step.outputs(), source, "outputs")),
            **said,
        }
        members |= self._assigned(members)
        if step.is_never_reused or step.names(_ASSIGNED):
            members = step.around_component(members, _COMPONENT_KEYS)
        return gathered(members, source)

    @property
    def _is_distributed(self) -> bool:
        found = self.runconfig
        return isinstance(found, RunConfig) and found.translated(found.code)["distribution"] is not None

    def _command(self, runconfig: RunConfig | None) -> str:
        script = shlex.quote(str(self.step.source.value.get("script_name")).replace("\\", "/"))
        variables = [f"{name}={value}" for name, value in self.step.unnamed().items()]
        interpreter = shlex.quote(runconfig.interpreter if runconfig else "python")
        return " ".join([*variables, interpreter, script, *self.step.arguments()])

    def _assigned(self, members: Mapping[str, Placed | None]) -> dict[str, Placed | None]:
        """Resources and distribution, with what parameters of the pipeline set in them."""
        changed: dict[str, dict[str, Placed | None]] = {}
        for name, value in self.step.assigned(_ASSIGNED).items():
            section, key = map(str, _PLACES[name])
            changed.setdefault(section, {})[key] = value
        made: dict[str, Placed | None] = {}
        for section, values in changed.items():
            before = members.get(section)
            old = {} if before is None else before.value
            marks = {} if before is None else before.marks.inside
            kept = {key: Placed(item, marks.get(key, before.marks)) for key, item in old.items() if before is not None}
            made[section] = gathered({**kept, **values}, self.step.source, _ASSIGNED)
        return made
