"""The MLflow tracking server of every workspace: its routes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_azml.emulator.history.data_plane import DataPlaneError, json_body, workspace_of
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.mlflow import artifacts, models, runs
from airflow_provider_azml.emulator.mlflow.api import MlflowCall, MlflowError, checked

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_PREFIX = re.compile(r"^/mlflow/v\d\.\d")
_ARTIFACTS = "api/2.0/mlflow-artifacts/artifacts"
_CALLS = "api/2.0/mlflow/"
_LISTS = frozenset({"experiment_ids", "order_by"})


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of MLflow."""
    server = TrackingServer(emulator)
    return [Route("/mlflow/{path:path}", server.answer, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])]


class TrackingServer:
    """Answers MLflow clients.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._operations = [*runs.operations(), *models.operations()]

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._answer(request)
        except DataPlaneError as error:
            code = "RESOURCE_DOES_NOT_EXIST" if error.status == 404 else "BAD_REQUEST"  # noqa: PLR2004 (not found)
            return MlflowError(error.status, code, error.message).response()
        except MlflowError as error:
            return error.response()

    async def _answer(self, request: Request) -> Response:
        path = _PREFIX.sub("", str(request.scope["path"]))
        workspace, rest = workspace_of(self._emulator, path)
        if rest.startswith(_ARTIFACTS):
            return await artifacts.answer(self._emulator, workspace, request, rest.removeprefix(_ARTIFACTS))
        arguments = checked({**_query(request), **await json_body(request)})
        for operation in self._operations if rest.startswith(_CALLS) else ():
            found = re.fullmatch(operation.path, rest.removeprefix(_CALLS))
            if found and operation.method == request.method:
                runs = Runs(self._emulator.store, workspace)
                call = MlflowCall(self._emulator, workspace, runs, arguments, found.groupdict())
                answered = (
                    await asyncio.to_thread(operation.answer, call) if operation.takes_time else operation.answer(call)
                )
                return JSONResponse(answered)
        raise MlflowError(404, "ENDPOINT_NOT_FOUND", f"The emulator has no MLflow call {request.method} {rest}.")


def _query(request: Request) -> Json:
    query = request.query_params
    return {name: query.getlist(name) if name in _LISTS else query[name] for name in query}
