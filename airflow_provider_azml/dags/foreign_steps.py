"""Tasks for steps of CLI v1 that ran on Azure Databricks, Azure Batch and Azure Data Factory.

They are tasks of the operators of the official providers, which have to be installed for such steps alone. The compute
that a step names is the id of the Airflow connection. What a step takes and writes is told to the other service as URLs
in storage accounts, which its own connection or identity must open.
"""

from __future__ import annotations

import shlex
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_azml.dags.airflow_values import arguments_of
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.foreign_steps import node_operator
from airflow_provider_azml.spec.references import PREFIX
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1 import foreign_steps as v1

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import BaseOperator

    from airflow_provider_azml.operators.foreign_steps import Handed
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.pipeline_plans import PlannedNode

_READ = frozenset({
    "file", "spec", "base_path", "inputs", "params_as_inputs", "follow_symlinks", "labels", "settings",
    "azml_conn_id", "subscription_id", "resource_group", "workspace", "config_path",
})  # fmt: skip
"""Keyword arguments of a node's operator that say which node of what it is, and where its data are."""
_NAMING = frozenset({"input", "output", "parameter"})
_CODE = "AZUREML_SCRIPT_DIRECTORY_NAME"
"""How v1 told a script on Databricks where its folder is."""
_MINUTES_OF_A_WEEK = 7 * 24 * 60
_CLUSTER: Mapping[str, tuple[str, object]] = {
    "spark_version": ("spark_version", "10.4.x-scala2.12"),
    "num_workers": ("num_workers", None),
    "spark_conf": ("spark_conf", None),
    "spark_env_variables": ("spark_env_vars", None),
    "instance_pool_id": ("instance_pool_id", None),
}
"""Setting of a step -> key of a cluster of Databricks, and what v1 took where nothing is said.

Source: azureml-pipeline-core 1.62, ``_DatabricksStepBase``; https://docs.databricks.com/api/azure/workspace/jobs/submit.
"""


class _Service(NamedTuple):
    """A service.

    Args:
        package: What has to be installed.
        module: Where the operator is.
        name: The operator.
        connection: Its argument that names the connection.
        default: The connection where the step names no compute.
        arguments: What it is told of a node's settings.
        fill: Tells a task what its node comes to.
    """

    package: str
    module: str
    name: str
    connection: str
    default: str
    arguments: Callable[[PlannedNode], Json]
    fill: Callable[[Any, Handed], None]


def is_foreign(node: PlannedNode) -> bool:
    """Whether a node runs on another service than Azure ML."""
    return node.type in v1.SERVICES


def foreign_operator(node: PlannedNode) -> type[BaseOperator]:
    """The operator that runs a node on another service.

    Args:
        node: The node.

    Raises:
        SpecError: The provider of that service is not installed.
    """
    service = _SERVICES[node.type]
    try:
        official: type[BaseOperator] = getattr(import_module(service.module), service.name)
    except ImportError as error:
        reason = (
            f"runs on {v1.SERVICES[node.type]} with Airflow's {service.name}, which is not to be had ({error}); "
            f"install {service.package}"
        )
        raise SpecError([node.source.problem((), reason, at_key=True)]) from error
    return node_operator(official, service.fill)


def foreign_task(node: PlannedNode, task_id: str, arguments: Mapping[str, Any]) -> BaseOperator:
    """The task that runs a node on another service, in the DAG or group that is being made.

    Args:
        node: The node.
        task_id: Id of the task.
        arguments: What a task of a node of Azure ML would be told; what its operator does not take is left out.

    Raises:
        SpecError: The provider of that service is not installed.
    """
    service, operator = _SERVICES[node.type], foreign_operator(node)
    taken = arguments_of(operator)
    told = {key: value for key, value in arguments.items() if key in taken and key not in {"node", "given"}}
    given = {key: value for key, value in arguments.items() if key in _READ}
    own = {service.connection: _connection(node), **service.arguments(node), **told}
    return operator(task_id=task_id, node=node.dotted, given=given, **own)


def _connection(node: PlannedNode) -> str:
    """Id of the connection: what the step calls its compute."""
    pipeline = mapping(node.level.graph.source.value.get("settings"))
    compute = node.source.value.get("compute") or pipeline.get("default_compute")
    return str(compute).removeprefix(PREFIX) if compute else _SERVICES[node.type].default


def _settings(node: PlannedNode) -> Json:
    return {key: value for key, value in mapping(node.source.value.get("settings")).items() if value not in (None, "")}


def _name(node: PlannedNode) -> str:
    return str(node.source.value.get("display_name") or node.path[-1])


def _databricks(node: PlannedNode) -> Json:
    said = _settings(node)
    json: Json = {"run_name": str(said.get("run_name") or _name(node))}
    if "existing_cluster_id" in said:
        json["existing_cluster_id"] = said["existing_cluster_id"]
    else:
        json["new_cluster"] = _cluster(said)
    if "notebook_path" in said:
        parameters = dict(mapping(said.get("notebook_params")))
        json["notebook_task"] = {"notebook_path": said["notebook_path"], "base_parameters": parameters}
    elif "python_script_path" in said:
        words = list(said.get("python_script_params") or ())
        json["spark_python_task"] = {"python_file": said["python_script_path"], "parameters": words}
    elif v1.SCRIPT in said:
        words = list(said.get("python_script_params") or ())
        json["spark_python_task"] = {"python_file": said[v1.SCRIPT], "parameters": words}
    else:
        words = list(said.get("jar_params") or ())
        json["spark_jar_task"] = {"main_class_name": said["main_class_name"], "parameters": words}
    if "timeout_seconds" in said:
        json["timeout_seconds"] = said["timeout_seconds"]
    return {"json": json}


