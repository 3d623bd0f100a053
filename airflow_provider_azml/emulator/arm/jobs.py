"""Jobs, as Resource Manager shows them. What runs them is in ``jobs``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm.behaviour import Behaviour, invalid_name, require_parent
from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.emulator.arm.errors import bad_request, conflict, not_found
from airflow_provider_azml.emulator.arm.reference_checks import check_references
from airflow_provider_azml.emulator.arm.targets import AML, resolve
from airflow_provider_azml.emulator.history.runs import Runs
from airflow_provider_azml.emulator.jobs.services import services_of
from airflow_provider_azml.emulator.pipelines.shapes import wrong_part
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_NAME_RULE = "1 to 255 letters, digits, '-' and '_'"
_ASSET_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}")
_ASSET_VERSION = re.compile(r"[^/?#]{1,255}")
_METADATA = frozenset({"description", "displayName", "isArchived", "properties", "tags"})
_READ_ONLY = frozenset({"outputs", "services", "status"})
_REPEATED = frozenset({
    "computeId",
    "description",
    "experimentName",
    "identity",
    "inputs",
    "jobs",
    "outputs",
    "settings",
})


class Job(Behaviour):
    """A job.

    Sources: recorded answers to MLClient; Job examples of the 2024-04-01 OpenAPI file.
    """

    def accept(self, target: Target, body: Json, old: Json | None) -> Json:
        """Check what the job needs; of a job that is there, change what describes it and no more."""
        if old is not None:
            return self._described(target, body, old)
        document = super().accept(target, body, old)
        properties = document["properties"] = self._repeated(target, document["properties"])
        if wrong := wrong_part(properties):
            path, what = wrong
            raise bad_request(
                f"Job '{target.name}': its {path} must be {what}.", code="ValidationError", target=f"properties.{path}"
            )
        _check_timeout(target, properties)
        _check_output_names(target, properties)
        check_references(self.emulator, f"job '{target.name}'", dict(_references(properties)))
        properties |= {
            "experimentName": properties.get("experimentName") or "Default",
            "displayName": properties.get("displayName") or target.name,
            "description": properties.get("description"),
            "tags": properties.get("tags") or {},
            "properties": properties.get("properties") or {},
            "inputs": properties.get("inputs") or {},
            "outputs": properties.get("outputs") or {},
            "isArchived": bool(properties.get("isArchived")),
            "services": {
                **(properties.get("services") or {}),
                **services_of(self.emulator, target.workspace_id, target.name),
            },
            "status": "NotStarted",
        }
        return {"properties": self.emulator.jobs.accept(target.name, properties)}

    def _repeated(self, target: Target, properties: Json) -> Json:
        """A pipeline job that ran before, with what is given over what it was; any other as it is.

        Source: ``sourceJobId`` of ``PipelineJob`` in the 2024-04-01 OpenAPI file; azure-ai-ml sends it for schedules of
        jobs that ran, with their name for an id.
        """
        named = properties.get("sourceJobId")
        if not named or properties.get("jobType") != "Pipeline":
            return properties
        ran = self.emulator.store.get(named if named.startswith("/") else f"{target.workspace_id}/jobs/{named}")
        if ran is None or ran["properties"]["jobType"] != "Pipeline":
            raise bad_request(
                f"Job '{target.name}' repeats '{named}', and there is no pipeline job of that name.",
                code="ValidationError",
                target="properties.sourceJobId",
            )
        before = {key: value for key, value in ran["properties"].items() if key in _REPEATED}
        given = {key: value for key, value in properties.items() if value not in (None, "", {})}
        for key in ("inputs", "outputs", "settings"):
            given[key] = {**(before.get(key) or {}), **(given.get(key) or {})}
        return {**before, **given}

    def stored(self, target: Target, document: Json, *, created: bool) -> None:  # noqa: ARG002
        """Run a new job."""
        if created:
            self.emulator.jobs.submit(document)

    def check_delete(self, target: Target, document: Json, query: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse to delete what is active."""
        if document["properties"]["status"] not in self.row.terminal:
            status = document["properties"]["status"]
            raise conflict(f"Job '{target.name}' is {status} and cannot be deleted; cancel it first.")

    async def unmake(self, arm_id: str) -> None:
        """Delete the children with their parent."""
        job = arm_ids.parse(arm_id)
        for child in Runs(self.emulator.store, job.workspace).children(job.name):
            child_id = job.workspace.child("job", child["runId"])
            await self.unmake(child_id)
            self.emulator.store.delete(child_id)

    def actions(self) -> Mapping[str, Callable[[Target, Json, Mapping[str, str]], Awaitable[Response]]]:
        """Cancel."""
        return {"cancel": self._cancel}

    async def _cancel(self, target: Target, _body: Json, _query: Mapping[str, str]) -> Response:
        document = self.emulator.store.get(target.arm_id)
        if document is None:
            raise not_found(target.arm_id)
        if document["properties"]["status"] in self.row.terminal:
            return Response(status_code=200)
        headers = self.emulator.operations.begin(target.arm_id, "cancel", self._canceled(target.arm_id))
        return Response(status_code=202, headers=headers)

    async def _canceled(self, arm_id: str) -> None:
        self.emulator.jobs.cancel(arm_id)
        await self.emulator.jobs.ended(arm_id)

    def _described(self, target: Target, body: Json, old: Json) -> Json:
        given = {key: value for key, value in (body.get("properties") or {}).items() if value is not None}
        kept = old["properties"]
        fixed = set(given) - _METADATA - _READ_ONLY
        changed = sorted(name for name in fixed if given[name] != kept.get(name))
        if changed:
            raise conflict(
                f"A job with the name '{target.name}' already exists, and its {', '.join(changed)} cannot be changed. "
                "Give the new job another name."
            )
        return {"properties": {**kept, **{name: given[name] for name in _METADATA & set(given)}}}


