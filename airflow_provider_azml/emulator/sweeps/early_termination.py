"""When a sweep ends a trial before it is done, because it does badly.

A trial's primary metric counts intervals: each time that it is logged is one. What is compared is how good a metric has
become up to an interval, so that a trial is never behind for having run for less time.

Sources: https://learn.microsoft.com/azure/machine-learning/how-to-tune-hyperparameters#early-termination, and
``azureml.train.hyperdrive.policy`` of azureml-train-core, which says more of each policy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHOLE = 100


class PolicyError(AzmlError):
    """An early termination policy is written wrongly."""


class Rule(Protocol):
    """Which trials do badly."""

    def is_poor(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
        """Whether a trial does badly.

        Args:
            own: Its scores up to the interval at which it is judged, more being better.
            others: Scores of all other trials up to that interval, at least one of each; those that have ended too.
        """


@dataclass(frozen=True)
class Bandit:
    """A trial does badly whose best score is further from the best of all than some slack.

    Args:
        factor: The slack, as a ratio: of a best score of 0.8, a factor of 0.2 leaves 0.8 / 1.2.
        amount: The slack, as a difference.
    """

    factor: float
    amount: float

    def is_poor(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
        """Whether a trial does badly."""
        best = max(max(scores) for scores in (own, *others))
        if not math.isfinite(best):
            return False
        return max(own) < best - self._slack(best)

    def _slack(self, best: float) -> float:
        if not self.factor:
            return self.amount
        # scores of what is minimized are negative, and so further from the best by the ratio itself
        return best - best / (1 + self.factor) if best > 0 else -best * self.factor


@dataclass(frozen=True)
class MedianStopping:
    """A trial does badly whose best score is less than the median of the averages of all."""

    def is_poor(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
        """Whether a trial does badly."""
        return max(own) < median(mean(scores) for scores in (own, *others))


@dataclass(frozen=True)
class TruncationSelection:
    """A trial does badly that is among the worst of all that have come as far.

    Args:
        percentage: How many of a hundred are.
    """

    percentage: int

    def is_poor(self, own: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
        """Whether a trial does badly."""
        as_far = [max(scores) for scores in others if len(scores) == len(own)]
        worst = (len(as_far) + 1) * self.percentage // _WHOLE
        better = sum(score > max(own) for score in as_far)
        return better > len(as_far) - worst


@dataclass(frozen=True)
class Policy:
    """When trials are judged, and by what rule.

    Args:
        rule: The rule.
        interval: A trial is judged at each multiple of this interval.
        delay: ... from this interval on.
    """

    rule: Rule
    interval: int
    delay: int

    def ends(self, trial: str, interval: int, scores: Mapping[str, Sequence[float]]) -> bool:
        """Whether a trial is to be ended at an interval that it has reached.

        Args:
            trial: The trial.
            interval: How many scores of it count.
            scores: Trial -> its scores so far, more being better.
        """
        if interval % self.interval or interval < self.delay:
            return False
        others = [known[:interval] for name, known in scores.items() if name != trial and known]
        return self.rule.is_poor(scores[trial][:interval], others)


def policy(document: Mapping[str, object] | None) -> Policy | None:
    """The policy that a sweep asks for; ``None`` when all its trials are to run to their end.

    Args:
        document: ``earlyTermination`` of the sweep.

    Raises:
        PolicyError: It is none.

    Example:
        >>> bandit = policy({"policyType": "Bandit", "slackFactor": 0.2, "evaluationInterval": 1})
        >>> bandit.ends("b", 1, {"a": [0.8], "b": [0.65]})
        True
    """
    if not document:
        return None
    kind = str(document.get("policyType") or "")
    if kind == "Bandit":
        rule: Rule = Bandit(_number(document, "slackFactor"), _number(document, "slackAmount"))
    elif kind == "MedianStopping":
        rule = MedianStopping()
    elif kind == "TruncationSelection":
        rule = TruncationSelection(_percentage(document))
    else:
        raise PolicyError(f"policyType '{kind}' is none of Bandit, MedianStopping, TruncationSelection")
    # 0, which azure-ai-ml sends when nothing is asked for, is the interval that its YAML reference calls the default
    interval = int(_number(document, "evaluationInterval")) or 1
    return Policy(rule, interval, int(_number(document, "delayEvaluation")))


def _percentage(document: Mapping[str, object]) -> int:
    percentage = int(_number(document, "truncationPercentage"))
    if not 1 <= percentage < _WHOLE:
        raise PolicyError(f"earlyTermination.truncationPercentage must be from 1 to 99, not {percentage}")
    return percentage


def _number(document: Mapping[str, object], name: str) -> float:
    value = document.get(name) or 0
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise PolicyError(f"earlyTermination.{name} must be a number that is not negative, not {value!r}")
    return value
