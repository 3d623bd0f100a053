"""Versioned assets: environments, data, models, components and code. A version is what it is for good."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.asset_versions import component_version, next_version, note_version
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, required
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found, read_only
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

_FIXED = {
    "code": ("codeUri",),
    "component": ("componentSpec",),
    "data": ("dataUri", "dataType"),
    "environment": ("image", "build", "condaFile", "inferenceConfig"),
    "model": ("modelUri", "modelType"),
}
_REQUIRED = {"component": "componentSpec", "model": "modelUri", "code": "codeUri"}
_DEFAULTS: Mapping[str, Json] = {
    "environment": {"environmentType": "UserCreated", "osType": "Linux"},
    "model": {"modelType": "custom_model", "flavors": {}, "jobName": None},
}


class Asset(Behaviour):
    """An asset with its versions.

    Its container appears with the first version, and knows ``latestVersion`` and ``nextVersion``.

    Sources: recorded answers to MLClient; the ``*Version`` and ``*Container`` examples of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check that it is made of something, and that nothing that is fixed changes."""
        document = super().accept(target, body, old)
        properties = document["properties"]
        shared = {
            "description": properties.get("description"),
            "tags": properties.get("tags") or {},
            "properties": properties.get("properties") or {},
            "isArchived": bool(properties.get("isArchived")),
        }
        if not target.is_version:
            of_type = {"dataType": properties["dataType"]} if "dataType" in properties else {}
            following = next_version(self.emulator.store, target.arm_id)
            return {"properties": {**shared, **of_type, "nextVersion": following}}
        kind = self.row.kind
        if kind in _REQUIRED:
            required(body, "properties", _REQUIRED[kind])
        if kind == "environment" and not (properties.get("image") or properties.get("build")):
            raise bad_request("An environment needs an image or a build context.", code="ValidationError")
        given = {key: value for key, value in properties.items() if value is not None}
        document["properties"] = {
            **_DEFAULTS.get(kind, {}),
            **given,
            **shared,
            "isAnonymous": bool(properties.get("isAnonymous")),
        }
        if old is not None and kind == "component" and old["properties"]["isAnonymous"]:
            # azure-ai-ml names these by a hash of all but their name and where they come from, which may differ
            document["properties"]["componentSpec"] = old["properties"]["componentSpec"]
        if old is not None:
            self._check_fixed(target, document["properties"], old["properties"])
        return document

    def stored(self, target: Target, document: Json, *, created: bool) -> None:  # noqa: ARG002
        """Keep the container of a new version."""
        if created and target.is_version:
            note_version(self.emulator.store, target.arm_id)

    def show(self, document: Json) -> Json:
        """Tell the newest and the next version of a container."""
        if "/versions/" in document["id"]:
            return document
        newest = self.emulator.store.newest(f"{document['id']}/versions")
        latest = newest["name"] if newest else None
        return {**document, "properties": {**document["properties"], "latestVersion": latest}}

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Publishing to a registry, which nobody may."""
        return {"publish": self._publish}

    async def _publish(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        registry = f"registries/{body.get('registryName')}"
        raise read_only(registry, f"Microsoft.MachineLearningServices/registries/{self.row.segment}", "write")

    def _check_fixed(self, target: Target, new: Json, old: Json) -> None:
        changed = [name for name in _FIXED[self.row.kind] if new.get(name) != old.get(name)]
        if changed:
            raise conflict(
                f"The {self.row.kind} '{target.name}' with version '{target.names[-1]}' already exists, and its "
                f"{', '.join(changed)} cannot be changed. Only tags, description and isArchived can be updated; "
                "to register something else use a new version.",
                code="UserError",
            )


class ComponentAsset(Asset):
    """A component: an asset one of whose versions is the default."""

    def found(self, target: Target) -> Json | None:
        """The stored document that a GET asks for, which may be that of the default version."""
        return component_version(self.emulator.store, target.arm_id)


class EnvironmentAsset(Asset):
    """An environment: an asset whose making begins with its registration, as the service builds images."""

    def stored(self, target: Target, document: Json, *, created: bool) -> None:
        """Make the Python of a new environment in the background; that of a job's own one is made with the job."""
        super().stored(target, document, created=created)
        properties = document["properties"]
        if created and properties.get("condaFile") and not properties["isAnonymous"]:
            self.emulator.jobs.prepare(target.arm_id)


class ModelAsset(Asset):
    """A model: an asset that is made from something that is there."""

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check that the path of a new model holds something, and keep it by its datastore, as the service does."""
        uri = (body.get("properties") or {}).get("modelUri") if target.is_version else None
        if not isinstance(uri, str):
            return super().accept(target, body, old)
        locations = Locations(self.emulator.store, arm_ids.parse(target.workspace_id).workspace)
        if old is None:
            self._check_path(target, uri, locations)
        with suppress(LocationError):
            uri = locations.long_uri(uri)
        return super().accept(target, {**body, "properties": {**body["properties"], "modelUri": uri}}, old)

    def _check_path(self, target: Target, uri: str, locations: Locations) -> None:
        try:
            place = locations.find(uri)
        except LocationError as error:
            raise bad_request(f"The modelUri of model '{target.name}' cannot be used: {error}.") from error
        prefix = place.path
        names = self.emulator.blobs.names(place.container, prefix)
        if any(name == prefix or not prefix or name.startswith(f"{prefix}/") for name in names):
            return
        if found := re.search(r"(?:/jobs/|runs:/+)([^/]+)", uri):
            raise bad_request(
                f"No artifacts matching '{uri}' found from Job '{found[1]}'. "
                "Check that the job has completed, and that its script writes the model to this path.",
                code="NoMatchingArtifactsFoundFromJob",
                target="modelUri",
            )
        raise bad_request(f"There is nothing at the modelUri '{uri}' of model '{target.name}'.", target="modelUri")


class CodeAsset(Asset):
    """Code: an asset that is uploaded to a container of its own, and found again by its hash."""

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Where to upload new code to."""
        return {**super().actions(), "start_pending_upload": self._start_pending_upload}

    async def _start_pending_upload(self, target: Target, body: Json, _query: Mapping[str, str]) -> Response:
        # a container that two uploads shared would let azure-ai-ml take the first one's files for the second one's
        container = f"code-{uuid.uuid4()}"
        self.emulator.blobs.create_container(container)
        return answer({
            "pendingUploadId": body.get("pendingUploadId") or str(uuid.uuid4()),
            "pendingUploadType": "TemporaryBlobReference",
            "blobReferenceForConsumption": {
                "blobUri": self.emulator.blobs.plain_url(container),
                "storageAccountArmId": self._storage_account(target),
                "credential": {"credentialType": "SAS", "sasUri": self.emulator.blobs.url(container)},
            },
        })

    def _storage_account(self, target: Target) -> str:
        workspace = self.emulator.store.get(target.workspace_id)
        return str(workspace["properties"].get("storageAccount")) if workspace else ""
