"""THE table of kinds: which schema a file of a kind is held against, what else is checked, and how it is submitted."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.rest import waiting
from airflow_provider_azml.spec import assets, compute, endpoints, environments, jobs, workspaces
from airflow_provider_azml.spec.needs import filled, put_version

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
    """

    name: str
    schema: str
    problems: Callable[[Source], Iterable[Problem]]
    submit: Callable[[Source, Target], Flow[Ticket]]


def _version(kind: str, properties: Callable[[Source], Json]) -> Callable[[Source, Target], Flow[Ticket]]:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        body = yield from filled({"properties": properties(source)}, target)
        name, version = source.value.get("name"), source.value.get("version")
        if not name:  # data alone: azure-ai-ml makes a name up
            return (yield from put_version(target, kind, str(uuid.uuid4()), "1", body))
        return (yield from put_version(target, kind, str(name), None if version is None else str(version), body))

    return submit


def _resource(kind: str, body: Callable[[Source], Json], *keys: str) -> Callable[[Source, Target], Flow[Ticket]]:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        sent = yield from filled(body(source), target)
        arm_id = target.workspace.child(kind, *(str(source.value[key]) for key in keys))
        return (yield from waiting.submit(arm_id, sent))

    return submit


def _job(properties: Callable[[Source, str], Json]) -> Callable[[Source, Target], Flow[Ticket]]:
    def submit(source: Source, target: Target) -> Flow[Ticket]:
        name = jobs.name_of(source.value)
        body = yield from filled({"properties": properties(source, name)}, target)
        return (yield from waiting.submit(target.workspace.child("job", name), body))

    return submit


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
        "command": Kind(
            name="job",
            schema="job.schema.json#/$defs/command",
            problems=jobs.command_problems,
            submit=_job(jobs.command_properties),
        ),
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
            problems=lambda _: (),
            submit=_resource("online_endpoint", endpoints.endpoint_body, "name"),
        ),
    },
    "online_deployment": {variant: _deployment(variant) for variant in ("managed", "kubernetes")},
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
"""Kind -> value of the ``type`` key -> row. The row under an empty type is for kinds that have one row alone; the first
row is for files that do not say."""

_ANY_CASE = frozenset({"online_deployment", "compute"})
_SCHEMA_NAME = re.compile(r"([A-Za-z]+)\.schema\.json")
_OF_SCHEMA = {
    "commandJob": "job",
    "environment": "environment",
    "data": "data",
    "asset": "data",
    "model": "model",
    "managedOnlineEndpoint": "online_endpoint",
    "kubernetesOnlineEndpoint": "online_endpoint",
    "onlineEndpoint": "online_endpoint",
    "managedOnlineDeployment": "online_deployment",
    "kubernetesOnlineDeployment": "online_deployment",
    "amlCompute": "compute",
    "computeInstance": "compute",
    "kubernetesCompute": "compute",
    "vmCompute": "compute",
    "synapsesparkCompute": "compute",
    "workspace": "workspace",
}
"""File name in ``$schema`` -> kind. Source: the ``$schema`` lines of Azure/azureml-examples."""
_OF_TYPE = {
    "command": "job",
    "uri_file": "data",
    "uri_folder": "data",
    "mltable": "data",
    "custom_model": "model",
    "mlflow_model": "model",
    "triton_model": "model",
    "amlcompute": "compute",
    "computeinstance": "compute",
    "virtualmachine": "compute",
    "synapsespark": "compute",
    "managed": "online_deployment",
}


def inferred(value: Mapping[str, Any]) -> str | None:
    """The kind that a file's ``$schema``, or else its ``type``, tells."""
    named = _SCHEMA_NAME.search(str(value.get("$schema", "")))
    if named and named[1] in _OF_SCHEMA:
        return _OF_SCHEMA[named[1]]
    return _OF_TYPE.get(str(value.get("type", "")).lower())


def row_of(source: Source, kind: str) -> Kind | Problem:
    """The row for a source of a kind, or why there is none.

    Args:
        source: The source.
        kind: Its kind, a key of ``KINDS``.
    """
    rows = KINDS[kind]
    first = next(iter(rows.values()))
    if "" in rows or "type" not in source.value:
        return first if "" in rows or kind != "compute" else source.problem((), f"'type' is missing; {_one_of(rows)}")
    given = source.value["type"]
    found = rows.get(str(given).lower() if kind in _ANY_CASE else str(given))
    return found or source.problem(("type",), f"is {given!r}; {_one_of(rows)}")


def _one_of(rows: Mapping[str, Kind]) -> str:
    names = list(rows)
    return f"it must be {names[0] if len(names) == 1 else 'one of ' + ', '.join(names)}"
