"""What tests ask of the emulator itself, below ``/emulator/``: faults, its clock, and how many requests have come."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.faults.plan import FaultPlan, FaultsError
from airflow_provider_azml.emulator.faults.script import is_script, script_of
from airflow_provider_azml.emulator.faults.short_form import short_plan

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PREFIX = "/emulator/"
_MOST_SECONDS = 100 * 366 * 24 * 3600
_FIELDS = {"spec": str, "path": str, "method": str, "times": int}


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of the controls; they ask for the token in ``AZML_EMULATOR_TOKEN``, or one of Resource Manager's."""
    controls = Controls(emulator)
    return [
        Route(f"{PREFIX}faults", controls.faults, methods=["GET", "PUT", "DELETE"]),
        Route(f"{PREFIX}clock", controls.clock, methods=["GET", "PUT"]),
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
            faults.plan = short_plan()
        if request.method == "PUT":
            try:
                faults.plan = _plan(await request.body())
            except FaultsError as error:
                return JSONResponse({"error": {"code": "BadRequest", "message": str(error)}}, 400)
        return JSONResponse(faults.plan.shown())

    async def clock(self, request: Request) -> Response:
        """Show the time, or move it ahead by ``advance_seconds``."""
        clock = self._emulator.clock
        if request.method == "PUT":
            try:
                clock.advance(_advance(await request.body()))
            except ValueError as error:
                return JSONResponse({"error": {"code": "BadRequest", "message": str(error)}}, 400)
        return JSONResponse({"now": timestamp(clock.now())})

    async def requests(self, request: Request) -> Response:
        """Show the counts, or begin anew."""
        counts = self._emulator.requests.shown()
        if request.method == "DELETE":
            self._emulator.requests.reset()
        return JSONResponse(counts)


def _advance(body: bytes) -> timedelta:
    given = json.loads(body)
    seconds = given.get("advance_seconds") if isinstance(given, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError(f"the body must be an object with advance_seconds, a number from 0 to {_MOST_SECONDS}")
    return timedelta(seconds=seconds)


def _plan(body: bytes) -> FaultPlan:
    text = body.decode(errors="replace")
    return script_of(text) if is_script(text) else short_plan(**_fields(body))


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
