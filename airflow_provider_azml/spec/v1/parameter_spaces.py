"""Arguments that HyperDrive of v1 tries values of, as a search space of today.

Source: azureml-train-core 1.62, ``parameter_expressions`` and ``sampling``, and azureml-core 1.61,
``azureml._cli.run.run_commands._get_parameter_space``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.rules import lower
from airflow_provider_azml.spec.sweep_parts import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

CHOICE, RANDINT = "choice", "randint"
OF_SAMPLINGS: Mapping[str, Sequence[str]] = {
    "grid": (CHOICE,),
    "bayesian": (CHOICE, "quniform", "uniform"),
}
"""Sampling -> the distributions that it takes; others take all."""
_NOT_LEGAL = re.compile(r"\W", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*)?(?:\.\d*)?[eE][-+]?\d+")
"""Numbers that YAML 1.2 knows, by which v1 read files, and YAML 1.1 does not."""
_MOST_STEPS = 100_000
_ONE_LIST = 1


@dataclass(frozen=True)
class Parameter:
    """An argument whose values are tried.

    Args:
        source: What the file says of it.
    """

    source: Source

    @property
    def name(self) -> str:
        """Its name as the file has it."""
        return str(self.source.value.get("name"))

    @property
    def key(self) -> str:
        """Its name in the search space: letters, digits and underscores."""
        return _NOT_LEGAL.sub("_", self.name.lstrip("-"))

    @property
    def word(self) -> str:
        """The word before its value on the command line; the service writes ``--`` before names without any."""
        return self.name if self.name.startswith("-") else f"--{self.name}"

    @property
    def reference(self) -> str:
        """What stands for its value on the command line."""
        found = f"${{{{search_space.{self.key}}}}}"
        has_spaces = self.expression == CHOICE and any(shlex.quote(str(item)) != str(item) for item in self.values)
        return f'"{found}"' if has_spaces else found

    @property
    def expression(self) -> str:
        """The distribution of its values."""
        return lower(self.source.value.get("expression"))

    @property
    def values(self) -> list[Any]:
        """What the distribution needs; the options of a choice may be a list inside the list."""
        given = self.source.value.get("values")
        listed = given if isinstance(given, list) else []
        if self.expression == CHOICE and len(listed) == _ONE_LIST and isinstance(listed[0], list):
            listed = listed[0]
        return [_number(item) for item in listed]

    def distribution(self) -> Json:
        """The same in the words of today."""
        if self.expression == CHOICE:
            return {"type": CHOICE, "values": self.values}
        return {"type": self.expression, **dict(zip(ARGUMENTS[self.expression], self.values, strict=True))}

    def problems(self, sampling: str) -> Iterator[Problem]:
        """What is wrong with its values.

        Args:
            sampling: How values are picked.
        """
        if self.expression not in ARGUMENTS or not isinstance(self.source.value.get("values"), list):
            return  # the schema says so
        taken = OF_SAMPLINGS.get(sampling, tuple(ARGUMENTS))
        if self.expression not in taken:
            reason = f"{sampling} sampling takes {', '.join(taken)} alone, and this is {self.expression}"
            yield self.source.problem(("expression",), reason)
        elif self.expression == CHOICE:
            yield from self._choice_problems()
        else:
            fault = self._fault(sampling)
            if fault:
                yield self.source.problem(("values",), fault)

    def _choice_problems(self) -> Iterator[Problem]:
        if not self.values:
            yield self.source.problem(("values",), "holds no option")
        for item in self.values:
            if not isinstance(item, (str, int, float)) or isinstance(item, bool):
                reason = f"{item!r:.40} is no option of v2; write numbers or text, e.g. 'true'"
                yield self.source.problem(("values",), reason)
                return

    def _fault(self, sampling: str) -> str | None:
        """What is wrong with the arguments of a distribution."""
        names, values = ARGUMENTS[self.expression], self.values
        if len(values) != len(names):
            return f"{self.expression} takes {' and '.join(names)}, and {len(values)} values are given"
        for name, value in zip(names, values, strict=True):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                return f"{name} of {self.expression} is {value!r:.40}, and it must be a number"
        given = dict(zip(names, values, strict=True))
        if self.expression == RANDINT and not (isinstance(given["upper"], int) and given["upper"] > 0):
            return f"upper of randint is {given['upper']}, and it must be a whole number from 1"
        if "q" in given and (given["q"] != int(given["q"]) or given["q"] <= 0):
            return f"q of {self.expression} is {given['q']}, and it must be a whole number from 1"
        if given.get("sigma", 0) < 0:
            return f"sigma of {self.expression} is {given['sigma']}, and it must not be less than 0"
        return self._fault_of_range(given, sampling) if "min_value" in given else None

    def _fault_of_range(self, given: Mapping[str, float], sampling: str) -> str | None:
        low, high = given["min_value"], given["max_value"]
        if low > high or (low == high and "log" not in self.expression):
            return f"min_value of {self.expression} is {low}, and it must be less than max_value, which is {high}"
        if sampling == "bayesian" and "q" in given:
            if any(value != int(value) for value in given.values()):
                return "bayesian sampling takes whole numbers for quniform alone"
            if (high - low) / given["q"] > _MOST_STEPS:
                return "has too many steps for bayesian sampling; make q larger, or write uniform"
        return None


def _number(value: object) -> object:
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) and value[:1] not in "eE" else value
