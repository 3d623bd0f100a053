from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from airflow_provider_azml.spec import places, schema_files
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = Path(__file__).parents[3] / "shared" / "oracle" / "schema_facts.json.gz"
ROWS = [(kind, variant, row) for kind, rows in KINDS.items() for variant, row in rows.items()]
OF_SDK = {
    "command_job.schema.json": ["CommandJobSchema"],
    "sweep_job.schema.json": ["SweepJobSchema"],
    "spark_job.schema.json": ["SparkJobSchema"],
    "fine_tuning_job.schema.json#/$defs/custom": ["CustomModelFineTuningSchema"],
    "automl_job.schema.json#/$defs/classification": ["AutoMLClassificationSchema"],
    "automl_job.schema.json#/$defs/regression": ["AutoMLRegressionSchema"],
    "automl_job.schema.json#/$defs/forecasting": ["AutoMLForecastingSchema"],
    "automl_job.schema.json#/$defs/image_classification": ["ImageClassificationSchema"],
    "automl_job.schema.json#/$defs/text_classification": ["TextClassificationSchema"],
    "command_component.schema.json": ["CommandComponentSchema"],
    "parallel_component.schema.json": ["ParallelComponentSchema"],
    "spark_component.schema.json": ["SparkComponentSchema"],
    "pipeline_job.schema.json": ["PipelineJobSchema"],
    "pipeline_component.schema.json": ["PipelineComponentSchema"],
    "environment.schema.json": ["EnvironmentSchema"],
    "data.schema.json": ["DataSchema"],
    "model.schema.json": ["ModelSchema"],
    "online_endpoint.schema.json": ["ManagedOnlineEndpointSchema", "KubernetesOnlineEndpointSchema"],
    "online_deployment.schema.json#/$defs/managed": ["ManagedOnlineDeploymentSchema"],
    "online_deployment.schema.json#/$defs/kubernetes": ["KubernetesOnlineDeploymentSchema"],
    "compute.schema.json#/$defs/amlcompute": ["AmlComputeSchema"],
    "compute.schema.json#/$defs/computeinstance": ["ComputeInstanceSchema"],
    "compute.schema.json#/$defs/kubernetes": ["KubernetesComputeSchema"],
    "compute.schema.json#/$defs/virtualmachine": ["VirtualMachineComputeSchema"],
    "compute.schema.json#/$defs/synapsespark": ["SynapseSparkComputeSchema"],
    "workspace.schema.json": ["WorkspaceSchema"],
    "batch_endpoint.schema.json": ["BatchEndpointSchema"],
    "batch_deployment.schema.json#/$defs/flat": ["BatchDeploymentSchema"],
    "batch_deployment.schema.json#/$defs/model": ["ModelBatchDeploymentSchema"],
    "batch_deployment.schema.json#/$defs/pipeline": ["PipelineComponentBatchDeploymentSchema"],
    "datastore.schema.json#/$defs/azure_blob": ["AzureBlobSchema"],
    "datastore.schema.json#/$defs/azure_file": ["AzureFileSchema"],
    "datastore.schema.json#/$defs/azure_data_lake_gen1": ["AzureDataLakeGen1Schema"],
    "datastore.schema.json#/$defs/azure_data_lake_gen2": ["AzureDataLakeGen2Schema"],
    "connection.schema.json#/$defs/address": ["WorkspaceConnectionSchema"],
    "schedule.schema.json#/$defs/job": ["JobScheduleSchema"],
    "schedule.schema.json#/$defs/monitor": ["MonitorScheduleSchema"],
    "schedule.schema.json#/$defs/import": ["ImportDataScheduleSchema"],
}
SPARK_KEYS = {f"{who}_{what}" for who in ("driver", "executor") for what in ("cores", "memory")}
# keys that azure-ai-ml takes, or refuses in its own way, although its schema does not list them
UNLISTED = {
    "command_component.schema.json": {"instance_count", "environment_variables"},
    "parallel_component.schema.json": {"instance_count", "code"},
    "spark_component.schema.json": {
        *SPARK_KEYS,
        "executor_instances",
        *(f"dynamic_allocation_{what}" for what in ("enabled", "min_executors", "max_executors")),
    },
}
# what every file may hold, and what the service says of a job
IGNORED = {"$schema", "properties", "id", "status", "creation_context", "log_files", "parameters"}
IGNORED |= {"is_enabled", "provisioning_state"}
# azure-ai-ml's field -> the key of the file that it stands for
RENAMED = {"schema_ignored": "$schema"}


def schemas_in(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for member in schema.values():
            yield from schemas_in(member)
    elif isinstance(schema, list):
        for member in schema:
            yield from schemas_in(member)


def mappings_in(schema: object) -> Iterator[dict[str, Any]]:
    """All schemas but conditions, and but what follows from one: those name keys that are described elsewhere."""
    if isinstance(schema, dict):
        yield schema
        for keyword, member in schema.items():
            if keyword == "then":
                yield from mappings_in(list(member.get("properties", {}).values()))
            elif keyword not in {"if", "not"}:
                yield from mappings_in(member)
    elif isinstance(schema, list):
        for member in schema:
            yield from mappings_in(member)


@pytest.mark.parametrize("name", schema_files.names())
def test_a_schema_is_one(name: str) -> None:
    schema = schema_files.load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name
    assert schema["title"]


@pytest.mark.parametrize("name", schema_files.names())
def test_every_reference_leads_somewhere(name: str) -> None:
    for schema in schemas_in(schema_files.load(name)):
        if "$ref" in schema:
            file, _, pointer = schema["$ref"].partition("#")
            assert schema_files.part(file or name, pointer)


@pytest.mark.parametrize("name", schema_files.names())
def test_every_key_is_described(name: str) -> None:
    for schema in mappings_in(schema_files.load(name)):
        for key, member in schema.get("properties", {}).items():
            if not isinstance(member, dict) or set(member) <= {"enum", "x-any-case"}:
                continue  # a condition on a key, not the key
            file, _, pointer = member.get("$ref", "").partition("#")
            described = member.get("description") or (
                pointer and schema_files.part(file or name, pointer).get("description")
            )
            assert described, f"{name}: {key}"


@pytest.mark.parametrize("name", schema_files.names())
def test_no_mapping_takes_unknown_keys_by_accident(name: str) -> None:
    for schema in schemas_in(schema_files.load(name)):
        if "properties" in schema and schema.get("type") in ("object", ["object", "null"]):
            assert "additionalProperties" in schema, f"{name}: {list(schema['properties'])}"


@pytest.mark.parametrize(("kind", "variant", "row"), ROWS)
def test_every_row_has_its_schema(kind: str, variant: str, row: Any) -> None:
    assert row.name == kind
    assert ((), "name") in places.keys(row.schema), variant


@pytest.mark.shared
@pytest.mark.skipif(not FACTS.exists(), reason="needs ../shared/oracle")
@pytest.mark.parametrize("schema", OF_SDK)
def test_keys_are_those_of_azure_ai_ml(schema: str) -> None:
    facts = json.loads(gzip.decompress(FACTS.read_bytes()))["yaml"]
    theirs: set[str] = set()
    for name in OF_SDK[schema]:
        fields = facts[name]["fields"]
        theirs |= {
            RENAMED.get(key, field.get("yaml_key", key)) for key, field in fields.items() if not field.get("dump_only")
        }
    theirs |= UNLISTED.get(schema, set())
    ours = {key for parent, key in places.keys(schema) if parent == ()}
    assert ours - IGNORED == theirs - IGNORED
