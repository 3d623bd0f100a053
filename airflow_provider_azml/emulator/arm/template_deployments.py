"""Deployments of ARM templates: each puts the resources of its template, and tells how that went."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm import foreign
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, answer, require_parent, required
from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.emulator.arm.errors import ArmError, not_found
from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.arm.subscriptions import group_id
from airflow_provider_azml.emulator.arm.targets import AML, resolve
from airflow_provider_azml.emulator.arm.template_expressions import TemplateError
from airflow_provider_azml.emulator.arm.templates import Template
from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.arm.templates import TemplateResource
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_REQUESTS = "template_requests"
_OPERATIONS = "template_operations"


class TemplateDeployment(Behaviour):
    """A deployment of an ARM template.

    Sources: recorded requests of MLClient's workspace creation; the documented shapes of Microsoft.Resources.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:  # noqa: ARG002
        """Check that the template can be evaluated."""
        required(body, "properties", "template")
        asked = body["properties"]
        if str(asked.get("mode", "Incremental")).lower() != "incremental":
            raise ArmError(400, "InvalidDeploymentMode", "The emulator deploys templates in mode Incremental alone.")
        try:
            template = self._template(target.group, asked)
            template.resources()
        except TemplateError as error:
            raise ArmError(400, "InvalidTemplate", f"Deployment template validation failed: '{error}'") from error
        request = {"template": asked["template"], "parameters": asked.get("parameters") or {}}
        self.emulator.store.put_record(_REQUESTS, target.arm_id.lower(), request)
        self.emulator.store.put_record(_OPERATIONS, target.arm_id.lower(), {"value": []})
        return {
            "tags": body.get("tags") or {},
            "properties": {
                "mode": "Incremental",
                "parameters": template.shown_parameters(),
                "timestamp": timestamp(),
                "correlationId": str(uuid.uuid4()),
                "outputs": {},
                "outputResources": [],
                "error": None,
            },
        }

    async def make(self, arm_id: str) -> None:
        """Put the resources of the template, one after the other."""
        request = self.emulator.store.record(_REQUESTS, arm_id.lower())
        if request is None:
            raise OperationFailed("DeploymentNotFound", f"{arm_id} was deleted while it ran.")
        begun = time.monotonic()
        group = arm_id.split("/")[4]
        try:
            template = self._template(group, request)
            made = [await self._deploy(arm_id, group, template, resource) for resource in template.resources()]
            outputs = template.outputs()
        except TemplateError as error:
            raise self._failed(arm_id, "InvalidTemplate", str(error)) from error

        def finish(document: Json) -> None:
            document["properties"] |= {
                "outputs": outputs,
                "outputResources": [{"id": one} for one in made],
                "duration": _duration(begun),
            }

        self.emulator.store.update(arm_id, finish)

    async def _deploy(self, arm_id: str, own_group: str, template: Template, resource: TemplateResource) -> str:
        group = resource.group or own_group
        resource_id = f"{group_id(group)}/providers/{resource.path}"
        begun = time.monotonic()
        try:
            await self._put(group, resource_id, template.body(resource))
        except (ArmError, OperationFailed) as error:
            self._note(arm_id, resource, resource_id, begun, {"code": error.code, "message": error.message})
            raise self._failed(arm_id, error.code, f"{resource.kind} '{resource.name}': {error.message}") from error
        self._note(arm_id, resource, resource_id, begun, None)
        return resource_id

    async def _put(self, group: str, resource_id: str, body: Json) -> None:
        parts = resource_id.split("/")
        if parts[6].lower() not in (AML.lower(), "microsoft.resources"):
            foreign.put(self.emulator, resource_id, body)
            return
        target = resolve(parts[2], group, parts[6], parts[7:])
        if target is None:
            raise ArmError(400, "InvalidTemplate", f"The emulator has no resources of the type of '{resource_id}'.")
        # imported here since the table of kinds names this one too
        from airflow_provider_azml.emulator.arm.behaviours import behaviours  # noqa: PLC0415

        require_parent(self.emulator, target, "write")
        behaviour = behaviours(self.emulator)[target.row.kind]
        old = self.emulator.store.get(target.arm_id)
        document = behaviour.accept(target, checked_body("PUT", target.arm_id, body), old)
        document["properties"]["provisioningState"] = "Creating" if old is None else "Updating"
        self.emulator.store.put(target.arm_id, document)
        state = "Failed"
        try:
            await behaviour.make(target.arm_id)
            state = "Succeeded"
        finally:
            self.emulator.store.update(target.arm_id, lambda made: _set_state(made, state))

    def _failed(self, arm_id: str, code: str, message: str) -> OperationFailed:
        error = {
            "code": "DeploymentFailed",
            "message": "At least one resource deployment operation failed. "
            "Please list deployment operations for details.",
            "details": [{"code": code, "message": message}],
        }
        self.emulator.store.update(arm_id, lambda document: document["properties"].update(error=error))
        return OperationFailed(code, message)

    def _note(
        self, arm_id: str, resource: TemplateResource, resource_id: str, begun: float, error: Json | None
    ) -> None:
        listed = self.emulator.store.record(_OPERATIONS, arm_id.lower()) or {"value": []}
        operation = uuid.uuid4().hex[:16].upper()
        properties: dict[str, Any] = {
            "provisioningOperation": "Create",
            "provisioningState": "Failed" if error else "Succeeded",
            "timestamp": timestamp(),
            "duration": _duration(begun),
            "statusCode": "OK" if error is None else "BadRequest",
            "statusMessage": {"error": error} if error else None,
            "targetResource": {"id": resource_id, "resourceType": resource.kind, "resourceName": resource.name},
        }
        listed["value"].append({
            "id": f"{arm_id}/operations/{operation}",
            "operationId": operation,
            "properties": properties,
        })
        self.emulator.store.put_record(_OPERATIONS, arm_id.lower(), listed)

    def _template(self, group: str, asked: Mapping[str, Any]) -> Template:
        document = self.emulator.store.get(group_id(group)) or {}
        return Template(
            asked["template"],
            asked.get("parameters") or {},
            subscription={
                "id": f"/subscriptions/{identity.SUBSCRIPTION_ID}",
                "subscriptionId": identity.SUBSCRIPTION_ID,
                "tenantId": identity.TENANT_ID,
                "displayName": "azml emulator",
            },
            group={"id": group_id(group), "name": group, "location": document.get("location")},
            reference=self._reference,
        )

    def _reference(self, arm_id: str) -> Json:
        document = self.emulator.store.get(arm_id)
        if document is None:
            raise TemplateError(f"The resource '{arm_id}', which the template refers to, is not there.")
        properties: Json = document["properties"]
        return properties


def operations_of(emulator: Emulator, group: str, name: str) -> Response:
    """The list of what a deployment did.

    Raises:
        ArmError: There is no such deployment.
    """
    arm_id = f"{group_id(group)}/providers/Microsoft.Resources/{RESOURCES['template_deployment'].segment}/{name}"
    if emulator.store.get(arm_id) is None:
        raise not_found(arm_id)
    return answer(emulator.store.record(_OPERATIONS, arm_id.lower()) or {"value": []})


def _set_state(document: Json, state: str) -> None:
    document["properties"]["provisioningState"] = state


def _duration(begun: float) -> str:
    minutes, seconds = divmod(time.monotonic() - begun, 60)
    return f"PT{f'{minutes:.0f}M' if minutes else ''}{seconds:.7f}S"
