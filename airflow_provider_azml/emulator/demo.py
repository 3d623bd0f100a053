"""Runs a DAG with a real Airflow against a local Azure ML, shows how it goes, and leaves nothing behind.

``python -m airflow_provider_azml.emulator.demo dags_examples/train_register_deploy_score.py``. The DAG's id is the name
of its file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.airflow_process import ENDED_BADLY, ENDED_WELL, AirflowProcess
from airflow_provider_azml.emulator.launcher import EmulatorDown, EmulatorProcess, with_lasting_cache
from airflow_provider_azml.emulator.progress import Progress
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_TICK_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFailed(AzmlError):
    """A step did not work; the message says which and why."""


class Interrupted(AzmlError):
    """A signal asked for the end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Interruptions:
    """Notes signals instead of obeying them on the spot, so that no process is started and then forgotten."""

    def __init__(self) -> None:
        self._number = 0
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def check(self) -> None:
        """Do nothing until a signal came.

        Raises:
            Interrupted: One came.
        """
        if self._number:
            raise Interrupted(self._number)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._number = number


class Demo:
    """One run of a DAG, from nothing to nothing.

    Args:
        dag_file: The DAG's file.
        folder: A new folder for all that is written.
        progress: Where it is shown.
        interruptions: What may end it early.
    """

    def __init__(self, dag_file: Path, folder: Path, progress: Progress, interruptions: Interruptions) -> None:
        self._dag_file = dag_file
        self._emulator_log = folder / "emulator.log"
        self._home = folder / "emulator"
        self.log = folder / "airflow.log"
        self._airflow = AirflowProcess(folder / "airflow", dag_file, self.log)
        self._progress = progress
        self._interruptions = interruptions

    def run(self) -> None:
        """Run the DAG.

        Raises:
            DemoFailed: A task failed, or Airflow did.
            EmulatorDown: The emulator did not start, or ended.
            Interrupted: A signal came; everything is stopped by then.
        """
        with ExitStack() as stack:
            emulator = EmulatorProcess(self._home, self._emulator_log, with_lasting_cache(os.environ))
            stack.callback(emulator.stop)
            stack.callback(self._airflow.kill)
            self._prepare(emulator)
            self._airflow.start(
                "dags", "test", self._dag_file.stem, "--dagfile-path", str(self._dag_file), exports=emulator.exports()
            )
            self._follow(emulator)

    def summary(self) -> Iterator[tuple[str, str]]:
        """What came out of it, by the names that the example DAG gives its tasks; absent tasks say nothing."""
        results = {task: result for task, result in self._airflow.results().items() if isinstance(result, dict)}
        for title, task, say in _SUMMARY:
            if task in results:
                yield title, say(results[task])
        answer = self._airflow.results().get("score")
        if answer is not None:
            sample = self._airflow.rendered("score").get("payload")
            yield "Prediction", f"{json.dumps(answer)} for {json.dumps(sample)}"

    def _prepare(self, emulator: EmulatorProcess) -> None:
        """Start the emulator and make Airflow's database, beside each other."""
        self._airflow.start("db", "migrate", exports={})
        waiting: dict[str, Callable[[], bool]] = {
            "start the emulator": emulator.ready,
            "set up Airflow": lambda: self._ended("airflow db migrate"),
        }
        for step in waiting:
            self._progress.begin(step)
        while waiting:
            for step, done in list(waiting.items()):
                if done():
                    self._progress.end(step)
                    del waiting[step]
            self._pause()

    def _follow(self, emulator: EmulatorProcess) -> None:
        """Show the tasks of the run until it is over."""
        starting, shown = "start Airflow", set[str]()
        self._progress.begin(starting)
        over = False
        while not over:
            emulator.check()
            over = self._airflow.exit_code() is not None  # looked at first: the states are final then
            for task, state in self._airflow.states():
                if starting and state not in {"", "scheduled", "queued"}:
                    self._progress.end(starting)
                    starting = ""
                if task not in shown:
                    self._show(task, state, shown)
            if not over:
                self._pause()
        if self._airflow.exit_code() != 0:
            reason = ""
            if starting:
                self._progress.end(starting, well=False)
                reason = self._airflow.import_error()
            raise DemoFailed(f"airflow dags test failed:\n{reason or self._airflow.why()}")

    def _show(self, task: str, state: str, shown: set[str]) -> None:
        if state == "running":
            self._progress.begin(task)
        elif state in ENDED_WELL:
            self._progress.end(task)
            shown.add(task)
        elif state in ENDED_BADLY:
            self._progress.end(task, well=False)
            raise DemoFailed(f"step {task!r} failed:\n{self._airflow.why(task)}")

    def _ended(self, command: str) -> bool:
        code = self._airflow.exit_code()
        if code:
            raise DemoFailed(f"{command} ended with exit code {code}:\n{self._airflow.why()}")
        return code == 0

    def _pause(self) -> None:
        self._interruptions.check()
        self._progress.tick()
        time.sleep(_TICK_SECONDS)


def _best(trial: dict[str, Any]) -> str:
    tried = ", ".join(f"{name} {value}" for name, value in trial["parameters"].items())
    return f"{trial['name']}: {trial['primary_metric']} {trial['metric']:.3f} with {tried}"


_SUMMARY: Sequence[tuple[str, str, Callable[[dict[str, Any]], str]]] = (
    ("Workspace", "create_workspace", lambda workspace: str(workspace["name"])),
    ("Job", "train", lambda job: f"{job['name']}, {job['status']}"),
    ("Studio", "train", lambda job: str(job["studio_url"])),
    ("Best trial", "train", lambda job: _best(job["best_trial"])),
    ("Model", "register_model", lambda model: f"{model['name']}, version {model['version']}"),
    ("Endpoint", "deploy", lambda endpoint: f"{endpoint['name']}, {endpoint['scoring_uri']}"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    Args:
        arguments: The command line's; ``sys.argv`` when not given.

    Returns:
        0; 1 when a step failed; 128 and the signal's number when one ended it.
    """
    parser = argparse.ArgumentParser(prog="demo", description="Run a DAG against a local Azure ML.")
    parser.add_argument("dag_file", type=Path, help="its name is the DAG's id")
    dag_file = parser.parse_args(arguments).dag_file.absolute()
    if not dag_file.is_file():
        parser.error(f"there is no file {dag_file}")
    began, progress, interruptions = time.monotonic(), Progress(sys.stdout), Interruptions()
    folder = Path(tempfile.mkdtemp(prefix="azml-demo-"))
    demo = Demo(dag_file, folder, progress, interruptions)
    progress.say(f"{dag_file.stem}, with a real Airflow, on a local Azure ML:")
    kept = False
    try:
        demo.run()
        progress.say()
        for title, text in [*demo.summary(), ("Time", f"{time.monotonic() - began:.0f} s")]:
            progress.say(f"  {title:<12}{text}")
    except (DemoFailed, EmulatorDown) as error:
        kept = True
        progress.say(f"\n{error}\n\nThe whole log is in {demo.log}; the emulator's is beside it.")
        return 1
    except Interrupted as error:
        progress.say(f"\nStopped by {error}; everything that was started is stopped, too.")
        return 128 + error.number
    finally:
        for leftover in (folder / "emulator", folder / "airflow") if kept else (folder,):
            shutil.rmtree(leftover, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
