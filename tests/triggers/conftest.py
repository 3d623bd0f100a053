from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
