"""What commands run on and how their processes work together, in jobs, in nodes of pipelines and in components.

Source: azure-ai-ml 1.35.2: a job has the camelCase fields of the REST API, a component the keys of the file, and a node
the fields in snake case, but for some that stay as they are in jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.bindings import unless_bound
from airflow_provider_azml.spec.rules import Rule, as_is, boolean, integer, lower, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.rest.flows import Json


@dataclass(frozen=True)
class _Key:
    """A key of the file, which is also the field of a component.

    Args:
        name: The key.
        job: The field of a job.
        node: The field of a node.
        convert: What becomes of the value.
        default: Value for an absent key.
    """

    name: str
    job: str
    node: str
    convert: Callable[[Any], Any] = as_is
    default: Any = None

    def of_job(self) -> Rule:
        return Rule(self.name, self.job, self.convert, self.default)

    def of_node(self) -> Rule:
        return Rule(self.name, self.node, unless_bound(self.convert), self.default)

    def of_component(self) -> Rule:
        return Rule(self.name, self.name, self.convert, self.default)


_TYPES = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow", "ray": "Ray"}
_PROCESSES = (_Key("process_count_per_instance", "processCountPerInstance", "process_count_per_instance", integer),)
_KEYS_OF_TYPES: Mapping[str, tuple[_Key, ...]] = {
    "tensorflow": (
        _Key("parameter_server_count", "parameterServerCount", "parameter_server_count", integer, default=0),
        _Key("worker_count", "workerCount", "worker_count", integer),
    ),
    "ray": (
        _Key("port", "port", "port", integer),
        _Key("address", "address", "address"),
        _Key("include_dashboard", "includeDashboard", "includeDashboard", boolean),
        _Key("dashboard_port", "dashboardPort", "dashboardPort", integer),
        _Key("head_node_additional_args", "headNodeAdditionalArgs", "headNodeAdditionalArgs"),
        _Key("worker_node_additional_args", "workerNodeAdditionalArgs", "workerNodeAdditionalArgs"),
    ),
}
_MACHINES = (
    _Key("instance_count", "instanceCount", "instance_count", integer),
    _Key("instance_type", "instanceType", "instance_type"),
    _Key("shm_size", "shmSize", "shm_size"),
)
_PROPERTIES = _Key("properties", "properties", "properties", sendable, default={})
"""Only jobs and nodes have these."""
_PLACEMENT = (
    _Key("docker_args", "dockerArgs", "docker_args"),
    _Key("locations", "locations", "locations"),
    _Key("max_instance_count", "maxInstanceCount", "maxInstanceCount", integer),
)
_LISTED = (_Key("docker_args", "dockerArgsList", "docker_args_list"),)
"""What jobs and nodes have instead where docker_args is a list; azure-ai-ml drops the others."""


def _of_type(value: Mapping[str, Any]) -> tuple[str, tuple[_Key, ...]]:
    given = lower(value["type"])
    return given, _KEYS_OF_TYPES.get(given, _PROCESSES)


def job_distribution(value: Mapping[str, Any]) -> Json:
    """How the processes of a job work together."""
    given, keys = _of_type(value)
    return {"distributionType": _TYPES[given], **translated(value, [key.of_job() for key in keys])}


def node_distribution(value: Mapping[str, Any]) -> Json:
    """How the processes of a node work together."""
    given, keys = _of_type(value)
    return {"distribution_type": _TYPES[given], **translated(value, [key.of_node() for key in keys])}


def component_distribution(value: Mapping[str, Any]) -> Json:
    """How the processes of a component work together."""
    given, keys = _of_type(value)
    return {"type": given, **translated(value, [key.of_component() for key in keys])}


def job_resources(value: Mapping[str, Any]) -> Json:
    """What a job runs on."""
    return translated(value, [key.of_job() for key in _resources(value)])


def node_resources(value: Mapping[str, Any]) -> Json:
    """What a node runs on."""
    return translated(value, [key.of_node() for key in _resources(value)])


def component_resources(value: Mapping[str, Any]) -> Json:
    """What a component runs on."""
    return translated(value, [key.of_component() for key in (*_MACHINES, *_PLACEMENT)])


def _resources(value: Mapping[str, Any]) -> tuple[_Key, ...]:
    return (*_MACHINES, _PROPERTIES, *(_LISTED if isinstance(value.get("docker_args"), list) else _PLACEMENT))
