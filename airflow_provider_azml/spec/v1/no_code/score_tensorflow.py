"""Scoring script of a TensorFlow SavedModel, as the service of CLI v1 had one: the interface of TensorFlow Serving.

A request is ``{"instances": [...]}``, answered by ``{"predictions": [...]}``, or ``{"inputs": ...}``, answered by
``{"outputs": ...}``; ``signature_name`` says which signature, ``serving_default`` by default.

Source: https://www.tensorflow.org/tfx/serving/api_rest, "Predict API".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

_loaded: dict[str, Any] = {}


def init() -> None:
    """Load the model below ``AZUREML_MODEL_DIR``."""
    found = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("saved_model.pb"))
    if len(found) != 1:
        raise FileNotFoundError(f"the model should be one folder with saved_model.pb, and there are {len(found)}")
    _loaded["model"] = tf.saved_model.load(str(found[0].parent))


def run(raw: str) -> dict[str, Any]:
    """Ask the model."""
    request = json.loads(raw)
    if not isinstance(request, dict) or request.keys().isdisjoint({"instances", "inputs"}):
        raise ValueError('the request must be {"instances": [...]} or {"inputs": ...}')
    signature = _loaded["model"].signatures[request.get("signature_name") or "serving_default"]
    wanted = signature.structured_input_signature[1]
    by_row = "instances" in request
    given = _columns(request["instances"]) if by_row else request["inputs"]
    if not isinstance(given, dict):
        given = {next(iter(wanted)): given}
    answers = signature(**{name: tf.constant(value, dtype=wanted[name].dtype) for name, value in given.items()})
    outputs = {name: answer.numpy().tolist() for name, answer in answers.items()}
    alone = next(iter(outputs.values())) if len(outputs) == 1 else None
    if not by_row:
        return {"outputs": outputs if alone is None else alone}
    rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
    return {"predictions": rows if alone is None else alone}


def _columns(instances: list[Any]) -> Any:
    """Instances that are mappings as one mapping of lists; others as they are."""
    if not instances or not isinstance(instances[0], dict):
        return instances
    return {name: [instance[name] for instance in instances] for name in instances[0]}
