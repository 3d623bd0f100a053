"""Which things go wrong: rules, asked in their order, each with its own luck."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.faults.kinds import OCCASIONS, Latency
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.emulator.faults.kinds import Fault, Occasion
    from airflow_provider_azml.rest.flows import Json


class FaultsError(AzmlError):
    """A script or a specification of faults is wrong."""


@dataclass(frozen=True)
class Outcome:
    """One way in which something can go wrong.

    Args:
        name: What it is counted as.
        fault: What happens.
        probability: How often it does, of all that its rule is about.
    """

    name: str
    fault: Fault
    probability: float


@dataclass
class Rule:
    """What goes wrong of one kind of things.

    Args:
        outcomes: How; at most one of them at a time. All belong to the same occasion.
        where: What a path (of a request, or of the resource of an operation) or a name (of a job or a compute) must
            hold.
        methods: HTTP methods, or the verbs and actions that begin operations; any when empty.
        everywhere: Whether it is also about requests that are not for Azure's services, e.g. for tokens.
        skip: How many go well first.
        times: Exactly how many of the following go wrong, each in one of the ways of ``outcomes``; a share of all of
            them when not given.
        chance: The source of its luck.
        written: How it was given, for those who ask.
        met: How many things it was about so far.
        done: How often what has happened.
    """

    outcomes: Sequence[Outcome]
    where: re.Pattern[str]
    methods: frozenset[str] = frozenset()
    everywhere: bool = False
    skip: int = 0
    times: int | None = None
    chance: random.Random = field(default_factory=random.Random)  # noqa: S311 (no secret)
    written: Mapping[str, object] = field(default_factory=dict)
    met: int = 0
    done: Counter[str] = field(default_factory=Counter)

    @property
    def occasion(self) -> Occasion | None:
        """When it is asked; never, when nothing can go wrong."""
        return OCCASIONS[type(self.outcomes[0].fault)] if self.outcomes else None

    def draw(self, method: str, what: str, *, is_azure: bool = True) -> Fault | None:
        """What goes wrong with one thing; mostly nothing.

        Args:
            method: The method or verb; empty for jobs and computes.
            what: Its path or name.
            is_azure: Whether it is for one of Azure's services, rather than for tokens and discovery.
        """
        if not (is_azure or self.everywhere) or self.times == 0:
            return None
        if (self.methods and method not in self.methods) or not self.where.search(what):
            return None
        self.met += 1
        if self.met <= self.skip:
            return None
        outcome = self._drawn()
        if outcome is None:
            return None
        self.done[outcome.name] += 1
        if self.times is not None:
            self.times -= 1
        fault = outcome.fault
        if isinstance(fault, Latency):
            seconds = self.chance.uniform(fault.least, fault.most)
            fault = Latency(seconds, seconds)
        return fault

    def shown(self) -> Json:
        """The rule as it was given, how many times are left, and what has happened."""
        left = {} if self.times is None else {"times": self.times}
        return {**self.written, **left, "met": self.met, "done": dict(self.done)}

    def _drawn(self) -> Outcome | None:
        roll = self.chance.random()
        for outcome in self.outcomes:
            roll -= outcome.probability
            if roll < 0:
                return outcome
        return None


class FaultPlan:
    """Rules for everything that can go wrong.

    On each occasion they are asked in their order; the first that lets something go wrong decides, except that latency
    only delays what the rules after it decide.

    Args:
        rules: The rules.
        script: Whether they were given as a script.
    """

    def __init__(self, rules: Sequence[Rule] = (), *, script: bool = False) -> None:
        self.rules = list(rules)
        self._script = script
        self._by_occasion: dict[Occasion, list[Rule]] = {}
        for rule in rules:
            if rule.occasion is not None:
                self._by_occasion.setdefault(rule.occasion, []).append(rule)

    def draw(self, occasion: Occasion, method: str, what: str, *, is_azure: bool = True) -> list[Fault]:
        """What goes wrong: any number of delays, and at most one other fault, which is the last.

        Args:
            occasion: What kind of thing it may happen to.
            method: The method or verb; empty for jobs and computes.
            what: Its path or name.
            is_azure: Whether it is for one of Azure's services, rather than for tokens and discovery.
        """
        struck: list[Fault] = []
        for rule in self._by_occasion.get(occasion, ()):
            fault = rule.draw(method, what, is_azure=is_azure)
            if fault is not None:
                struck.append(fault)
                if not isinstance(fault, Latency):
                    break
        return struck

    def shown(self) -> Json:
        """The rules, and what has become of each."""
        rules = [rule.shown() for rule in self.rules]
        return {"rules": rules} if self._script or not rules else rules[0]
