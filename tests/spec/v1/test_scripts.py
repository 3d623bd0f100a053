"""Scripts of files of CLI v1: in the folder that is sent, or an error with the line that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.source import as_written, read
from airflow_provider_azml.spec.v1 import datasets, script_runs

if TYPE_CHECKING:
    from pathlib import Path

STEP = """\
pipeline:
  default_compute: cpu
  steps:
    a:
      type: PythonScriptStep
      script_name: {script}
      source_directory: src
"""
LONG = "x" * 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "out.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("../out.py", "'../out.py' is outside of 'src', which is what is sent"),
        (f"{LONG}.py", "there is no file"),
        ("none.py", "there is no file 'none.py' in 'src'"),
    ],
)
def test_a_step_names_a_script_of_its_folder(folder: Path, script: str, said: str) -> None:
    (folder / "pipeline.yml").write_text(STEP.format(script=script))
    with pytest.raises(SpecError) as caught:
        read(folder / "pipeline.yml")
    (problem,) = caught.value.problems
    assert problem.line == 6
    assert said in problem.reason


@pytest.mark.parametrize("script", [f"{LONG}.py", "../out.py"])
def test_a_run_names_a_script_of_its_folder(folder: Path, script: str) -> None:
    (folder / "a.runconfig").write_text(f"framework: Python\nscript: {script}\n")
    with pytest.raises(SpecError) as caught:
        script_runs.command_job(as_written(folder / "a.runconfig"), source_directory=folder / "src")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (2, "script")


def test_an_image_that_is_named_was_not_chosen(folder: Path) -> None:
    image = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
    for named, remarks in ((f"{{baseImage: {image}}}", 0), ("{shmSize: 2g}", 1)):
        (folder / "a.runconfig").write_text(f"script: out.py\nenvironment:\n  docker: {named}\n")
        made = script_runs.command_job(as_written(folder / "a.runconfig"))
        assert len([remark for remark in made.remarks if "image" in remark.text]) == remarks


def test_a_long_name_of_a_dataset_is_no_name_of_a_folder(folder: Path) -> None:
    name = "n" * 240
    path = '{"path": "https://a.b/c.csv", "sourceType": "delimited_files"}'
    registration = f'{{"name": "{name}"}}'
    given = f'{{"datasetType": "Tabular", "registration": {registration}, "parameters": {path}}}'
    (folder / "d.json").write_text(given)
    made = datasets.data_asset(as_written(folder / "d.json"))
    assert made.beside(folder / "made").value["path"]
    assert made.source.value["name"] == name
