"""azure-ai-ml's MLClient, unchanged, against the emulator: computes that are attached, changed and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

# azure-ai-ml warns about itself: deprecations in what it imports, classes that it calls experimental
pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]

HELD = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft."


@pytest.fixture
def ml_client(azml_emulator: RunningEmulator, azml_connection: str) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    assert azml_connection
    where = (azml_emulator.subscription_id, azml_emulator.resource_group, azml_emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False)


def test_what_is_attached_is_there_until_it_is_detached(ml_client: MLClient) -> None:
    from azure.ai.ml.entities import (
        KubernetesCompute,
        SynapseSparkCompute,
        VirtualMachineCompute,
        VirtualMachineSshSettings,
    )

    cluster = KubernetesCompute(
        name="k8s", resource_id=f"{HELD}ContainerService/managedClusters/k", namespace="training"
    )
    settings = VirtualMachineSshSettings(admin_username="me", admin_password="hush", ssh_port=22)
    machine = VirtualMachineCompute(
        name="machine", resource_id=f"{HELD}Compute/virtualMachines/vm", ssh_settings=settings
    )
    pool = SynapseSparkCompute(name="spark", resource_id=f"{HELD}Synapse/workspaces/syn/bigDataPools/pool")
    pollers = [ml_client.compute.begin_attach(compute) for compute in (cluster, machine, pool)]
    attached = [poller.result() for poller in pollers]
    assert [one.provisioning_state for one in attached] == ["Succeeded"] * 3
    assert (attached[0].namespace, attached[0].resource_id) == ("training", cluster.resource_id)
    shown = ml_client.compute.get("machine")
    assert (shown.ssh_settings.admin_username, shown.ssh_settings.admin_password) == ("me", None)
    assert [one.type for one in ml_client.compute.list(compute_type="synapsespark")] == ["synapsespark"]
    for poller in [ml_client.compute.begin_delete(one.name, action="Detach") for one in attached]:
        poller.result()
    assert not {one.name for one in ml_client.compute.list()} & {"k8s", "machine", "spark"}


def test_a_cluster_is_changed_and_tells_its_nodes_and_the_quota_that_they_use(ml_client: MLClient) -> None:
    from azure.ai.ml.entities import AmlCompute

    made = ml_client.compute.begin_create_or_update(
        AmlCompute(name="changed", size="Standard_DS3_v2", min_instances=1, max_instances=2, tier="low_priority")
    ).result()
    assert (made.min_instances, made.tier) == (1, "low_priority")
    (node,) = ml_client.compute.list_nodes("changed")
    told = vars(node)  # in the service's spelling: the attributes of azure-ai-ml 1.35.2 stay empty
    assert (told["nodeState"], told.get("runId")) == ("idle", None)
    assert (told["privateIpAddress"], told["port"]) == ("10.0.0.5", 50001)
    used = {usage.name["value"]: vars(usage)["currentValue"] for usage in ml_client.compute.list_usage()}
    assert used["Clusters"] >= 1
    made.min_instances, made.max_instances = 0, 3
    changed = ml_client.compute.begin_update(made).result()
    assert (changed.min_instances, changed.max_instances) == (0, 3)
    assert len([*ml_client.compute.list_nodes("changed")]) == 1
    ml_client.compute.begin_delete("changed").result()


def test_an_instance_says_what_it_does_by_itself(ml_client: MLClient) -> None:
    from azure.ai.ml.constants import TimeZone
    from azure.ai.ml.entities import ComputeInstance, ComputeSchedules, ComputeStartStopSchedule, CronTrigger

    trigger = CronTrigger(expression="0 18 * * *", time_zone=TimeZone.W_EUROPE_STANDARD_TIME)
    schedules = ComputeSchedules(compute_start_stop=[ComputeStartStopSchedule(trigger=trigger, action="Stop")])
    desk = ComputeInstance(
        name="bureau", size="Standard_DS3_v2", idle_time_before_shutdown_minutes=30, schedules=schedules
    )
    made = ml_client.compute.begin_create_or_update(desk).result()
    assert (made.state, made.last_operation["operationName"]) == ("Running", "Create")
    assert made.idle_time_before_shutdown == "PT30M"
    (schedule,) = made.schedules.compute_start_stop
    assert (schedule.trigger.expression, schedule.action, schedule.state) == ("0 18 * * *", "Stop", "Enabled")
    assert {service["displayName"] for service in made.services} >= {"Jupyter"}
    ml_client.compute.enable_sso(name="bureau", enable_sso=False)
    assert ml_client.compute.get("bureau").enable_sso is False
    ml_client.compute.begin_restart("bureau").result()
    assert ml_client.compute.get("bureau").last_operation["operationName"] == "Restart"
    ml_client.compute.begin_delete("bureau").result()
