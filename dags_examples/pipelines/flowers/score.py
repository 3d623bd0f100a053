"""Count the flowers that are nearest to the middle of their own species."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import table

parser = argparse.ArgumentParser()
for name in ("model", "test", "figures"):
    parser.add_argument(f"--{name}", type=Path, required=True)
given = parser.parse_args()

middles = json.loads((given.model / "middles.json").read_text(encoding="utf-8"))
flowers = table.read(given.test / "flowers.csv")
nearest = [min(middles, key=lambda name: math.dist(middles[name], table.measures(flower))) for flower in flowers]
right = sum(found == flower[table.SPECIES] for found, flower in zip(nearest, flowers, strict=True))
figures = {"flowers": len(flowers), "accuracy": right / len(flowers)}
given.figures.mkdir(parents=True, exist_ok=True)
(given.figures / "figures.json").write_text(json.dumps(figures), encoding="utf-8")
print(f"{right} of {len(flowers)} flowers are told right")
