"""Python environments of jobs and deployments: virtual environments, made once per content and kept in a cache."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.jobs import conda_files
from airflow_provider_azml.emulator.jobs.processes import birth, end_group, end_leftover, inherited_environment
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from airflow_provider_azml.emulator.jobs.conda_files import Requirements
    from airflow_provider_azml.rest.flows import Json

_COMPLETE = ".complete"
_BUILDER = ".builder"
_LOG_LINES = 20
_LONGEST_LINE = 2**22
_CURATED_SKLEARN = re.compile(r"(?:^azureml:AzureML-|/environments/)sklearn-(\d+\.\d+)", re.IGNORECASE)
_CURATED_PACKAGES = ("joblib", "matplotlib", "numpy", "pandas", "scipy", "tqdm")


class EnvironmentBuildError(AzmlError):
    """A Python environment could not be made; the message ends with what the installer said last."""


class PythonEnvironments:
    """A folder of virtual environments, each named after a hash of what is in it.

    Args:
        cache: The folder. ``AZML_EMULATOR_CACHE`` overrides it, so that a cache outlives the emulator's home.

    Example:
        >>> python = await PythonEnvironments(Path("envs")).ready(environment, ["mlflow-skinny"])
    """

    def __init__(self, cache: Path) -> None:
        self._cache = Path(os.environ.get("AZML_EMULATOR_CACHE") or cache).absolute()

    def recover(self) -> None:
        """At the start: end what emulators that were killed have left at work on environments."""
        for note in self._cache.glob(f"*{_BUILDER}"):
            with note.with_suffix(".lock").open("w") as handle, contextlib.suppress(BlockingIOError):
                # whoever still holds it lives, and shares the cache with us
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _end_earlier_builder(note.with_suffix(""))

    def has(self, environment: Json, extra: Sequence[str] = ()) -> bool:
        """Whether an environment is in the cache; one that cannot be made is not."""
        try:
            requirements = _requirements(environment, extra)
        except EnvironmentBuildError:
            return False
        return (self._cache / _key(_interpreter(requirements.python)[1], requirements) / _COMPLETE).exists()

    async def ready(
        self, environment: Json, extra: Sequence[str] = (), log: Callable[[bytes], None] = lambda _: None
    ) -> Path:
        """The Python of an environment, which is built first if it is not in the cache.

        Args:
            environment: The environment as the control plane has it (its ``properties.condaFile`` is read).
            extra: Requirements that it gets besides, unless it names those packages itself.
            log: Is given the installer's output.

        Raises:
            EnvironmentBuildError: It needs something that cannot be had here.
        """
        return await self._ready(_requirements(environment, extra), log)

    async def _ready(self, requirements: Requirements, log: Callable[[bytes], None]) -> Path:
        interpreter, version = await asyncio.to_thread(_interpreter, requirements.python)
        folder = self._cache / _key(version, requirements)
        python = folder / "bin" / "python"
        if (folder / _COMPLETE).exists():
            return python
        self._cache.mkdir(parents=True, exist_ok=True)
        async with _locked(self._cache / f"{folder.name}.lock"):
            if not (folder / _COMPLETE).exists():
                _end_earlier_builder(folder)
                if requirements.python and not version.startswith(f"{requirements.python}."):
                    log(f"Python {requirements.python} is not installed here: Python {version} is used\n".encode())
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                await _build(folder, interpreter, requirements, log)
        return python


def layered(python: Path, folder: Path) -> Path:
    """An environment on top of another one, for what installs packages while it runs: they go with the folder.

    Args:
        python: The Python of an environment in the cache, which is to stay as it is.
        folder: Where to make it; not there yet.

    Returns:
        Its Python.
    """
    base = python.parent.parent
    packages = next(base.glob("lib/python*/site-packages"))
    own = folder / packages.relative_to(base)
    own.mkdir(parents=True)
    (own / "base.pth").write_text(f"import site; site.addsitedir({str(packages)!r})\n")
    shutil.copyfile(base / "pyvenv.cfg", folder / "pyvenv.cfg")
    programs = folder / "bin"
    programs.mkdir()
    for name in ("python", "python3"):
        (programs / name).symlink_to(python.resolve())
    pip = programs / "pip"
    pip.write_text(f'#!/bin/sh\nexec {shlex.quote(str(programs / "python"))} -m pip "$@"\n')
    pip.chmod(0o755)
    return programs / "python"


def curated(environment_id: str) -> Json | None:
    """What stands in for one of the service's curated environments, or ``None``: their images cannot run here.

    Args:
        environment_id: As a job names it, e.g. ``azureml://registries/azureml/environments/sklearn-1.5/labels/latest``.
    """
    found = _CURATED_SKLEARN.search(environment_id)
    if not found:
        return None
    dependencies = [f"scikit-learn={found[1]}", *_CURATED_PACKAGES]
    return {"id": environment_id, "properties": {"condaFile": json.dumps({"dependencies": dependencies})}}


def _requirements(environment: Json, extra: Sequence[str]) -> Requirements:
    properties = environment.get("properties", {})
    if properties.get("build"):
        raise EnvironmentBuildError(
            "the environment is built from a Dockerfile, and the emulator runs no containers: "
            "give it an image and a conda file"
        )
    try:
        requirements = conda_files.read(properties.get("condaFile"))
    except conda_files.CondaFileError as error:
        raise EnvironmentBuildError(str(error)) from error
    if requirements.has("mlflow"):
        # mlflow brings the mlflow-skinny of its own version
        extra = [line for line in extra if conda_files.requirement_name(line) != "mlflow-skinny"]
    return requirements.including(*extra)


def _key(version: str, requirements: Requirements) -> str:
    content = json.dumps([version, sorted(requirements.lines)])
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def _interpreter(wanted: str | None) -> tuple[str, str]:
    """Path and full version of the interpreter that serves for a version of Python: that version, else our own."""
    named = shutil.which(f"python{'.'.join(wanted.split('.')[:2])}") if wanted else None
    ours = ".".join(str(part) for part in sys.version_info[:3])
    if named is None or not wanted or ours.startswith(f"{wanted}."):
        return sys.executable, ours
    asked = subprocess.run(  # noqa: S603 (an interpreter on PATH, with a constant)
        [named, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=False
    )
    return (named, asked.stdout.strip()) if asked.returncode == 0 else (sys.executable, ours)


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file, which processes respect as well as tasks; waited for without blocking a thread."""
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(0.1)
        yield


