from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.spec import git

if TYPE_CHECKING:
    from pathlib import Path

URL, BRANCH = "mlflow.source.git.repoURL", "mlflow.source.git.branch"
COMMIT, DIRTY = "mlflow.source.git.commit", "azureml.git.dirty"


def run(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=e@x")
    done = subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, outside of any repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "none"))
    for variable in git._VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def repository(folder: Path) -> Path:
    """A repository with one commit, as the working folder."""
    run(folder, "init", "--initial-branch", "main")
    (folder / "job.yml").write_text("command: x", encoding="utf-8")
    run(folder, "add", "job.yml")
    run(folder, "commit", "-m", "first")
    run(folder, "remote", "add", "origin", "git@github.com:x/y.git")
    return folder


def test_a_repository_is_told(repository: Path) -> None:
    assert git.properties() == {
        URL: "git@github.com:x/y.git",
        BRANCH: "main",
        COMMIT: run(repository, "rev-parse", "HEAD"),
        DIRTY: "False",
    }


def test_a_change_makes_it_dirty(repository: Path) -> None:
    (repository / "new").touch()
    assert git.properties()[DIRTY] == "True"


def test_without_a_branch_there_is_none(repository: Path) -> None:
    run(repository, "checkout", "--detach")
    assert BRANCH not in git.properties()


def test_a_repository_without_a_commit(folder: Path) -> None:
    run(folder, "init", "--initial-branch", "main")
    assert git.properties() == {BRANCH: "main", DIRTY: "False"}


def test_nothing_outside_of_a_repository(folder: Path) -> None:
    assert git.properties() == {}


def test_nothing_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert git.properties() == {}


def test_git_that_hangs_is_not_waited_for(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = repository / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(repository))
    monkeypatch.setattr(git, "_SECONDS", 0.1)
    assert git.properties() == {}


def test_the_environment_has_the_last_word(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "REPOSITORY_URI": "u",
        "BRANCH": "b",
        "COMMIT": "c",
        "DIRTY": "1",
        "BUILD_ID": " 7 ",
        "BUILD_URI": "https://b",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"AZUREML_GIT_{name}", value)
    builds = {"azureml.git.build_id": "7", "azureml.git.build_uri": "https://b"}
    assert git.properties() == {URL: "u", BRANCH: "b", COMMIT: "c", DIRTY: "True", **builds}


def test_the_environment_is_heard_outside_of_a_repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZUREML_GIT_COMMIT", "c")
    assert git.properties() == {COMMIT: "c"}


@pytest.mark.parametrize(
    "url",
    [
        "https://user:p4ss@github.com/x/y.git",
        "https://t0ken@dev.azure.com/x/y",
        "https://dev.azure.com/t0ken@x/y",
        "http://user:p4ss@host/x",
        "https://user:p/4ss@host/x",
        "ssh://user:p4ss@host/x",
        "HTTPS://user:p4ss@host/x",
    ],
)
def test_no_secret_of_a_url_is_told(url: str, repository: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(repository, "remote", "set-url", "origin", url)
    assert git.properties() == {}
    assert not any(secret in caplog.text for secret in ("p4ss", "t0ken"))
    assert "may hold a secret" in caplog.text


@pytest.mark.parametrize("url", ["git@github.com:x/y.git", "ssh://git@host:22/x", "https://host/x", "file:///a/b"])
def test_a_url_without_a_secret_is_told(url: str, repository: Path) -> None:
    run(repository, "remote", "set-url", "origin", url)
    assert git.properties()[URL] == url


def test_a_job_is_marked_unless_it_says_itself_or_is_spark(repository: Path) -> None:
    def marked(job_type: str, **own: str) -> Any:
        return git.marked({"jobType": job_type, "properties": own})["properties"]

    assert marked("Command", mine="x").keys() == {"mine", URL, BRANCH, COMMIT, DIRTY}
    assert marked("Command", **{BRANCH: "other"}) == {BRANCH: "other"}
    assert marked("Spark", mine="x") == {"mine": "x"}


def test_azure_ai_ml_tells_the_same(repository: Path) -> None:
    from azure.ai.ml.operations._job_ops_helper import get_git_properties

    assert git.properties() == get_git_properties()
    (repository / "new").touch()
    assert git.properties() == get_git_properties()
