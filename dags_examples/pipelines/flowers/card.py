"""Write down what a model is and how well it works."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser()
for name in ("model", "figures", "card"):
    parser.add_argument(f"--{name}", type=Path, required=True)
given = parser.parse_args()

middles = json.loads((given.model / "middles.json").read_text(encoding="utf-8"))
figures = json.loads((given.figures / "figures.json").read_text(encoding="utf-8"))
told = f"Tells {', '.join(sorted(middles))}; {figures['accuracy']:.0%} of {figures['flowers']} are right."
card = f"# Flowers\n\n{told}\n"
given.card.mkdir(parents=True, exist_ok=True)
(given.card / "card.md").write_text(card, encoding="utf-8")
print(card)
