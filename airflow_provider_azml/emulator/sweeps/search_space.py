"""The search space of a sweep: which values its parameters may have.

Sources: ``searchSpace`` as azure-ai-ml 1.35.2 sends it, e.g. ``["uniform", [0.1, 1]]``; what each distribution means:
https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters and reference-yaml-job-sweep.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Parameters: TypeAlias = "dict[str, object]"
"""Parameter -> the value that is tried."""
Draw: TypeAlias = "Callable[[], float]"
"""Gives the next of some numbers from 0 (inclusive) to 1 (exclusive)."""

_Pair: TypeAlias = "tuple[str, list[object]]"
_WHOLE_UP_TO = 1e15
_LEAST = 2.0**-53


class SearchSpaceError(AzmlError):
    """A search space is written wrongly, or not one that its sampling algorithm can search."""


@dataclass(frozen=True)
class Tried:
    """A combination that a sweep tries or has tried.

    Args:
        parameters: The combination.
        score: What came of it so far, more being better; ``None`` while nothing has.
    """

    parameters: Parameters
    score: float | None = None


@dataclass(frozen=True)
class Choice:
    """One of some options.

    Args:
        options: The options: values, or spaces of their own, of which all parameters are tried together.
    """

    options: tuple[object, ...]
    kind: str = "choice"

    @property
    def size(self) -> int | None:
        """How many values there are; ``None`` for infinitely many."""
        return _together(sum, [option.size if isinstance(option, Space) else 1 for option in self.options])

    @property
    def coordinates(self) -> int:
        """How many numbers decide at most."""
        return 1 + max(option.coordinates if isinstance(option, Space) else 0 for option in self.options)

    def pick(self, draw: Draw) -> object:
        """A value."""
        option = self.options[int(draw() * len(self.options))]
        return option.pick(draw) if isinstance(option, Space) else option

    def nth(self, index: int) -> object:
        """A value by its place, when there are not infinitely many."""
        for option in self.options:
            size = (option.size or 0) if isinstance(option, Space) else 1
            if index < size:
                return option.nth(index) if isinstance(option, Space) else option
            index -= size
        raise IndexError(index)


@dataclass(frozen=True)
class Quantity:
    """A number that is distributed in some way.

    Args:
        kind: The distribution.
        arguments: Its arguments, in the service's order.
    """

    kind: str
    arguments: tuple[float, ...]

    coordinates = 1

    @property
    def size(self) -> int | None:
        """How many values there are; ``None`` for infinitely many."""
        return int(self.arguments[0]) if self.kind == "randint" else None

    def pick(self, draw: Draw) -> float:
        """A value."""
        return _QUANTITIES[self.kind].at(draw(), *self.arguments)

    def nth(self, index: int) -> object:
        """A value by its place, when there are not infinitely many."""
        return index


Distribution: TypeAlias = "Choice | Quantity"


@dataclass(frozen=True)
class Space:
    """Parameters and how their values are distributed.

    Args:
        parameters: Parameter -> distribution.

    Example:
        >>> space_of({"lr": ["choice", [[0.1, 0.2]]], "depth": ["randint", [3]]}).size
        6
    """

    parameters: Mapping[str, Distribution]

    @property
    def size(self) -> int | None:
        """How many combinations there are; ``None`` for infinitely many."""
        return _together(math.prod, [distribution.size for distribution in self.parameters.values()])

    @property
    def coordinates(self) -> int:
        """How many numbers decide at most."""
        return sum(distribution.coordinates for distribution in self.parameters.values())

    def pick(self, draw: Draw) -> Parameters:
        """A combination."""
        return {name: distribution.pick(draw) for name, distribution in self.parameters.items()}

    def nth(self, index: int) -> Parameters:
        """A combination by its place, the last parameter changing fastest, when there are not infinitely many."""
        picked: Parameters = {}
        for name, distribution in reversed([*self.parameters.items()]):
            index, place = divmod(index, distribution.size or 1)
            picked[name] = distribution.nth(place)
        return dict(reversed(picked.items()))

    def distributions(self) -> Iterator[tuple[str, Distribution]]:
        """All distributions, those of spaces within choices too, each with the name of its parameter."""
        for name, distribution in self.parameters.items():
            yield name, distribution
            for option in distribution.options if isinstance(distribution, Choice) else ():
                if isinstance(option, Space):
                    yield from ((f"{name}.{below}", inner) for below, inner in option.distributions())


@dataclass(frozen=True)
class _Kind:
    at: Callable[..., float]
    names: tuple[str, ...]


def space_of(search_space: object) -> Space:
    """The search space of a sweep job's ``properties.searchSpace``.

    Raises:
        SearchSpaceError: It is none; the message names the parameter.
    """
    if not isinstance(search_space, dict) or not search_space:
        raise SearchSpaceError("searchSpace must be an object with at least one parameter and its distribution")
    return Space({str(name): _distribution(f"searchSpace.{name}", form) for name, form in search_space.items()})


def text(value: object) -> str:
    """A value as the command of a trial gets it; what is neither text nor a number, as JSON.

    Source: a parameter that run history has as ``65.0`` was passed as ``65`` (printed run details of a HyperDrive run).
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_UP_TO:
        return str(int(value))
    return json.dumps(value) if isinstance(value, (dict, list)) or value is None else str(value)