async def _build(folder: Path, interpreter: str, requirements: Requirements, log: Callable[[bytes], None]) -> None:
    beside = Path(sys.executable).parent / "uv"
    uv = shutil.which("uv") or (str(beside) if beside.exists() else None)
    try:
        if uv is None:
            await _build_with_pip(folder, interpreter, requirements, log)
        else:
            try:
                await _build_with_uv(uv, folder, interpreter, requirements, log)
            except EnvironmentBuildError:
                # uv does not read pip's configuration: where packages come from may be written there alone
                log(b"uv could not do it; trying pip\n")
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                await _build_with_pip(folder, interpreter, requirements, log)
        (folder / _COMPLETE).touch()
    except OSError as error:
        raise EnvironmentBuildError(f"the Python environment could not be written to {folder}: {error}") from error
    finally:
        if not (folder / _COMPLETE).exists():
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _build_with_uv(
    uv: str, folder: Path, interpreter: str, requirements: Requirements, log: Callable[[bytes], None]
) -> None:
    await _run([uv, "venv", "--quiet", "--seed", "--python", interpreter, str(folder)], folder, log)
    if requirements.lines:
        listed = _write_list(folder, requirements)
        python = str(folder / "bin" / "python")
        await _run([uv, "pip", "install", "--python", python, "--requirement", str(listed)], folder, log)


async def _build_with_pip(
    folder: Path, interpreter: str, requirements: Requirements, log: Callable[[bytes], None]
) -> None:
    await _run([interpreter, "-m", "venv", str(folder)], folder, log)
    if requirements.lines:
        listed = _write_list(folder, requirements)
        python = str(folder / "bin" / "python")
        command = [python, "-m", "pip", "install", "--no-input", "--progress-bar=off", "-r", str(listed)]
        await _run(command, folder, log)


def _write_list(folder: Path, requirements: Requirements) -> Path:
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(requirements.lines) + "\n")
    return listed


def _builder(folder: Path) -> Path:
    """Where the process is noted that builds an environment."""
    return folder.with_name(f"{folder.name}{_BUILDER}")


def _end_earlier_builder(folder: Path) -> None:
    """Kill what an emulator that was killed has left at work on an environment, before another build of it begins."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid, born = _builder(folder).read_text().split()
        end_leftover(int(pid), born)
        _builder(folder).unlink()


async def _run(command: Sequence[str], folder: Path, log: Callable[[bytes], None]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=inherited_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=_LONGEST_LINE,
        start_new_session=True,
    )
    said: list[bytes] = []
    _builder(folder).write_text(f"{process.pid} {birth(process.pid)}")
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            said.append(line)
            log(line)
        status = await process.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await end_group(process)
        _builder(folder).unlink(missing_ok=True)
    if status != 0:
        tail = b"".join(said[-_LOG_LINES:]).decode(errors="replace").strip()
        raise EnvironmentBuildError(f"installing its packages failed: {tail}")
