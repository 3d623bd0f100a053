"""Scoring script of an ONNX model, as the service of CLI v1 had one: the interface of ONNX Runtime's server.

A request is ``{"inputs": {"<name>": {"dims": [...], "dataType": 1, "floatData": [...]}}, "outputFilter": [...]}``,
where ``rawData`` in base64 may stand instead of the numbers; the answer is ``{"outputs": {"<name>": {"dims": [...],
"dataType": 1, "rawData": "..."}}}``. ``{"data": [...]}`` is taken for the first input, and answered as lists by name.

Source: https://github.com/microsoft/onnxruntime, docs/ONNX_Runtime_Server_Usage.md, and TensorProto of onnx.proto.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

DATA_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    8: "str",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}
"""Number of TensorProto -> type of numpy."""
FIELDS = ("floatData", "int32Data", "int64Data", "doubleData", "uint64Data")
_OF_INPUTS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(string)": "str"}
_loaded: dict[str, Any] = {}


def init() -> None:
    """Load the model below ``AZUREML_MODEL_DIR``."""
    found = sorted(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*.onnx"))
    if len(found) != 1:
        raise FileNotFoundError(f"the model should be one .onnx file, and there are {len(found)}: {found}")
    _loaded["session"] = onnxruntime.InferenceSession(str(found[0]), providers=onnxruntime.get_available_providers())


def run(raw: str) -> dict[str, Any]:
    """Ask the model."""
    session, request = _loaded["session"], json.loads(raw)
    if not isinstance(request, dict) or request.keys().isdisjoint({"inputs", "data"}):
        raise ValueError('the request must be {"inputs": {...}} or {"data": [...]}')
    if "data" in request:
        first = session.get_inputs()[0]
        named = _OF_INPUTS.get(first.type) or first.type.removeprefix("tensor(").removesuffix(")")
        inputs = {first.name: np.asarray(request["data"], dtype=named)}
    else:
        inputs = {name: tensor(given) for name, given in request["inputs"].items()}
    names = request.get("outputFilter") or [output.name for output in session.get_outputs()]
    answers = dict(zip(names, session.run(names, inputs), strict=True))
    if "data" in request:
        return {name: answer.tolist() if hasattr(answer, "tolist") else answer for name, answer in answers.items()}
    return {"outputs": {name: described(np.asarray(answer)) for name, answer in answers.items()}}


def tensor(given: dict[str, Any]) -> Any:
    """The array that a TensorProto describes."""
    kind = DATA_TYPES[int(given.get("dataType", 1))]
    dims = [int(size) for size in given.get("dims", [])]
    if "stringData" in given:
        return np.asarray([base64.b64decode(text).decode() for text in given["stringData"]]).reshape(dims)
    if "rawData" in given:
        return np.frombuffer(base64.b64decode(given["rawData"]), dtype=kind).reshape(dims)
    numbers: list[float] = next((given[field] for field in FIELDS if field in given), [])
    return np.asarray(numbers, dtype=kind).reshape(dims)


def described(array: Any) -> dict[str, Any]:
    """An array as a TensorProto."""
    dims = [str(size) for size in array.shape]
    if array.dtype.kind in "UO":
        texts = [base64.b64encode(str(text).encode()).decode() for text in array.ravel()]
        return {"dims": dims, "dataType": 8, "stringData": texts}
    number = next(number for number, name in DATA_TYPES.items() if name == array.dtype.name)
    return {"dims": dims, "dataType": number, "rawData": base64.b64encode(array.tobytes()).decode()}
