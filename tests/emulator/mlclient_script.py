"""What the recorded script did with MLClient, step by step, with a look at what came of each step.

The steps have the names that they have in the transcript, and come in its order, but for ``08d``, which needs a job.
Where the transcript's server only pretended, here the code is real: it trains, logs and scores.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from tests.emulator.mlclient_jobs import JobSteps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.core.credentials import TokenCredential

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CRON = "0 3 * * *"


class Script(JobSteps):
    """The script; see AssetSteps."""

    def __init__(self, emulator: RunningEmulator, credential: TokenCredential, folder: Path) -> None:
        super().__init__(emulator, credential, folder)
        self._done: list[str] = []

    def until(self, step: str) -> None:
        """Take a step, and before it those that come earlier and were not taken yet."""
        for name, act in STEPS.items():
            if name not in self._done:
                self._done.append(name)
                act(self)
            if name == step:
                return

    def create_endpoint(self) -> None:
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        endpoint = ManagedOnlineEndpoint(name="ep-transcript", auth_mode="key")
        made = self._client.online_endpoints.begin_create_or_update(endpoint).result()
        assert made.provisioning_state == "Succeeded"

    def create_deployment(self) -> None:
        from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

        deployment = ManagedOnlineDeployment(
            name="blue",
            endpoint_name="ep-transcript",
            model="azureml:m1:1",
            environment="azureml:env:1",
            code_configuration=CodeConfiguration(code=str(self._code), scoring_script="score.py"),
            instance_type="Standard_DS3_v2",
            instance_count=1,
        )
        made = self._client.online_deployments.begin_create_or_update(deployment).result()
        assert made.provisioning_state == "Succeeded"

    def set_traffic(self) -> None:
        endpoint = self._client.online_endpoints.get("ep-transcript")
        endpoint.traffic = {"blue": 100}
        assert self._client.online_endpoints.begin_create_or_update(endpoint).result().traffic == {"blue": 100}

    def invoke(self) -> None:
        assert self._invoked() == [3]

    def invoke_deployment(self) -> None:
        assert self._invoked(deployment_name="blue") == [3]

    def get_keys(self) -> None:
        keys = self._client.online_endpoints.get_keys("ep-transcript")
        assert keys.primary_key
        assert keys.primary_key != keys.secondary_key

    def get_logs(self) -> None:
        assert "loaded 3" in self._client.online_deployments.get_logs("blue", "ep-transcript", lines=100)

    def delete_deployment(self) -> None:
        endpoint = self._client.online_endpoints.get("ep-transcript")
        endpoint.traffic = {"blue": 0}
        self._client.online_endpoints.begin_create_or_update(endpoint).result()
        self._client.online_deployments.begin_delete("blue", "ep-transcript").result()
        assert list(self._client.online_deployments.list("ep-transcript")) == []

    def delete_endpoint(self) -> None:
        self._client.online_endpoints.begin_delete("ep-transcript").result()
        with pytest.raises(ResourceNotFoundError):
            self._client.online_endpoints.get("ep-transcript")

    def create_schedule(self) -> None:
        schedule = self._put_schedule("s1", self._pipeline())
        assert (schedule.is_enabled, schedule.trigger.expression) == (True, CRON)

    def disable_schedule(self) -> None:
        assert self._client.schedules.begin_disable("s1").result().is_enabled is False

    def delete_schedule(self) -> None:
        self._client.schedules.begin_delete("s1").result()
        with pytest.raises(ResourceNotFoundError):
            self._client.schedules.get("s1")

    def schedule_a_command(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED", "true")
            assert self._put_schedule("s2", self._command("job3")).name == "s2"

    def list_schedules(self) -> None:
        assert [one.name for one in self._client.schedules.list()] == ["s2"]

    def get_default_datastore(self) -> None:
        assert self._client.datastores.get_default().name == "workspaceblobstore"

    def clean_up(self) -> None:
        """Delete the workspace with all that is in it."""
        if "03_workspaces.begin_create" in self._done:
            self._client.workspaces.begin_delete(self._workspace, delete_dependent_resources=True).result()

    def _put_schedule(self, name: str, job: Any) -> Any:
        from azure.ai.ml.entities import CronTrigger, JobSchedule

        schedule = JobSchedule(name=name, trigger=CronTrigger(expression=CRON), create_job=job)
        return self._client.schedules.begin_create_or_update(schedule).result()

    def _invoked(self, **options: str) -> Any:
        request = str(self._folder / "request.json")
        answer = self._client.online_endpoints.invoke("ep-transcript", request_file=request, **options)
        return json.loads(answer)


STEPS: dict[str, Callable[[Script], None]] = {
    "00_get_token": Script.get_token,
    "01_MLClient()": Script.make_client,
    "02_workspaces.get_missing": Script.get_missing_workspace,
    "03_workspaces.begin_create": Script.create_workspace,
    "04_workspaces.get": Script.get_workspace,
    "05_compute.begin_create_or_update": Script.create_compute,
    "05b_compute.get": Script.get_compute,
    "05c_compute.list": Script.list_computes,
    "05d_compute.begin_delete": Script.delete_compute,
    "06_environments.create_image conda": Script.create_environment,
    "06b_environments.create_noversion": Script.create_environment_without_version,
    "06c_environments.get_latest": Script.get_latest_environment,
    "07_data.create_local_file": Script.create_data_of_a_file,
    "07b_data.create_local_folder": Script.create_data_of_a_folder,
    "07c_data.create_again_(same_content)": Script.create_data_again,
    "07d_data.get": Script.get_data,
    "08_models.create_local": Script.create_model,
    "08b_models.create_noversion": Script.create_model_without_version,
    "08c_models.download": Script.download_model,
    "09_jobs.create_command": Script.create_command,
    "09b_jobs.get": Script.get_command,
    "09c_jobs.stream": Script.stream_command,
    "09d_jobs.download": Script.download_command,
    "08d_models.create_from_job_output": Script.create_model_of_a_job,
    "09e_jobs.create_inline_env uploads": Script.create_command_with_all_inline,
    "09f_jobs.begin_cancel": Script.cancel,
    "09g_jobs.list": Script.list_jobs,
    "09h_jobs.archive": Script.archive,
    "10_jobs.create_sweep": Script.create_sweep,
    "10b_jobs.stream_sweep": Script.stream_sweep,
    "11_jobs.create_pipeline": Script.create_pipeline,
    "11b_jobs.stream_pipeline": Script.stream_pipeline,
    "11c_jobs.get_pipeline": Script.get_pipeline,
    "11d_components.create": Script.create_component,
    "12_online_endpoints.create": Script.create_endpoint,
    "12b_online_deployments.create": Script.create_deployment,
    "12c_endpoint_traffic": Script.set_traffic,
    "12d_invoke": Script.invoke,
    "12e_invoke_deployment": Script.invoke_deployment,
    "12f_get_keys": Script.get_keys,
    "12g_get_logs": Script.get_logs,
    "12h_deployments.begin_delete": Script.delete_deployment,
    "12i_endpoints.begin_delete": Script.delete_endpoint,
    "13_schedules.create_cron": Script.create_schedule,
    "13b_schedules.disable": Script.disable_schedule,
    "13c_schedules.delete": Script.delete_schedule,
    "13d_schedule_command_private": Script.schedule_a_command,
    "13e_schedules.list": Script.list_schedules,
    "14_datastores.get_default": Script.get_default_datastore,
}
