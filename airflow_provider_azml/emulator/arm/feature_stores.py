"""Feature sets and feature store entities: kept with their versions, and described; materialization is simulated."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator.arm.asset_versions import next_version, note_version
from airflow_provider_azml.emulator.arm.behaviour import Behaviour
from airflow_provider_azml.emulator.arm.errors import ArmError, not_found
from airflow_provider_azml.emulator.arm.jobs import start_job
from airflow_provider_azml.emulator.arm.operations import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json


class FeatureStoreAsset(Behaviour):
    """A feature set or an entity: an asset whose versions are made by long-running operations.

    Source: ``FeaturesetVersion`` and ``FeaturestoreEntityVersion`` of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Fill in what every asset has."""
        document = super().accept(target, body, old)
        properties = document["properties"]
        shared: Json = {
            "description": properties.get("description"),
            "tags": properties.get("tags") or {},
            "properties": properties.get("properties") or {},
            "isArchived": bool(properties.get("isArchived")),
        }
        if not target.is_version:
            following = next_version(self.emulator.store, target.arm_id)
            return {"properties": {**shared, "nextVersion": following}}
        stage = properties.get("stage") or "Development"
        return {"properties": {**properties, **shared, "isAnonymous": False, "stage": stage}}

    async def make(self, arm_id: str) -> None:
        """Keep the container of a new version."""
        if "/versions/" in arm_id:
            note_version(self.emulator.store, arm_id)

    def show(self, document: Json) -> Json:
        """Tell the newest version of a container."""
        if "/versions/" in document["id"]:
            return document
        versions = self.emulator.store.children(f"{document['id']}/versions")
        latest = versions[-1]["name"] if versions else None
        settled: Json = {"provisioningState": "Succeeded", **document["properties"]}
        return {**document, "properties": {**settled, "latestVersion": latest}}


class FeatureSet(FeatureStoreAsset):
    """A feature set; its materialization is a simulated Spark job."""

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Backfill."""
        return {"backfill": self._backfill}

    async def _backfill(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        headers = self.emulator.operations.begin(target.arm_id, "backfill", self._materialized(target, body))
        return Response(status_code=202, headers=headers)

    async def _materialized(self, target: Target, asked: Json) -> Json:
        window = asked.get("featureWindow") or {}
        properties = {
            "azureml.FeatureSetName": target.name,
            "azureml.FeatureSetVersion": target.names[-1],
            "azureml.FeatureWindowStart": window.get("featureWindowStart"),
            "azureml.FeatureWindowEnd": window.get("featureWindowEnd"),
        }
        job = {
            "jobType": "Spark",
            "displayName": asked.get("displayName"),
            "description": asked.get("description"),
            "experimentName": f"{target.name}-materialization",
            "tags": asked.get("tags"),
            "properties": {name: value for name, value in properties.items() if value},
            # what the service runs here is its own: there is no code that could be named
            "codeId": "azureml://code/materialization",
            "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "materialize.py"},
            "conf": asked.get("sparkConfiguration"),
        }
        try:
            started = start_job(self.emulator, target.workspace_id, str(uuid.uuid4()), job)
        except ArmError as error:
            raise OperationFailed(error.code, error.message) from error
        return {"jobIds": [started["name"]]}