def _cluster(said: Json) -> Json:
    made = {key: said.get(name, default) for name, (key, default) in _CLUSTER.items()}
    cluster = {key: value for key, value in made.items() if value is not None}
    if "instance_pool_id" not in cluster:
        cluster["node_type_id"] = said.get("node_type", "Standard_D3_v2")
    if "min_workers" in said and "max_workers" in said:
        cluster["autoscale"] = {"min_workers": said["min_workers"], "max_workers": said["max_workers"]}
    if said.get("init_scripts"):
        cluster["init_scripts"] = [{"dbfs": {"destination": script}} for script in said["init_scripts"]]
    if "cluster_log_dbfs_path" in said:
        cluster["cluster_log_conf"] = {"dbfs": {"destination": said["cluster_log_dbfs_path"]}}
    return cluster


def _fill_databricks(task: Any, handed: Handed) -> None:
    """As v1 did: a notebook is told by its parameters, a script or JAR by ``--<name> <value>``."""
    json = dict(task.json)
    if "notebook_task" in json:
        before = mapping(json["notebook_task"].get("base_parameters"))
        texts = {name: str(value) for name, value in handed.values.items()}
        json["notebook_task"] = {**json["notebook_task"], "base_parameters": {**before, **texts}}
    told = {**handed.values, **({_CODE: handed.code.url} if handed.code else {})}
    for key in ("spark_python_task", "spark_jar_task"):
        if key in json:
            words = [word for name, value in told.items() for word in (f"--{name}", str(value))]
            json[key] = {**json[key], "parameters": [*json[key]["parameters"], *words]}
    if handed.code:
        script = json["spark_python_task"]
        json["spark_python_task"] = {**script, "python_file": f"{handed.code.url}/{script['python_file']}"}
    task.json = json


def _batch(node: PlannedNode) -> Json:
    said = _settings(node)
    words = map(str, node.source.value.get("arguments") or ())
    _, publisher, offer, sku = str(said.get("vm_image_urn") or v1.IMAGE).split(":")
    return {
        "batch_pool_id": said["pool_id"],
        "batch_pool_vm_size": said.get("vm_size", "standard_d1_v2"),
        "batch_job_id": "azml-{{ ti.id }}",
        "batch_task_id": node.path[-1],
        "batch_task_command_line": shlex.join([said["executable"], *words]),
        "vm_publisher": publisher,
        "vm_offer": offer,
        "vm_sku": sku,
        "vm_node_agent_sku_id": v1.agent(said.get("vm_image_urn")),
        "target_dedicated_nodes": int(said.get("target_compute_nodes") or 1),
        "should_delete_job": said.get("delete_batch_job_after_finish", True),
        "should_delete_pool": said.get("delete_batch_pool_after_finish", False),
        "timeout": _MINUTES_OF_A_WEEK,
    }


def _fill_batch(task: Any, handed: Handed) -> None:
    """Arguments that name something are its value, or its URL; the code is in the task's working folder, as in v1."""
    words = []
    for word in shlex.split(task.batch_task_command_line):
        kind, colon, name = word.partition(":")
        words.append(str(handed.urls[name]) if colon and kind in _NAMING and name in handed.urls else word)
    task.batch_task_command_line = shlex.join(words)
    if handed.code:
        resource_file = import_module("azure.batch.models").ResourceFile  # comes with the provider
        task.batch_task_resource_files = [
            resource_file(http_url=url, file_path=name) for name, url in handed.code.files.items()
        ]


def _data_factory(node: PlannedNode) -> Json:
    connection = f"conn.get('{_connection(node)}').extra_dejson"
    return {
        "pipeline_name": _name(node),
        "resource_group_name": f"{{{{ {connection}.get('resource_group_name', '') }}}}",
        "factory_name": f"{{{{ {connection}.get('factory_name', '') }}}}",
        "parameters": {},
    }


def _fill_data_factory(task: Any, handed: Handed) -> None:
    task.parameters = {**(task.parameters or {}), **handed.urls}


_AZURE = "apache-airflow-providers-microsoft-azure"
_AZURE_OPERATORS = "airflow.providers.microsoft.azure.operators"
_SERVICES: Mapping[str, _Service] = {
    v1.DATABRICKS: _Service(
        "apache-airflow-providers-databricks",
        "airflow.providers.databricks.operators.databricks",
        "DatabricksSubmitRunOperator",
        "databricks_conn_id",
        "databricks_default",
        _databricks,
        _fill_databricks,
    ),
    v1.AZURE_BATCH: _Service(
        _AZURE,
        f"{_AZURE_OPERATORS}.batch",
        "AzureBatchOperator",
        "azure_batch_conn_id",
        "azure_batch_default",
        _batch,
        _fill_batch,
    ),
    v1.DATA_TRANSFER: _Service(
        _AZURE,
        f"{_AZURE_OPERATORS}.data_factory",
        "AzureDataFactoryRunPipelineOperator",
        "azure_data_factory_conn_id",
        "azure_data_factory_default",
        _data_factory,
        _fill_data_factory,
    ),
}
