"""Batch endpoints and their deployments, as Resource Manager shows them. What invokes them is in ``serving``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, required
from airflow_provider_azml.emulator.arm.errors import bad_request, not_found
from airflow_provider_azml.emulator.arm.reference_checks import check_references
from airflow_provider_azml.emulator.serving.batch_provisioning import PIPELINE, provision
from airflow_provider_azml.emulator.serving.batch_settings import settings_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.rest.flows import Json

AUTH_MODE = "AADToken"


class BatchEndpoint(Behaviour):
    """A batch endpoint.

    That ``defaults.deploymentName`` names a deployment which is there is seen when the endpoint is invoked: either may
    be made first.

    Sources: ``BatchEndpoint`` of the 2024-04-01 OpenAPI file;
    https://learn.microsoft.com/azure/machine-learning/reference-yaml-endpoint-batch (the one ``authMode``); the printed
    endpoints of Ansible's ``azure_rm_ml_batch_endpoint_info`` (``properties.properties``, ``scoringUri``).
    """

    patchable = ("tags", "identity")

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check authentication."""
        document = super().accept(target, body, old)
        mode = body["properties"]["authMode"]
        if mode != AUTH_MODE:
            raise bad_request(
                f"The authMode of batch endpoint '{target.name}' is '{mode}'; batch endpoints have {AUTH_MODE} alone.",
                code="ValidationError",
                target="properties.authMode",
            )
        properties = document["properties"]
        parts = target.arm_id.split("/")
        path = f"{parts[2]}/{parts[4]}/{target.names[0]}/{target.name}"
        known = {"BatchEndpointCreationApiVersion": self.row.api_version, "azureml.onlineendpointid": target.arm_id}
        properties |= {
            "authMode": AUTH_MODE,
            # clients set the name in what they get
            "defaults": {"deploymentName": None, **(properties.get("defaults") or {})},
            "description": properties.get("description"),
            "keys": None,
            "properties": {**(properties.get("properties") or {}), **known},
            "scoringUri": f"{self.emulator.https_url}/score/{path}/jobs",
            "swaggerUri": None,
        }
        return {**document, "tags": document.get("tags") or {}}

    async def unmake(self, arm_id: str) -> None:
        """Stop what changes the deployments below the endpoint; the jobs that it has started go on."""
        for deployment in self.emulator.store.children(f"{arm_id}/deployments"):
            await self.emulator.operations.cancel(deployment["id"])

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Keys."""
        return {"list_keys": self._list_keys}

    async def _list_keys(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        """The keys, which an endpoint has none of that takes tokens alone."""
        if self.emulator.store.get(target.arm_id) is None:
            raise not_found(target.arm_id)
        return answer({"primaryKey": None, "secondaryKey": None})


class BatchDeployment(Behaviour):
    """A deployment below a batch endpoint: of a model, or of a pipeline component.

    Source: ``BatchDeployment`` of the 2024-04-01 OpenAPI file, and the bodies that azure-ai-ml 1.35.2 sends.
    """

    patchable = ("tags", "properties.description")

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check references and settings."""
        document = super().accept(target, body, old)
        properties = document["properties"]
        configuration = properties.get("deploymentConfiguration") or {}
        kind = configuration.get("deploymentConfigurationType")
        if configuration and kind not in ("Model", PIPELINE):
            raise bad_request(
                f"deploymentConfigurationType '{kind}' is neither Model nor {PIPELINE}.", code="ValidationError"
            )
        if kind == PIPELINE:
            required(body, "properties", "deploymentConfiguration", "componentId", "assetId")
        else:
            self._check_model(target, body)
        code = properties.get("codeConfiguration") or {}
        references = {
            "properties.model": (properties.get("model") or {}).get("assetId"),
            "properties.environmentId": properties.get("environmentId"),
            "properties.codeConfiguration.codeId": code.get("codeId"),
            "properties.compute": properties.get("compute"),
            "properties.deploymentConfiguration.componentId": (configuration.get("componentId") or {}).get("assetId"),
        }
        check_references(self.emulator, f"batch deployment '{target.name}'", references)
        properties |= {
            "environmentVariables": properties.get("environmentVariables") or {},
            "properties": properties.get("properties") or {},
            **settings_of(target.name, properties),
        }
        return {**document, "tags": document.get("tags") or {}}

    def _check_model(self, target: Target, body: Json) -> None:
        properties = body["properties"]
        if properties.get("codeConfiguration"):
            required(body, "properties", "environmentId")
        elif not properties.get("model"):
            raise bad_request(
                f"Batch deployment '{target.name}' has neither a model nor a scoring script.", code="ValidationError"
            )

    async def make(self, arm_id: str) -> None:
        """See that what it is to run is there, which an MLflow model or an earlier job may bring."""
        await provision(self.emulator, arm_id)

    async def unmake(self, arm_id: str) -> None:
        """Take the deployment out of the endpoint's defaults."""
        endpoint_id, _, name = arm_id.rpartition("/deployments/")

        def forget(endpoint: Json) -> None:
            defaults = endpoint["properties"].get("defaults") or {}
            if defaults.get("deploymentName") == name:
                endpoint["properties"]["defaults"] = {**defaults, "deploymentName": None}

        self.emulator.store.update(endpoint_id, forget)
