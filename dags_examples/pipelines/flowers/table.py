"""Flowers as rows of a CSV file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SPECIES = "species"


def read(file: Path) -> list[dict[str, str]]:
    """The flowers of a file."""
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def write(file: Path, flowers: list[dict[str, str]]) -> None:
    """Write flowers to a file, in a folder that may be missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, flowers[0])
        writer.writeheader()
        writer.writerows(flowers)


def measures(flower: dict[str, str]) -> list[float]:
    """Its figures, in the order of the columns."""
    return [float(value) for name, value in flower.items() if name != SPECIES]
