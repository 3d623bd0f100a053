"""What a trigger has told is bounded before it travels."""

from __future__ import annotations

import logging

from airflow_provider_azml.triggers.last_lines import MOST_CHARACTERS, MOST_LINES, LastLines


def test_the_last_lines_are_held_and_all_are_told() -> None:
    told: list[tuple[int, str]] = []
    lines = LastLines(lambda level, line: told.append((level, line)))
    for number in range(MOST_LINES + 1):
        lines(logging.INFO, f"{number} {'x' * 1000}")
    assert len(told) == MOST_LINES + 1
    assert len(lines.held) == MOST_LINES
    assert lines.held[0][1].startswith("1 ")
    assert {len(line) for _, line in lines.held} == {MOST_CHARACTERS}
