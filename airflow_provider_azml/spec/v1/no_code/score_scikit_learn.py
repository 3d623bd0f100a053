"""Scoring script of a scikit-learn model, as the service of CLI v1 had one.

A request is ``{"data": [[...], ...], "method": "predict"}``; without ``method`` it is ``predict_proba`` for models that
have it. The answer is ``{"predict": [...]}``, under the name of the method.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np

ENDINGS = (".pkl", ".pickle", ".joblib")
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")
_loaded: dict[str, Any] = {}


def init() -> None:
    """Load the model below ``AZUREML_MODEL_DIR``."""
    files = sorted(file for file in Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*") if file.is_file())
    models = [file for file in files if file.suffix in ENDINGS] or files
    if len(models) != 1:
        raise FileNotFoundError(f"the model should be one file, and there are {len(models)}: {models}")
    _loaded["model"] = joblib.load(models[0])


def run(raw: str) -> dict[str, Any]:
    """Ask the model."""
    model, request = _loaded["model"], json.loads(raw)
    if not isinstance(request, dict) or "data" not in request:
        raise ValueError('the request must be {"data": [[...], ...]}')
    method = request.get("method") or ("predict_proba" if hasattr(model, "predict_proba") else "predict")
    if method not in METHODS or not hasattr(model, method):
        has = [name for name in METHODS if hasattr(model, name)]
        raise ValueError(f"the model has no method {method!r}; it has {', '.join(has)}")
    return {method: getattr(model, method)(np.asarray(request["data"])).tolist()}
