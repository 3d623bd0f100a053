"""Whether one model's figure is good enough to take another's place."""

from __future__ import annotations

import math
from dataclasses import dataclass

_ROUNDING = 1e-9
"""By how much sums of decimal fractions are off: 0.95 - 0.93 is a little less than 0.02."""


@dataclass(frozen=True)
class Bar:
    """What a challenger has to reach.

    Args:
        metric: Name of the metric, for the reason.
        greater_is_better: Whether more of it is better.
        min_improvement: By how much the challenger has to be better, at least; negative lets it be worse by so much.
        min_value: What it must not be below, whatever the champion has.
        max_value: What it must not be above.
        without_champion: Whether it passes where there is nothing to be better than.
    """

    metric: str
    greater_is_better: bool = True
    min_improvement: float = 0
    min_value: float | None = None
    max_value: float | None = None
    without_champion: bool = True


@dataclass(frozen=True)
class Verdict:
    """What became of a challenger.

    Args:
        passed: Whether it is good enough.
        improvement: By how much it is better than the champion, negative where it is worse; ``None`` where one of them
            has no number.
        reason: Why, in a sentence.
    """

    passed: bool
    improvement: float | None
    reason: str


def verdict(challenger: float, champion: float | None, bar: Bar) -> Verdict:
    """Compare two figures.

    Args:
        challenger: That of the new model.
        champion: That of the model which it is to replace; ``None`` where there is none.
        bar: What it has to reach.

    Example:
        >>> verdict(0.96, 0.95, Bar("accuracy")).reason
        'accuracy 0.96 is better by 0.01 than 0.95 of the champion'
    """
    if not math.isfinite(challenger):
        return Verdict(False, None, f"{bar.metric} of the challenger is {challenger}, which is no figure")
    improvement, is_better, compared = _compared(challenger, champion, bar)
    broken = _out_of_bounds(challenger, bar)
    return Verdict(is_better and not broken, improvement, "; ".join([compared, *broken]))


def _compared(challenger: float, champion: float | None, bar: Bar) -> tuple[float | None, bool, str]:
    told = f"{bar.metric} {challenger:.6g}"
    if champion is None:
        return None, bar.without_champion, f"{told} has no champion to be compared with"
    if not math.isfinite(champion):
        return None, True, f"{told} is better than that of the champion, which is {champion}"
    difference = challenger - champion if bar.greater_is_better else champion - challenger
    slack = _ROUNDING * max(1, abs(challenger), abs(champion))
    is_enough = difference >= bar.min_improvement - slack
    if abs(difference) <= slack:
        how = f"is as good as {champion:.6g}"
    else:
        how = f"is {'better' if difference > 0 else 'worse'} by {abs(difference):.6g} than {champion:.6g}"
    wanted = "" if is_enough or not bar.min_improvement else f", and min_improvement is {bar.min_improvement:.6g}"
    return difference, is_enough, f"{told} {how} of the champion{wanted}"


def _out_of_bounds(challenger: float, bar: Bar) -> list[str]:
    broken = []
    if bar.min_value is not None and challenger < bar.min_value:
        broken.append(f"it is below min_value {bar.min_value:.6g}")
    if bar.max_value is not None and challenger > bar.max_value:
        broken.append(f"it is above max_value {bar.max_value:.6g}")
    return broken
