"""Entry script of batch deployments of MLflow models that bring none; runs in the deployment's environment, not here.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-mlflow-batch (the files that it reads, one prediction
of the model for each, and the columns ``row``, ``prediction`` and ``file_name`` of what it writes).
"""

from __future__ import annotations

import csv
import importlib
import io
import os
from pathlib import Path
from typing import Any

_state: dict[str, Any] = {}
_READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".pqt": "read_parquet"}


def init() -> None:
    """Load the model below ``AZUREML_MODEL_DIR``."""
    described = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel"))
    if not described:
        raise FileNotFoundError("the model has no file MLmodel: it is not an MLflow model")
    _state["model"] = importlib.import_module("mlflow.pyfunc").load_model(str(described[0].parent))


def run(mini_batch: list[str]) -> list[str]:
    """The rows of the predictions for some files of tables."""
    return [row for path in mini_batch for row in _rows(Path(path))]


def _rows(path: Path) -> list[str]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(f"Error processing input file: '{path}'. File type '{path.suffix[1:]}' is not supported.")
    table = getattr(importlib.import_module("pandas"), reader)(str(path))
    predictions = _state["model"].predict(table)
    values = predictions.to_numpy() if hasattr(predictions, "to_numpy") else predictions
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    return [_line(number, value, path.name) for number, value in enumerate(listed)]


def _line(number: int, value: Any, file: str) -> str:
    values = value if isinstance(value, list) else [value]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow([number, *values, file])
    return line.getvalue()
