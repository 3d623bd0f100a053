"""What tests ask of the emulator itself, below ``/emulator/``: faults, and how many requests have come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_azml.emulator.faults import FaultPlan, FaultsError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/emulator/"
_FIELDS = {"spec": str, "path": str, "method": str, "times": int}


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the controls; whoever reaches the loopback interface may use them."""
    controls = Controls(emulator)
    return [
        Route(f"{PREFIX}faults", controls.faults, methods=["GET", "PUT", "DELETE"]),
        Route(f"{PREFIX}requests", controls.requests, methods=["GET", "DELETE"]),
    ]


class Controls:
    """Answers for the emulator itself.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    async def faults(self, request: Request) -> Response:
        """Show, set or end the faults."""
        faults = self._emulator.faults
        if request.method == "DELETE":
            faults.plan = FaultPlan()
        if request.method == "PUT":
            try:
                faults.plan = FaultPlan(**_fields(await request.body()))
            except FaultsError as error:
                return JSONResponse({"error": {"code": "BadRequest", "message": str(error)}}, 400)
        return JSONResponse(faults.plan.shown())

    async def requests(self, request: Request) -> Response:
        """Show the counts, or begin anew."""
        counts = self._emulator.requests.shown()
        if request.method == "DELETE":
            self._emulator.requests.reset()
        return JSONResponse(counts)


def _fields(body: bytes) -> Json:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise FaultsError(f"the body is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise FaultsError(f"the body must be an object with {', '.join(_FIELDS)}")
    for name, value in given.items():
        if name not in _FIELDS:
            raise FaultsError(f"'{name}' is none of {', '.join(_FIELDS)}")
        if not isinstance(value, _FIELDS[name]):
            raise FaultsError(f"'{name}' must be of type {_FIELDS[name].__name__}, not {value!r}")
    return given
