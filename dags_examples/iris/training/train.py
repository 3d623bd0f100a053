"""Trains a classifier of iris flowers, logs how good it is with MLflow, and writes it to a folder."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import joblib
import mlflow
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--flowers", type=Path, required=True, help="CSV file: measurements, then the species")
    parser.add_argument("--regularization", type=float, default=1.0)
    parser.add_argument("--model", type=Path, required=True, help="folder to write the model to")
    arguments = parser.parse_args()

    measurements, species = read(arguments.flowers)
    x_train, x_test, y_train, y_test = train_test_split(
        measurements, species, test_size=0.3, stratify=species, random_state=1
    )
    classifier = LogisticRegression(C=1 / arguments.regularization, max_iter=1000).fit(x_train, y_train)
    accuracy = classifier.score(x_test, y_test)

    mlflow.log_param("regularization", arguments.regularization)
    mlflow.log_metric("accuracy", accuracy)
    print(f"{len(x_train)} flowers to learn from, {len(x_test)} to check with: accuracy {accuracy:.3f}")

    arguments.model.mkdir(parents=True, exist_ok=True)
    joblib.dump(classifier, arguments.model / "iris.joblib")


def read(path: Path) -> tuple[list[list[float]], list[str]]:
    """The measurements and the species in a CSV file with a heading."""
    with path.open(newline="") as file:
        _, *rows = csv.reader(file)
    return [[float(value) for value in row[:-1]] for row in rows], [row[-1] for row in rows]


if __name__ == "__main__":
    main()
