"""Deployments: an environment, a model and a script made into a server, and the servers there are."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.jobs.files import JobFilesError, fetch
from airflow_provider_azml.emulator.jobs.processes import birth, end_leftover
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError, PythonEnvironments, curated
from airflow_provider_azml.emulator.serving.inference_server import SERVER_PACKAGE, InferenceServer, ServerDown
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.emulator.threads import done_in_thread
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_RECORDS = "inference_servers"
_START_SECONDS = 300.0
_LOG_LINES = 20
_MLFLOW_SCRIPT = Path(__file__).with_name("mlflow_score.py")


@dataclass(frozen=True)
class _Files:
    """What a server runs on."""

    script: Path
    model: Path | None
    environment: Json


class Deployments:
    """The online deployments of an emulator.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._environments = PythonEnvironments(emulator.home / "envs")
        self._folder = emulator.home / "deployments"
        self._servers: dict[str, InferenceServer] = {}
        self._session: aiohttp.ClientSession | None = None
        self._locks: dict[str, asyncio.Lock] = {}

    async def deploy(self, deployment_id: str) -> None:
        """Make a deployment serve what the store says of it; what it served before is served until then.

        Raises:
            OperationFailed: It cannot; the message says why, with the last lines of its log.
        """
        async with self._lock(deployment_id):
            await self._deploy(deployment_id)

    async def _deploy(self, deployment_id: str) -> None:
        deployment = self._emulator.store.get(deployment_id)
        assert deployment is not None
        folder = self._home(deployment_id) / uuid.uuid4().hex[:8]
        started = False
        try:
            server = await self._start(deployment, folder)
            started = True
        finally:
            if not started:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        before = self._servers.get(deployment_id.lower())
        self._servers[deployment_id.lower()] = server
        if before is not None:
            await self._end(before)

    async def remove(self, deployment_id: str) -> None:
        """End a deployment's server and forget its log."""
        async with self._lock(deployment_id):
            server = self._servers.pop(deployment_id.lower(), None)
            if server is not None:
                await self._end(server)
            self._emulator.store.delete_record(_RECORDS, deployment_id.lower())
            await asyncio.to_thread(shutil.rmtree, self._home(deployment_id), ignore_errors=True)

    def logs(self, deployment_id: str, tail: int) -> str:
        """The last lines of what a deployment's server wrote; empty when there is none."""
        log = self._log(deployment_id)
        lines = log.read_text(errors="replace").splitlines()[-tail:] if log.exists() else []
        return "".join(f"{line}\n" for line in lines)

    async def server(self, deployment_id: str) -> InferenceServer | None:
        """The server of a deployment, alive or not; ``None`` when it never got one.

        Of a deployment that an earlier emulator in this home served, the server is started again here.
        """
        key = deployment_id.lower()
        if key not in self._servers and self._is_provisioned(deployment_id):
            async with self._lock(deployment_id):
                # both may have changed while another request, or an operation, had the lock
                if key not in self._servers and self._is_provisioned(deployment_id):
                    await self._deploy(deployment_id)
        return self._servers.get(key)

    def recover(self) -> None:
        """At the start: end servers that an emulator left behind which ended without notice."""
        for record in self._emulator.store.records(_RECORDS):
            end_leftover(record["pid"], record["born"])
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for folder in self._folder.glob("*/*/"):
            shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """End all servers."""
        servers = [*self._servers.values()]
        self._servers.clear()
        await asyncio.gather(*(self._end(server) for server in servers))
        if self._session is not None:
            await self._session.close()

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        return self._session

    async def _start(self, deployment: Json, folder: Path) -> InferenceServer:
        deployment_id = deployment["id"]
        try:
            files = await done_in_thread(self._fetch, deployment, folder)
            python = await self._environments.ready(files.environment, [SERVER_PACKAGE])
        except EnvironmentBuildError as error:
            raise OperationFailed("ImageBuildFailure", f"The environment could not be made: {error}") from error
        except (JobFilesError, LocationError) as error:
            raise OperationFailed(
                "BadArgument", f"Unable to download user model or code artifacts: {error}."
            ) from error
        except OSError as error:
            raise OperationFailed(
                "InternalServerError", f"The machine that the emulator runs on could not do it: {error}"
            ) from error
        log = self._log(deployment_id)
        log.write_bytes(b"")
        variables = _variables(deployment, files, folder)
        server = await InferenceServer.start(
            python, files.script, variables, log=log, folder=folder, session=self._connections()
        )
        self._emulator.store.put_record(
            _RECORDS, deployment_id.lower(), {"pid": server.process.pid, "born": birth(server.process.pid)}
        )
        healthy = False
        try:
            await server.healthy(_START_SECONDS)
            healthy = True
        except ServerDown as error:
            raise OperationFailed("ResourceNotReady", self._crash_message(deployment_id, error)) from error
        finally:
            if not healthy:
                await server.stop()
        return server

    def _crash_message(self, deployment_id: str, error: ServerDown) -> str:
        return (
            f"User container has crashed or terminated: {error}. Please see troubleshooting guide, available here: "
            f"https://aka.ms/oe-tsg#error-resourcenotready\n{self.logs(deployment_id, _LOG_LINES)}"
        )

    def _fetch(self, deployment: Json, folder: Path) -> _Files:
        """Bring code and model here; blocks."""
        properties = deployment["properties"]
        locations = Locations(self._emulator.store, arm_ids.parse(deployment["id"]).workspace)
        code = folder / "code"
        code.mkdir(parents=True)
        model = self._fetch_model(locations, properties.get("model"), folder)
        configuration = properties.get("codeConfiguration") or {}
        if configuration.get("codeId"):
            fetch(self._emulator.blobs, locations, configuration["codeId"], code, what="its code")
        script = configuration.get("scoringScript")
        if script is None:
            shutil.copyfile(_MLFLOW_SCRIPT, code / "score.py")
            script = "score.py"
        elif not (code / script).resolve().is_relative_to(code.resolve()) or not (code / script).is_file():
            raise JobFilesError(f"the code has no file {script!r}, which codeConfiguration.scoringScript names")
        return _Files(code / script, model, self._environment(properties, model))

    def _fetch_model(self, locations: Locations, model_id: str | None, folder: Path) -> Path | None:
        if not model_id:
            return None
        place = locations.find(model_id)
        root = folder / "azureml-models"
        try:
            parsed = arm_ids.parse(model_id)
            root = root / parsed.name / (parsed.version or "1")
        except ValueError:
            root = root / "model" / "1"
        # a folder keeps its name below AZUREML_MODEL_DIR, as a file does
        blob = place.path in self._emulator.blobs.names(place.container, place.path)
        target = root if blob or not place.name else root / place.name
        target.mkdir(parents=True)
        fetch(self._emulator.blobs, locations, model_id, target, what="the model")
        return root

    def _environment(self, properties: Json, model: Path | None) -> Json:
        environment_id = str(properties.get("environmentId") or "")
        if environment_id:
            environment = self._emulator.store.get(environment_id) or curated(environment_id)
            if environment is None:
                raise JobFilesError(f"the environment {environment_id!r} does not exist")
            return environment
        conda_files = sorted(model.rglob("conda.yaml")) if model else []
        if not conda_files:
            raise JobFilesError("the deployment names no environment, and its model is not an MLflow model with one")
        return {"properties": {"condaFile": conda_files[0].read_text()}}

    async def _end(self, server: InferenceServer) -> None:
        await server.stop()
        await asyncio.to_thread(shutil.rmtree, server.folder, ignore_errors=True)

    def _is_provisioned(self, deployment_id: str) -> bool:
        deployment = self._emulator.store.get(deployment_id)
        return deployment is not None and deployment["properties"].get("provisioningState") == "Succeeded"

    def _lock(self, deployment_id: str) -> asyncio.Lock:
        """Held by whoever starts or ends the server of a deployment."""
        return self._locks.setdefault(deployment_id.lower(), asyncio.Lock())

    def _home(self, deployment_id: str) -> Path:
        home = self._folder / hashlib.sha256(deployment_id.lower().encode()).hexdigest()[:16]
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _log(self, deployment_id: str) -> Path:
        return self._home(deployment_id) / "server.log"


def _variables(deployment: Json, files: _Files, folder: Path) -> dict[str, str]:
    given: dict[str, object] = deployment["properties"].get("environmentVariables") or {}
    own = {
        "AML_APP_ROOT": str(folder / "code"),
        "AZUREML_ENTRY_SCRIPT": str(files.script),
    }
    if files.model is not None:
        own["AZUREML_MODEL_DIR"] = str(files.model)
    return {**own, **{name: str(value) for name, value in given.items() if value is not None}}
