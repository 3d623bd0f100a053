"""Deployments: an environment, a model and a script made into a server, and the servers there are."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import shutil
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import aiohttp

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.jobs.files import JobFilesError
from airflow_provider_azml.emulator.jobs.processes import GRACE_SECONDS, birth, end_leftover
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError, PythonEnvironments
from airflow_provider_azml.emulator.serving import container_probes, local_ports, probes
from airflow_provider_azml.emulator.serving.container_probes import STEP, ProbeFailed
from airflow_provider_azml.emulator.serving.deployment_files import (
    fetch_files,
    named_environment,
    served,
    variables_of,
)
from airflow_provider_azml.emulator.serving.deployment_log import DeploymentLog
from airflow_provider_azml.emulator.serving.image_builds import ImageBuilds
from airflow_provider_azml.emulator.serving.inference_server import (
    SERVER_PACKAGE,
    InferenceServer,
    Launch,
    ServerDown,
)
from airflow_provider_azml.emulator.serving.local_ports import LocalPorts
from airflow_provider_azml.emulator.serving.service_files import fetch_service_files, is_service
from airflow_provider_azml.emulator.serving.usage import Usages
from airflow_provider_azml.emulator.storage.locations import LocationError
from airflow_provider_azml.emulator.threads import done_in_thread

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
_RECORDS = "inference_servers"
_ONCE = "served_deployments"
_LOG_LINES = 20
_BRIEF_GRACE_SECONDS = 0.5  # for what does no work
_BACK_OFF = "Back-off restarting failed container inference-server"
_FIRST_DELAY_SECONDS = 10.0
_LONGEST_DELAY_SECONDS = 300.0


@dataclass
class _Serving:
    """A server, what it was made of, and who starts it again when it fails."""

    server: InferenceServer
    made_of: Json
    keeper: asyncio.Task[None]


class Deployments:
    """The online deployments of an emulator.

    Args:
        emulator: The emulator.

    Attributes:
        usages: What the servers take of this machine.
        images: What they run on.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self.usages = Usages()
        self._environments = PythonEnvironments(emulator.home / "envs")
        self.images = ImageBuilds(emulator, self._environments)
        self._folder = emulator.home / "deployments"
        self._serving: dict[str, _Serving] = {}
        self._session: aiohttp.ClientSession | None = None
        self._locks: dict[str, asyncio.Lock] = {}
        self._ports = LocalPorts(self.server)

    async def deploy(self, deployment_id: str) -> None:
        """Make a deployment serve what the store says of it; what it served before is served until then.

        Raises:
            OperationFailed: It cannot; the message says why, with the last lines of its log.
        """
        async with self._lock(deployment_id):
            await self._deploy(deployment_id)

    async def _open_port(self, deployment: Json) -> None:
        """Let a deployment answer on a port of its own where it asks for one, and tell which."""
        address = await self._ports.open(deployment)
        if address is not None:
            self._emulator.store.update(deployment["id"], lambda kept: local_ports.told(kept, address))

    async def _deploy(self, deployment_id: str) -> None:
        deployment = self._emulator.store.get(deployment_id)
        assert deployment is not None
        before = self._serving.get(deployment_id.lower())
        if before is not None and before.server.alive and before.made_of == served(deployment):
            await self._open_port(deployment)
            return
        folder = self._home(deployment_id) / uuid.uuid4().hex[:8]
        started = False
        try:
            server = await self._start(deployment, folder)
            started = True
        finally:
            if not started:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        self._emulator.store.put_record(_ONCE, deployment_id.lower(), {})
        before = self._serving.pop(deployment_id.lower(), None)
        keeper = asyncio.create_task(self._keep(deployment))
        self._serving[deployment_id.lower()] = _Serving(server, served(deployment), keeper)
        if before is not None:
            await self._end(before)
        await self._open_port(deployment)

    async def remove(self, deployment_id: str) -> None:
        """End a deployment's server and forget its log."""
        async with self._lock(deployment_id):
            serving = self._serving.pop(deployment_id.lower(), None)
            if serving is not None:
                await self._end(serving)
            await self._ports.close(deployment_id)
            self.usages.end(deployment_id)
            self._emulator.store.delete_record(_ONCE, deployment_id.lower())
            await asyncio.to_thread(self.log(deployment_id).remove)

    def has_served(self, deployment_id: str) -> bool:
        """Whether a deployment has ever been made to serve."""
        return self._emulator.store.record(_ONCE, deployment_id.lower()) is not None

    def log(self, deployment_id: str) -> DeploymentLog:
        """The log of a deployment."""
        return DeploymentLog(self._home(deployment_id))

    async def server(self, deployment_id: str) -> InferenceServer | None:
        """The server of a deployment, alive or not; ``None`` when it never got one.

        Of a deployment that an earlier emulator in this home served, the server is started again here.
        """
        key = deployment_id.lower()
        if key not in self._serving and self._is_provisioned(deployment_id):
            async with self._lock(deployment_id):
                # both may have changed while another request, or an operation, had the lock
                if key not in self._serving and self._is_provisioned(deployment_id):
                    await self._deploy(deployment_id)
        serving = self._serving.get(key)
        return serving.server if serving else None

    async def answers(self, deployment_id: str, seconds: float) -> bool:
        """Whether the server of a deployment is there and answers within some time."""
        serving = self._serving.get(deployment_id.lower())
        return serving is not None and serving.server.alive and await serving.server.answers(seconds)

    def recover(self) -> None:
        """At the start: end servers that an emulator left behind which ended without notice."""
        for record in self._emulator.store.records(_RECORDS):
            end_leftover(record["pid"], record["born"])
        self._emulator.store.delete_records(_RECORDS)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for folder in self._folder.glob("*/*/"):
            shutil.rmtree(folder, ignore_errors=True)

    async def close(self) -> None:
        """End all servers."""
        await self.usages.close()
        await self._ports.close_all()
        serving = [*self._serving.values()]
        self._serving.clear()
        await asyncio.gather(*(self._end(each) for each in serving))
        if self._session is not None:
            await self._session.close()

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        return self._session

    async def _start(self, deployment: Json, folder: Path) -> InferenceServer:
        journal = self.log(deployment["id"])
        try:
            image = await self._image(deployment)
            journal.begin()
            launch = await self._prepared(deployment, folder, journal, image)
        except EnvironmentBuildError as error:
            raise OperationFailed("ImageBuildFailure", f"The environment could not be made: {error}") from error
        except (JobFilesError, LocationError) as error:
            journal.downloaded(f"{error}")
            reason = "Model download failed. Please check storage-initializer log for detail."
            journal.warn("ModelDownload", "DownloadFailed", reason)
            raise OperationFailed(
                "BadArgument", f"Unable to download user model or code artifacts: {error}."
            ) from error
        except OSError as error:
            raise OperationFailed(
                "InternalServerError", f"The machine that the emulator runs on could not do it: {error}"
            ) from error
        try:
            return await self._started(deployment, launch, journal)
        except ServerDown as error:
            if not isinstance(error, ProbeFailed):
                journal.warn(STEP, "BackOff", f"{_BACK_OFF}: {error}")
            raise OperationFailed("ResourceNotReady", _crash_message(journal, error)) from error

    async def _image(self, deployment: Json) -> Path | None:
        """The Python of the environment that a deployment names, built if need be.

        Source: while an image is built there is no instance that could log; a web service is built in one go.
        """
        try:
            environment = (
                None if is_service(deployment) else named_environment(self._emulator, deployment["properties"])
            )
        except JobFilesError:
            return None  # that it is not there is told with what else is missing
        if environment is None:
            return None
        return await self.images.ready(deployment["id"], environment)

    async def _prepared(self, deployment: Json, folder: Path, journal: DeploymentLog, image: Path | None) -> Launch:
        journal.succeed("SystemSetup", "Scheduled", "This machine is the instance")
        journal.start("UserContainerImagePull", "Pulling", "Start pulling container image")
        journal.start("ModelDownload", "Downloading", "Start downloading models")
        await self._delay("MODEL_DOWNLOAD", deployment)
        fetched = fetch_service_files if is_service(deployment) else fetch_files
        files = await done_in_thread(fetched, self._emulator, deployment, folder, journal)
        journal.succeed(
            "ModelDownload", "Downloaded", "Models are downloaded successfully or no model need to download"
        )
        await self._delay("IMAGE_PULL", deployment)
        python = image or await self._environments.ready(files.environment, [SERVER_PACKAGE])
        journal.succeed("UserContainerImagePull", "Pulled", "Container image is pulled successfully")
        variables = variables_of(deployment, files)
        return Launch(python, files.working, files.script, variables, journal.server, folder, self._connections())

    async def _started(self, deployment: Json, launch: Launch, journal: DeploymentLog) -> InferenceServer:
        """A server that answers.

        Raises:
            ServerDown: It does not; it is stopped.
        """
        journal.start(STEP, "Created", "Created container inference-server")
        await self._delay("CONTAINER_START", deployment)
        server = await InferenceServer.start(launch)
        journal.start(STEP, "Started", "Started container inference-server")
        left_behind = {"pid": server.process.pid, "born": birth(server.process.pid)}
        self._emulator.store.put_record(_RECORDS, launch.folder.name, left_behind)
        healthy = False
        try:
            await container_probes.started(server, deployment, journal)
            healthy = True
        finally:
            if not healthy:
                await self._stop(server, _BRIEF_GRACE_SECONDS)
        self.usages.begin(deployment["id"], server.process.pid)
        self._emulator.faults.server_runs(deployment["id"], server.process.pid)
        journal.done(STEP)
        return server

    async def _delay(self, step: str, deployment: Json) -> None:
        """Let a step take as much longer as a fault says."""
        await asyncio.sleep(self._emulator.faults.step_seconds(step, deployment["id"]))

    async def _keep(self, deployment: Json) -> None:
        """Start the server of a deployment again whenever it has ended or hangs.

        Sources: "Giving up in the case of a liveness probe means the container will be restarted" in
        https://learn.microsoft.com/azure/machine-learning/reference-yaml-deployment-managed-online#probesettings; the
        delays are those of containers in https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle
        """
        serving = self._serving[deployment["id"].lower()]
        journal, delay = self.log(deployment["id"]), 0.0
        while True:
            probe = probes.probe(deployment, "livenessProbe")
            reason = await serving.server.until_failing(probe, partial(_not_alive, journal))
            _log.warning("The server of %s failed and is started again: %s", deployment["id"], reason)
            if serving.server.alive:
                journal.warn(STEP, "Killing", container_probes.RESTARTED)
            else:
                journal.warn(STEP, "BackOff", f"{_BACK_OFF}: {reason}")
            await self._stop(serving.server, _BRIEF_GRACE_SECONDS)
            while not serving.server.alive:
                try:
                    serving.server = await self._started(deployment, serving.server.launch, journal)
                    delay = 0.0
                except (ServerDown, OSError) as error:
                    delay = min(max(2 * delay, _FIRST_DELAY_SECONDS), _LONGEST_DELAY_SECONDS)
                    journal.warn(STEP, "BackOff", f"{_BACK_OFF}: {error}")
                    await asyncio.sleep(delay)

    async def _end(self, serving: _Serving) -> None:
        serving.keeper.cancel()
        await asyncio.wait([serving.keeper])
        await self._stop(serving.server)
        await asyncio.to_thread(shutil.rmtree, serving.server.launch.folder, ignore_errors=True)

    async def _stop(self, server: InferenceServer, grace_seconds: float = GRACE_SECONDS) -> None:
        await server.stop(grace_seconds)
        self._emulator.store.delete_record(_RECORDS, server.launch.folder.name)

    def _is_provisioned(self, deployment_id: str) -> bool:
        deployment = self._emulator.store.get(deployment_id)
        return deployment is not None and deployment["properties"].get("provisioningState") == "Succeeded"

    def _lock(self, deployment_id: str) -> asyncio.Lock:
        """Held by whoever starts or ends the server of a deployment."""
        return self._locks.setdefault(deployment_id.lower(), asyncio.Lock())

    def _home(self, deployment_id: str) -> Path:
        return self._folder / hashlib.sha256(deployment_id.lower().encode()).hexdigest()[:16]


def _not_alive(journal: DeploymentLog, reason: str) -> None:
    journal.warn(STEP, "LivenessProbeFailed", f"Liveness probe failed: {reason}")


def _crash_message(journal: DeploymentLog, error: ServerDown) -> str:
    return (
        f"User container has crashed or terminated: {error}. Please see troubleshooting guide, available here: "
        f"https://aka.ms/oe-tsg#error-resourcenotready\n{journal.tail(_LOG_LINES)}"
    )
