"""What is sent for the nodes of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.spec.pipeline_files import DATABASE, ENVIRONMENT, ENVIRONMENT_ID, SPARK_CONF, command, literal, node_of
from tests.spec.stand_in import WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

TASK = {"type": "run_function", "code": ".", "entry_script": "a.py", "environment": ENVIRONMENT}
NODES: dict[str, tuple[Any, Any]] = {
    "defaults": (command(), {"name": "it", "type": "command", "_source": "YAML.JOB", "inputs": {}, "outputs": {}}),
    "keys of jobs in snake case": (
        command(
            display_name="A",
            tags={"a": "b"},
            compute="azureml:gpu",
            resources={"instance_count": "2", "docker_args": ["-a"], "properties": {"aB": 1}},
            distribution={"type": "TensorFlow"},
            limits={"timeout": 90},
            identity={"type": "managed", "client_id": "c"},
            queue_settings={"job_tier": "Spot", "priority": "high"},
            services={"s": {"type": "ssh", "nodes": "all", "ssh_public_keys": "k"}},
        ),
        {
            "display_name": "A",
            "tags": {"a": "b"},
            "computeId": "/computes/gpu",
            "resources": {"instance_count": 2, "docker_args_list": ["-a"], "properties": {"aB": 1}},
            "distribution": {"distribution_type": "TensorFlow", "parameter_server_count": 0},
            "limits": {"job_limits_type": "Command", "timeout": "PT1M30S"},
            "identity": {"identity_type": "Managed", "client_id": "c"},
            "queue_settings": {"job_tier": "Spot", "priority": 3},
            "services": {
                "s": {
                    "job_service_type": "SSH",
                    "nodes": {"nodes_value_type": "All"},
                    "properties": {"sshPublicKeys": "k"},
                }
            },
        },
    ),
    "what it reads": (
        command(
            inputs={
                "a": "${{parent.inputs.data}}",
                "b": {"path": "${{parent.inputs.data}}", "type": "uri_file", "mode": "ro_mount"},
                "c": 7,
                "D": {"path": "azureml:d:2"},
            }
        ),
        {
            "inputs": {
                "a": literal("${{parent.inputs.data}}"),
                "b": literal("${{parent.inputs.data}}", mode="ReadOnlyMount"),
                "c": literal("7"),
                "D": {"job_input_type": "uri_folder", "uri": f"{WS}/data/d/versions/2"},
            }
        },
    ),
    "what it writes": (
        command(
            outputs={
                "a": None,
                "b": "${{parent.outputs.best}}",
                "c": {"path": "${{parent.outputs.best}}", "mode": "upload", "name": "n", "version": 1},
                "d": {"mode": "upload", "name": "n"},
            }
        ),
        {
            "outputs": {
                "b": {"type": "literal", "value": "${{parent.outputs.best}}"},
                "c": {
                    "type": "literal",
                    "value": "${{parent.outputs.best}}",
                    "mode": "Upload",
                    "name": "n",
                    "version": "1",
                },
                "d": {"job_output_type": "uri_folder", "mode": "Upload", "name": "n"},
            }
        },
    ),
    "a component of the workspace": (
        {"component": "azureml:c:2", "comment": "hi", "inputs": {"any": 1}, "strange": 1},
        {
            "componentId": f"{WS}/components/c/versions/2",
            "_source": "REMOTE.WORKSPACE.COMPONENT",
            "comment": "hi",
            "inputs": {"any": literal("1")},
            "strange": 1,
        },
    ),
    "a component by its default version": (
        {"component": "azureml:c@default"},
        {"componentId": f"{WS}/components/c/labels/default"},
    ),
    "a component of a registry": (
        {"component": "azureml://registries/r/components/c/versions/1", "compute": "${{parent.inputs.n}}"},
        {"_source": "REMOTE.REGISTRY", "computeId": "${{parent.inputs.n}}"},
    ),
    "a component file": (
        {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1}, "outputs": {"model": {}}},
        {
            "_source": "YAML.COMPONENT",
            "resources": {"instance_count": 2, "properties": {}},
            "distribution": {"distribution_type": "Mpi", "process_count_per_instance": 1},
            "outputs": {"model": {"job_output_type": "uri_folder"}},
        },
    ),
    "references as settings": (
        {
            "component": "file:./train.yml",
            "inputs": {"x": "${{parent.inputs.data}}", "z": 1, "other": 2},
            "resources": {"instance_count": "${{parent.inputs.n}}"},
            "limits": {"timeout": "${{parent.inputs.n}}"},
        },
        {
            "_source": "YAML.JOB",
            "resources": {"instance_count": "${{parent.inputs.n}}", "properties": {}},
            "limits": {"job_limits_type": "Command", "timeout": "${{parent.inputs.n}}"},
            "inputs": {"x": literal("${{parent.inputs.data}}"), "z": literal("1")},
        },
    ),
    "a search": (
        {
            "type": "sweep",
            "trial": "azureml:c:1",
            "search_space": {"y": {"type": "Choice", "values": [1, 2]}},
            "sampling_algorithm": "Random",
            "early_termination": {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 2},
            "objective": {"goal": "Minimize", "primary_metric": "loss"},
            "limits": {"max_total_trials": "9", "timeout": 30},
        },
        {
            "trial": {"componentId": f"{WS}/components/c/versions/1"},
            "componentId": None,
            "search_space": {"y": {"type": "choice", "values": [1, 2]}},
            "sampling_algorithm": "random",
            "early_termination": {
                "policy_type": "Bandit",
                "slack_factor": 0.1,
                "evaluation_interval": 2,
                "delay_evaluation": 0,
            },
            "objective": {"goal": "minimize", "primary_metric": "loss"},
            "limits": {"max_total_trials": 9, "timeout": 60},
        },
    ),
    "batches": (
        {"type": "parallel", "task": TASK | {"code": "azureml:/subscriptions/c"}, "mini_batch_size": "1kb", "tags": {}},
        {
            "task": {
                "type": "run_function",
                "code": "azureml:/subscriptions/c",
                "entry_script": "a.py",
                "environment": ENVIRONMENT_ID,
            },
            "mini_batch_size": 1024,
            "tags": None,
        },
    ),
    "Spark": (
        {
            "type": "spark",
            "code": "azureml:/subscriptions/c",
            "entry": {"file": "a.py"},
            "conf": {**SPARK_CONF, "spark.x": "y"},
            "resources": {"instance_type": "Standard_E8S_V3", "runtime_version": "3.4"},
        },
        {
            "entry": {"file": "a.py", "spark_job_entry_type": "SparkJobPythonEntry"},
            "identity": {"identity_type": "UserIdentity"},
            "resources": {"instance_type": "standard_e8s_v3", "runtime_version": "3.4"},
            "conf": {**SPARK_CONF, "spark.executor.instances": 2, "spark.x": "y"},
        },
    ),
    "a copy": (
        {
            "type": "data_transfer",
            "task": "copy_data",
            "data_copy_mode": "merge_with_overwrite",
            "inputs": {"a": {"type": "uri_folder", "path": "azureml:d:1"}},
            "outputs": {"b": {"type": "uri_folder"}},
        },
        {"task": "copy_data", "data_copy_mode": "merge_with_overwrite", "_source": "YAML.JOB"},
    ),
    "an import": (
        {"type": "data_transfer", "task": "import_data", "source": DATABASE, "outputs": {"sink": {"type": "mltable"}}},
        {
            "componentId": "azureml://registries/azureml/components/import_data_database/versions/0.0.1",
            "_source": "BUILTIN",
            "source": DATABASE,
            "outputs": {"sink": {"job_output_type": "mltable"}},
        },
    ),
    "Ray": (
        {"component": "azureml:c:1", "distribution": {"type": "ray", "include_dashboard": True, "port": 1}},
        {"distribution": {"distribution_type": "Ray", "includeDashboard": True, "port": 1}},
    ),
    "a component that was shown": (
        {"component": {"id": "azureml:/subscriptions/c", **command()}},
        {"componentId": "azureml:/subscriptions/c", "_source": "REMOTE.WORKSPACE.COMPONENT"},
    ),
    "AutoML": (
        {
            "type": "automl",
            "task": "classification",
            "compute": "azureml:gpu",
            "training_data": {"type": "mltable", "path": "${{parent.inputs.data}}"},
            "target_column_name": "y",
            "outputs": {"best_model": {"type": "mlflow_model"}},
        },
        {
            "task": "classification",
            "compute": "azureml:/computes/gpu",
            "training_data": "${{parent.inputs.data}}",
            "outputs": {"best_model": {"job_output_type": "mlflow_model"}},
        },
    ),
}


@pytest.mark.parametrize(("node", "expected"), NODES.values(), ids=NODES.keys())
def test_a_node(service: StandIn, tmp_path: Path, node: Any, expected: Any) -> None:
    body, _ = node_of(service, tmp_path, node)
    assert {key: body.get(key) for key in expected} == expected