def start_job(emulator: Emulator, workspace_id: str, name: str, properties: Json) -> Json:
    """Start a job from inside the emulator, as a PUT of it does.

    Args:
        emulator: The emulator.
        workspace_id: The workspace.
        name: Name of the job.
        properties: Its ``properties``, in the service's words, e.g. the ``jobDefinition`` of a schedule.

    Returns:
        The job, as it is stored.

    Raises:
        ArmError: The workspace is not there, there is a job of that name, or the job is refused.
    """
    workspace = arm_ids.parse(workspace_id)
    segments = ["workspaces", workspace.name, "jobs", name]
    target = resolve(workspace.subscription_id, workspace.resource_group, AML, segments)
    if target is None:
        raise invalid_name("a job", name, _NAME_RULE)
    require_parent(emulator, target, "write")
    if emulator.store.get(target.arm_id) is not None:
        raise conflict(f"A job with the name '{name}' already exists. Give the new job another name.")
    body = checked_body("PUT", target.arm_id, {"properties": properties})
    behaviour = Job(emulator, target.row)
    stored = emulator.store.put(target.arm_id, behaviour.accept(target, body, None))
    behaviour.stored(target, stored, created=True)
    return emulator.store.get(target.arm_id) or stored


def _check_output_names(target: Target, properties: Json) -> None:
    """Check the names of assets that outputs are to become. Source: ``DataVersions_CreateOrUpdate`` has the pattern."""
    outputs: dict[str, Json | None] = properties.get("outputs") or {}
    for output, declared in outputs.items():
        for field, pattern in (("assetName", _ASSET_NAME), ("assetVersion", _ASSET_VERSION)):
            name = (declared or {}).get(field)
            if name and not pattern.fullmatch(str(name)):
                raise bad_request(
                    f"Job '{target.name}': '{name}' cannot be the {field} of its output '{output}'.",
                    code="ValidationError",
                    target=f"properties.outputs.{output}.{field}",
                )


def _check_timeout(target: Target, properties: Json) -> None:
    """Refuse a ``limits.timeout`` that is no duration, as the OpenAPI file describes it."""
    timeout = (properties.get("limits") or {}).get("timeout")
    try:
        durations.seconds(timeout or "PT0S")
    except ValueError as error:
        raise bad_request(f"limits.timeout of job '{target.name}': {error}.", code="ValidationError") from error


def _references(properties: Json) -> Iterator[tuple[str, object]]:
    yield "properties.computeId", properties.get("computeId")
    yield "properties.componentId", properties.get("componentId")
    trial = properties.get("trial") or {}
    for holder, path in ((properties, "properties"), (trial, "properties.trial")):
        yield f"{path}.codeId", holder.get("codeId")
        yield f"{path}.environmentId", holder.get("environmentId")
    for name, value in (properties.get("inputs") or {}).items():
        yield f"properties.inputs.{name}", (value or {}).get("uri")
    for name in ("default_compute", "default_datastore"):
        yield f"properties.settings.{name}", (properties.get("settings") or {}).get(name)
    for name, node in (properties.get("jobs") or {}).items():
        yield f"properties.jobs.{name}.componentId", (node or {}).get("componentId")
        yield f"properties.jobs.{name}.computeId", (node or {}).get("computeId")
