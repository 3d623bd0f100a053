"""Runs a piece of Python of a document as it stands; run by a Python that has azureml-core.

drive_document.py FILE RUN NAME...: the piece, the run that it speaks of, and what is told of it at the end.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

import azureml.core.workspace
from azureml.core import Run
from emulator_workspace import EmulatorAuthentication, workspace


def downloaded(url: str, filename: str) -> None:
    """The archive that the document fetches, without the internet."""
    folder = Path("mnist")
    folder.mkdir()
    (folder / "model.onnx").write_text(url)
    with tarfile.open(filename, "w:gz") as archive:
        archive.add(folder)
    shutil.rmtree(folder)


# nobody is there to sign in
azureml.core.workspace.InteractiveLoginAuthentication = EmulatorAuthentication
urllib.request.urlretrieve = downloaded  # type: ignore[assignment]
ws = workspace()
names: dict[str, Any] = {"ws": ws, "workspace": ws, "env_name": "of-the-document"}
piece, run_id, *told = sys.argv[1:]
if run_id:
    names["run"] = Run.get(ws, run_id)
exec(Path(piece).read_text(), names)
sys.stdout.write(f"\n{json.dumps([str(eval(name, names)) for name in told])}\n")
