"""Which kind a file is, from what it says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.places import closest

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA_NAME = re.compile(r"([A-Za-z0-9]{1,60})(?:\.schema)?\.json")
SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "job": {
        "command": "commandJob",
        "sweep": "sweepJob",
        "pipeline": "pipelineJob",
        "spark": "sparkJob",
        "automl": "autoMLJob",
    },
    "component": {
        "command": "commandComponent",
        "parallel": "parallelComponent",
        "spark": "sparkComponent",
        "pipeline": "pipelineComponent",
        "data_transfer": "dataTransferComponent",
        "import": "importComponent",
    },
    "environment": {"": "environment"},
    "data": {"": "data"},
    "model": {"": "model"},
    "online_endpoint": {"": "managedOnlineEndpoint"},
    "online_deployment": {"managed": "managedOnlineDeployment", "kubernetes": "kubernetesOnlineDeployment"},
    "batch_endpoint": {"": "batchEndpoint"},
    "batch_deployment": {"model": "modelBatchDeployment", "pipeline": "pipelineComponentBatchDeployment"},
    "compute": {
        "amlcompute": "amlCompute",
        "computeinstance": "computeInstance",
        "kubernetes": "kubernetesCompute",
        "virtualmachine": "vmCompute",
        "synapsespark": "synapsesparkCompute",
    },
    "datastore": {
        "azure_blob": "azureBlob",
        "azure_file": "azureFile",
        "azure_data_lake_gen1": "azureDataLakeGen1",
        "azure_data_lake_gen2": "azureDataLakeGen2",
    },
    "workspace": {"": "workspace"},
    "schedule": {"": "schedule"},
    "connection": {"": "workspaceConnection"},
}
"""Kind -> type -> the file that ``$schema`` names; under no type the one for all that are not listed.

Source: the ``$schema`` lines of Azure/azureml-examples.
"""
_OTHER_SCHEMAS = {
    "data": "asset",
    "online_endpoint": "kubernetesOnlineEndpoint onlineEndpoint",
    "batch_deployment": "batchDeployment",
    "datastore": "oneLake oneLakeDatastore",
    "connection": "connection",
}
"""Kind -> further files that ``$schema`` may name."""
_OF_TYPE = {
    "job": "command sweep pipeline spark automl finetuning distillation",
    "component": "parallel data_transfer import",
    "data": "uri_file uri_folder mltable",
    "model": "custom_model mlflow_model triton_model",
    "online_deployment": "managed",
    "batch_deployment": "model",
    "compute": "amlcompute computeinstance virtualmachine synapsespark",
    "datastore": "azure_blob azure_file azure_data_lake_gen1 azure_data_lake_gen2 one_lake",
    "connection": "git container_registry python_feed s3 snowflake azure_sql_db azure_synapse_analytics azure_my_sql_db"
    " azure_postgres_db azure_one_lake azure_open_ai azure_ai_services azure_ai_search azure_content_safety"
    " azure_speech_services api_key open_ai serp serverless custom",
}
"""Kind -> values of ``type`` that no other kind has; a file of type ``command`` without ``$schema`` is a job."""

_OF_KEY = {"create_job": "schedule", "create_monitor": "schedule", "import_data": "schedule"}
"""Key that no other kind has -> kind."""


def _by_word(table: Mapping[str, str]) -> Mapping[str, str]:
    return {word.lower(): kind for kind, words in table.items() for word in words.split()}


_USUAL = {kind: " ".join(names.values()) for kind, names in SCHEMAS.items()}
_SCHEMA_WORDS = [word for words in (*_USUAL.values(), *_OTHER_SCHEMAS.values()) for word in words.split()]
_LONGEST_WORD = 60
_BY_SCHEMA, _BY_TYPE = {**_by_word(_USUAL), **_by_word(_OTHER_SCHEMAS)}, _by_word(_OF_TYPE)


def of_schema(value: Mapping[str, Any]) -> str | None:
    """The kind that a file's ``$schema`` names."""
    named = _SCHEMA_NAME.search(str(value.get("$schema", "")).rpartition("/")[2])
    return _BY_SCHEMA.get(named[1].lower()) if named else None


def meant(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """The key that would tell the kind but for its spelling, and the word that was meant.

    Example:
        >>> meant({"type": "comand"})
        ('type', 'command')
    """
    named = _SCHEMA_NAME.search(str(value.get("$schema", "")).rpartition("/")[2])
    given = (
        ("$schema", named[1] if named else "", _SCHEMA_WORDS),
        ("type", str(value.get("type", "")), list(_BY_TYPE)),
    )
    for key, word, known in given:
        close = closest(word[:_LONGEST_WORD], known)
        if close:
            return key, close
    return None


def inferred(value: Mapping[str, Any]) -> str | None:
    """The kind that a file's ``$schema``, or else a key or its ``type``, tells.

    Example:
        >>> inferred({"$schema": "https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json"})
        'job'
    """
    told = of_schema(value) or next((_OF_KEY[key] for key in _OF_KEY if key in value), None)
    return told or _BY_TYPE.get(str(value.get("type", "")).lower())
