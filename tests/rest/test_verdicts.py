"""Whether a figure is good enough: a table, and what holds for all numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_azml.rest.verdicts import Bar, verdict

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("challenger", "champion", "bar", "passed", "reason"),
    [
        (0.96, 0.95, Bar("auc"), True, "auc 0.96 is better by 0.01 than 0.95 of the champion"),
        (0.95, 0.95, Bar("auc"), True, "auc 0.95 is as good as 0.95 of the champion"),
        (0.94, 0.95, Bar("auc"), False, "auc 0.94 is worse by 0.01 than 0.95 of the champion"),
        (0.95, 0.93, Bar("auc", min_improvement=0.02), True, "auc 0.95 is better by 0.02 than 0.93 of the champion"),
        (
            0.94,
            0.93,
            Bar("auc", min_improvement=0.02),
            False,
            "auc 0.94 is better by 0.01 than 0.93 of the champion, and min_improvement is 0.02",
        ),
        (0.92, 0.93, Bar("auc", min_improvement=-0.01), True, "auc 0.92 is worse by 0.01 than 0.93 of the champion"),
        (0.3, 0.4, Bar("loss", greater_is_better=False), True, "loss 0.3 is better by 0.1 than 0.4 of the champion"),
        (0.5, 0.4, Bar("loss", greater_is_better=False), False, "loss 0.5 is worse by 0.1 than 0.4 of the champion"),
        (
            0.7,
            0.6,
            Bar("auc", min_value=0.8),
            False,
            "auc 0.7 is better by 0.1 than 0.6 of the champion; it is below min_value 0.8",
        ),
        (
            0.9,
            1.1,
            Bar("loss", greater_is_better=False, max_value=0.8),
            False,
            "loss 0.9 is better by 0.2 than 1.1 of the champion; it is above max_value 0.8",
        ),
        (0.8, None, Bar("auc", min_value=0.8), True, "auc 0.8 has no champion to be compared with"),
        (0.8, None, Bar("auc", without_champion=False), False, "auc 0.8 has no champion to be compared with"),
        (0.1, math.nan, Bar("auc"), True, "auc 0.1 is better than that of the champion, which is nan"),
        (math.nan, 0.1, Bar("auc"), False, "auc of the challenger is nan, which is no figure"),
        (
            math.inf,
            None,
            Bar("loss", greater_is_better=False),
            False,
            "loss of the challenger is inf, which is no figure",
        ),
    ],
)
def test_verdicts(challenger: float, champion: float | None, bar: Bar, passed: bool, reason: str) -> None:
    made = verdict(challenger, champion, bar)
    assert (made.passed, made.reason) == (passed, reason)


@given(NUMBERS, NUMBERS, st.booleans())
def test_of_two_models_one_at_least_may_replace_the_other(one: float, other: float, greater_is_better: bool) -> None:
    bar = Bar("m", greater_is_better=greater_is_better)
    forth, back = verdict(one, other, bar), verdict(other, one, bar)
    assert forth.passed or back.passed
    assert forth.improvement is not None
    assert back.improvement == -forth.improvement


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_higher_bar_lets_no_more_pass(challenger: float, champion: float, by: float) -> None:
    low, high = sorted([by, 0.0])
    higher = verdict(challenger, champion, Bar("m", min_improvement=high))
    assert verdict(challenger, champion, Bar("m", min_improvement=low)).passed or not higher.passed
