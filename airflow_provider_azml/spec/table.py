"""THE table of kinds: which schema a file of a kind is held against, what else is checked, and how it is submitted."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.rest import waiting
from airflow_provider_azml.spec import (
    assets,
    automl_jobs,
    batch,
    command_jobs,
    components,
    compute,
    connections,
    datastores,
    distillation_jobs,
    endpoints,
    environments,
    fine_tuning_jobs,
    git,
    jobs,
    pipeline_components,
    pipeline_jobs,
    schedules,
    spark_jobs,
    sweep_jobs,
    workspaces,
)
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import put_version
from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.rules import snake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One row: a kind of file, or one type of it.

    Args:
        name: Kind, as the resource table has it.
        schema: Schema, as file and JSON pointer.
        problems: What else is wrong with a source that follows it; it must bear any value.
        submit: Sends a checked source.
        properties: What a checked source is sent as, with needs in it; of jobs alone.
    """

    name: str
    schema: str
    problems: Callable[[Source], Iterable[Problem]]
    submit: Callable[[Source, Target], Flow[Ticket]]
    properties: Callable[[Source], Json] | None = None


class _JobType(Protocol):
    """A module that knows a type of jobs."""

    def properties(self, source: Source, name: str | None) -> Json: ...

    def problems(self, source: Source) -> Iterable[Problem]: ...


class _ComponentType(Protocol):
    """A module that knows types of components."""

    def spec(self, source: Source) -> Json: ...

    def problems(self, source: Source) -> Iterable[Problem]: ...


def _version(kind: str, properties: Callable[[Source], Json]) -> Callable[[Source, Target], Flow[Ticket]]:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        body = yield from filled({"properties": properties(source)}, target)
        name, version = source.value.get("name"), source.value.get("version")
        if not name:  # data alone: azure-ai-ml makes a name up
            made_up = uuid.uuid5(uuid.NAMESPACE_OID, target.seed) if target.seed else uuid.uuid4()
            return (yield from put_version(target, kind, str(made_up), "1", body))
        return (yield from put_version(target, kind, str(name), None if version is None else str(version), body))

    return submit


def _resource(kind: str, body: Callable[[Source], Json], *keys: str) -> Callable[[Source, Target], Flow[Ticket]]:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        sent = yield from filled(body(source), target)
        arm_id = target.workspace.child(kind, *(str(source.value[key]) for key in keys))
        return (yield from waiting.submit(arm_id, sent))

    return submit


def _job(module: _JobType, schema: str) -> Kind:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        name = jobs.name_of(source.value)
        body = yield from filled({"properties": git.marked(module.properties(source, name))}, target)
        header = jobs.USER_HEADER if jobs.acts_as_user(body["properties"]) else None
        return (yield from waiting.submit(target.workspace.child("job", name), body, token_header=header))

    def properties(source: Source) -> Json:
        return module.properties(source, jobs.name_of(source.value))

    return Kind(name="job", schema=schema, problems=module.problems, submit=submit, properties=properties)


def _component(module: _ComponentType, schema: str) -> Kind:
    def properties(source: Source) -> Json:
        return components.properties(source, module.spec(source))

    return Kind(name="component", schema=schema, problems=module.problems, submit=_version("component", properties))


def _batch_deployment(variant: str) -> Kind:
    return Kind(
        name="batch_deployment",
        schema=f"batch_deployment.schema.json#/$defs/{variant}",
        problems=batch.deployment_problems,
        submit=_resource("batch_deployment", batch.deployment_body, "endpoint_name", "name"),
    )


def _datastore(variant: str) -> Kind:
    return Kind(
        name="datastore",
        schema=f"datastore.schema.json#/$defs/{variant}",
        problems=datastores.problems,
        submit=_resource("datastore", datastores.body, "name"),
    )


def _schedule(variant: str) -> Kind:
    return Kind(
        name="schedule",
        schema=f"schedule.schema.json#/$defs/{variant}",
        problems=schedules.problems,
        submit=_resource("schedule", schedules.body, "name"),
    )


def _connection(variant: str) -> Kind:
    return Kind(
        name="connection",
        schema=f"connection.schema.json#/$defs/{connections.TYPES[variant].schema}",
        problems=connections.problems,
        submit=_resource("connection", connections.body, "name"),
    )


def _compute(variant: str) -> Kind:
    return Kind(
        name="compute",
        schema=f"compute.schema.json#/$defs/{variant}",
        problems=compute.problems,
        submit=_resource("compute", compute.body, "name"),
    )


def _deployment(variant: str) -> Kind:
    return Kind(
        name="online_deployment",
        schema=f"online_deployment.schema.json#/$defs/{variant}",
        problems=endpoints.deployment_problems,
        submit=_resource("online_deployment", endpoints.deployment_body, "endpoint_name", "name"),
    )


