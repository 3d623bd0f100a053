"""Learns to tell iris flowers apart as scripts of CLI v1 did: it leaves the model in ``outputs``.

The model is the flowers themselves: another one is of the species that most of its nearest neighbours are of.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import Counter
from pathlib import Path

import mlflow

OUTPUTS = Path("outputs")


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flowers", type=Path, required=True, help="CSV file: measurements, then the species")
    parser.add_argument("--neighbours", type=int, default=3)
    arguments = parser.parse_args()

    with arguments.flowers.open(newline="") as file:
        _, *rows = csv.reader(file)
    flowers = [([float(value) for value in row[:-1]], row[-1]) for row in rows]
    known, asked = flowers[::2], flowers[1::2]
    right = sum(species(known, arguments.neighbours, measured) == name for measured, name in asked)
    mlflow.log_metric("Accuracy", right / len(asked))
    print(f"{arguments.neighbours} neighbours: {right} of {len(asked)} flowers are known")

    OUTPUTS.mkdir(exist_ok=True)
    (OUTPUTS / "iris.json").write_text(json.dumps({"neighbours": arguments.neighbours, "known": known}))


def species(known: list[tuple[list[float], str]], neighbours: int, measured: list[float]) -> str:
    """The species of a flower."""
    nearest = sorted(known, key=lambda flower: math.dist(flower[0], measured))[:neighbours]
    return Counter(name for _, name in nearest).most_common(1)[0][0]


if __name__ == "__main__":
    main()
