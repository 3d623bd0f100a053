"""Model management of the retired generation: models, web services, profiles and their operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from airflow_provider_azml.emulator.history.data_plane import endpoint
from airflow_provider_azml.emulator.v1.model_errors import refusal
from airflow_provider_azml.emulator.v1.models import Models
from airflow_provider_azml.emulator.v1.operations import PREFIX
from airflow_provider_azml.emulator.v1.profiles import Profiles
from airflow_provider_azml.emulator.v1.service_scoring import ServiceScoring
from airflow_provider_azml.emulator.v1.services import Services

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator

_METHODS = ["GET", "POST", "PATCH", "DELETE"]
_SERVICE = "/score/{subscription}/{group}/{workspace}/services/{service}"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of model management, and those under which its services answer."""
    services = emulator.web_services
    operations = [
        *Models(emulator, services).operations(),
        *Services(emulator, services).operations(),
        *Profiles(emulator, services.operations).operations(),
        *services.operations.operations(),
    ]
    scoring = ServiceScoring(emulator)
    return [
        Route(f"{PREFIX}{{path:path}}", endpoint(emulator, PREFIX, operations, refusal), methods=_METHODS),
        Route(f"{_SERVICE}/swagger.json", scoring.describe, methods=["GET"]),
        Route(f"{_SERVICE}/score", scoring.score, methods=["GET", "POST", "OPTIONS"]),
    ]
