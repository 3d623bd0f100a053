"""The driver of parallel jobs, as it stands in a job's folder: what becomes of a worker that is killed from outside."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines.parallel_driver import Worker, options_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SCRIPT = """
def init():
    pass

def run(files):
    return files
"""


def test_a_worker_that_is_gone_between_two_mini_batches_has_failed_at_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "killed.py").write_text(SCRIPT)
    worker = Worker(0, options_of(["--entry_script", "killed.py", "--input_data", "x"], []), [])
    try:
        assert worker.run(["a"], 30) == (True, (["a"], 1))
        (process,) = multiprocessing.active_children()
        process.kill()
        process.join()
        assert worker.run(["b"], 30) == (False, "the process ended by itself")
    finally:
        worker.kill()
