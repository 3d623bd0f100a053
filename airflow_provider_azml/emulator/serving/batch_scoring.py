"""Jobs of model deployments: a pipeline whose one step runs the scoring script over mini-batches of files."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator import durations
from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.pipelines.parallel_steps import MLFLOW_SCRIPT
from airflow_provider_azml.emulator.serving.batch_models import COMPONENT, anonymous
from airflow_provider_azml.emulator.serving.batch_provisioning import provisioned
from airflow_provider_azml.emulator.serving.batch_settings import file_name, settings_of, whole_number
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

STEP = "batchscoring"
OUTPUT = "score"
_DATA = "dataset_param"
_FOLDER = {"type": "uri_folder"}


def scoring_job(
    emulator: Emulator, deployment: Json, inputs: dict[str, Json], outputs: dict[str, Json], asked: Json
) -> Json:
    """What the job of a model deployment has of its own: fields of a pipeline job's ``properties``.

    Args:
        emulator: The emulator.
        deployment: The deployment.
        inputs: Inputs, as jobs have them; their names do not matter.
        outputs: Outputs, likewise.
        asked: What the invocation asks for otherwise: fields of ``BatchJob``.

    Raises:
        ArmError: It cannot be.

    Sources: https://learn.microsoft.com/azure/machine-learning/how-to-access-data-batch-endpoints-jobs (one input of
    data, one output, whose names are ignored); how-to-troubleshoot-batch-endpoints (the step ``batchscoring`` and the
    parameter ``dataset_param``); how-to-mlflow-batch (the output ``score``).
    """
    properties = deployment["properties"]
    data = _one(deployment, "input", inputs)
    if data is None or data["jobInputType"] not in ("uri_file", "uri_folder"):
        kind = data["jobInputType"] if data else "none"
        raise bad_request(
            f"A deployment of a model takes one input, of type UriFile or UriFolder; '{deployment['name']}' was given "
            f"{kind}. Literal inputs are for deployments of pipeline components.",
            code="ValidationError",
            target="properties.InputData",
        )
    settings = settings_of(deployment["name"], asked, properties)
    folder, file = _place(settings["outputFileName"], _one(deployment, "output", outputs), asked)
    settings["outputFileName"] = file_name(deployment["name"], "OutputData", file)
    compute = {key: value for key, value in (asked.get("compute") or {}).items() if value is not None}
    count = compute.get("instanceCount") or (properties.get("resources") or {}).get("instanceCount") or 1
    count = whole_number(deployment["name"], "compute.instanceCount", count, 1)
    workspace = arm_ids.parse(deployment["id"]).workspace
    serverless = workspace.child("compute", "serverless")
    spec = _spec(emulator, deployment, settings)
    return {
        "inputs": {_DATA: data},
        "outputs": {OUTPUT: {"jobOutputType": "uri_folder", **({"uri": folder} if folder else {})}},
        "settings": {"default_compute": compute.get("target") or properties.get("compute") or serverless},
        "jobs": {STEP: _node(emulator, deployment, spec, count)},
        "properties": {"azureml.outputfilename": settings["outputFileName"]},
    }


def _one(deployment: Json, what: str, given: dict[str, Json]) -> Json | None:
    if len(given) > 1:
        raise bad_request(
            f"A deployment of a model takes one {what}; '{deployment['name']}' was given {', '.join(given)}.",
            code="ValidationError",
        )
    return next(iter(given.values()), None)


def _place(file: str, output: Json | None, asked: Json) -> tuple[str, str]:
    """The folder in which predictions are kept, empty for the usual one, and the name of their file."""
    older = asked.get("outputDataset") or {}
    if older.get("datastoreId"):
        place = f"azureml:/{older['datastoreId']}/paths/{str(older.get('path') or '').strip('/')}"
        return f"{place.rstrip('/')}/", file
    uri = str((output or {}).get("uri") or "")
    if not uri or uri.endswith("/") or (output or {}).get("jobOutputType") == "uri_folder":
        return uri, file
    folder, _, name = uri.rpartition("/")
    return f"{folder}/", name


def _spec(emulator: Emulator, deployment: Json, settings: Json) -> Json:
    """The component of the one step."""
    properties = deployment["properties"]
    noted = provisioned(emulator, deployment["id"])
    code = properties.get("codeConfiguration") or {}
    retries = settings["retrySettings"]
    has_model = bool(properties.get("model"))
    file = shlex.quote(settings["outputFileName"])
    appends = settings["outputAction"] == "AppendRow"
    return {
        "type": "parallel",
        "name": STEP,
        # what is invoked is to run, whatever was scored before
        "is_deterministic": False,
        "inputs": {"job_data_path": _FOLDER, **({"model": {"type": "custom_model"}} if has_model else {})},
        "outputs": {OUTPUT: _FOLDER},
        "input_data": "${{inputs.job_data_path}}",
        "mini_batch_size": settings["miniBatchSize"],
        "error_threshold": settings["errorThreshold"],
        "max_concurrency_per_instance": settings["maxConcurrencyPerInstance"],
        "retry_settings": {"max_retries": retries["maxRetries"], "timeout": durations.seconds(retries["timeout"])},
        "task": {
            "type": "run_function",
            "code": code.get("codeId"),
            "environment": noted.get("environmentId"),
            "entry_script": code.get("scoringScript") or MLFLOW_SCRIPT,
            "program_arguments": f"--logging_level {settings['loggingLevel'].lower()}",
            "append_row_to": f"${{{{outputs.{OUTPUT}}}}}/{file}" if appends else None,
            "output_path": f"${{{{outputs.{OUTPUT}}}}}",
            "needs_results": "yes",
            **({"model": "${{inputs.model}}"} if has_model else {}),
            **({"model_folder": shlex.quote(noted["modelFolder"])} if noted.get("modelFolder") else {}),
        },
    }


def _node(emulator: Emulator, deployment: Json, spec: Json, instance_count: int) -> Json:
    """The one step, in the words of azure-ai-ml's nodes."""
    properties = deployment["properties"]
    uri = (properties.get("model") or {}).get("assetId")
    model = {"model": {"job_input_type": "custom_model", "uri": uri}}
    data = {"job_data_path": {"job_input_type": "literal", "value": f"${{{{parent.inputs.{_DATA}}}}}"}}
    return {
        "type": "parallel",
        "componentId": anonymous(
            emulator, deployment["id"], "component", COMPONENT, {"componentSpec": spec, "isAnonymous": True}
        ),
        "inputs": {**data, **(model if uri else {})},
        "outputs": {OUTPUT: {"job_output_type": "uri_folder", "value": f"${{{{parent.outputs.{OUTPUT}}}}}"}},
        "environment_variables": properties.get("environmentVariables") or {},
        "resources": {"instance_count": instance_count},
    }
