from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.airflow.stack import Stack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack

TOYS = """
from airflow.sdk import DAG
from tests.airflow.toys import PauseOperator

with DAG("toys", schedule=None):
    PauseOperator(task_id="pause", seconds=5, retries=2)
"""


def test_a_whole_airflow_runs_a_task_that_defers(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "toys.py").write_text(TOYS)
    with Stack(tmp_path / "home", dags, {}) as stack:
        assert stack.run("toys", seconds=90) == "success"
        assert stack.tasks("toys")["pause"].state == "success"
        assert stack.value("toys", "pause") == 5
