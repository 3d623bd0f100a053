"""Plausible values for the keys of AML files, where a schema's type alone would give a poor one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from airflow_provider_azml.spec.kind_names import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

MISSING: Final = object()
"""There is no such value."""
CHOSEN_NAME = "my_name"
"""Stands for a key that the author of a file chooses."""
DEEPEST = 3
"""How far down optional keys are shown."""

_ZERO = "00000000-0000-0000-0000-000000000000"
_GROUP = f"/subscriptions/{_ZERO}/resourceGroups/my-group"
_PATHS = "azureml://datastores/workspaceblobstore/paths"
_REGISTRY = "azureml://registries/azureml/models"
_MACHINE = "Standard_DS3_v2"
_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
_OF_TYPE = {"integer": 1, "number": 1, "boolean": True, "object": {}, "array": []}
_OF_ENDS: Mapping[str, Any] = {
    "_id": f"{_GROUP}/providers/Microsoft.Example/examples/my-example",
    "_uri": "https://example.com/my-file",
    "_url": "https://example.com/my-file",
    "_time": "2030-01-01T08:00:00",
    "_name": "my-name",
}
"""End of a key -> value."""

_SPARK = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
    "spark.executor.instances": 2,
}

_WEEKLY = {
    "type": "recurrence",
    "frequency": "week",
    "interval": 1,
    "schedule": {"week_days": ["monday"], "hours": [8], "minutes": [0]},
}
_KEYLESS = ("azure_open_ai", "azure_ai_services", "azure_ai_search")
"""Connections that an identity opens instead of a key."""

_KNOWN: Mapping[str, Any] = {
    "name": "my-name",
    "version": "1",
    "tags": {"team": "forecasts"},
    "properties": {"source": "airflow"},
    "environment_variables": {"LOG_LEVEL": "info"},
    "description": "What it is for",
    "display_name": "My name",
    "command": "echo hello",
    "code": "./src",
    "environment": "azureml:my-environment@latest",
    "model": "azureml:my-model@latest",
    "compute": "azureml:cpu-cluster",
    "path": f"{_PATHS}/my-folder",
    "datastore": "workspaceblobstore",
    "location": "westeurope",
    "size": _MACHINE,
    "image": _IMAGE,
    "client_id": _ZERO,
    "object_id": _ZERO,
    "tenant_id": _ZERO,
    "user_tenant_id": _ZERO,
    "user_object_id": _ZERO,
    "instance_type": _MACHINE,
    "resources.locations": ["westeurope"],
    "shm_size": "2g",
    "docker_args": "--ipc=host",
    "timeout": 3600,
    "job_tier": "standard",
    "services": {"my_editor": {"type": "vs_code"}},
    "inputs": {"data": {"type": "uri_folder", "path": f"{_PATHS}/my-folder"}},
    "outputs": {"model": {"type": "uri_folder"}},
    "auto_delete_setting": {"condition": "created_greater_than", "value": "30d"},
    "conda_file": {"dependencies": ["python=3.12", "pip", {"pip": ["scikit-learn"]}]},
    "build": {"path": "https://example.com/context.tar.gz", "dockerfile_path": "Dockerfile"},
    "liveness_route": {"port": 5001, "path": "/"},
    "readiness_route": {"port": 5001, "path": "/"},
    "scoring_route": {"port": 5001, "path": "/score"},
    "os_type": "linux",
    "expression": "0 8 * * 1",
    "time_zone": "UTC",
    "component: name": "my_component",
    "component: inputs": {"data": {"type": "uri_folder"}},
    "component: properties": {"source": "airflow"},
    **{
        f"job finetuning.{name}: validation_data": {"type": "uri_file", "path": "azureml:my-validation-data@latest"}
        for name in ("custom", "azure_open_ai")
    },
    "job spark: inputs": {"data": {"type": "uri_folder", "path": f"{_PATHS}/my-folder", "mode": "direct"}},
    "job spark: outputs": {"clean": {"type": "uri_folder", "mode": "direct"}},
    "transformer_params": {"imputer": [{"fields": ["my_column"], "parameters": {"strategy": "median"}}]},
    "settings.logging_level": "info",
    "settings.mini_batch_size": 10,
    "job_definition": "azureml:my-job",
    "artifact": {"type": "lake_house", "name": "my-lakehouse"},
    "connection: metadata": {"team": "forecasts"},
    **{f"connection {name}: credentials": {"type": "aad"} for name in _KEYLESS},
    "component: outputs": {"model": {"type": "uri_folder"}},
    "job pipeline: settings": {"default_compute": "azureml:cpu-cluster", "continue_on_step_failure": False},
    "job pipeline: component": "azureml:my_component@latest",
    "component: resources": {"instance_count": 1},
    "component: distribution": {"type": "pytorch", "process_count_per_instance": 1},
    "component import: source": {"type": {"type": "string"}},
    "component parallel: task": {
        "type": "run_function",
        "code": "./src",
        "entry_script": "score.py",
        "environment": "azureml:my-environment@latest",
    },
    "additional_includes": ["./src"],
    "datastore: name": "my_datastore",
    "authority_url": "https://login.microsoftonline.com",
    "ssh_settings.ssh_private_key_file": "./src/my-key",
    "code_configuration": {"code": "./src", "scoring_script": "score.py"},
    "mini_batch_size": "10mb",
    "custom_applications": [
        {
            "name": "my-application",
            "image": {"reference": "ghcr.io/my-team/my-image:latest"},
            "endpoints": [{"target": 8787, "published": 8787}],
        }
    ],
    "storage_account": f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/mystorage",
    "key_vault": f"{_GROUP}/providers/Microsoft.KeyVault/vaults/my-vault",
    "application_insights": f"{_GROUP}/providers/Microsoft.Insights/components/my-insights",
    "container_registry": f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/myregistry",
    "driver_cores": 1,
    "driver_memory": "2g",
    "conf": _SPARK,
    "executor_cores": 2,
    "executor_memory": "2g",
    "executor_instances": 2,
    "dynamic_allocation_enabled": True,
    "dynamic_allocation_min_executors": 1,
    "dynamic_allocation_max_executors": 4,
}
"""Last keys of a path, joined by dots -> value: the longest that fits. A whole path may stand after kind and type."""

_FOLDER = "https://azuremlschemas.azureedge.net/latest"

_FILLED_IN: Mapping[tuple[str, str], Json] = {
    ("environment", ""): {"name": "my-environment", "image": _IMAGE},
    ("job", "pipeline"): {
        "settings": {"default_compute": "azureml:cpu-cluster"},
        "jobs": {"prepare": {"type": "command", "component": "azureml:my_component@latest"}},
    },
    ("component", "pipeline"): {
        "jobs": {"prepare": {"type": "command", "component": "azureml:my_component@latest"}},
    },
    ("job", "sweep"): {
        "trial": {
            "command": "echo ${{search_space.my_name}}",
            "environment": "azureml:my-environment@latest",
            "environment_variables": {"LOG_LEVEL": "info"},
        },
        "compute": "azureml:cpu-cluster",
        "search_space": {"my_name": {"type": "choice", "values": [1, 2]}},
    },
    ("job", "spark"): {
        "entry": {"file": "main.py"},
        "conf": _SPARK,
        "resources": {"instance_type": "Standard_E4s_v3", "runtime_version": "3.4"},
    },
    ("component", "data_transfer.copy_data"): {
        "inputs": {"source": {"type": "uri_folder"}},
        "outputs": {"copy": {"type": "uri_folder"}},
        "data_copy_mode": "merge_with_overwrite",
    },
    ("component", "data_transfer.import_data"): {
        "source": {"type": "database"},
        "outputs": {"sink": {"type": "mltable"}},
    },
    ("component", "data_transfer.export_data"): {
        "sink": {"type": "database"},
        "inputs": {"source": {"type": "uri_folder"}},
    },
    ("job", "finetuning.custom"): {
        "model": {"type": "mlflow_model", "path": f"{_REGISTRY}/Meta-Llama-3.1-8B-Instruct/versions/2"},
        "training_data": {"type": "uri_file", "path": "azureml:my-training-data@latest"},
    },
    ("job", "finetuning.azure_open_ai"): {
        "model": {"type": "custom_model", "path": "azureml://registries/azure-openai/models/gpt-4o-mini/versions/1"},
        "training_data": {"type": "uri_file", "path": "azureml:my-training-data@latest"},
    },
    ("schedule", "job"): {"trigger": _WEEKLY, "create_job": "azureml:my-pipeline-job"},
    ("schedule", "monitor"): {
        "trigger": _WEEKLY,
        "create_monitor": {
            "compute": {"runtime_version": "3.4", "instance_type": "standard_e4s_v3"},
            "monitoring_target": {"ml_task": "classification", "endpoint_deployment_id": "azureml:my-endpoint:blue"},
            "alert_notification": {"emails": ["me@example.com"]},
        },
    },
    ("schedule", "import"): {
        "trigger": _WEEKLY,
        "import_data": {
            "name": "my-data",
            "type": "mltable",
            "path": f"{_PATHS}/${{{{name}}}}",
            "source": {"type": "database", "connection": "azureml:my-connection", "query": "select * from sales"},
        },
    },
    ("job", "distillation"): {
        "student_model": f"{_REGISTRY}/Meta-Llama-3.1-8B-Instruct/versions/2",
        "training_data": {"type": "uri_file", "path": "azureml:my-training-data@latest"},
        "validation_data": {"type": "uri_file", "path": "azureml:my-validation-data@latest"},
    },
    ("connection", "azure_one_lake"): {
        "one_lake_workspace_name": "my-workspace",
        "artifact": {"type": "lake_house", "name": "my-lakehouse"},
    },
    ("batch_deployment", "pipeline"): {"component": "azureml:my_component@latest"},
    ("batch_deployment", "model"): {
        "compute": "azureml:cpu-cluster",
        "model": "azureml:my-model@latest",
    },
}
"""Kind and type -> keys that are filled in although they may be left out, or filled in otherwise."""


_INSTEAD = {
    "environment : build": "image",
    "job pipeline: component": "jobs",
    "job spark: compute": "resources",
}
"""Kind, type and an optional key -> the key that is filled in and does not go with it."""
_LEFT_OUT = {
    "component data_transfer.copy_data": "source sink",
    "component data_transfer.import_data": "sink inputs data_copy_mode",
    "component data_transfer.export_data": "source outputs data_copy_mode",
    "job automl.image_*": "test_data test_data_size",
    "job finetuning.custom": "identity",
    "job finetuning.azure_open_ai": "identity",
    "job distillation": "identity",
    "datastore azure_data_lake_gen1": "tags",
    "batch_deployment pipeline": "job_definition",
    **{
        f"connection {name}": "credentials"
        for name in ("azure_content_safety", "azure_speech_services", "api_key", "open_ai", "serp", "serverless")
    },
}
"""Kind and type -> keys of the schema that do not go with it."""


def filled_in(kind: str, fixed: Mapping[str, str]) -> Json:
    """The keys that a template fills in besides those that must be there, with their values.

    Args:
        kind: The kind.
        fixed: The keys that make a file the form that it is.
    """
    type_ = fixed.get("type", "")
    schemas = SCHEMAS[kind]
    schema = schemas.get(type_) or schemas.get("")
    start: Json = {"$schema": f"{_FOLDER}/{schema}.schema.json"} if schema else {}
    return {**start, **fixed, **_FILLED_IN.get((kind, ".".join(fixed.values())), {})}


def left_out(kind: str, type_: str) -> frozenset[str]:
    """The keys that the schema has and files of a kind and type should not."""
    return frozenset(_LEFT_OUT.get(f"{kind} {type_}", _LEFT_OUT.get(f"{kind} {type_.partition('_')[0]}_*", "")).split())


def instead(key: str, kind: str, type_: str) -> str | None:
    """The key that must go when an optional one comes."""
    return _INSTEAD.get(f"{kind} {type_}: {key}")


def known(path: Sequence[str], kind: str, type_: str) -> Any:  # any value that an AML file can have
    """The value for a path of keys in a file of a kind and type, or ``MISSING``."""
    whole = ".".join(path)
    wanted = [f"{kind} {type_}: {whole}", f"{kind}: {whole}", *(".".join(path[place:]) for place in range(len(path)))]
    return next((_KNOWN[name] for name in wanted if name in _KNOWN), MISSING)


def plain(key: str, types: Sequence[str], choices: Sequence[Any]) -> Any:  # as above
    """A value of one of some JSON types or choices."""
    if choices:
        return next((choice for choice in choices if choice is not None), None)
    fallback = next((value for end, value in _OF_ENDS.items() if key.endswith(end)), f"my-{key.replace('_', '-')}")
    return fallback if "string" in types else next((_OF_TYPE[name] for name in types if name in _OF_TYPE), fallback)
