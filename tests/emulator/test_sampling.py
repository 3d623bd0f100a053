"""What sweeps try: search spaces, and the algorithms that sample them."""

from __future__ import annotations

import json
import math
import random
from itertools import islice
from statistics import mean, median, stdev
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.sweeps import sobol
from airflow_provider_azml.emulator.sweeps.parzen import Parzen
from airflow_provider_azml.emulator.sweeps.sampling import sampler
from airflow_provider_azml.emulator.sweeps.search_space import SearchSpaceError, Tried, space_of, text
from tests.contract.shared_sources import SHARED

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.sweeps.search_space import Parameters

RANDOM = {"samplingAlgorithmType": "Random", "seed": 7}
SOBOL = {"samplingAlgorithmType": "Random", "rule": "Sobol"}
GRID = {"samplingAlgorithmType": "Grid"}
BAYESIAN = {"samplingAlgorithmType": "Bayesian"}
FIRST_OF_SOBOL = [
    (0.5, 0.5, 0.5, 0.5, 0.5),
    (0.75, 0.25, 0.25, 0.25, 0.75),
    (0.25, 0.75, 0.75, 0.75, 0.25),
    (0.375, 0.375, 0.625, 0.875, 0.375),
    (0.875, 0.875, 0.125, 0.375, 0.875),
    (0.625, 0.125, 0.875, 0.625, 0.625),
    (0.125, 0.625, 0.375, 0.125, 0.125),
]
"""As scipy 1.17 has them: ``scipy.stats.qmc.Sobol(5, scramble=False).random(8)[1:]``."""


def tried(algorithm: dict[str, Any], space: dict[str, Any], count: int) -> list[Parameters]:
    """The first combinations that an algorithm tries, at most so many."""
    sampling = sampler(algorithm, space_of(space))
    found: list[Parameters] = []
    while len(found) < count and (parameters := sampling.next([Tried(one) for one in found])) is not None:
        found.append(parameters)
    return found


def values(distribution: list[Any], count: int = 1000) -> list[Any]:
    sampling = sampler(RANDOM, space_of({"x": distribution}))
    found = (sampling.next([]) for _ in range(count))
    return [parameters["x"] for parameters in found if parameters]


@pytest.mark.parametrize(
    ("distribution", "least", "most", "middle"),
    [
        (["uniform", [2, 4]], 2, 4, 3),
        (["loguniform", [-6, -1]], math.exp(-6), math.exp(-1), math.exp(-3.5)),
        (["normal", [10, 3]], -10, 30, 10),
        (["lognormal", [0, 0.5]], 0, 20, 1),
        (["quniform", [0, 10, 2]], 0, 10, 4),
        (["qloguniform", [1, 5, 5]], 5, 150, 20),
        (["qnormal", [10, 3, 2]], -10, 30, 10),
        (["qlognormal", [1, 0.5, 1]], 0, 20, 3),
    ],
)
def test_each_distribution_is_what_its_name_says(
    distribution: list[Any], least: float, most: float, middle: float
) -> None:
    found = values(distribution)
    assert least <= min(found)
    assert max(found) <= most
    step = distribution[1][-1] if distribution[0].startswith("q") else 0
    assert median(found) == pytest.approx(middle, rel=0.2, abs=step)
    if step:
        assert {value % step for value in found} == {0}
    else:
        assert len(set(found)) == len(found)


def test_a_normal_distribution_has_its_spread() -> None:
    found = values(["normal", [10, 3]])
    assert (mean(found), stdev(found)) == (pytest.approx(10, abs=0.2), pytest.approx(3, abs=0.2))


def test_randint_is_below_its_bound() -> None:
    assert sorted(values(["randint", [5]], 10)) == [0, 1, 2, 3, 4]


def test_a_seed_makes_chance_repeatable() -> None:
    space = {"lr": ["uniform", [0, 1]], "layers": ["choice", [[1, 2, 3]]]}
    assert tried(RANDOM, space, 20) == tried(RANDOM, space, 20)
    assert tried(RANDOM, space, 20) != tried({**RANDOM, "seed": 8}, space, 20)
    assert tried({**RANDOM, "seed": None}, space, 20) != tried({**RANDOM, "seed": None}, space, 20)


