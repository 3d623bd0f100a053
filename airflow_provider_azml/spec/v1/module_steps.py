"""Steps that run a registered module, as registered components.

Source: azureml-pipeline-core 1.62, ``_pipeline_yaml_parser``; v2 has components in place of modules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.references import PREFIX
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.v1.steps import Step

_UNSAYABLE = (
    Unsayable(("id",), "v2 has components in place of modules; register one, and write its name and version"),
    Unsayable(("arguments",), "a component has the command with its arguments; give values under parameters"),
    Unsayable(("runconfig",), "a component has what it runs in; leave it out"),
    Unsayable(("runconfig_parameters",), "a component has what it runs in; leave it out"),
)


@dataclass(frozen=True)
class ModuleStep:
    """A step that runs a registered module.

    Args:
        step: The step.
    """

    step: Step

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it."""
        yield from self.step.problems()
        yield from unsayable.problems(self.step.source, _UNSAYABLE)

    def node(self) -> Placed:
        """The node that it becomes."""
        step, source = self.step, self.step.source
        return gathered(
            {
                "type": put("command", source, "type"),
                "component": put(self._component, source, "name"),
                "compute": step.compute(),
                "inputs": unless_empty(gathered(step.inputs(), source, "inputs")),
                "outputs": unless_empty(gathered(step.outputs(), source, "outputs")),
            },
            source,
        )

    @property
    def _component(self) -> str:
        name, version = self.step.source.value.get("name"), self.step.source.value.get("version")
        return f"{PREFIX}{name}@default" if is_unset(version) else f"{PREFIX}{name}:{version}"
