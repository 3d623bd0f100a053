"""Plausible values for the keys of AML files, where a schema's type alone would give a poor one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
    "component: resources": {"instance_count": 1},
    "component import: inputs": {"source": {"type": "string"}},
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
    "executor_cores": 2,
    "executor_memory": "2g",
    "executor_instances": 2,
    "dynamic_allocation_enabled": True,
    "dynamic_allocation_min_executors": 1,
    "dynamic_allocation_max_executors": 4,
}
"""Last keys of a path, joined by dots -> value: the longest that fits. A whole path may stand after kind and type."""

_SCHEMAS: Mapping[tuple[str, str], str] = {
    ("job", "command"): "commandJob",
    ("job", "sweep"): "sweepJob",
    ("job", "pipeline"): "pipelineJob",
    ("job", "spark"): "sparkJob",
    ("job", "automl"): "autoMLJob",
    ("component", "command"): "commandComponent",
    ("component", "parallel"): "parallelComponent",
    ("component", "spark"): "sparkComponent",
    ("component", "pipeline"): "pipelineComponent",
    ("component", "data_transfer"): "dataTransferComponent",
    ("component", "import"): "importComponent",
    ("online_endpoint", ""): "managedOnlineEndpoint",
    ("online_deployment", "managed"): "managedOnlineDeployment",
    ("online_deployment", "kubernetes"): "kubernetesOnlineDeployment",
    ("batch_endpoint", ""): "batchEndpoint",
    ("batch_deployment", "model"): "modelBatchDeployment",
    ("batch_deployment", "pipeline"): "pipelineComponentBatchDeployment",
    ("compute", "amlcompute"): "amlCompute",
    ("compute", "computeinstance"): "computeInstance",
    ("compute", "kubernetes"): "kubernetesCompute",
    ("compute", "virtualmachine"): "vmCompute",
    ("compute", "synapsespark"): "synapsesparkCompute",
    ("datastore", "azure_blob"): "azureBlob",
    ("datastore", "azure_file"): "azureFile",
    ("datastore", "azure_data_lake_gen1"): "azureDataLakeGen1",
    ("datastore", "azure_data_lake_gen2"): "azureDataLakeGen2",
    ("connection", ""): "workspaceConnection",
}
"""Kind and type -> the file that ``$schema`` names; a kind that is not here goes by its own name."""
_WITHOUT_SCHEMA = frozenset({("job", "finetuning"), ("job", "distillation"), ("datastore", "one_lake")})
_FOLDER = "https://azuremlschemas.azureedge.net/latest"

_FILLED_IN: Mapping[tuple[str, str], Json] = {
    ("environment", ""): {"name": "my-environment", "image": _IMAGE},
}
"""Kind and type -> keys that are filled in although they may be left out, or filled in otherwise."""


def filled_in(kind: str, type_: str) -> Json:
    """The keys that a template fills in besides those that must be there, with their values."""
    start: Json = {}
    if (kind, type_) not in _WITHOUT_SCHEMA:
        start["$schema"] = f"{_FOLDER}/{_SCHEMAS.get((kind, type_), kind)}.schema.json"
    if type_:
        start["type"] = type_
    return {**start, **_FILLED_IN.get((kind, type_), {})}


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
