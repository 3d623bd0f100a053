"""What commands run on, and how their processes work together, in the words of jobs, nodes and components."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.spec import running

BOUND = "${{parent.inputs.count}}"
DISTRIBUTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "processes": (
        {"type": "PyTorch", "process_count_per_instance": "2"},
        {"distributionType": "PyTorch", "processCountPerInstance": 2},
        {"distribution_type": "PyTorch", "process_count_per_instance": 2},
        {"type": "pytorch", "process_count_per_instance": 2},
    ),
    "TensorFlow has no parameter servers unless it says so": (
        {"type": "tensorflow", "worker_count": 1},
        {"distributionType": "TensorFlow", "parameterServerCount": 0, "workerCount": 1},
        {"distribution_type": "TensorFlow", "parameter_server_count": 0, "worker_count": 1},
        {"type": "tensorflow", "parameter_server_count": 0, "worker_count": 1},
    ),
    "Ray keeps some words in a node": (
        {"type": "ray", "include_dashboard": "yes", "dashboard_port": 1, "head_node_additional_args": "a"},
        {"distributionType": "Ray", "includeDashboard": True, "dashboardPort": 1, "headNodeAdditionalArgs": "a"},
        {"distribution_type": "Ray", "includeDashboard": True, "dashboardPort": 1, "headNodeAdditionalArgs": "a"},
        {"type": "ray", "include_dashboard": True, "dashboard_port": 1, "head_node_additional_args": "a"},
    ),
}
RESOURCES: dict[str, tuple[dict[str, Any], ...]] = {
    "all": (
        {"instance_count": "2", "max_instance_count": 3, "docker_args": "-a", "properties": {"aB": 1}},
        {"instanceCount": 2, "maxInstanceCount": 3, "dockerArgs": "-a", "properties": {"aB": 1}},
        {"instance_count": 2, "maxInstanceCount": 3, "docker_args": "-a", "properties": {"aB": 1}},
        {"instance_count": 2, "max_instance_count": 3, "docker_args": "-a"},
    ),
    "a list of arguments stands alone": (
        {"docker_args": ["-a"], "locations": ["west"], "shm_size": "1g"},
        {"dockerArgsList": ["-a"], "shmSize": "1g", "properties": {}},
        {"docker_args_list": ["-a"], "shm_size": "1g", "properties": {}},
        {"docker_args": ["-a"], "locations": ["west"], "shm_size": "1g"},
    ),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name: str) -> None:
    given, job, node, component = DISTRIBUTIONS[name]
    assert running.job_distribution(given) == job
    assert running.node_distribution(given) == node
    assert running.component_distribution(given) == component


@pytest.mark.parametrize("name", RESOURCES)
def test_resources(name: str) -> None:
    given, job, node, component = RESOURCES[name]
    assert running.job_resources(given) == job
    assert running.node_resources(given) == node
    assert running.component_resources(given) == component


def test_a_node_may_be_bound_to_the_pipeline() -> None:
    assert running.node_resources({"instance_count": BOUND}) == {"instance_count": BOUND, "properties": {}}
    assert running.node_distribution({"type": "mpi", "process_count_per_instance": BOUND}) == {
        "distribution_type": "Mpi",
        "process_count_per_instance": BOUND,
    }
