"""A real Airflow in processes of its own, on a throw-away SQLite database, and what that database says of a run.

The emulator's side of the package does not import Airflow; it looks at it from outside.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENDED_WELL = frozenset({"success", "skipped"})
ENDED_BADLY = frozenset({"failed", "upstream_failed"})
_LOCAL = "localhost,127.0.0.1"
_TAIL_LINES = 5
_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\S* \[")
_TASK_STARTS = re.compile(r"\[DAG TEST\] starting task_id=(?P<task>\S+)")


class AirflowProcess:
    """Runs ``airflow`` commands, one at a time, each with all its children in one process group.

    Args:
        home: A new folder; ``AIRFLOW_HOME``.
        dag_file: The one file of DAGs that it knows.
        log: File that takes what the commands print.
    """

    def __init__(self, home: Path, dag_file: Path, log: Path) -> None:
        self._home = home
        self._dag_file = dag_file
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, exports: Mapping[str, str]) -> None:
        """Start a command, whose environment is this process's without its Airflow settings, and with `exports`."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 (the command is ours)
                [sys.executable, "-m", "airflow", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=self._environment(exports),
            )

    def exit_code(self) -> int | None:
        """How the command ended; ``None`` while it runs."""
        return self._process.poll() if self._process else None

    def kill(self) -> None:
        """End the command at once: ``airflow dags test`` takes SIGTERM for a wish of its task, and goes on."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def states(self) -> list[tuple[str, str]]:
        """Task ids and states of the one run, in the order in which they started; tasks to come are last."""
        return self._select(
            "SELECT task_id, coalesce(state, '') FROM task_instance ORDER BY start_date IS NULL, start_date"
        )

    def results(self) -> dict[str, Any]:
        """What each task returned."""
        rows = self._select("SELECT task_id, value FROM xcom WHERE key = 'return_value'")
        return {task: json.loads(value) for task, value in rows}

    def rendered(self, task_id: str) -> dict[str, Any]:
        """The rendered fields of a task."""
        rows = self._select("SELECT task_id, rendered_fields FROM rendered_task_instance_fields")
        return dict(json.loads(next((fields for task, fields in rows if task == task_id), "{}")))

    def why(self, task_id: str | None = None) -> str:
        """Why a task failed, in its exception's words; without a task, or an exception, the last lines of the log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(_exception(lines, task_id) if task_id else ()) or "\n".join(lines[-_TAIL_LINES:])

    def import_error(self) -> str:
        """What Python says against the file of DAGs, which Airflow keeps to itself; empty when it imports."""
        tried = subprocess.run(  # noqa: S603 (the file that the user wants to run)
            [sys.executable, str(self._dag_file)],
            env=self._environment({}),
            capture_output=True,
            text=True,
            check=False,
        )
        return tried.stderr.strip() if tried.returncode else ""

    def _environment(self, exports: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
        no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY"), _LOCAL)))
        return {
            **inherited,
            **exports,
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dag_file.parent),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "NO_COLOR": "1",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }

    def _select(self, query: str) -> list[tuple[str, str]]:
        database = self._home / "airflow.db"
        try:
            with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []  # not there yet, or being written to: the caller looks again


def _exception(lines: Sequence[str], task_id: str) -> list[str]:
    """The message of the last exception that Airflow printed for a task, as it prints them: type, colon, text."""
    found: list[str] = []
    current: str | None = None
    inside = after_frames = False
    for line in lines:
        started = _TASK_STARTS.search(line)
        if started or _LOG_LINE.match(line):
            current = started["task"] if started else current
            inside = False
        elif line == "Traceback (most recent call last):" and current == task_id:
            inside, after_frames, found = True, False, []
        elif inside and (after_frames or not line.startswith(" ")):
            after_frames = True
            found.append(line)
    return found
