"""Fills in what azureml-core reads from the environment folders of ``environments.json``, and what it scaffolds.

Run it by a Python that has azureml-core 1.61: ``python tests/azureml_core/record_environments.py``.
"""

from __future__ import annotations

import json
import tempfile
from importlib import metadata
from pathlib import Path

from azureml.core.environment import Environment

FILE = Path(__file__).with_name("environments.json")


def read(files: dict[str, str]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        return dict(Environment._serialize_to_dict(Environment.load_from_directory(folder)))


def scaffolded(name: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        Environment(name).save_to_directory(folder, overwrite=True)
        return {path.name: path.read_text() for path in sorted(Path(folder).iterdir())}


def main() -> None:
    golden = json.loads(FILE.read_text())
    golden["packages"] = {"azureml-core": metadata.version("azureml-core")}
    for case in golden["cases"].values():
        case["read"] = read(case["given"])
    golden["scaffold"]["read"] = scaffolded(golden["scaffold"]["given"])
    FILE.write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main()
