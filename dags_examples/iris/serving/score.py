"""Answers requests to the endpoint: ``{"data": [[5.1, 3.5, 1.4, 0.2]]}`` with ``["setosa"]``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import joblib

classifier = None


def init() -> None:
    """Load the model; runs once, when the server starts."""
    global classifier  # noqa: PLW0603 (the inference server's interface)
    # below it stands a folder named after where the model came from
    (path,) = Path(os.environ["AZUREML_MODEL_DIR"]).rglob("iris.joblib")
    classifier = joblib.load(path)


def run(body: str) -> list[str]:
    """The species of each flower."""
    return classifier.predict(json.loads(body)["data"]).tolist()
