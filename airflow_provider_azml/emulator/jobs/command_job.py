"""One command job, run on this machine: environment, files, process, results."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.files import JobFilesError
from airflow_provider_azml.emulator.jobs.placeholders import CommandError, fill_in
from airflow_provider_azml.emulator.jobs.processes import birth, end_group, inherited_environment, output_pipe
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError, layered
from airflow_provider_azml.emulator.jobs.records import JobFailure
from airflow_provider_azml.emulator.storage.locations import LocationError
from airflow_provider_azml.emulator.sweeps.trials import sampled_values, sampled_variables
from airflow_provider_azml.emulator.threads import done_in_thread

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_azml.emulator.jobs.files import JobFiles
    from airflow_provider_azml.emulator.jobs.python_environments import PythonEnvironments
    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.locations import Location
    from airflow_provider_azml.rest.flows import Json

STD_LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
JOB_PACKAGES = ("mlflow-skinny",)
_LOG_LINES = 20
_LOG_PAUSE_SECONDS = 0.05
_SHARE_PAUSE_SECONDS = 1.0
_LOG_CHUNK = 2**20
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class CommandJob:
    """A command job that has room to run.

    Sources: the descriptions of ``JobStatus``, ``CommandJob`` and ``JobLimits.timeout`` ("after which the job will be
    cancelled") in the 2024-04-01 OpenAPI file.

    Args:
        job: The job, as the control plane has it.
        environment: Its environment, as the control plane has it.
        variables: Environment variables that say who the job is.
        files: Its files.
        artifacts: Where its logs go.
        blobs: The emulator's storage.
        environments: Makes its Python.
        report: Told what changes in its run: fields of run history.
        remember: Told the id and birth of its process.
    """

    job: Json
    environment: Json
    variables: dict[str, str]
    files: JobFiles
    artifacts: Location
    blobs: Blobs
    environments: PythonEnvironments
    report: Callable[[Json], None]
    remember: Callable[[int, str | None], None]

    async def run(self) -> None:
        """Run it to its end.

        Raises:
            JobFailure: It did not complete.
            asyncio.CancelledError: It was cancelled; its processes are gone.
        """
        try:
            timeout_seconds = _timeout_seconds(self.job)
            self.report({"status": "Preparing"})
            python = await self.environments.ready(self.environment, JOB_PACKAGES, self._log_to(BUILD_LOG))
            self.report({"status": "Starting"})
            values = {**await done_in_thread(self.files.fetch), **sampled_values(self.job)}
            command = fill_in(self.job["properties"]["command"], values)
            own = await done_in_thread(layered, python, self.files.environment)
            await self._execute(command, self._environment([own, python], values), timeout_seconds)
        except EnvironmentBuildError as error:
            name = self.environment.get("id") or "of the job"
            raise JobFailure("UserError", f"The environment {name} could not be made: {error}") from error
        except (CommandError, JobFilesError, LocationError) as error:
            raise JobFailure("UserError", str(error)) from error
        except OSError as error:
            raise JobFailure(
                "SystemError", f"The machine that the emulator runs on could not do it: {error}"
            ) from error
        finally:
            await done_in_thread(self.files.remove)

    async def _execute(self, command: str, variables: dict[str, str], timeout_seconds: float | None) -> None:
        async with output_pipe(_LOG_CHUNK) as (output, sink):
            try:
                process = await asyncio.create_subprocess_exec(
                    *("bash", "-c", command),
                    cwd=self.files.working,
                    env=variables,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=sink,
                    stderr=asyncio.subprocess.STDOUT,
                    start_new_session=True,
                )
            except ValueError as error:
                # of a byte or a name that no process can be given
                raise JobFailure("UserError", f"Its command or environment variables cannot be: {error}.") from error
            finally:
                os.close(sink)
            await self._follow(process, output, timeout_seconds)

    async def _follow(self, process: Process, output: asyncio.StreamReader, timeout_seconds: float | None) -> None:
        self.remember(process.pid, birth(process.pid))
        self.report({"status": "Running", "startTimeUtc": timestamp()})
        tail: deque[bytes] = deque(maxlen=64)
        reading = asyncio.create_task(self._copy_log(process, output, tail))
        sharing = asyncio.create_task(self._share_logs())
        try:
            status = await _ended(process, timeout_seconds)
        finally:
            self.report({"status": "Finalizing"})
            sharing.cancel()
            await asyncio.wait({sharing})
            unwritten = await _drained(reading)
            # what a job has written is kept however it ends, as the service does
            await done_in_thread(self.files.collect)
        if unwritten is not None:
            raise unwritten
        if status != 0:
            raise JobFailure("UserError", _exit_message(status, tail))

    async def _copy_log(self, process: Process, output: asyncio.StreamReader, tail: deque[bytes]) -> None:
        log = self._log_to(STD_LOG)
        try:
            log(b"")
            while data := await output.read(_LOG_CHUNK):
                log(data)
                tail.append(data[-4096:])
                await asyncio.sleep(_LOG_PAUSE_SECONDS)
        except OSError:
            await end_group(process)
            raise

    async def _share_logs(self) -> None:
        while True:
            await asyncio.sleep(_SHARE_PAUSE_SECONDS)
            # what cannot be shared is collected in the end, and the job fails if that cannot be done either
            with suppress(LocationError, OSError):
                await done_in_thread(self.files.share_logs)

    def _log_to(self, path: str) -> Callable[[bytes], None]:
        name = self.artifacts.below(path).path

        def append(data: bytes) -> None:
            self.blobs.append(self.artifacts.container, name, data)

        return append

    def _environment(self, pythons: list[Path], values: dict[str, str]) -> dict[str, str]:
        given: dict[str, object] = self.job["properties"].get("environmentVariables") or {}
        inherited = inherited_environment()
        return {
            **inherited,
            "PATH": ":".join([*(str(python.parent) for python in pythons), inherited.get("PATH", "/usr/bin:/bin")]),
            "PYTHONUNBUFFERED": "1",
            "VIRTUAL_ENV": str(pythons[0].parent.parent),
            **{f"AZURE_ML_{_older_name(name)}": value for name, value in values.items()},
            **sampled_variables(self.job, values),
            **self.variables,
            **{name: str(value) for name, value in given.items() if value is not None},
        }


def _older_name(dotted: str) -> str:
    kind, _, name = dotted.partition(".")
    return f"{kind.removesuffix('s').upper()}_{name}"


def _timeout_seconds(job: Json) -> float | None:
    timeout = (job["properties"].get("limits") or {}).get("timeout")
    return durations.seconds(timeout) if timeout else None


async def _ended(process: Process, timeout_seconds: float | None) -> int:
    """The exit status of a job's process; its group is gone then, however this ends."""
    try:
        return await asyncio.wait_for(process.wait(), timeout_seconds)
    except asyncio.TimeoutError:
        message = f"The job ran for longer than limits.timeout ({timeout_seconds:.0f} s) and was canceled."
        raise JobFailure("UserError", message, status="Canceled") from None
    finally:
        await end_group(process)


async def _drained(reading: asyncio.Task[None]) -> OSError | None:
    """Let the rest of a job's output be written; what keeps the pipe open beyond its group is not waited for.

    Returns:
        Why it could not be written, if so.
    """
    await asyncio.wait({reading}, timeout=_DRAIN_SECONDS)
    reading.cancel()
    await asyncio.wait({reading})
    error = None if reading.cancelled() else reading.exception()
    return error if isinstance(error, OSError) else None


def _exit_message(status: int, tail: deque[bytes]) -> str:
    lines = b"".join(tail).decode(errors="replace").splitlines()[-_LOG_LINES:]
    what = f"exited with status code {status}" if status > 0 else f"was ended by signal {-status}"
    said = f" Error: {chr(10).join(lines)}" if lines else ""
    return f"Execution failed. User process 'bash' {what}. Please check log file '{STD_LOG}' for error details.{said}"
