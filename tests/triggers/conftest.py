from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.rest import patience
from airflow_provider_azml.triggers import watcher
from tests.triggers.jobs_service import JobsService

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobsService]:
    """A service of jobs, and a connection ``azml_default`` to it."""
    opened = JobsService(tmp_path).open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", opened.connection)
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are borne in smaller pauses than out there, so that tests take less time."""
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(watcher, "_AHEAD_SECONDS", 0.1)
