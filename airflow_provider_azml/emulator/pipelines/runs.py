"""What run history says of pipelines and their steps, whether they run or are simulated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.jobs.records import JobFailure
from airflow_provider_azml.emulator.pipelines.nodes import is_on
from airflow_provider_azml.emulator.pipelines.values import literal
from airflow_provider_azml.emulator.storage.locations import BLOB_STORE

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Json

STEP_RUN = "azureml.StepRun"
OF_PIPELINE = {"azureml.runsource": "azureml.PipelineRun"}


def run_properties(inputs: dict[str, Json], settings: Json) -> Json:
    """What the service notes in the properties of a pipeline's run.

    Args:
        inputs: Its inputs, as jobs have them.
        settings: Its settings.

    Source: printed details of pipeline runs of azureml-pipeline-core and of the CLI.
    """
    literals = {name: literal(entry) for name, entry in inputs.items() if entry.get("jobInputType") == "literal"}
    return {
        **OF_PIPELINE,
        "runSource": "MFE",
        "runType": "HTTP",
        "azureml.parameters": json.dumps(literals, separators=(",", ":")),
        "azureml.continue_on_step_failure": str(is_on(settings.get("continue_on_step_failure"))),
        "azureml.enforceRerun": str(is_on(settings.get("force_rerun"))),
        "azureml.defaultComputeName": name_of(settings.get("default_compute")),
        "azureml.defaultDataStoreName": datastore_of(settings),
        "azureml.pipelineComponent": "pipelinerun",
    }


def step_tags(node_id: str, pipeline: str) -> dict[str, str]:
    """The tags by which a step knows its pipeline."""
    return {"azureml.nodeid": node_id, "azureml.pipeline": pipeline}


def step_properties(key: str, node_id: str, pipeline: str) -> dict[str, str]:
    """What the service notes in the properties of a step's run.

    Args:
        key: The step's name in the pipeline.
        node_id: Id of its node.
        pipeline: Name of the pipeline job.

    Source: printed details of step runs of azureml-pipeline-core.
    """
    return {
        "azureml.runsource": STEP_RUN,
        "azureml.nodeid": node_id,
        "azureml.moduleName": key,
        "azureml.pipelinerunid": pipeline,
        "azureml.pipeline": pipeline,
    }


def step_failed(failed: list[str]) -> JobFailure:
    """Why a pipeline fails whose steps have failed.

    The code ``PipelineHasStepJobFailed`` has been seen in public; the words around it have not been compared with the
    service's.

    Args:
        failed: Their names in the pipeline.
    """
    which = (
        f"Failed nodes: {', '.join(f'/{key}' for key in failed)}. For more details and logs, please go to "
        "the job detail page and check the child jobs."
    )
    more = {"messageFormat": "Pipeline has failed child jobs. {0}", "referenceCode": "PipelineHasStepJobFailed"}
    return JobFailure("UserError", f"Pipeline has failed child jobs. {which}", more=more)


def datastore_of(settings: Json) -> str:
    """Where outputs of a pipeline's steps go that do not say."""
    return name_of(settings.get("default_datastore")) or BLOB_STORE


def name_of(reference: object) -> str:
    """The name of a resource that settings name by its id, or by ``azureml:name``."""
    return str(reference or "").removeprefix("azureml:").rpartition("/")[2]
