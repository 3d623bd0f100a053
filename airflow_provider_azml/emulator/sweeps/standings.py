"""How the trials of a sweep do: what each has logged, which is the best, and which does badly."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.sweeps.search_space import Tried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.emulator.sweeps.search_space import Parameters
    from airflow_provider_azml.emulator.sweeps.settings import SweepSettings


@dataclass(frozen=True)
class Best:
    """The best trial by now.

    Args:
        trial: Its name.
        value: The best value of the primary metric that it has logged.
    """

    trial: str
    value: float


@dataclass
class _Trial:
    parameters: Parameters
    values: list[float] = field(default_factory=list)
    judged: int = 0


class Standings:
    """How the trials of a sweep do.

    Args:
        settings: What the sweep asks for.

    Example:
        >>> standings.enter("tune_0", {"lr": 0.1})
        >>> standings.note("tune_0", [0.5, 0.8])
        >>> standings.best()
        Best(trial='tune_0', value=0.8)
    """

    def __init__(self, settings: SweepSettings) -> None:
        self._settings = settings
        self._trials: dict[str, _Trial] = {}

    def enter(self, trial: str, parameters: Parameters) -> None:
        """A trial starts."""
        self._trials[trial] = _Trial(parameters)

    def note(self, trial: str, values: Sequence[float]) -> None:
        """What a trial has logged of the primary metric so far, in the order in which it did."""
        self._trials[trial].values = [*values]

    def tried(self) -> list[Tried]:
        """What is tried, and what came of it so far."""
        scores = [(trial.parameters, self._scores(trial)) for trial in self._trials.values()]
        return [Tried(parameters, max(known) if known else None) for parameters, known in scores]

    def poor_at(self, name: str) -> int | None:
        """The interval at which a trial does badly; each interval is looked at once.

        Args:
            name: The trial.
        """
        trial, policy = self._trials[name], self._settings.policy
        if policy is None:
            return None
        first, trial.judged = trial.judged + 1, len(trial.values)
        scores = {other: self._scores(known) for other, known in self._trials.items()}
        intervals = range(first, len(trial.values) + 1)
        return next((interval for interval in intervals if policy.ends(name, interval, scores)), None)

    def best(self) -> Best | None:
        """The best trial by now, of equals the first; ``None`` while none has logged a number."""
        found: Best | None = None
        for name, trial in self._trials.items():
            for value in filter(math.isfinite, trial.values):
                if found is None or self._settings.score(value) > self._settings.score(found.value):
                    found = Best(name, value)
        return found

    def _scores(self, trial: _Trial) -> list[float]:
        return [self._settings.score(value) for value in trial.values]
