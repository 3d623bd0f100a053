"""The demo as it is run: a process, watched from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(900)

DAGS = Path(__file__).parent / "dags"
EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "train_register_deploy_score.py"
MARK = "AZML_DEMO_TEST"


class Demo:
    """A running demo, which leaves a mark in the environment of everything that it starts."""

    def __init__(self, dag_file: Path, temporary: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, "-m", "airflow_provider_azml.emulator.demo", str(dag_file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, MARK: self.mark, "TMPDIR": str(temporary)},
        )

    def output(self) -> str:
        return self.process.communicate(timeout=800)[0]

    def output_until(self, text: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if text in line:
                return
        pytest.fail(f"the demo ended without a word of {text!r}")

    def left_over(self) -> list[str]:
        """Command lines of processes that are still there."""
        deadline = time.monotonic() + 60
        while (found := list(self.processes())) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def processes(self) -> Iterator[str]:
        """Command lines of processes that have the mark, or something to do with the demo's files."""
        signs = f"{MARK}={self.mark}".encode(), bytes(self.temporary)
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
                if any(sign in seen for sign in signs):
                    yield (process / "cmdline").read_text().replace("\0", " ")
            except OSError:  # not ours to look at, or over
                continue


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_the_step_that_fails_is_named_with_its_reason_and_its_log(temporary: Path) -> None:
    demo = Demo(DAGS / "broken.py", temporary)
    output = demo.output()
    assert demo.process.returncode == 1
    assert re.search(r"whole: done after \d", output)
    assert re.search(r"falls_apart: FAILED after \d", output)
    assert "step 'falls_apart' failed:\nRuntimeError: not as expected\n  in two lines\n" in output
    logs = [Path(path) for path in re.findall(r"log is in (\S+\.log)", output)]
    assert "RuntimeError: not as expected" in logs[0].read_text()
    assert sorted(path.name for path in logs[0].parent.iterdir()) == ["airflow.log", "emulator.log"]
    assert demo.left_over() == []


def test_a_dag_file_that_does_not_import_says_so(temporary: Path) -> None:
    demo = Demo(DAGS / "unreadable.py", temporary)
    output = demo.output()
    assert demo.process.returncode == 1
    assert "no such luck" in output
    assert demo.left_over() == []


@pytest.mark.parametrize(
    ("number", "moment"), [(signal.SIGINT, "set up Airflow"), (signal.SIGTERM, "sleeps ...")], ids=["early", "late"]
)
def test_a_signal_stops_everything_and_leaves_nothing(temporary: Path, number: signal.Signals, moment: str) -> None:
    demo = Demo(DAGS / "endless.py", temporary)
    demo.output_until(moment)
    assert len(list(demo.processes())) > 1
    demo.process.send_signal(number)
    assert f"Stopped by {number.name}" in demo.output()
    assert demo.process.returncode == 128 + number
    assert demo.left_over() == []
    assert list(temporary.iterdir()) == []


def test_a_file_that_is_not_there_is_refused(temporary: Path) -> None:
    demo = Demo(DAGS / "nowhere.py", temporary)
    assert "there is no file" in demo.output()
    assert demo.process.returncode == 2


def test_the_example_runs_and_is_summed_up(temporary: Path) -> None:
    demo = Demo(EXAMPLE, temporary)
    output = demo.output()
    assert demo.process.returncode == 0, output
    for line in (
        r"Workspace +laptop",
        r"Job +train-register-deploy-score-train-\S+, Completed",
        r"Studio +https://localhost:\d+/\S+",
        r"Best trial +train-register-deploy-score-train-\S+_\d: accuracy 0\.9\d+ with regularization \S+",
        r"Model +iris, version 1",
        r"Endpoint +iris-11111111, https://localhost:\d+/score/\S+",
        r'Prediction +\["setosa", "virginica"\] for \{"data": \[\[5\.1, ',
        r"Time +\d+ s",
    ):
        assert re.search(rf"^  {line}", output, re.MULTILINE), f"no line {line!r} in {output}"
    assert demo.left_over() == []
    assert list(temporary.iterdir()) == []
