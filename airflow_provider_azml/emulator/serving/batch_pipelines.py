"""The pipelines behind batch endpoints: components, or jobs that a component is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.operations import OperationFailed
from airflow_provider_azml.emulator.pipelines.values import literal
from airflow_provider_azml.emulator.serving.batch_models import COMPONENT, anonymous
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_STRING = "string"


def runnable_component(emulator: Emulator, deployment: Json) -> str:
    """The id of the component that a deployment runs: its own, or one made of the job that its own names.

    Args:
        emulator: The emulator.
        deployment: A deployment of a pipeline component.

    Raises:
        OperationFailed: It is no pipeline's, or the job is not there.

    Sources: ``PipelineComponent._to_rest_object`` of azure-ai-ml 1.35.2 (``sourceJobId``);
    https://learn.microsoft.com/azure/machine-learning/how-to-use-batch-pipeline-from-job
    """
    component_id = str(deployment["properties"]["deploymentConfiguration"]["componentId"]["assetId"])
    component = emulator.store.get(component_id) or {"properties": {"componentSpec": {}}}
    spec: Json = component["properties"].get("componentSpec") or {}
    if spec.get("jobs"):
        return component_id
    source = str(spec.get("sourceJobId") or "").removeprefix("azureml:").rpartition("/")[2]
    if not source:
        raise OperationFailed(
            "BadArgument", f"The component of batch deployment '{deployment['name']}' is not one of a pipeline."
        )
    job = emulator.store.get(arm_ids.parse(deployment["id"]).workspace.child("job", source))
    jobs = (job or {}).get("properties", {}).get("jobs")
    if job is None or not jobs:
        raise OperationFailed(
            "BadArgument", f"The job '{source}' of batch deployment '{deployment['name']}' is no pipeline job."
        )
    return anonymous(
        emulator,
        deployment["id"],
        "component",
        COMPONENT,
        {"componentSpec": _spec_of(job["properties"]), "isAnonymous": True},
    )


def _spec_of(properties: Json) -> Json:
    """The component that a pipeline job is like; what the job was given is what its inputs are by default."""
    inputs: dict[str, Json] = properties.get("inputs") or {}
    outputs: dict[str, Json | None] = properties.get("outputs") or {}
    return {
        "type": "pipeline",
        "inputs": {
            name: {
                "type": _STRING if entry.get("jobInputType") == "literal" else entry.get("jobInputType"),
                "default": literal(entry),
            }
            for name, entry in inputs.items()
        },
        "outputs": {
            name: {"type": (entry or {}).get("jobOutputType") or "uri_folder"}
            for name, entry in outputs.items()
            if name != "default"
        },
        "jobs": properties["jobs"],
    }
