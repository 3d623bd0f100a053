"""A folder with AML files, and the command line in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from airflow_provider_azml.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"
JOB = f"""\
$schema: {SCHEMAS}/commandJob.schema.json
type: command
name: train
command: python train.py --data ${{{{inputs.data}}}}
code: ./src
environment: azureml:sklearn@latest
compute: azureml:cpu-cluster
inputs:
  data:
    type: uri_folder
    path: azureml:sales:3
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int | str | None
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a job and its code."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/train.py").write_text("print()\n")
    (tmp_path / "train.yml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def azml(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command line."""

    def run(*arguments: str) -> Done:
        try:
            code: int | str | None = main(arguments)
        except SystemExit as ended:
            code = ended.code
        return Done(code, *capsys.readouterr())

    return run
