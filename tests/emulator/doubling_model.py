"""An MLflow model that doubles numbers, and needs nothing that takes long to install."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MLMODEL = """
flavors:
  python_function:
    loader_module: doubling
    code: code
    env:
      conda: conda.yaml
    python_version: "3.11"
mlflow_version: "3.0.0"
model_uuid: 0123456789abcdef0123456789abcdef
"""
_LOADER = """
class Doubling:
    def predict(self, table, params=None):
        return table["x"] * 2

def _load_pyfunc(path):
    return Doubling()
"""


def files(*packages: str) -> dict[str, str]:
    """The files of the model; all tests that ask for the same packages share an environment."""
    pip = ", ".join(("mlflow-skinny", "cloudpickle", *packages))
    conda = f"dependencies: [python=3.11, pip, pandas, {{pip: [{pip}]}}]"
    return {"MLmodel": _MLMODEL, "conda.yaml": conda, "code/doubling.py": _LOADER}


def written(folder: Path, *packages: str) -> Path:
    """A folder that does not exist, with the files of the model."""
    (folder / "code").mkdir(parents=True)
    for name, text in files(*packages).items():
        (folder / name).write_text(text)
    return folder
