"""What an emulator keeps is there again when it is started again, and gone when its home was reset."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace
from tests.emulator.simulated import submit

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "airflow_provider_azml.emulator", "reset"]
OPTIONS = ("--simulate", "0", "--create-workspace")


def reset(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "--home", str(home), *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def reset_at_a_terminal(home: Path, reply: str) -> tuple[int, str]:
    """Ask for a reset as a person does, and reply to what is asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, "--home", str(home)], stdin=theirs, stdout=subprocess.PIPE, text=True)
    os.write(ours, f"{reply}\n".encode())
    said = process.communicate(timeout=60)[0]
    os.close(theirs)
    os.close(ours)
    return process.returncode, said


def keep_something(workspace: Workspace) -> str:
    """Put a bit of everything into a workspace; the name of the job."""
    workspace.put("environment", "kept", "1", properties={"image": "i"})
    workspace.data({"a.txt": "hello"}, "kept")
    workspace.put("model", "kept", "1", properties={"modelUri": "azureml://datastores/workspaceblobstore/paths/kept/"})
    job = submit(workspace, simulate={"seconds": "0"})
    workspace.until(job)
    metric = {"run_id": job, "key": "loss", "value": 0.5, "timestamp": 1, "step": 1}
    workspace.call("POST", f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow/runs/log-metric", json=metric)
    return job


def test_everything_survives_a_restart_and_nothing_a_reset(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_emulator(home, *OPTIONS) as emulator:
        job = keep_something(Workspace(emulator).ensure())
        inside = reset(home, "--yes")
        secret, url = emulator.environment["AZURE_CLIENT_SECRET"], emulator.url
    assert inside.returncode == 1
    assert f"{home} is in use by another emulator (process " in inside.stderr

    with running_emulator(home, *OPTIONS) as emulator:
        workspace = Workspace(emulator).ensure()
        assert emulator.url != url
        assert workspace.get("environment", "kept", "1")["properties"]["image"] == "i"
        assert workspace.get("model", "kept")["properties"]["latestVersion"] == "1"
        assert workspace.download(workspace.blob_url("kept/a.txt")) == "hello"
        assert workspace.status(job) == "Completed"
        run = workspace.call("GET", f"/history/v1.0{workspace.id}/runs/{job}").json()
        assert (run["status"], run["runId"]) == ("Completed", job)
        body = {"experiment_ids": [run["experimentId"]], "filter": "metrics.loss > 0.4"}
        found = workspace.call("POST", f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow/runs/search", json=body).json()
        assert [one["info"]["run_id"] for one in found["runs"]] == [job]

    (home / "notes.txt").write_text("mine")
    (home / "envs" / "x").mkdir(parents=True)
    done = reset(home, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Deleted from {home}: emulator.db")
    assert reset(home, "--yes").stdout == f"Deleted from {home}: nothing, there was none of it.\n"
    left = {path.name for path in home.iterdir()}
    assert left == {"emulator.lock", "emulator.log", "envs", "federated-token", "notes.txt", "secrets.json", "tls"}
    with running_emulator(home, *OPTIONS) as emulator:
        workspace = Workspace(emulator).ensure()
        assert emulator.environment["AZURE_CLIENT_SECRET"] == secret
        assert workspace.call("GET", workspace.id.child("job", job), ok=False).status_code == 404
        assert workspace.call("GET", f"{workspace.id}/models").json()["value"] == []
    assert reset(home, "--yes", "--environments").returncode == 0
    assert not (home / "envs").exists()


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A home, as far as a reset looks."""
    home = tmp_path / "home"
    (home / "blobs" / "box").mkdir(parents=True)
    for name in ("emulator.lock", "secrets.json", "emulator.db", "blobs/box/x"):
        (home / name).touch()
    return home


def test_somebody_is_asked_first(used: Path) -> None:
    nobody = reset(used)
    assert nobody.returncode == 2
    assert nobody.stderr == (f"azml emulator: nobody can be asked whether to delete what is in {used}: say --yes.\n")
    code, said = reset_at_a_terminal(used, "no")
    assert (code, said.endswith("? [y/N] Nothing was deleted.\n")) == (1, True)
    assert (used / "blobs" / "box" / "x").exists()
    code, said = reset_at_a_terminal(used, "y")
    assert (code, (used / "blobs").exists()) == (0, False)


def test_only_what_is_an_emulator_s_is_deleted(used: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "blobs").mkdir(parents=True)
    refused = reset(other, "--yes")
    assert (refused.returncode, (other / "blobs").exists()) == (1, True)
    assert f"{other} is not an emulator's home" in refused.stderr
    assert reset(tmp_path / "none", "--yes").returncode == 0
    (used / "jobs").symlink_to(other)
    assert reset(used, "--yes").returncode == 0
    assert (other / "blobs").exists()
    assert not (used / "jobs").is_symlink()


def test_a_home_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "emulator.db").write_bytes(b"no database, but a text of more than a hundred bytes. " * 10)
    command = [*COMMAND[:-1], "--home", str(tmp_path), "--http-port", "0", "--https-port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"azml emulator: {tmp_path} cannot be used (file is not a database): " in ended.stderr
    assert "Traceback" not in ended.stderr
    (tmp_path / "emulator.lock").unlink()
    (tmp_path / "emulator.lock").mkdir()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert f"azml emulator: {tmp_path} cannot be used ([Errno 21] Is a directory" in ended.stderr
