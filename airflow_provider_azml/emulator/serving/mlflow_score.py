"""Scoring script of deployments of MLflow models that bring none; runs in the deployment's environment, not here."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

_state: dict[str, Any] = {}


def init() -> None:
    """Load the model below ``AZUREML_MODEL_DIR``."""
    described = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel"))
    if not described:
        raise FileNotFoundError("the model has no file MLmodel: it is not an MLflow model")
    _state["model"] = importlib.import_module("mlflow.pyfunc").load_model(str(described[0].parent))


def run(raw: str) -> Any:
    """Predict for ``{"input_data": ...}``: a table with columns and data, a list of records, or a list of numbers."""
    body = json.loads(raw)
    if not isinstance(body, dict) or "input_data" not in body:
        raise ValueError('the request must be {"input_data": ...}')
    predictions = _state["model"].predict(_table(body["input_data"]), params=body.get("params") or None)
    if hasattr(predictions, "to_dict"):
        return predictions.to_dict(orient="records") if hasattr(predictions, "columns") else predictions.tolist()
    return predictions.tolist() if hasattr(predictions, "tolist") else predictions


def _table(data: Any) -> Any:
    if isinstance(data, dict) and "data" in data:
        given = {name: data[name] for name in ("data", "columns", "index") if data.get(name) is not None}
        return importlib.import_module("pandas").DataFrame(**given)
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return importlib.import_module("pandas").DataFrame(data)
    return importlib.import_module("numpy").asarray(data)