@pytest.mark.parametrize("algorithm", [RANDOM, SOBOL, {**SOBOL, "seed": 3}, GRID, BAYESIAN])
def test_a_finite_space_is_searched_once(algorithm: dict[str, Any]) -> None:
    space = {"lr": ["choice", [[0.1, 0.2, 0.3]]], "kernel": ["choice", [["rbf", "linear"]]]}
    found = tried(algorithm, space, 100)
    assert len(found) == 6
    assert len({json.dumps(parameters) for parameters in found}) == 6


def test_a_space_that_is_finite_but_vast_is_sampled() -> None:
    vast = {f"p{number}": ["choice", [[*range(100)]]] for number in range(12)}
    assert space_of(vast).size == 100**12
    assert len({json.dumps(parameters) for parameters in tried(RANDOM, vast, 50)}) == 50


def test_a_grid_changes_its_last_parameter_fastest() -> None:
    space = {"a": ["choice", [[1, 2]]], "b": ["choice", [["x", "y", "y"]]]}
    assert tried(GRID, space, 9) == [{"a": a, "b": b} for a in (1, 2) for b in ("x", "y")]


def test_spaces_within_a_choice_are_tried_together() -> None:
    tree = {"kernel": ["choice", [["rbf", "poly"]]], "degree": 3}
    space = {"model": ["choice", [[tree, {"name": "none"}]]], "seed": ["choice", [[1]]]}
    models = [json.dumps(parameters["model"]) for parameters in tried(GRID, space, 9)]
    assert models == ['{"kernel": "rbf", "degree": 3}', '{"kernel": "poly", "degree": 3}', '{"name": "none"}']
    deep = {"model": ["choice", [[{"lr": ["uniform", [1, 2]]}, "none"]]]}
    for algorithm in (RANDOM, SOBOL):
        found = [parameters["model"] for parameters in tried(algorithm, deep, 30)]
        assert "none" in found
        assert all(1 <= model["lr"] <= 2 for model in found if isinstance(model, dict))


def test_the_sobol_sequence_is_the_published_one() -> None:
    assert list(islice(sobol.points(5), 7)) == FIRST_OF_SOBOL


@pytest.mark.parametrize("seed", [None, 1])
def test_sobol_points_are_even(seed: int | None) -> None:
    start = 0 if seed is not None else -1
    block = list(islice(sobol.points(sobol.MOST_DIMENSIONS, seed), 256 + start))
    for dimension in range(sobol.MOST_DIMENSIONS):
        eighths = [int(point[dimension] * 8) for point in block]
        assert all(31 <= eighths.count(eighth) <= 33 for eighth in range(8))


def test_sobol_sampling_follows_the_distributions() -> None:
    found = tried(SOBOL, {"a": ["uniform", [0, 10]], "b": ["choice", [["x", "y"]]]}, 3)
    assert found == [{"a": 5, "b": "y"}, {"a": 7.5, "b": "x"}, {"a": 2.5, "b": "y"}]
    seeded = tried({**SOBOL, "seed": 1}, {"a": ["uniform", [0, 10]]}, 3)
    assert seeded == tried({**SOBOL, "seed": 1}, {"a": ["uniform", [0, 10]]}, 3)
    assert seeded != tried(SOBOL, {"a": ["uniform", [0, 10]]}, 3)


def test_bayesian_sampling_comes_closer_than_chance() -> None:
    space = space_of({
        "x": ["uniform", [-5, 5]],
        "n": ["quniform", [0, 20, 1]],
        "kernel": ["choice", [["good", "bad", "worse"]]],
    })

    def score(parameters: Any) -> float:
        penalty = {"good": 0, "bad": 2, "worse": 4}[parameters["kernel"]]
        return -((parameters["x"] - 2) ** 2) - (parameters["n"] - 7) ** 2 / 20 - penalty

    def best(seed: int, *, bayesian: bool) -> float:
        chance = random.Random(seed)
        by_chance = lambda: space.pick(chance.random)  # noqa: E731
        search = Parzen(space, chance, by_chance)
        seen: list[Tried] = []
        for _ in range(40):
            parameters = search.next(seen) if bayesian else by_chance()
            assert parameters is not None
            seen.append(Tried(parameters, score(parameters)))
        return max(one.score or 0 for one in seen)

    found, by_luck = ([best(seed, bayesian=bayesian) for seed in range(9)] for bayesian in (True, False))
    assert median(found) > median(by_luck) / 2


