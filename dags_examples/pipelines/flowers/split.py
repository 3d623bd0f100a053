"""Part flowers into those to learn from and those to test with."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import table

parser = argparse.ArgumentParser()
for name in ("flowers", "train", "test"):
    parser.add_argument(f"--{name}", type=Path, required=True)
parser.add_argument("--share", type=float, required=True)
parser.add_argument("--seed", type=int, required=True)
given = parser.parse_args()

flowers = table.read(given.flowers)
random.Random(given.seed).shuffle(flowers)  # noqa: S311 (nothing secret)
tested = round(len(flowers) * given.share)
table.write(given.test / "flowers.csv", flowers[:tested])
table.write(given.train / "flowers.csv", flowers[tested:])
print(f"{tested} of {len(flowers)} flowers are kept for the test")
