"""A shell in which curl asks the emulator what a document lets it ask Azure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

AZURE = ("https://management.azure.com", "https://login.microsoftonline.com", "https://{regional-api-server}")


TOOLS = ("curl", "jq")
"""Programs that the documents use."""


@dataclass(frozen=True)
class Answer:
    """What curl was answered last.

    Args:
        status: HTTP status.
        headers: Headers, by their names in lower case.
        text: All that the command printed.
    """

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Shell:
    """Runs what a document shows.

    Args:
        emulator: Stands in for Azure.
        folder: The working folder.
        values: What to fill in for ``{placeholders}``.
    """

    emulator: RunningEmulator
    folder: Path
    values: Mapping[str, str]

    def knowing(self, values: Mapping[str, str]) -> Shell:
        """The same, with something for more placeholders."""
        return replace(self, values={**self.values, **values})

    def filled(self, command: str) -> str:
        """A command with the emulator's addresses, and something for each placeholder."""
        for host in AZURE:
            command = command.replace(host, self.emulator.https_url)
        for name, value in self.values.items():
            command = command.replace(f"{{{name}}}", value)
        return command

    def run(self, command: str, **variables: str) -> Answer:
        """Run a command, and tell what the last curl in it was answered.

        Args:
            command: As the document has it.
            variables: Variables of the shell.
        """
        for tool in (tool for tool in TOOLS if re.search(rf"\b{tool}\b", command)):
            if shutil.which(tool) is None:
                pytest.skip(f"there is no {tool}")
        headers = self.folder / "headers"
        settings = ["silent", "show-error", f"cacert = {self.emulator.environment['REQUESTS_CA_BUNDLE']}"]
        (self.folder / ".curlrc").write_text("\n".join([*settings, f"dump-header = {headers}"]))
        headers.write_text("")
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail"],
            input=self.filled(command),
            cwd=self.folder,
            env={**os.environ, **variables, "CURL_HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        status, *lines = headers.read_text().splitlines() or ["- 0"]
        told = dict(line.split(": ", 1) for line in lines if ": " in line)
        return Answer(int(status.split()[1]), {name.lower(): value for name, value in told.items()}, done.stdout)
