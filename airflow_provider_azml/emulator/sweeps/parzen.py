"""A small Bayesian search; it is not the service's algorithm, which is not published."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.emulator.sweeps.search_space import Choice

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from airflow_provider_azml.emulator.sweeps.search_space import Distribution, Parameters, Quantity, Space, Tried

_FIRST = 5
_GOOD_SHARE = 0.25
_CANDIDATES = 24
_LEAST_SHARE = 0.01


class Parzen:
    """A tree-structured Parzen estimator, without the tree.

    The first combinations are picked by chance. Each later one is the most promising of some candidates: one that is
    likely among the best quarter of what was tried, and unlikely among the rest. What still runs counts as the rest, so
    that trials beside each other differ.

    Source: J. Bergstra, R. Bardenet, Y. Bengio and B. Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011,
    section 4. Azure ML says of its own algorithm only that it "selects new samples based on prior results".

    Args:
        space: The search space: choices, ``uniform`` and ``quniform``.
        chance: Where chance comes from.
        first: Picks the first combinations by chance, and what is left when all candidates were tried.
    """

    def __init__(self, space: Space, chance: random.Random, first: Callable[[], Parameters | None]) -> None:
        self._space = space
        self._chance = chance
        self._first = first

    def next(self, tried: Sequence[Tried]) -> Parameters | None:
        """The next combination; ``None`` when there is none that was not tried."""
        known = sorted((one for one in tried if one.score is not None), key=lambda one: one.score or 0, reverse=True)
        if len(known) < _FIRST:
            return self._untried(tried)
        good = known[: math.ceil(len(known) * _GOOD_SHARE)]
        rest = [*known[len(good) :], *(one for one in tried if one.score is None)]
        promising = sorted((self._candidate(good, rest) for _ in range(_CANDIDATES)), key=lambda found: -found[0])
        keys = {_key(one.parameters) for one in tried}
        fresh = (parameters for _, parameters in promising if _key(parameters) not in keys)
        return next(fresh, None) or self._untried(tried)

    def _candidate(self, good: Sequence[Tried], rest: Sequence[Tried]) -> tuple[float, Parameters]:
        """A combination drawn from what is good, and how promising it is."""
        promise = 0.0
        picked: Parameters = {}
        for name, distribution in self._space.parameters.items():
            likely = _estimate(distribution, [one.parameters[name] for one in good])
            unlikely = _estimate(distribution, [one.parameters[name] for one in rest])
            value = picked[name] = likely.draw(self._chance)
            promise += math.log(likely.density(value)) - math.log(unlikely.density(value))
        return promise, picked

    def _untried(self, tried: Sequence[Tried]) -> Parameters | None:
        keys = {_key(one.parameters) for one in tried}
        while (found := self._first()) is not None:
            if _key(found) not in keys:
                return found
        return None


class _Estimate(Protocol):
    def draw(self, chance: random.Random) -> object: ...

    def density(self, value: object) -> float: ...


def _estimate(distribution: Distribution, values: Sequence[object]) -> _Estimate:
    if isinstance(distribution, Choice):
        return _Shares(distribution, Counter(_key(value) for value in values))
    return _Bumps(distribution, [float(str(value)) for value in values])


@dataclass(frozen=True)
class _Shares:
    """How often each option occurred, and once more, so that none is out of the question."""

    choice: Choice
    counts: Counter[str]

    def draw(self, chance: random.Random) -> object:
        weights = [self._weight(option) for option in self.choice.options]
        return chance.choices(self.choice.options, weights)[0]

    def density(self, value: object) -> float:
        return self._weight(value) / (self.counts.total() + len(self.choice.options))

    def _weight(self, option: object) -> int:
        return self.counts[_key(option)] + 1


@dataclass(frozen=True)
class _Bumps:
    """A bell around each value that occurred, narrower the more there are, over a floor as high as one of them."""

    quantity: Quantity
    centers: list[float]

    def draw(self, chance: random.Random) -> object:
        low, high = self.quantity.arguments[:2]
        center = chance.choice([None, *self.centers])
        if center is None:
            return self.quantity.pick(chance.random)
        place = min(max(chance.gauss(center, self._width), low), high)
        return self.quantity.pick(lambda: (place - low) / self._span)

    def density(self, value: object) -> float:
        bells = sum(NormalDist(center, self._width).pdf(float(str(value))) for center in self.centers)
        return (bells + 1 / self._span) / (len(self.centers) + 1)

    @property
    def _width(self) -> float:
        return self._span * max(_LEAST_SHARE, 1 / (len(self.centers) + 1))

    @property
    def _span(self) -> float:
        low, high = self.quantity.arguments[:2]
        return high - low or 1.0


def _key(value: object) -> str:
    return json.dumps(value, sort_keys=True)
