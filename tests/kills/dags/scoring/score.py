"""The scoring script of a batch deployment that is not run: its jobs are simulated."""

from __future__ import annotations


def init() -> None:
    """Nothing to load."""


def run(mini_batch: list[str]) -> list[str]:
    """The names of the files."""
    return mini_batch
