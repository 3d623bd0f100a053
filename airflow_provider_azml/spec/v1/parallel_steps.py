"""Steps that run a script over batches of data, as parallel jobs.

Source: azureml-pipeline-core 1.62, ``_ParallelRunConfigBase.load_yaml``, and
https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-execution-parallel-run-step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import validate
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import environments, scripts
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.steps import Step

SCHEMA = "v1_parallel_run_config.schema.json"
ROOT = "parallel_run_config"
_FILES_PER_BATCH = "10"
"""What v1 takes where nothing is said; v2 takes one."""
_ROWS = "parallel_run_step.txt"
_DEFINITION = "azureml_environment.json"
_COMPONENT_KEYS = (
    "description",
    "input_data",
    "mini_batch_size",
    "partition_keys",
    "error_threshold",
    "mini_batch_error_threshold",
    "logging_level",
    "max_concurrency_per_instance",
    "retry_settings",
    "task",
)
_ENVIRONMENTS = ("environment", "environment_name", "environment_dir_path")


@dataclass(frozen=True)
class ParallelRunStep:
    """A step that runs a script over batches of data.

    Args:
        step: The step.
    """

    step: Step

    @cached_property
    def file(self) -> Source | SpecError:
        """The file with its configuration, or why it cannot be read."""
        source = self.step.source
        try:
            return source.pulled(str(source.value.get(ROOT)).replace("\\", "/"), at=(ROOT,))
        except SpecError as error:
            return error

    @cached_property
    def config(self) -> Source:
        """Its configuration; an empty one where that cannot be read."""
        return self.step.source.at("nothing") if isinstance(self.file, SpecError) else self.file.at(ROOT)

    @cached_property
    def written(self) -> Source | None:
        """The environment that it writes out, if that can be read."""
        return None if isinstance(self.environment, SpecError) else self.environment

    @cached_property
    def environment(self) -> Source | SpecError | None:
        """The environment that it writes out, here or in a file; ``None`` for a registered one, or none."""
        given = self.config.value.get("environment")
        if isinstance(given, dict):
            return self.config.at("environment")
        folder = self.config.value.get("environment_dir_path")
        try:
            if isinstance(given, str) and not is_unset(given):
                return self.config.pulled(given.replace("\\", "/"), at=("environment",))
            if isinstance(folder, str) and not is_unset(folder):
                return self.config.pulled(f"{folder}/{_DEFINITION}".replace("\\", "/"), at=("environment_dir_path",))
        except SpecError as error:
            return error
        return None

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it."""
        step, config = self.step, self.config
        yield from step.problems()
        if isinstance(self.file, SpecError):
            yield from self.file.problems
            return
        yield from validate.problems(self.file, SCHEMA)
        if len(step.names("inputs")) != 1:
            reason = "v2 cuts one input into batches; leave one, and make side_inputs of the others"
            yield step.source.problem(("inputs",), reason, at_key=True)
        if len(step.names("outputs")) > 1:
            yield step.source.problem(("outputs",), "v1 wrote to the first alone; leave one", at_key=True)
        if self._appends and not step.names("outputs"):
            yield config.problem(("output_action",), "append_row writes to an output, and the step has none")
        script = str(config.value.get("entry_script")).replace("\\", "/")
        yield from scripts.problems(config, ("entry_script",), script, self._code_folder, self._code)
        yield from self._environment_problems()

    def node(self) -> Placed:
        """The node that it becomes."""
        step, source, config = self.step, self.step.source, self.config
        batch = step.names("inputs")[0]
        members: dict[str, Placed | None] = {
            "type": put("parallel", source, "type"),
            "description": kept(config, "description"),
            "compute": step.compute(kept(config, "compute_target_name") or kept(config, "compute_target")),
            "inputs": unless_empty(gathered(step.inputs(), source, "inputs")),
            "outputs": unless_empty(gathered(step.outputs(), source, "outputs")),
            "input_data": put(f"${{{{inputs.{batch}}}}}", source, "inputs", batch),
            "mini_batch_size": self._batch_size,
            "partition_keys": kept(config, "partition_keys"),
            "error_threshold": kept(config, "error_threshold"),
            "mini_batch_error_threshold": kept(config, "allowed_failed_count"),
            "logging_level": self._upper("logging_level"),
            "max_concurrency_per_instance": kept(config, "process_count_per_node"),
            "retry_settings": self._retries,
            "resources": self._named("node_count", "instance_count"),
            "environment_variables": unless_empty(gathered(self._variables, config, "environment_variables")),
            "task": self._task(),
        }
        if step.is_never_reused:
            members = {**step.around_component(members, _COMPONENT_KEYS), "display_name": step.display_name()}
        return gathered(members, source)

    def _task(self) -> Placed:
        step, config = self.step, self.config
        arguments = step.arguments()
        percent = config.value.get("allowed_failed_percent")
        if percent is not None:
            arguments += ["--allowed_failed_percent", str(percent)]
        return gathered(
            {
                "type": put("run_function", config),
                "code": put(self._code, config, "source_directory"),
                "entry_script": put(str(config.value["entry_script"]).replace("\\", "/"), config, "entry_script"),
                "environment": self._environment(),
                "program_arguments": put(" ".join(arguments), step.source, "arguments") if arguments else None,
                "append_row_to": self._rows,
            },
            config,
        )

    @property
    def _code(self) -> str:
        """Folder of the script, relative to that of the pipeline's file, as v1 had both in one place."""
        given = self.config.value.get("source_directory")
        return self.step.code if is_unset(given) else str(given).replace("\\", "/")

    @property
    def _code_folder(self) -> Path:
        return self.step.source.local(self._code)

    @property
    def _appends(self) -> bool:
        return lower(self.config.value.get("output_action") or "append_row") == "append_row"

    @property
    def _rows(self) -> Placed | None:
        outputs = self.step.names("outputs")
        if not self._appends or not outputs:
            return None
        name = self.config.value.get("append_row_file_name") or _ROWS
        return put(f"${{{{outputs.{outputs[0]}}}}}/{name}", self.config, "append_row_file_name")

    @property
    def _batch_size(self) -> Placed | None:
        given = self.config.value.get("mini_batch_size")
        if given is None and self.config.value.get("partition_keys"):
            return None
        return put(_FILES_PER_BATCH if given is None else str(given).lower(), self.config, "mini_batch_size")

    @property
    def _retries(self) -> Placed | None:
        tries = kept(self.config, "run_max_try")  # v1 counts the first, and v2 how often it is tried again
        again = None if tries is None else tries._replace(value=int(tries.value) - 1)
        members = {"timeout": kept(self.config, "run_invocation_timeout"), "max_retries": again}
        return unless_empty(gathered(members, self.config))

    @property
    def _variables(self) -> dict[str, Placed]:
        given = mapping(self.config.value.get("environment_variables"))
        own = {
            name: put(str(value), self.config, "environment_variables", name)
            for name, value in given.items()
            if value is not None
        }
        said = environments.variables(self.written) if self.written else {}
        return {**said, **own}

    def _upper(self, key: str) -> Placed | None:
        found = kept(self.config, key)
        return None if found is None else found._replace(value=str(found.value).upper())

    def _named(self, key: str, name: str) -> Placed | None:
        found = kept(self.config, key)
        return None if found is None else gathered({name: found}, self.config, key)

    def _environment(self) -> Placed:
        if self.written is not None:
            return environments.translated(self.written, self._folders, self.step.source.base_path)
        name = self.config.value.get("environment_name")
        return put(environments.reference(str(name), None), self.config, "environment_name")

    def _environment_problems(self) -> Iterator[Problem]:
        found, config = self.environment, self.config
        if isinstance(found, SpecError):
            yield from found.problems
        elif found is not None:
            yield from environments.problems(found, self._folders)
        elif is_unset(config.value.get("environment_name")):
            yield config.problem((), f"one of {', '.join(_ENVIRONMENTS)} is needed: what the script runs in")

    @property
    def _folders(self) -> list[Path]:
        own = [self.written.base_path] if self.written else []
        return [*own, *environments.folders_of(self.config, self._code_folder)]