KINDS: Mapping[str, Mapping[str, Kind]] = {
    "job": {
        "command": _job(command_jobs, "command_job.schema.json"),
        "sweep": _job(sweep_jobs, "sweep_job.schema.json"),
        "pipeline": _job(pipeline_jobs, "pipeline_job.schema.json"),
        "spark": _job(spark_jobs, "spark_job.schema.json"),
        "automl": _job(automl_jobs, "automl_job.schema.json"),
        "finetuning": _job(fine_tuning_jobs, "fine_tuning_job.schema.json"),
        "distillation": _job(distillation_jobs, "distillation_job.schema.json"),
    },
    "component": {
        "command": _component(components, "command_component.schema.json"),
        "parallel": _component(components, "parallel_component.schema.json"),
        "spark": _component(components, "spark_component.schema.json"),
        "data_transfer": _component(components, "data_transfer_component.schema.json"),
        "import": _component(components, "import_component.schema.json"),
        "pipeline": _component(pipeline_components, "pipeline_component.schema.json"),
    },
    "environment": {
        "": Kind(
            name="environment",
            schema="environment.schema.json",
            problems=environments.problems,
            submit=_version("environment", environments.properties),
        ),
    },
    "data": {
        "": Kind(
            name="data",
            schema="data.schema.json",
            problems=assets.data_problems,
            submit=_version("data", assets.data_properties),
        ),
    },
    "model": {
        "": Kind(
            name="model",
            schema="model.schema.json",
            problems=assets.model_problems,
            submit=_version("model", assets.model_properties),
        ),
    },
    "online_endpoint": {
        "": Kind(
            name="online_endpoint",
            schema="online_endpoint.schema.json",
            problems=endpoints.endpoint_problems,
            submit=_resource("online_endpoint", endpoints.endpoint_body, "name"),
        ),
    },
    "online_deployment": {variant: _deployment(variant) for variant in ("managed", "kubernetes")},
    "batch_endpoint": {
        "": Kind(
            name="batch_endpoint",
            schema="batch_endpoint.schema.json",
            problems=batch.endpoint_problems,
            submit=_resource("batch_endpoint", batch.endpoint_body, "name"),
        ),
    },
    "batch_deployment": {
        "": _batch_deployment("flat"),
        **{variant: _batch_deployment(variant) for variant in ("model", "pipeline")},
    },
    "datastore": {
        variant: _datastore(variant)
        for variant in ("azure_blob", "azure_file", "azure_data_lake_gen1", "azure_data_lake_gen2", "one_lake")
    },
    "schedule": {variant: _schedule(variant) for variant in ("job", "monitor", "import")},
    "connection": {variant: _connection(variant) for variant in connections.TYPES},
    "compute": {
        variant: _compute(variant)
        for variant in ("amlcompute", "computeinstance", "kubernetes", "virtualmachine", "synapsespark")
    },
    "workspace": {
        "": Kind(
            name="workspace",
            schema=workspaces.SCHEMA,
            problems=workspaces.problems,
            submit=workspaces.create,
        ),
    },
}
"""Kind -> value of the ``type`` key -> row. The first row is for files that do not say.

Schedules have no ``type``: what they do tells their row.
"""

_ANY_CASE: Mapping[str, Callable[[str], str]] = {
    "online_deployment": str.lower,
    "batch_deployment": str.lower,
    "compute": str.lower,
    "component": str.lower,
    "connection": snake,
}
"""Kind -> how its types are read, where azure-ai-ml does not take them by the letter."""


def row_of(source: Source, kind: str) -> Kind | Problem:
    """The row for a source of a kind, or why there is none.

    Args:
        source: The source.
        kind: Its kind, a key of ``KINDS``.
    """
    rows = KINDS[kind]
    first = next(iter(rows.values()))
    if kind == "schedule":
        return rows[schedules.variant(source.value)]
    if len(rows) == 1:
        return first
    if "type" not in source.value:
        return first if kind != "compute" else source.problem((), f"'type' is missing; {_one_of(rows)}")
    given = source.value["type"]
    found = rows.get(_ANY_CASE.get(kind, str)(str(given)))
    close = closest(str(given).lower(), filter(None, rows))
    meant = f"; did you mean {close!r}?" if close else ""
    return found or source.problem(("type",), f"is {given!r:.80}; {_one_of(rows)}{meant}")


def _one_of(rows: Mapping[str, Kind]) -> str:
    names = [name for name in rows if name]
    return f"it must be {names[0] if len(names) == 1 else 'one of ' + ', '.join(names)}"
