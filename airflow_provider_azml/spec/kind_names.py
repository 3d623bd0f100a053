"""Which kind a file is, from what it says of itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA_NAME = re.compile(r"([A-Za-z0-9]{1,60})(?:\.schema)?\.json")
_OF_SCHEMA = {
    "job": "commandJob sweepJob pipelineJob sparkJob autoMLJob",
    "component": "commandComponent parallelComponent sparkComponent pipelineComponent dataTransferComponent"
    " importComponent",
    "environment": "environment",
    "data": "data asset",
    "model": "model",
    "online_endpoint": "managedOnlineEndpoint kubernetesOnlineEndpoint onlineEndpoint",
    "online_deployment": "managedOnlineDeployment kubernetesOnlineDeployment",
    "batch_endpoint": "batchEndpoint",
    "batch_deployment": "batchDeployment modelBatchDeployment pipelineComponentBatchDeployment",
    "compute": "amlCompute computeInstance kubernetesCompute vmCompute synapsesparkCompute",
    "datastore": "azureBlob azureFile azureDataLakeGen1 azureDataLakeGen2 oneLake oneLakeDatastore",
    "workspace": "workspace",
    "schedule": "schedule",
    "connection": "workspaceConnection connection",
}
"""Kind -> file names in ``$schema``. Source: the ``$schema`` lines of Azure/azureml-examples."""
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


_BY_SCHEMA, _BY_TYPE = _by_word(_OF_SCHEMA), _by_word(_OF_TYPE)


def inferred(value: Mapping[str, Any]) -> str | None:
    """The kind that a file's ``$schema``, or else a key or its ``type``, tells.

    Example:
        >>> inferred({"$schema": "https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json"})
        'job'
    """
    named = _SCHEMA_NAME.search(str(value.get("$schema", "")).rpartition("/")[2])
    if named and named[1].lower() in _BY_SCHEMA:
        return _BY_SCHEMA[named[1].lower()]
    told = next((_OF_KEY[key] for key in _OF_KEY if key in value), None)
    return told or _BY_TYPE.get(str(value.get("type", "")).lower())