def test_bayesian_trials_beside_each_other_differ() -> None:
    space = {"x": ["uniform", [0, 1]]}
    sampling = sampler(BAYESIAN, space_of(space))
    seen = [Tried({"x": number / 10}, number / 10) for number in range(10)]
    running: list[Tried] = []
    for _ in range(4):
        parameters = sampling.next([*seen, *running])
        assert parameters is not None
        running.append(Tried(parameters))
    assert len({json.dumps(one.parameters) for one in running}) == 4


@pytest.mark.parametrize(
    ("algorithm", "space", "reason"),
    [
        (GRID, {"lr": ["uniform", [0, 1]]}, r"grid sampling takes choice .*'lr' is uniform"),
        (GRID, {"lr": ["choice", [[{"a": ["randint", [3]]}]]]}, r"'lr\.a' is randint"),
        (BAYESIAN, {"lr": ["loguniform", [-6, -1]]}, r"Bayesian .*'lr' is loguniform"),
        (BAYESIAN, {"lr": ["choice", [[{"a": ["uniform", [0, 1]]}]]]}, r"'lr\.a' is inside a choice"),
        ({"samplingAlgorithmType": "Best"}, {"lr": ["randint", [3]]}, "'Best' is none of Bayesian, Grid, Random"),
        ({**RANDOM, "rule": "Halton"}, {"lr": ["randint", [3]]}, "'Halton' is none of Random, Sobol"),
        ({**RANDOM, "seed": "x"}, {"lr": ["randint", [3]]}, "seed must be an integer"),
        (SOBOL, {f"p{n}": ["uniform", [0, 1]] for n in range(22)}, "has 21 dimensions, and the search space has 22"),
        (RANDOM, {}, "at least one parameter"),
        (RANDOM, {"lr": "uniform"}, r"searchSpace\.lr must be a distribution and its arguments"),
        (RANDOM, {"lr": ["beta", [1, 2]]}, r"searchSpace\.lr: 'beta' is none of choice, uniform"),
        (RANDOM, {"lr": ["uniform", [1]]}, "uniform takes 2 numbers: min_value, max_value"),
        (RANDOM, {"lr": ["uniform", ["a", "b"]]}, "uniform takes 2 numbers"),
        (RANDOM, {"lr": ["uniform", [2, 1]]}, "min_value 2 is more than max_value 1"),
        (RANDOM, {"lr": ["normal", [2, 0]]}, "sigma must be more than 0"),
        (RANDOM, {"lr": ["quniform", [1, 2, 0]]}, "q must be more than 0"),
        (RANDOM, {"lr": ["randint", [1.5]]}, "upper must be an integer"),
        (RANDOM, {"lr": ["choice", [[]]]}, "a list of at least one value|one list of at least one value"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused(algorithm: dict[str, Any], space: dict[str, Any], reason: str) -> None:
    with pytest.raises(SearchSpaceError, match=reason):
        sampler(algorithm, space_of(space))


def test_values_as_text() -> None:
    given: list[object] = [65.0, 0.1, 1e-07, 3, True, None, "rbf", {"a": [1]}, 1e300]
    assert [text(value) for value in given] == [
        "65",
        "0.1",
        "1e-07",
        "3",
        "True",
        "null",
        "rbf",
        '{"a": [1]}',
        "1e+300",
    ]


@pytest.mark.shared
def test_every_search_space_that_azure_ai_ml_sends_is_understood() -> None:
    spaces = [
        properties["searchSpace"]
        for name in ("corpus", "edge")
        for line in (SHARED / f"oracle/cases/{name}.jsonl").read_text().splitlines()
        for properties in _sweeps(json.loads(line))
    ]
    assert len(spaces) >= 3
    for space in spaces:
        assert tried(RANDOM, space, 3)


def _sweeps(value: Any) -> list[Any]:
    """The properties of all sweep jobs in a document."""
    if isinstance(value, list):
        return [found for item in value for found in _sweeps(item)]
    if not isinstance(value, dict):
        return []
    own = [value] if value.get("jobType") == "Sweep" and value.get("searchSpace") else []
    return own + [found for item in value.values() for found in _sweeps(item)]
