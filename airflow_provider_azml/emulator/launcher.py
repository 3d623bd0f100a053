"""Starts the emulator as a process of its own, and ends it with all that it runs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READY_SECONDS = 120
STOP_SECONDS = 15
_LOOK_SECONDS = 0.05
_TAIL_LINES = 10


class EmulatorDown(AzmlError):
    """The emulator did not get ready, or ended by itself; the message ends with the last lines of its log."""


def with_lasting_cache(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python environments of jobs and deployments outlive the emulator's home.

    Building them is what takes time. A folder that ``AZML_EMULATOR_CACHE`` names already stays.
    """
    caches = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {"AZML_EMULATOR_CACHE": str(caches / "azml" / "environments"), **environment}


class EmulatorProcess:
    """An emulator in a process of its own, in a session of its own, on free ports.

    Args:
        home: Its folder; made if need be. What clients need is in ``env.sh`` there once it is ready.
        log: File that takes what it prints.
        environment: Its environment; this process's when not given.
        options: Further options of ``azml emulator``.

    Example:
        >>> emulator = EmulatorProcess(home, home / "emulator.log", options=["--simulate", "60", "--create-workspace"])
        >>> emulator.wait()
        >>> subprocess.run(["az", "group", "list"], env={**os.environ, **emulator.exports()})
        >>> emulator.stop()
    """

    def __init__(
        self, home: Path, log: Path, environment: Mapping[str, str] | None = None, options: Sequence[str] = ()
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._exports = home / "env.sh"
        self._exports.unlink(missing_ok=True)
        self._log = log
        self._deadline = time.monotonic() + READY_SECONDS
        command = [sys.executable, "-m", "airflow_provider_azml.emulator", "--home", str(home)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 (the command is ours)
                [*command, "--http-port", "0", "--https-port", "0", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def ready(self) -> bool:
        """Whether it serves by now.

        Raises:
            EmulatorDown: It ended, or has had all the time that it was given.
        """
        self.check()
        if not self._exports.exists() and time.monotonic() > self._deadline:
            raise EmulatorDown(f"the emulator was not ready after {READY_SECONDS} s{self._tail()}")
        return self._exports.exists()

    def wait(self) -> None:
        """Wait until it serves.

        Raises:
            EmulatorDown: It ended, or has had all the time that it was given.
        """
        while not self.ready():
            time.sleep(_LOOK_SECONDS)

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            EmulatorDown: It ended.
        """
        if self._process.poll() is not None:
            raise EmulatorDown(f"the emulator ended with exit code {self._process.returncode}{self._tail()}")

    def exports(self) -> dict[str, str]:
        """The environment variables of ``env.sh``."""
        return read_environment(self._exports)

    def stop(self) -> None:
        """End it in its own way, which ends its jobs and servers; failing that, kill all in its session."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n  ".join([". Its log ends with:", *lines]) if lines else ", and said nothing"


def read_environment(file: Path) -> dict[str, str]:
    """The variables that an ``env.sh`` exports.

    Raises:
        FileNotFoundError: The emulator of this home is not ready.
    """
    words = shlex.split(file.read_text(encoding="utf-8"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)
