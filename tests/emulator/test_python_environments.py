"""Environments: what conda files ask for, and what is made of it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.jobs import conda_files
from airflow_provider_azml.emulator.jobs.conda_files import CondaFileError
from airflow_provider_azml.emulator.jobs.processes import birth
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError, PythonEnvironments, curated

if TYPE_CHECKING:
    from pathlib import Path

TINY = "dependencies: [python=3.11, pip, {pip: [toolz==0.12.1]}]"


@pytest.mark.parametrize(
    ("dependency", "line"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4.*"),
        ("numpy=1.26.4=py311_0", "numpy==1.26.4.*"),
        ("numpy>=1.24,<2", "numpy>=1.24,<2"),
        ("numpy >=1.24, <2", "numpy>=1.24,<2"),
        ("conda-forge::scikit-learn=1.5", "scikit-learn==1.5.*"),
        ("pytorch=2", "torch==2.*"),
        ("py-xgboost", "xgboost"),
    ],
)
def test_conda_packages_become_requirements(dependency: str, line: str) -> None:
    assert conda_files.read(json.dumps({"dependencies": [dependency]})).lines == (line,)


def test_python_and_pip_are_not_packages_and_pip_lines_stay() -> None:
    text = (
        "dependencies: [python=3.10, pip=23, numpy, {pip: ['mlflow-skinny>=2', '--extra-index-url https://x/simple']}]"
    )
    found = conda_files.read(text)
    assert found.python == "3.10"
    assert found.lines == ("numpy", "mlflow-skinny>=2", "--extra-index-url https://x/simple")


@pytest.mark.parametrize("nothing", [None, "", "name: x", "dependencies: []"])
def test_no_dependencies_are_fine(nothing: str | None) -> None:
    assert conda_files.read(nothing).lines == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dependencies: [cudatoolkit=11]", "'cudatoolkit'.*'pip' part"),
        ("dependencies: [{pip: ['-r requirements.txt']}]", "requirements.txt.*list the packages themselves"),
        ("dependencies: [{pip: [-e .]}]", "list the packages themselves"),
        ("dependencies: numpy", "no list 'dependencies'"),
        ("[1, 2", "not YAML"),
        ("dependencies: [2024-02-30]", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("dependencies: [{conda: [x]}]", "neither a package nor a list"),
    ],
)
def test_what_pip_cannot_provide_is_named(text: str, reason: str) -> None:
    with pytest.raises(CondaFileError, match=reason):
        conda_files.read(text)


def test_an_environment_is_made_once_by_whoever_comes_first(tmp_path: Path) -> None:
    async def two() -> list[Path]:
        # as two processes would
        caches = [PythonEnvironments(tmp_path), PythonEnvironments(tmp_path)]
        return [*await asyncio.gather(*(cache.ready(_environment(TINY), log=told.append) for cache in caches))]

    told: list[bytes] = []
    first, second = asyncio.run(two())
    assert first == second
    assert told
    said = subprocess.run(
        [first, "-c", "import toolz, sys; print(toolz.__version__, sys.prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == ["0.12.1", str(first.parent.parent)]
    assert len([entry for entry in tmp_path.iterdir() if entry.is_dir()]) == 1
    told.clear()
    assert asyncio.run(PythonEnvironments(tmp_path).ready(_environment(TINY), log=told.append)) == first
    assert told == []  # the installer was not asked again


def test_an_environment_that_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    python = asyncio.run(PythonEnvironments(tmp_path).ready(_environment(TINY)))
    (python.parent.parent / ".complete").unlink()
    python.unlink()
    assert asyncio.run(PythonEnvironments(tmp_path).ready(_environment(TINY))).exists()


@pytest.mark.parametrize("somebody_lives", [False, True])
def test_what_was_left_at_work_on_an_environment_ends_unless_its_emulator_lives(
    tmp_path: Path, *, somebody_lives: bool
) -> None:
    builder = subprocess.Popen(["sleep", "600"], start_new_session=True)
    note = tmp_path / "abc.builder"
    note.write_text(f"{builder.pid} {birth(builder.pid)}")
    with (tmp_path / "abc.lock").open("w") as lock:
        if somebody_lives:
            fcntl.flock(lock, fcntl.LOCK_EX)
        PythonEnvironments(tmp_path).recover()
    assert note.exists() == somebody_lives
    if somebody_lives:
        assert builder.poll() is None
        builder.kill()
    assert builder.wait(60) == -signal.SIGKILL


def test_extra_packages_yield_to_those_of_the_environment(tmp_path: Path) -> None:
    made = PythonEnvironments(tmp_path)
    plain = asyncio.run(made.ready(_environment(TINY)))
    assert asyncio.run(made.ready(_environment(TINY), ["Toolz>=0.1"])) == plain


def test_a_package_that_does_not_exist_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    said: list[bytes] = []
    environment = _environment("dependencies: [{pip: [toolz==99]}]")
    with pytest.raises(EnvironmentBuildError, match="toolz==99"):
        asyncio.run(PythonEnvironments(tmp_path).ready(environment, log=said.append))
    assert b"toolz==99" in b"".join(said)
    assert not [entry for entry in tmp_path.iterdir() if entry.is_dir()]


def test_a_dockerfile_is_refused(tmp_path: Path) -> None:
    environment = {"properties": {"build": {"contextUri": "https://x", "dockerfilePath": "Dockerfile"}}}
    with pytest.raises(EnvironmentBuildError, match="runs no containers"):
        asyncio.run(PythonEnvironments(tmp_path).ready(environment))


@pytest.mark.parametrize(
    "name",
    ["azureml:AzureML-sklearn-1.5@latest", "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"],
)
def test_curated_scikit_learn_has_a_stand_in(name: str) -> None:
    environment = curated(name)
    assert environment is not None
    assert "scikit-learn==1.5.*" in conda_files.read(environment["properties"]["condaFile"]).lines


def test_other_curated_environments_have_none() -> None:
    assert curated("azureml://registries/azureml/environments/acpt-pytorch-2.2-cuda12.1/versions/1") is None


def _environment(conda_file: str) -> dict[str, object]:
    return {"properties": {"condaFile": conda_file}}
