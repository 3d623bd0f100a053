"""Writes the means of one species' measurements to a JSON file that is named after the day."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from statistics import mean


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flowers", type=Path, required=True, help="CSV file: measurements, then the species")
    parser.add_argument("--species", required=True)
    parser.add_argument("--day", required=True)
    parser.add_argument("--summary", type=Path, required=True, help="folder to write the file to")
    arguments = parser.parse_args()

    with arguments.flowers.open(newline="") as file:
        heading, *rows = csv.reader(file)
    found = [[float(value) for value in row[:-1]] for row in rows if row[-1] == arguments.species]
    summary = {name: round(mean(column), 2) for name, column in zip(heading, zip(*found, strict=True), strict=False)}

    print(f"{len(found)} flowers of {arguments.species}: {summary}")
    arguments.summary.mkdir(parents=True, exist_ok=True)
    (arguments.summary / f"{arguments.species}-{arguments.day}.json").write_text(json.dumps(summary))


if __name__ == "__main__":
    main()
