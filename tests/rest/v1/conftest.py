from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from tests.rest.conftest import credential, drive, service
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from tests.rest.scripted_service import ScriptedService

__all__ = ["credential", "drive", "service"]
WORKSPACE = WorkspaceId("s", "rg", "ws")


@pytest.fixture
def plane(service: ScriptedService) -> ScriptedService:
    """A service that tells where its data plane is: at the same address."""
    service.answer("GET", str(WORKSPACE), Answer(body={"properties": {"discoveryUrl": f"{service.url}/discovery"}}))
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    return service


def scripted(plane: ScriptedService, area: str, method: str, below: str, *answers: Answer) -> None:
    """Script answers of a service of the data plane, below the workspace."""
    plane.answer(method, f"/{area}{WORKSPACE}/{below}", *answers)
