"""``azml schedule list``: of a running emulator, and of a workspace with schedules of CLI v1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from tests.operators.conftest import TENANT, SignedIn
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Done

TITLES = ["NAME", "CLI", "ENABLED", "NEXT", "LAST", "FIRES"]
RETIRED = f"/pipelines/v1.0{WS}"
# as PipelineScheduleEntity of azureml-pipeline-core 1.62.0 has them; numbers and words both occur
FRIDAYS = {
    "Id": "0a1b",
    "Name": "Fridays",
    "EntityStatus": "0",
    "ScheduleType": "0",
    "Recurrence": {
        "Frequency": "1",
        "Interval": 1,
        "StartTime": "2019-06-07T10:50:00",
        "TimeZone": "W. Europe Standard Time",
        "Schedule": {"Hours": [1], "Minutes": [0], "WeekDays": ["4"]},
    },
    "CreatedDate": "2019-06-01T10:00:00.0000000+00:00",
}
CHANGES = {
    "Id": "2c3d",
    "Name": "changes",
    "EntityStatus": "Disabled",
    "ScheduleType": "DataStore",
    "DataStoreTriggerInfo": {"DataStoreName": "lake", "PathOnDataStore": "in", "PollingInterval": 15},
}


@pytest.fixture
def signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignedIn]:
    """A workspace, and the environment of who may ask it."""
    service = SignedIn(tmp_path).open()
    environment = {
        "ARM_CLOUD_METADATA_URL": service.url,
        "REQUESTS_CA_BUNDLE": service.ca_bundle,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": "client",
        "AZURE_CLIENT_SECRET": "never said",
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "AZURE_SUBSCRIPTION_ID": "s",
        "AZML_RESOURCE_GROUP": "rg",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    service.holds({
        WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}},
        "/discovery": {"api": service.url},
    })
    yield service
    service.close()


def test_schedules_of_an_emulator(azml_connection: str, azml: Callable[..., Done]) -> None:
    hook = AzmlHook(azml_connection)
    given: dict[str, Any] = {"name": "listed-nightly", "create_job": "azureml:train_of_yesterday"}
    hook.apply({**given, "trigger": {"type": "cron", "expression": "0 3 * * *", "time_zone": "UTC"}}, kind="schedule")
    try:
        done = azml("schedule", "list")
        (shown,) = [one for one in json.loads(azml("schedule", "list", "--json").out) if one["name"] == given["name"]]
    finally:
        hook.run(_disabled(hook, given["name"]))
        hook.delete("schedule", given["name"])
    assert (done.code, done.lines[0].split()) == (0, TITLES)
    (line,) = [line for line in done.lines if line.startswith("listed-nightly")]
    assert line.split()[:3] == ["listed-nightly", "v2", "yes"]
    assert " ".join(line.split()).endswith("+0000 - every day at 03:00, UTC")
    assert done.err == ""
    assert (shown["is_enabled"], shown["time_zone"], shown["last_status"]) == (True, "UTC", None)
    assert shown["next_firing"].endswith("T03:00:00Z")


def _disabled(hook: AzmlHook, name: str) -> Any:
    from airflow_provider_azml.rest.changes import switch

    return switch(hook.workspace_id.child("schedule", name), "isEnabled", on=False)


def test_schedules_of_v1_are_listed_with_those_of_today(signed_in: SignedIn, azml: Callable[..., Done]) -> None:
    signed_in.holds({f"{WS}/schedules": {"value": []}, f"{RETIRED}/Schedules": [FRIDAYS, CHANGES]})
    run = {"Id": "run", "Status": {"StatusCode": "Finished"}}
    signed_in.answer("GET", f"{RETIRED}/PipelineRuns/Schedule/0a1b/Last", Answer(body=run))
    done = azml("schedule", "list", "--workspace", "ws")
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.lines[:1]] == [TITLES]
    changes, fridays = done.lines[1:]
    assert changes.endswith("when files in folder 'in' of datastore 'lake' change, looking every 15 minutes")
    assert changes.split()[:5] == ["changes", "v1", "no", "-", "-"]
    assert fridays.endswith("Finished  every week on Friday at 01:00, W. Europe Standard Time")
    assert fridays.split()[:4] == ["Fridays", "v1", "yes", "Fri"]
    asked = next(asked for asked in signed_in.asked if asked.path == f"{RETIRED}/Schedules")
    assert asked.query == "activeOnly=false"


def test_a_workspace_whose_v1_interface_refuses_is_listed_without_it(
    signed_in: SignedIn, azml: Callable[..., Done]
) -> None:
    signed_in.holds({f"{WS}/schedules": {"value": []}})
    signed_in.refuses("GET", f"{RETIRED}/Schedules", 403, "Forbidden")
    done = azml("schedule", "list", "--workspace", "ws")
    assert (done.code, done.out) == (0, "no schedules\n")
    assert done.err == "schedules of CLI v1 are not listed: the workspace answers 403 Forbidden\n"


def test_a_trigger_that_cannot_be_read_hides_no_other(signed_in: SignedIn, azml: Callable[..., Done]) -> None:
    new = {"name": "new", "properties": {"trigger": {"triggerType": "Moon", "phase": "full"}, "isEnabled": True}}
    signed_in.holds({f"{WS}/jobs": {"value": []}, f"{WS}/schedules": {"value": [new]}})
    done = azml("schedule", "list", "--workspace", "ws")
    assert "moon that cannot be read" in done.out


@pytest.mark.usefixtures("signed_in")
def test_a_workspace_must_be_named(azml: Callable[..., Done]) -> None:
    done = azml("schedule", "list")
    assert done == (2, "", "no workspace is named; give --workspace (or AZML_WORKSPACE)\n")