def _distribution(where: str, form: object) -> Distribution:
    if not _is_pair(form):
        raise SearchSpaceError(f"{where} must be a distribution and its arguments, e.g. ['uniform', [0.1, 1]]")
    kind, arguments = str(form[0]).lower(), form[1]
    if kind == "choice":
        return _choice(where, arguments)
    known = _QUANTITIES.get(kind)
    if known is None:
        raise SearchSpaceError(f"{where}: '{form[0]}' is none of choice, {', '.join(_QUANTITIES)}")
    numbers = [value for value in arguments if _is_number(value)]
    if len(numbers) != len(known.names) or len(arguments) != len(numbers):
        raise SearchSpaceError(f"{where}: {kind} takes {len(known.names)} numbers: {', '.join(known.names)}")
    named = dict(zip(known.names, numbers, strict=True))
    if named.get("min_value", 0) > named.get("max_value", math.inf):
        raise SearchSpaceError(f"{where}: min_value {named['min_value']} is more than max_value {named['max_value']}")
    for name in {"sigma", "q", "upper"} & set(named):
        if named[name] <= 0:
            raise SearchSpaceError(f"{where}: {name} must be more than 0, not {named[name]}")
    if kind == "randint" and not float(numbers[0]).is_integer():
        raise SearchSpaceError(f"{where}: upper must be an integer, not {numbers[0]}")
    return Quantity(kind, tuple(numbers))


def _choice(where: str, arguments: Sequence[object]) -> Choice:
    options = arguments[0] if len(arguments) == 1 else None
    if not isinstance(options, list) or not options:
        raise SearchSpaceError(f"{where}: choice takes one list of at least one value")
    different = {json.dumps(option, sort_keys=True): option for option in options}
    return Choice(tuple(_option(where, option) for option in different.values()))


def _option(where: str, option: object) -> object:
    """An option of a choice: a value, or, when it is an object, a space, in which plain values stand for themselves."""
    if not isinstance(option, dict) or not any(_is_distribution(form) for form in option.values()):
        return option
    return Space({
        name: _distribution(f"{where}.{name}", form) if _is_distribution(form) else Choice((form,))
        for name, form in option.items()
    })


def _is_distribution(form: object) -> TypeGuard[_Pair]:
    return _is_pair(form) and (str(form[0]).lower() == "choice" or str(form[0]).lower() in _QUANTITIES)


def _is_pair(form: object) -> TypeGuard[_Pair]:
    return isinstance(form, list) and len(form) == 2 and isinstance(form[0], str) and isinstance(form[1], list)  # noqa: PLR2004 (a pair)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _together(join: Callable[[list[int]], int], sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return join(known) if len(known) == len(sizes) else None


def _uniform(at: float, low: float, high: float) -> float:
    return low + (high - low) * at


def _normal(at: float, mu: float, sigma: float) -> float:
    return NormalDist(mu, sigma).inv_cdf(max(at, _LEAST))


def _exp(power: float) -> float:
    try:
        return math.exp(power)
    except OverflowError:
        return math.inf


def _rounded(value: float, step: float) -> float:
    return round(value / step) * step if math.isfinite(value) else value


_RANGE = ("min_value", "max_value")
_BELL = ("mu", "sigma")
_QUANTITIES = {
    "uniform": _Kind(_uniform, _RANGE),
    "loguniform": _Kind(lambda at, low, high: _exp(_uniform(at, low, high)), _RANGE),
    "quniform": _Kind(lambda at, low, high, q: _rounded(_uniform(at, low, high), q), (*_RANGE, "q")),
    "qloguniform": _Kind(lambda at, low, high, q: _rounded(_exp(_uniform(at, low, high)), q), (*_RANGE, "q")),
    "normal": _Kind(_normal, _BELL),
    "lognormal": _Kind(lambda at, mu, sigma: _exp(_normal(at, mu, sigma)), _BELL),
    "qnormal": _Kind(lambda at, mu, sigma, q: _rounded(_normal(at, mu, sigma), q), (*_BELL, "q")),
    "qlognormal": _Kind(lambda at, mu, sigma, q: _rounded(_exp(_normal(at, mu, sigma)), q), (*_BELL, "q")),
    "randint": _Kind(lambda at, upper: int(at * upper), ("upper",)),
}
"""Distribution -> the value at a place of its probability, and what its arguments are called in AML files."""
