"""Images that deployments run on: here a Python environment each, with a log where the service has it."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections import Counter
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.jobs.python_environments import EnvironmentBuildError
from airflow_provider_azml.emulator.serving.inference_server import SERVER_PACKAGE
from airflow_provider_azml.emulator.storage.locations import ARTIFACT_STORE, Locations
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.emulator.jobs.python_environments import PythonEnvironments
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_EXTRA = (SERVER_PACKAGE,)


class ImageBuilds:
    """What stands for the images of an emulator's environments.

    Sources: "The build log is available in the workspace blob store '[storage-account-name]' under the path
    '/azureml/ImageLogs/your-image-id/build.log'", under ImageBuildFailure in
    https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints; what is told of an image:
    ``DockerImageDetails`` of azureml-core 1.61.

    Args:
        emulator: The emulator.
        environments: Makes the Python environments.
    """

    def __init__(self, emulator: Emulator, environments: PythonEnvironments) -> None:
        self._emulator = emulator
        self._environments = environments
        self._building: Counter[str] = Counter()

    def details(self, environment: Json) -> Json:
        """What the environment service tells of the image of an environment, as the store has that."""
        name = hashlib.sha256(environment["id"].lower().encode()).hexdigest()[:32]
        return {
            "imageExistsInRegistry": self._exists(environment),
            "dockerImage": {"name": f"azureml/azureml_{name}", "registry": {"address": None}},
        }

    async def ready(self, deployment_id: str, environment: Json) -> Path:
        """The Python of an environment, built first if need be; what is said then is logged.

        Args:
            deployment_id: What is to run on it.
            environment: The environment, as the store has it.

        Raises:
            EnvironmentBuildError: It cannot be built; the message says where its log is.
        """
        more_seconds = self._emulator.faults.step_seconds("IMAGE_BUILD", deployment_id)
        if not more_seconds and self._exists(environment):
            return await self._environments.ready(environment, _EXTRA)
        key = environment["id"].lower()
        self._building[key] += 1
        try:
            return await self._built(arm_ids.parse(deployment_id).workspace, environment, more_seconds)
        finally:
            self._building[key] -= 1

    async def _built(self, workspace: WorkspaceId, environment: Json, more_seconds: float) -> Path:
        log = f"ImageLogs/{uuid.uuid4()}/build.log"
        write = self._log_to(workspace, log)
        write(f"{timestamp()} Building the image of {_called(environment)}\n".encode())
        await asyncio.sleep(more_seconds)
        try:
            python = await self._environments.ready(environment, _EXTRA, write)
        except EnvironmentBuildError as error:
            write(f"{timestamp()} {error}\n".encode())
            account = self._emulator.account_name
            raise EnvironmentBuildError(
                f"{error}. The build log is available in the workspace blob store '{account}' under the path "
                f"'/{self._container(workspace)}/{log}'"
            ) from error
        write(f"{timestamp()} The image is built\n".encode())
        return python

    def _exists(self, environment: Json) -> bool:
        return not self._building[environment["id"].lower()] and self._environments.has(environment, _EXTRA)

    def _container(self, workspace: WorkspaceId) -> str:
        return Locations(self._emulator.store, workspace).of_datastore(ARTIFACT_STORE).container

    def _log_to(self, workspace: WorkspaceId, name: str) -> Callable[[bytes], None]:
        container = self._container(workspace)

        def append(data: bytes) -> None:
            self._emulator.blobs.append(container, name, data)

        return append


def _called(environment: Json) -> str:
    try:
        made = arm_ids.parse(environment["id"])
    except ValueError:
        return str(environment["id"])
    return f"{made.name}:{made.version}"
