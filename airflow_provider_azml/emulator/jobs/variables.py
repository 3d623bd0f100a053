"""The environment variables by which a job knows who it is; names as the service sets them in its containers."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.clock import timestamp
from airflow_provider_azml.emulator.identity import AML_AUDIENCE
from airflow_provider_azml.emulator.mlflow.uris import tracking_uri

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Json

_TOKEN_SECONDS = 21 * 24 * 3600
"""The service ends jobs after 21 days."""


def identity_variables(emulator: Emulator, workspace: WorkspaceId, run: Json) -> dict[str, str]:
    """What a job's process finds in its environment about itself.

    The one secret among them is a token for the data plane, as the service gives its jobs one; it outlives any job.

    Args:
        emulator: The emulator.
        workspace: The job's workspace.
        run: The job's run.
    """
    experiment = run["experimentName"]
    token = emulator.auth.issue(AML_AUDIENCE, seconds=_TOKEN_SECONDS, claims={"runid": run["runId"]})
    document = emulator.store.get(str(workspace)) or {"properties": {}}
    return {
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_ARM_RESOURCEGROUP": workspace.resource_group,
        "AZUREML_ARM_SUBSCRIPTION": workspace.subscription_id,
        "AZUREML_ARM_WORKSPACE_NAME": workspace.name,
        "AZUREML_EXPERIMENT_ID": run["experimentId"],
        "AZUREML_EXPERIMENT_NAME": experiment,
        "AZUREML_EXPERIMENT_SCOPE": f"{workspace}/experiments/{experiment}",
        "AZUREML_NODE_COUNT": "1",
        "AZUREML_ROOT_RUN_ID": run["rootRunId"],
        "AZUREML_RUN_ID": run["runId"],
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_RUN_TOKEN_EXPIRY": timestamp(datetime.now(timezone.utc) + timedelta(seconds=_TOKEN_SECONDS)),
        # these two, and what they need to be trusted, are what azureml-core of the retired generation looks for
        "AZUREML_SERVICE_ENDPOINT": emulator.https_url,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{emulator.https_url}/discovery",
        "REQUESTS_CA_BUNDLE": str(emulator.ca_bundle),
        "AZUREML_WORKSPACE_ID": str(document["properties"].get("workspaceId") or ""),
        "AZUREML_WORKSPACE_SCOPE": str(workspace),
        "MLFLOW_EXPERIMENT_ID": run["experimentId"],
        "MLFLOW_EXPERIMENT_NAME": experiment,
        "MLFLOW_RUN_ID": run["runId"],
        # the page that MLflow would announce is studio's, which has another address
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_TRACKING_URI": tracking_uri(emulator.http_url, workspace),
    }
