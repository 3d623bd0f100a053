"""Pipeline files of CLI v1 on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Done

PIPELINE = """\
pipeline:
  default_compute: cpu
  steps:
    One:
      type: PythonScriptStep
      script_name: one.py
      source_directory: code
      hash_paths: [one.py]
"""


def test_a_pipeline_of_v1_is_validated_and_translated(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "code").mkdir()
    (folder / "code/one.py").write_text("")
    (folder / "old.yml").write_text(PIPELINE)

    validated = azml("validate", "old.yml")
    assert validated.code == 0
    assert "old.yml:8:7: pipeline.steps.One.hash_paths: note: not sent: all files of the folder do" in validated.lines
    assert '"command": "python one.py"' in azml("translate", "old.yml").out

    (folder / "old.yml").write_text(PIPELINE.replace("one.py\n", "two.py\n"))
    broken = azml("validate", "old.yml")
    assert broken.code == 1
    assert "old.yml:6:20: pipeline.steps.One.script_name: there is no file 'two.py' in 'code'" in broken.lines


def test_a_step_that_no_aml_job_can_have_is_told(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "old.yml").write_text(
        "pipeline: {default_compute: d, steps: {n: {type: DatabricksStep, notebook_path: /n, num_workers: 1}}}\n"
    )
    done = azml("validate", "old.yml")
    assert done.code == 1
    assert "jobs.n: runs on Azure Databricks, for which AML has no node since CLI v1" in done.out
