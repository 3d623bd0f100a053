"""Schedules fire when the emulator's clock says so, and start what they are to start."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.default_workspace import create_default_workspace
from airflow_provider_azml.emulator.emulator import Emulator
from airflow_provider_azml.emulator.identity import DEFAULT_WORKSPACE
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.settings import Settings
from airflow_provider_azml.emulator.tls import certificates
from tests.emulator.arm_requests import fresh, refused
from tests.emulator.execution import Workspace
from tests.emulator.simulated import LEAST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.ai.ml import MLClient

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

COMMAND = {"jobType": "Command", **LEAST["Command"]}
MONITOR = {
    "computeConfiguration": {
        "computeType": "ServerlessSpark",
        "computeIdentity": {"computeIdentityType": "AmlToken"},
        "instanceType": "standard_e4s_v3",
        "runtimeVersion": "3.4",
    },
    "signals": {},
}
OPTIONS = ("--simulate", "0", "--create-workspace")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("scheduled"), *OPTIONS) as it:
        yield Workspace(it)


def cron(expression: str, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    return {"triggerType": "Cron", "expression": expression, "timeZone": zone, **more}


def recurrence(frequency: str, interval: int = 1, **more: Any) -> dict[str, Any]:
    return {"triggerType": "Recurrence", "frequency": frequency, "interval": interval, **more}


def schedule(workspace: Workspace, trigger: dict[str, Any], job: dict[str, Any] = COMMAND, **more: Any) -> str:
    """Make a schedule of a job; its name."""
    name = fresh("s")
    action = {"actionType": "CreateJob", "jobDefinition": job}
    workspace.put("schedule", name, properties={"trigger": trigger, "action": action, **more})
    return name


def switch(workspace: Workspace, name: str, *, on: bool) -> None:
    properties = workspace.get("schedule", name)["properties"]
    workspace.put("schedule", name, properties={**properties, "isEnabled": on})


def now(workspace: Workspace) -> datetime:
    shown = requests.get(
        f"{workspace.emulator.url}/emulator/clock", headers=workspace.emulator.headers, timeout=60
    ).json()["now"]
    return datetime.fromisoformat(shown.replace("Z", "+00:00"))


def move_to(workspace: Workspace, moment: datetime) -> None:
    body = {"advance_seconds": (moment - now(workspace)).total_seconds()}
    requests.put(
        f"{workspace.emulator.url}/emulator/clock", headers=workspace.emulator.headers, json=body, timeout=60
    ).raise_for_status()


def midnight(workspace: Workspace) -> datetime:
    """Move the clock to the beginning of the next day."""
    found = (now(workspace) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    move_to(workspace, found)
    return found


def jobs(workspace: Workspace, name: str, number: int, seconds: float = 120) -> list[dict[str, Any]]:
    """The jobs of a schedule, in the order of their names, once there are so many."""
    until = time.monotonic() + seconds
    while True:
        found: list[dict[str, Any]] = workspace.call(
            "GET", f"{workspace.id}/jobs", params={"scheduled": "true", "scheduleId": name}
        ).json()["value"]
        if len(found) >= number or time.monotonic() > until:
            assert len(found) == number, [one["name"] for one in found]
            return sorted(found, key=lambda job: str(job["name"]))
        time.sleep(0.02)


def stamps(found: list[dict[str, Any]]) -> list[str]:
    return [job["name"].rpartition("-")[2] for job in found]


def test_each_time_that_the_clock_is_moved_over_has_its_job(workspace: Workspace) -> None:
    day = midnight(workspace)
    name = schedule(workspace, cron("30 */6 * * *"))
    assert jobs(workspace, name, 0, seconds=0) == []
    move_to(workspace, day + timedelta(hours=13))
    found = jobs(workspace, name, 3)
    assert [job["name"] for job in found] == [f"{name}-{day:%Y%m%d}T{hour:02}3000Z" for hour in (0, 6, 12)]
    first = found[0]["properties"]
    assert (first["displayName"], first["experimentName"]) == (found[0]["name"], name)
    assert first["properties"]["azureml.scheduledTime"] == f"{day:%Y-%m-%d}T00:30:00Z"
    assert workspace.until(found[0]["name"]) == "Completed"
    move_to(workspace, day + timedelta(hours=19))
    assert stamps(jobs(workspace, name, 4))[-1] == f"{day:%Y%m%d}T183000Z"
    switch(workspace, name, on=False)


def test_days_and_months_of_cron_expressions_are_ignored_and_the_zone_counts(workspace: Workspace) -> None:
    day = midnight(workspace)
    name = schedule(workspace, cron("0 9 31 2 *", "Tokyo Standard Time"))
    move_to(workspace, day + timedelta(days=1, hours=1))
    # 09:00 in Tokyo; the day's own midnight is over when the schedule is made
    assert stamps(jobs(workspace, name, 1)) == [f"{day + timedelta(days=1):%Y%m%d}T000000Z"]
    switch(workspace, name, on=False)


def test_a_recurrence_without_a_start_fires_at_once_and_counts_from_then(workspace: Workspace) -> None:
    name = schedule(workspace, recurrence("Hour", 5))
    (first,) = jobs(workspace, name, 1)
    begun = datetime.strptime(stamps([first])[0], "%Y%m%dT%H%M%SZ")  # noqa: DTZ007 (of UTC, as the names say)
    move_to(workspace, now(workspace) + timedelta(hours=11))
    assert stamps(jobs(workspace, name, 3)) == [
        f"{begun + timedelta(hours=past):%Y%m%dT%H%M%SZ}" for past in (0, 5, 10)
    ]
    switch(workspace, name, on=False)


def test_time_that_passes_by_itself_counts_too(workspace: Workspace) -> None:
    start = (now(workspace) + timedelta(seconds=5)).replace(microsecond=0)
    name = schedule(workspace, recurrence("Minute", 10, startTime=f"{start:%Y-%m-%dT%H:%M:%S}"))
    assert stamps(jobs(workspace, name, 1)) == [f"{start:%Y%m%dT%H%M%SZ}"]
    assert now(workspace) - start < timedelta(seconds=30)
    switch(workspace, name, on=False)


def test_a_start_that_is_past_does_not_fire_and_nothing_does_after_the_end(workspace: Workspace) -> None:
    day = midnight(workspace)
    start, end = day - timedelta(days=3), day + timedelta(days=2)
    times = {"startTime": f"{start:%Y-%m-%d %H:%M:%S}", "endTime": f"{end:%Y-%m-%dT%H:%M:%S}"}
    name = schedule(workspace, recurrence("Day", 2, schedule={"hours": [6, 7], "minutes": [0]}, **times))
    move_to(workspace, day + timedelta(days=9))
    expected = [f"{day + timedelta(days=1):%Y%m%d}T{hour:02}0000Z" for hour in (6, 7)]
    assert stamps(jobs(workspace, name, 2)) == expected
    switch(workspace, name, on=False)


def test_a_disabled_schedule_does_not_fire_and_does_not_make_up_for_it(workspace: Workspace) -> None:
    day = midnight(workspace)
    name = schedule(workspace, cron("0 * * * *"), isEnabled=False)
    move_to(workspace, day + timedelta(hours=5, minutes=30))
    switch(workspace, name, on=True)
    move_to(workspace, day + timedelta(hours=6, minutes=30))
    assert stamps(jobs(workspace, name, 1)) == [f"{day:%Y%m%d}T060000Z"]
    switch(workspace, name, on=False)


def test_of_too_many_times_the_last_hundred_count(workspace: Workspace) -> None:
    day = midnight(workspace)
    end = day + timedelta(hours=5, seconds=30)  # however long it takes to make the jobs
    name = schedule(workspace, cron("0-59 * * * *", endTime=f"{end:%Y-%m-%dT%H:%M:%S}"))
    move_to(workspace, day + timedelta(hours=5, seconds=30))
    found = stamps(jobs(workspace, name, 100))
    assert (found[0], found[-1]) == (f"{day:%Y%m%d}T032100Z", f"{day:%Y%m%d}T050000Z")
    switch(workspace, name, on=False)


def test_macros_are_filled_in(workspace: Workspace) -> None:
    job = {
        **COMMAND,
        "experimentName": "mine",
        "inputs": {"when": {"jobInputType": "literal", "value": "at ${{creation_context.trigger_time}}"}},
        "outputs": {"o": {"jobOutputType": "uri_folder", "uri": "azureml://datastores/d/paths/${{name}}/o"}},
        "displayName": "not this",
    }
    day = midnight(workspace)
    name = schedule(workspace, cron("0 4 * * *"), job)
    move_to(workspace, day + timedelta(hours=4))
    properties = jobs(workspace, name, 1)[0]["properties"]
    assert properties["inputs"]["when"]["value"] == f"at {day:%Y-%m-%d}T04:00:00Z"
    assert properties["outputs"]["o"]["uri"].endswith(f"/paths/{name}-{day:%Y%m%d}T040000Z/o")
    assert (properties["experimentName"], properties["displayName"]) == ("mine", f"{name}-{day:%Y%m%d}T040000Z")
    switch(workspace, name, on=False)


def test_a_job_that_is_refused_does_not_end_its_schedule(workspace: Workspace) -> None:
    day = midnight(workspace)
    name = schedule(workspace, cron("0 * * * *"), {"jobType": "Pipeline", "sourceJobId": "of_tomorrow"})
    move_to(workspace, day + timedelta(hours=1, minutes=1))
    assert jobs(workspace, name, 0, seconds=0) == []
    ran = {"properties": {"jobType": "Pipeline", "jobs": {"a": {"type": "command", "componentId": "azureml:none:1"}}}}
    workspace.call("PUT", f"{workspace.id}/jobs/of_tomorrow", json=ran)
    move_to(workspace, day + timedelta(hours=2, minutes=1))
    assert stamps(jobs(workspace, name, 1)) == [f"{day:%Y%m%d}T020000Z"]
    assert f"Schedule '{name}' was due at" in workspace.emulator.log.read_text()
    switch(workspace, name, on=False)


def test_batch_endpoints_are_invoked(workspace: Workspace) -> None:
    endpoint = fresh("b")
    body = {"authMode": "AADToken", "defaults": {"deploymentName": "numbers"}}
    endpoint_id = workspace.put("batch_endpoint", endpoint, location="local", properties=body)
    inputs = {"numbers": {"jobInputType": "uri_folder", "uri": "azureml://datastores/workspaceblobstore/paths/n/"}}
    definition = {"endpoint": f"azureml:{endpoint_id}", "inputs": inputs}
    action = {"actionType": "InvokeBatchEndpoint", "endpointInvocationDefinition": definition}
    name = fresh("s")
    trigger = cron("0 0 * * *", startTime="2999-01-01T00:00:00")
    workspace.put("schedule", name, properties={"trigger": trigger, "action": action})
    path = f"{workspace.id.child('schedule', name)}/trigger"
    early = workspace.call("POST", path, json={}, ok=False)
    assert (early.status_code, "has no deployment 'numbers'" in early.text) == (404, True)
    code = {"codeId": workspace.code({"score.py": ""}), "scoringScript": "score.py"}
    deployed = {"codeConfiguration": code, "environmentId": workspace.shared_environment()}
    workspace.put("batch_deployment", endpoint, "numbers", location="local", properties=deployed)
    triggered = workspace.call("POST", path, json={}).json()
    assert triggered["scheduleActionType"] == "InvokeBatchEndpoint"
    job = workspace.get("job", triggered["submissionId"])["properties"]
    assert job["properties"]["azureml.endpointname"] == endpoint


def test_what_the_emulator_does_not_do_is_kept(workspace: Workspace) -> None:
    action = {"actionType": "CreateMonitor", "monitorDefinition": MONITOR}
    name = fresh("s")
    trigger = cron("0 0 * * *", startTime="2999-01-01T00:00:00")
    workspace.put("schedule", name, properties={"trigger": trigger, "action": action})
    triggered = workspace.call("POST", f"{workspace.id.child('schedule', name)}/trigger", json={}).json()
    assert triggered == {"scheduleActionType": "CreateMonitor", "submissionId": ""}


def test_only_what_is_disabled_can_be_deleted(workspace: Workspace) -> None:
    name = schedule(workspace, cron("0 0 * * *"))
    path = workspace.id.child("schedule", name)
    assert refused(workspace, "DELETE", path)[0] == 409
    switch(workspace, name, on=False)
    workspace.settle(workspace.call("DELETE", path))
    assert workspace.call("GET", path, ok=False).status_code == 404
    assert workspace.call("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("trigger", "says"),
    [
        (cron("0 0 * *"), "properties.trigger.expression: has 4 fields"),
        (cron("0 0 * * fri", "Mars/Base"), "properties.trigger.timeZone: there is no time zone"),
        (cron("0 0 * * fri", startTime="2026-01-01T00:00:00+02:00"), "startTime of a trigger must be ISO 8601"),
        (cron("0 0 * * fri", endTime="soon"), "endTime of a trigger must be ISO 8601"),
        (recurrence("Hour", 0), "properties.trigger.interval"),
        (recurrence("Hour", schedule={"hours": [1], "minutes": [0]}), "properties.trigger.schedule.hours"),
        (recurrence("Day", schedule={"hours": [25], "minutes": [0]}), "properties.trigger.schedule.hours"),
        (recurrence("Month", schedule={"hours": [], "minutes": [], "monthDays": [32]}), "schedule.monthDays"),
    ],
)
def test_triggers_that_cannot_be_are_refused(workspace: Workspace, trigger: dict[str, Any], says: str) -> None:
    body = {"properties": {"trigger": trigger, "action": {"actionType": "CreateJob", "jobDefinition": COMMAND}}}
    response = workspace.call("PUT", workspace.id.child("schedule", fresh("s")), json=body, ok=False)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "ValidationError")
    assert says in response.json()["error"]["message"]


def test_what_was_due_while_no_emulator_ran_is_not_made_up_for(tmp_path: Path) -> None:
    with running_emulator(tmp_path, *OPTIONS) as it:
        workspace = Workspace(it)
        anchor = now(workspace) - timedelta(minutes=90)
        start = {"startTime": f"{anchor:%Y-%m-%dT%H:%M:%S}"}
        name = schedule(workspace, recurrence("Hour", 1, **start))
        off = schedule(workspace, recurrence("Hour", 1, **start), isEnabled=False)
    with running_emulator(tmp_path, *OPTIONS) as it:
        workspace = Workspace(it)
        jobs(workspace, name, 0, seconds=0)
        move_to(workspace, anchor + timedelta(minutes=121))
        assert stamps(jobs(workspace, name, 1)) == [f"{anchor + timedelta(hours=2):%Y%m%dT%H%M%SZ}"]
        jobs(workspace, off, 0, seconds=0)


def test_a_schedule_is_triggered_once(azml_emulator: RunningEmulator) -> None:
    """Its job really runs."""
    workspace = Workspace(azml_emulator).ensure()
    job = {"jobType": "Command", "command": "echo ran", "environmentId": workspace.shared_environment()}
    name = schedule(workspace, cron("0 0 * * *", startTime="2999-01-01T00:00:00"), job)
    path = workspace.id.child("schedule", name)
    triggered = workspace.call("POST", f"{path}/trigger", json={"scheduleTime": "2026-01-01T01:00:00+01:00"}).json()
    assert triggered == {"scheduleActionType": "CreateJob", "submissionId": f"{name}-20260101T000000Z"}
    again = workspace.call("POST", f"{path}/trigger", json={"scheduleTime": "2026-01-01T00:00:00Z"}).json()
    assert again["submissionId"] == f"{name}-20260101T000000Z-2"
    assert workspace.until(triggered["submissionId"]) == "Completed"
    assert "ran" in workspace.log(triggered["submissionId"])
    assert refused(workspace, "POST", f"{path}/trigger", json={"scheduleTime": "now"})[0] == 400
    switch(workspace, name, on=False)
    assert refused(workspace, "POST", f"{path}/trigger", json={})[0] == 409
    assert refused(workspace, "POST", f"{path}x/trigger", json={})[0] == 404


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore")  # azure-ai-ml warns about itself
def test_microsofts_client_makes_switches_triggers_and_deletes_schedules(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.ai.ml.entities import JobSchedule, RecurrencePattern, RecurrenceTrigger

    client = ml_client(workspace.emulator, monkeypatch)
    ran = fresh("p")
    node = {"type": "command", "componentId": "azureml:none:1"}
    pipeline = {"properties": {"jobType": "Pipeline", "jobs": {"a": node}}}
    workspace.call("PUT", f"{workspace.id}/jobs/{ran}", json=pipeline)
    name = fresh("s")
    trigger = RecurrenceTrigger(
        frequency="week",
        interval=2,
        schedule=RecurrencePattern(hours=[9], minutes=[30], week_days=["monday", "friday"]),
        start_time="2999-01-01T00:00:00",
        time_zone="W. Europe Standard Time",
    )
    made = JobSchedule(name=name, trigger=trigger, create_job=ran)
    assert client.schedules.begin_create_or_update(made).result().is_enabled
    assert client.schedules.begin_disable(name).result().is_enabled is False
    assert name not in [one.name for one in client.schedules.list()]
    assert name in [one.name for one in client.schedules.list(list_view_type="ALL")]
    seen = client.schedules.begin_enable(name).result()
    assert (seen.is_enabled, seen.trigger.time_zone) == (True, "W. Europe Standard Time")
    assert [str(day.value) for day in seen.trigger.schedule.week_days] == ["Monday", "Friday"]
    triggered = client.schedules.trigger(name)
    assert triggered.schedule_action_type == "CreateJob"
    assert client.jobs.get(triggered.job_name).display_name.startswith(f"{name}-")
    listed = client.jobs.list(schedule_defined=True, scheduled_job_name=name)
    assert [one.name for one in listed] == [triggered.job_name]
    client.schedules.begin_disable(name).result()
    client.schedules.begin_delete(name).result()
    assert name not in [one.name for one in client.schedules.list(list_view_type="ALL")]


def ml_client(emulator: RunningEmulator, patch: pytest.MonkeyPatch) -> MLClient:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    for name, value in emulator.environment.items():
        patch.setenv(name, value)
    where = (emulator.subscription_id, emulator.resource_group, emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False)


@pytest.mark.asyncio
async def test_of_many_that_are_due_at_once_each_holds_up_others_for_one_job(tmp_path: Path) -> None:
    certificates(tmp_path)
    emulator = Emulator(Settings(tmp_path, 1, 2, simulate_seconds=0.0), https_port=1, http_port=2)
    definition = {"jobType": "Command", "command": "true", "environmentId": "azureml:e:1"}
    properties = {
        "trigger": {"triggerType": "Cron", "expression": "* * * * *", "timeZone": "UTC"},
        "action": {"actionType": "CreateJob", "jobDefinition": definition},
    }
    try:
        await create_default_workspace(emulator)
        for number in range(20):
            schedule_id = DEFAULT_WORKSPACE.child("schedule", f"often-{number}")
            emulator.store.put(schedule_id, {"properties": properties})
            emulator.schedules.changed(schedule_id)
        await asyncio.sleep(0)
        emulator.clock.advance(timedelta(minutes=5))
        counts = [0]
        while counts[-1] < 20 * 5 and len(counts) < 5000:
            await asyncio.sleep(0)
            counts.append(len(emulator.store.children(DEFAULT_WORKSPACE.child("job"))))
        assert counts[-1] >= 20 * 5
        assert max(after - before for before, after in pairwise(counts)) <= 2
    finally:
        await emulator.stop_work()
        emulator.close()
