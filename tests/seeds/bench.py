"""Where the code of the how-to pages runs: a workspace of the emulator under the names that the commands have."""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.cli import main
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.emulator.execution import Workspace
from tests.seeds import pages

if TYPE_CHECKING:
    from pathlib import Path

GROUP, WORKSPACE = "myresourcegroup", "myworkspace"


class Xcoms(SimpleNamespace):
    """A task instance that keeps what it is told."""

    def xcom_push(self, key: str, value: object) -> None:
        self.pushed[key] = value

    def xcom_pull(self, key: str, **_: object) -> Any:
        return self.pushed.get(key)


@dataclass
class Bench(Workspace):
    """The workspace of the commands, and what runs them.

    Args:
        folder: The folder of the DAG file.
    """

    folder: Path = field(kw_only=True)

    @property
    def id(self) -> WorkspaceId:
        return WorkspaceId(self.emulator.subscription_id, GROUP, WORKSPACE)

    def ensure(self) -> Bench:
        """Make group and workspace, unless they are there."""
        self.call("PUT", self.id.group, json={"location": "local"})
        super().ensure()
        return self

    def drop(self, arm_id: str, **params: str) -> None:
        """Delete a resource, if it is there, and wait until it is gone."""
        answer = self.call("DELETE", arm_id, params=params, ok=False)
        self.settle(answer)  # of computes
        while answer.status_code == 202 and "Location" in answer.headers:  # of workspaces
            time.sleep(0.05)
            answer = self.call(
                "GET", answer.headers["Location"].removeprefix(self.emulator.https_url).partition("?")[0]
            )

    @property
    def connection(self) -> str:
        """A connection to it, as ``AIRFLOW_CONN_AZML_DEFAULT`` has it."""
        connection = json.loads(self.emulator.environment["AIRFLOW_CONN_AZML_DEFAULT"])
        connection["extra"] |= {"resource_group": GROUP, "workspace": WORKSPACE}
        return json.dumps(connection)

    def do(self, command: str, **changed: str) -> Any:
        """Do what replaces a command.

        Args:
            command: The command, as a document has it.
            changed: What stands for a word of it that only a run knows.

        Returns:
            What the operator returned, or the value; of command lines all that they print.
        """
        entry = pages.entries()[pages.words(command)]
        for word, value in changed.items():
            assert word in entry.code
            entry = replace(entry, code=entry.code.replace(word, value))
        if entry.language == "console":
            return self._print(entry.code)
        names: dict[str, Any] = {}
        exec(pages.preamble(entry.page), names)
        found = pages.value(entry, names, self.folder / "dag.py")
        if not isinstance(found, AzmlOperator):
            return found
        found.poll_seconds = 0.1
        return self.run_task(found)

    def read(self, uri: str) -> str:
        """The content of a file in storage, as a job sees it."""
        return self.log(self.run("cat ${{inputs.x}}", inputs={"x": {"jobInputType": "uri_file", "uri": uri}}))

    def run_task(self, task: AzmlOperator) -> Any:
        """Run an operator as a task would, blocking."""
        run_id = f"manual__{time.time_ns()}"
        ti = Xcoms(
            id="01-ti",
            dag_id="moving",
            run_id=run_id,
            task_id=task.task_id,
            map_index=-1,
            max_tries=0,
            try_number=1,
            pushed={},
        )
        start = datetime(2026, 1, 1, tzinfo=timezone.utc)
        context = {
            "ti": ti,
            "task": task,
            "run_id": run_id,
            "params": {},
            "outlet_events": {},
            "dag_run": SimpleNamespace(start_date=start),
        }
        return task.execute(context)  # type: ignore[arg-type]

    def _print(self, code: str) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            for line in code.replace("\\\n", "").splitlines():
                program, *arguments = pages.words(line.removeprefix("$ "))
                assert program == "azml", line
                assert main(arguments) == 0, line
        return printed.getvalue()
