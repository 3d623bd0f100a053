"""The types of steps of pipeline files of CLI v1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.spec.v1 import foreign_steps
from airflow_provider_azml.spec.v1.foreign_steps import ForeignStep
from airflow_provider_azml.spec.v1.module_steps import ModuleStep
from airflow_provider_azml.spec.v1.parallel_steps import ParallelRunStep
from airflow_provider_azml.spec.v1.python_steps import PythonScriptStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.v1.placed import Placed
    from airflow_provider_azml.spec.v1.steps import Step


class _StepType(Protocol):
    """What knows a type of steps."""

    def problems(self) -> Iterator[Problem]: ...

    def node(self) -> Placed: ...


_TYPES: Mapping[str, Callable[[Step], _StepType]] = {
    "PythonScriptStep": PythonScriptStep,
    "ParallelRunStep": ParallelRunStep,
    "ModuleStep": ModuleStep,
    **dict.fromkeys([*foreign_steps.TYPES, *foreign_steps.ALIASES], ForeignStep),
}
_RETIRED = {
    "AdlaStep": "ran on Azure Data Lake Analytics, which Azure retired on 2024-02-29; run the script on Azure Synapse "
    "or Databricks instead",
}


def of(step: Step) -> _StepType:
    """A step as one of its type.

    Args:
        step: The step, of a file that was checked.
    """
    return _TYPES[step.type](step)


def problems(step: Step) -> Iterator[Problem]:
    """What is wrong with a step; nothing more of one whose type is unknown, which its schema tells."""
    if step.type in _RETIRED:
        yield step.source.problem(("type",), _RETIRED[step.type])
    elif step.type in _TYPES:
        yield from of(step).problems()
