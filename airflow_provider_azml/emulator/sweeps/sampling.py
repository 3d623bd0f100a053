"""Which combinations of parameters a sweep tries, and in which order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator.sweeps import sobol
from airflow_provider_azml.emulator.sweeps.parzen import Parzen
from airflow_provider_azml.emulator.sweeps.search_space import SearchSpaceError, Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_azml.emulator.sweeps.search_space import Parameters, Tried

_SHUFFLED_UP_TO = 10_000
_MOST_MISSES = 100
_BAYESIAN = ("choice", "uniform", "quniform")


class Sampler(Protocol):
    """Says what a sweep tries next."""

    def next(self, tried: Sequence[Tried]) -> Parameters | None:
        """The next combination; ``None`` when there is none that was not tried.

        Args:
            tried: What was tried before, and what came of it so far.
        """


@dataclass(frozen=True)
class Fixed:
    """A sequence of combinations that does not depend on what comes of them.

    Args:
        combinations: The sequence.
    """

    combinations: Iterator[Parameters]

    def next(self, tried: Sequence[Tried]) -> Parameters | None:  # noqa: ARG002 (nothing is made of it)
        """The next combination."""
        return next(self.combinations, None)


def sampler(algorithm: Mapping[str, object], space: Space) -> Sampler:
    """What samples a search space in the way that a sweep asks for.

    Args:
        algorithm: ``samplingAlgorithm`` of the sweep.
        space: Its search space.

    Raises:
        SearchSpaceError: There is no such algorithm, or it cannot search this space.

    Example:
        >>> sampler({"samplingAlgorithmType": "Grid"}, space_of({"lr": ["choice", [[0.1, 0.2]]]})).next([])
        {'lr': 0.1}

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters (what each supports) and the
    ``SamplingAlgorithm`` definitions of the 2024-04-01 OpenAPI file.
    """
    kind = str(algorithm.get("samplingAlgorithmType") or "")
    make = _SAMPLERS.get(kind.lower())
    if make is None:
        raise SearchSpaceError(f"samplingAlgorithmType '{kind}' is none of Bayesian, Grid, Random")
    return make(algorithm, space)


def _random(algorithm: Mapping[str, object], space: Space) -> Sampler:
    rule = str(algorithm.get("rule") or "random").lower()
    given = algorithm.get("seed")
    if given is not None and (not isinstance(given, int) or isinstance(given, bool)):
        raise SearchSpaceError(f"samplingAlgorithm.seed must be an integer, not {given!r}")
    if rule == "sobol":
        return Fixed(_evenly(space, given))
    if rule != "random":
        raise SearchSpaceError(f"samplingAlgorithm.rule '{algorithm.get('rule')}' is none of Random, Sobol")
    return Fixed(_by_chance(space, random.Random(given)))  # noqa: S311 (not for secrets)


def _grid(_algorithm: Mapping[str, object], space: Space) -> Sampler:
    for name, distribution in space.distributions():
        if distribution.kind != "choice":
            raise SearchSpaceError(
                f"grid sampling takes choice parameters alone; '{name}' is {distribution.kind}. "
                "Make it a choice, or sample at random"
            )
    return Fixed(space.nth(index) for index in range(space.size or 0))


def _bayesian(_algorithm: Mapping[str, object], space: Space) -> Sampler:
    for name, distribution in space.distributions():
        if distribution.kind not in _BAYESIAN or "." in name:
            what = "inside a choice" if "." in name else distribution.kind
            raise SearchSpaceError(
                f"Bayesian sampling takes choice, uniform and quniform parameters; '{name}' is {what}. "
                "Use another distribution, or sample at random"
            )
    chance = random.Random()  # noqa: S311 (not for secrets)
    return Parzen(space, chance, partial(next, _by_chance(space, chance), None))


def _by_chance(space: Space, chance: random.Random) -> Iterator[Parameters]:
    """Combinations by chance; of finitely many, each once.

    Source: ``max_total_runs`` of azureml-train-core is an upper bound: "there may be fewer runs when the sample space
    is smaller than this value".
    """
    if space.size is None:
        while True:
            yield space.pick(chance.random)
    elif space.size <= _SHUFFLED_UP_TO:
        yield from map(space.nth, chance.sample(range(space.size), space.size))
    else:
        yield from map(space.nth, _different(lambda: chance.randrange(space.size or 1)))


def _different(draw: Callable[[], int]) -> Iterator[int]:
    seen: set[int] = set()
    while True:
        index = draw()
        if index not in seen:
            seen.add(index)
            yield index


def _evenly(space: Space, seed: int | None) -> Iterator[Parameters]:
    """Combinations at the points of Sobol's sequence; of finitely many, each once."""
    if space.coordinates > sobol.MOST_DIMENSIONS:
        raise SearchSpaceError(
            f"the emulator's Sobol sequence has {sobol.MOST_DIMENSIONS} dimensions, and the search space has "
            f"{space.coordinates}; sample at random"
        )
    picked = (space.pick(iter(point).__next__) for point in sobol.points(space.coordinates, seed))
    return picked if space.size is None else _once(picked, space.size)


def _once(combinations: Iterator[Parameters], size: int) -> Iterator[Parameters]:
    seen: set[str] = set()
    # spaces within choices may overlap, so that there are fewer than counted
    for combination in islice(combinations, _MOST_MISSES * (size + 1)):
        key = json.dumps(combination)
        if key not in seen:
            seen.add(key)
            yield combination
        if len(seen) == size:
            return


_SAMPLERS: Mapping[str, Callable[[Mapping[str, object], Space], Sampler]] = {
    "random": _random,
    "grid": _grid,
    "bayesian": _bayesian,
}
"""Type of sampling algorithm, in small letters -> what makes its sampler."""
