"""Which state of a git repository a job was submitted from."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
_SECONDS = 10
_TRUE = frozenset({"true", "1"})
_SECRET = re.compile(r"^https?://.*@|^[a-z][a-z0-9+.-]*://[^@/]*:.*@", re.IGNORECASE)
"""A URL that may hold a password or a token: before an ``@`` in one for the web, after a ``:`` in any other."""
_URL = "mlflow.source.git.repoURL"
_BRANCH = "mlflow.source.git.branch"
_COMMIT = "mlflow.source.git.commit"
_DIRTY = "azureml.git.dirty"
_OF_REPOSITORY = (_URL, _BRANCH, _COMMIT, _DIRTY)
_VARIABLES = {
    _URL: "AZUREML_GIT_REPOSITORY_URI",
    _BRANCH: "AZUREML_GIT_BRANCH",
    _COMMIT: "AZUREML_GIT_COMMIT",
    _DIRTY: "AZUREML_GIT_DIRTY",
    "azureml.git.build_id": "AZUREML_GIT_BUILD_ID",
    "azureml.git.build_uri": "AZUREML_GIT_BUILD_URI",
}
"""Property -> environment variable that sets it, whatever git says."""
_QUESTIONS = {
    _URL: ("ls-remote", "--get-url"),  # asks nobody: it prints what is configured
    _BRANCH: ("symbolic-ref", "--short", "HEAD"),
    _COMMIT: ("rev-parse", "HEAD"),
    _DIRTY: ("status", "--porcelain", "."),
}
_WITHOUT = frozenset({"Spark"})


def marked(job: Json) -> Json:
    """The ``properties`` of a job with the repository that the working folder belongs to among its own properties.

    Those that name a repository already stay as they are, because the service lets nobody change them; and spark jobs
    get none.

    Source: azure-ai-ml 1.35.2, ``JobOperations.create_or_update`` and ``get_git_properties``.
    """
    own = job.get("properties") or {}
    if job["jobType"] in _WITHOUT:
        return job
    found = properties()
    return job if found.keys() & own.keys() else {**job, "properties": {**own, **found}}


def properties() -> dict[str, str]:
    """Facts about the repository of the working folder; none outside of any, or where there is no git.

    Neither a repository whose URL may hold a secret is told, nor anything of it.
    """
    told = {name: os.environ.get(variable, "") for name, variable in _VARIABLES.items()}
    if _may_be_inside() and _is_true(_git("rev-parse", "--is-inside-work-tree")):
        told |= {name: told[name] or _answer(name) for name in _QUESTIONS}
    if told[_DIRTY]:
        told[_DIRTY] = str(_is_true(told[_DIRTY]))
    if _SECRET.match(told[_URL].strip()):
        _log.warning("The job does not say which git repository it is from: the URL of the remote may hold a secret")
        told |= dict.fromkeys(_OF_REPOSITORY, "")
    return {name: value.strip() for name, value in told.items() if value.strip()}


def _may_be_inside() -> bool:
    """Whether git need be asked at all, which takes longer than looking."""
    here = Path.cwd()
    return "GIT_DIR" in os.environ or any((folder / ".git").exists() for folder in (here, *here.parents))


def _answer(name: str) -> str:
    answer = _git(*_QUESTIONS[name])
    if name == _DIRTY and answer is not None:
        return str(bool(answer))
    return answer or ""


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in _TRUE


def _git(*arguments: str) -> str | None:
    """What git prints, ``None`` where it fails, hangs or is not there."""
    try:
        asked = subprocess.run(  # noqa: S603 (fixed words)
            ["git", *arguments],  # noqa: S607 (whichever git the user has)
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.decode(errors="replace")
