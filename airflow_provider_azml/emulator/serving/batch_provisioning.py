"""What a batch deployment needs when it is invoked, found out and noted when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.serving.batch_models import needs_of_model
from airflow_provider_azml.emulator.serving.batch_pipelines import runnable_component

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

PIPELINE = "PipelineComponent"
_NOTES = "batch_deployments"


async def provision(emulator: Emulator, deployment_id: str) -> None:
    """Find out what a deployment needs; nothing happens when it is gone.

    Raises:
        OperationFailed: Something is not there.
    """
    deployment = emulator.store.get(deployment_id)
    if deployment is None:
        return
    if is_pipeline(deployment):
        note: Json = {"componentId": runnable_component(emulator, deployment)}
    else:
        note = await needs_of_model(emulator, deployment)
    emulator.store.put_record(_NOTES, deployment_id.lower(), note)


def provisioned(emulator: Emulator, deployment_id: str) -> Json:
    """What was noted: ``componentId`` of a pipeline, or ``environmentId`` and ``modelFolder`` of a model."""
    return emulator.store.record(_NOTES, deployment_id.lower()) or {}


def is_pipeline(deployment: Json) -> bool:
    """Whether a deployment is one of a pipeline component."""
    configuration = deployment["properties"].get("deploymentConfiguration") or {}
    return bool(configuration.get("deploymentConfigurationType") == PIPELINE)
