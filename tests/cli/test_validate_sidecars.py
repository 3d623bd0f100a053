"""``azml validate`` of sidecars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  prep: {type: command, command: 'true', environment: 'azureml:env:1', outputs: {rows: {type: uri_folder}}}
  train:
    type: command
    command: ls ${{inputs.rows}}
    environment: azureml:env:1
    inputs: {rows: "${{parent.jobs.prep.outputs.rows}}"}
"""


@pytest.fixture
def pipeline(folder: Path) -> Path:
    (folder / "pipeline.yml").write_text(PIPELINE)
    return folder / "pipeline.yml"


def test_a_sidecar_is_held_against_its_pipeline(pipeline: Path, azml: Callable[..., Done]) -> None:
    pipeline.with_name("pipeline.airflow.yml").write_text(
        "task_overrides:\n  traim: {retrys: 1}\n  azml_job: {}\nafter: {prep: [nothing]}\n"
    )
    known = "there is no such node; there are prep, train"
    done = azml("validate", "pipeline.airflow.yml")
    assert done.code == 1
    assert done.lines == [
        "pipeline.airflow.yml:2:3: task_overrides.traim: there is no such node; did you mean 'train'?",
        "pipeline.airflow.yml:2:11: task_overrides.traim.retrys: unknown key; did you mean 'retries'?",
        f"pipeline.airflow.yml:4:16: after.prep[0]: 'nothing': {known}",
    ]
    assert done.err == "1 file, 3 errors, 0 warnings\n"


def test_a_circle_through_the_data(pipeline: Path, azml: Callable[..., Done]) -> None:
    pipeline.with_name("pipeline.airflow.yml").write_text("after: {prep: [train]}\n")
    circle = "makes a circle, of which each runs before the next: train -> prep -> train"
    assert azml("validate", "pipeline.airflow.yml").lines == [f"pipeline.airflow.yml:1:16: after.prep[0]: {circle}"]


def test_sidecars_below_a_folder(pipeline: Path, azml: Callable[..., Done]) -> None:
    pipeline.with_name("pipeline.airflow.yml").write_text("task_overrides: {train: {retries: 1}}\n")
    pipeline.with_name(".airflow.yml").write_text("task_overrides: {other: {pool: a}}\n")
    assert azml("validate", ".").err.splitlines()[-1] == "4 files, 0 errors, 0 warnings"
    pipeline.unlink()
    assert azml("validate", ".").lines == [
        "pipeline.airflow.yml: there is no AML file beside it that it could hold for"
    ]


@pytest.mark.parametrize("text", ["- a\n", "dag: [\n"])
def test_a_sidecar_that_cannot_be_read_counts_once(pipeline: Path, azml: Callable[..., Done], text: str) -> None:
    pipeline.with_name("pipeline.airflow.yml").write_text(text)
    assert azml("validate", "pipeline.airflow.yml").err == "1 file, 1 error, 0 warnings\n"


def test_what_is_wrong_with_the_pipeline_is_not_told_of_its_sidecar(pipeline: Path, azml: Callable[..., Done]) -> None:
    pipeline.write_text(PIPELINE.replace("jobs.prep", "jobs.perp"))
    pipeline.with_name("pipeline.airflow.yml").write_text("task_overrides: {other: {retries: 1}}\n")
    assert azml("validate", "pipeline.airflow.yml").code == 0
