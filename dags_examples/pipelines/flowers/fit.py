"""Find the middle of each species."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import fmean

import table

parser = argparse.ArgumentParser()
parser.add_argument("--train", type=Path, required=True)
parser.add_argument("--model", type=Path, required=True)
given = parser.parse_args()

by_species: dict[str, list[list[float]]] = {}
for flower in table.read(given.train / "flowers.csv"):
    by_species.setdefault(flower[table.SPECIES], []).append(table.measures(flower))
middles = {species: [fmean(column) for column in zip(*rows, strict=True)] for species, rows in by_species.items()}
given.model.mkdir(parents=True, exist_ok=True)
(given.model / "middles.json").write_text(json.dumps(middles), encoding="utf-8")
print(f"the middles of {', '.join(sorted(middles))}")
