"""Faults of requests in one line, as ``azml emulator --faults`` takes them."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.faults.kinds import Latency, LostAnswer, Refusal, Reset
from airflow_provider_azml.emulator.faults.plan import FaultPlan, FaultsError, Outcome, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.faults.kinds import Fault

_KINDS = ("reset", "lost", "slow")
_SETTINGS: Mapping[str, float] = {"seed": 0, "slow_seconds": 3, "retry_after": 1}
_STATUS = re.compile(r"[45]\d\d")
_CERTAIN = 1 + 1e-9


def short_plan(spec: str = "", *, path: str = "", method: str = "", times: int | None = None) -> FaultPlan:
    """A plan of one rule about requests to Azure's services.

    Args:
        spec: ``what=probability`` pairs with commas between them: ``reset`` closes the connection before anything is
            done, ``lost`` does the work and closes it then, ``slow`` answers late, and a status such as ``429`` or
            ``503`` is answered without doing anything. Beside them ``seed``, ``slow_seconds`` (3) and ``retry_after``
            (1, in seconds, for 429 and 503).
        path: What a request's path must hold to go wrong; a regular expression.
        method: The method that it must have; any when empty.
        times: Fail exactly this many of them, the next ones, each in one of the ways of ``spec``; afterwards none.

    Raises:
        FaultsError: ``spec`` or ``path`` cannot be understood.

    Example:
        >>> [outcome.name for outcome in short_plan("429=0.1,reset=0.05,seed=7").rules[0].outcomes]
        ['429', 'reset']
    """
    settings, probabilities = dict(_SETTINGS), dict[str, float]()
    for pair in filter(None, (part.strip() for part in spec.split(","))):
        name, number = _pair(pair)
        (settings if name in settings else probabilities)[name] = number
    total = sum(probabilities.values())
    if total > _CERTAIN:
        raise FaultsError(f"the faults of '{spec}' add up to a probability of {total:g}, which is above 1")
    if times is not None and (times < 0 or not total):
        raise FaultsError(f"'{spec}' names no fault that could happen {times} times")
    outcomes = [
        Outcome(name, _fault(name, settings), probability if times is None else probability / total)
        for name, probability in probabilities.items()
    ]
    rule = Rule(
        outcomes,
        pattern(path),
        methods=frozenset({method.upper()} - {""}),
        times=times,
        chance=random.Random(settings["seed"]) if "seed" in spec else random.Random(),  # noqa: S311
        written={"spec": spec, "path": path, "method": method},
    )
    return FaultPlan([rule])


def pattern(text: str) -> re.Pattern[str]:
    """The regular expression of a path or a name.

    Raises:
        FaultsError: It is none.
    """
    try:
        return re.compile(text)
    except re.error as error:
        raise FaultsError(f"'{text}' is not a regular expression: {error}") from error


def _fault(name: str, settings: Mapping[str, float]) -> Fault:
    if name == "slow":
        return Latency(settings["slow_seconds"], settings["slow_seconds"])
    if name == "reset":
        return Reset()
    return LostAnswer() if name == "lost" else Refusal(int(name), settings["retry_after"])


def _pair(pair: str) -> tuple[str, float]:
    name, _, text = pair.partition("=")
    if not (name in _KINDS or name in _SETTINGS or _STATUS.fullmatch(name)):
        known = ", ".join((*_KINDS, *_SETTINGS))
        raise FaultsError(f"'{name}' in '{pair}' is neither a status from 400 to 599 nor one of {known}")
    try:
        number = float(text)
    except ValueError:
        number = -1
    if number < 0:
        raise FaultsError(f"'{pair}' must have a number after the '=' that is not negative")
    return name, number
