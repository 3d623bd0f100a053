"""The trigger, as the triggerer runs it, against the emulator."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest

from airflow_provider_azml.exceptions import NotFound, WaitTimeout
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.triggers import wait
from airflow_provider_azml.triggers.wait import AzmlWaitTrigger, outcome_of
from tests.rest.blob_service import until


def fired(trigger: AzmlWaitTrigger) -> dict[str, object]:
    """The payload of its one event, through the JSON that Airflow stores."""

    async def events() -> list[object]:
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(events())
    return json.loads(json.dumps(payload))


@pytest.fixture
def job_id(azml_connection) -> str:
    hook = AzmlHook(azml_connection)
    environment = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
    return hook.apply({"command": "sleep 2", "environment": environment}, kind="job")["id"]


def test_every_argument_survives_storage(job_id):
    trigger = AzmlWaitTrigger(
        arm_id=job_id,
        operation_url="https://poll",
        goal="deleted",
        azml_conn_id="azml_default",
        poll_seconds=1,
        deadlines={"ends": 2.0, "limit": "execution_timeout", "queue_ends": None},
        tolerate_errors_seconds=30,
        stream_logs=True,
        cancel_on_kill=True,
        began=1.0,
        links={"azml_studio_url": "https://studio"},
    )
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_azml.triggers.wait.AzmlWaitTrigger"
    again = AzmlWaitTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == trigger.serialize()


def test_it_fires_once_the_job_has_ended(job_id, azml_connection):
    links = {"azml_studio_url": "https://studio"}
    event = fired(AzmlWaitTrigger(arm_id=job_id, azml_conn_id=azml_connection, poll_seconds=0.2, links=links))
    outcome = outcome_of(event)
    assert (outcome.status, outcome.succeeded, outcome.arm_id) == ("Completed", True, job_id)
    assert event["links"] == links


def test_it_does_not_fire_before_airflow_can_bear_it(azml_connection, monkeypatch):
    monkeypatch.delenv("AIRFLOW__AZML__SHORTEST_DEFERRAL_SECONDS")
    workspace_id = str(AzmlHook(azml_connection).workspace_id)
    began = time.monotonic()
    assert outcome_of(
        fired(AzmlWaitTrigger(arm_id=workspace_id, azml_conn_id=azml_connection, poll_seconds=1))
    ).succeeded
    assert time.monotonic() - began >= 5


def test_a_deadline_is_told_to_the_task(job_id, azml_connection):
    trigger = AzmlWaitTrigger(
        arm_id=job_id, azml_conn_id=azml_connection, poll_seconds=0.1, deadlines={"ends": time.time()}
    )
    event = fired(trigger)
    with pytest.raises(WaitTimeout) as caught:
        outcome_of(event)
    assert caught.value.last_status


def test_what_is_not_there_is_told_to_the_task(azml_connection):
    gone = AzmlHook(azml_connection).workspace_id.child("job", "no-such-job")
    event = fired(AzmlWaitTrigger(arm_id=gone, azml_conn_id=azml_connection, poll_seconds=1, tolerate_errors_seconds=1))
    with pytest.raises(NotFound, match="no-such-job"):
        outcome_of(event)


class SlowHandler(logging.Handler):
    """Takes as long for a line as a triggerer does whose log is full."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())
        time.sleep(0.003)


def test_a_deadline_holds_while_a_job_writes_more_than_can_be_told(azml_connection, monkeypatch):
    hook = AzmlHook(azml_connection)
    loud = {"command": f"yes {'x' * 90} | head -n 40000; sleep 60", "environment": {"image": "local"}}
    job_id = hook.apply(loud, kind="job")["id"]
    until(lambda: hook.run(flows.get(job_id))["properties"]["status"] == "Running", seconds=120)
    monkeypatch.setattr(wait, "TELLING_SECONDS", 0.5)
    deadlines = {"ends": time.time() + 4, "limit": "timeout_seconds", "queue_ends": None}
    trigger = AzmlWaitTrigger(
        arm_id=job_id, azml_conn_id=azml_connection, poll_seconds=0.5, deadlines=deadlines, stream_logs=True
    )
    slow = SlowHandler()
    trigger._log = logging.getLogger("slow")
    trigger._log.setLevel(logging.INFO)
    trigger._log.addHandler(slow)
    with pytest.raises(WaitTimeout, match="was still Running when timeout_seconds ran out"):
        outcome_of(fired(trigger))
    assert time.time() - deadlines["ends"] < 30  # telling it all takes 120 s
    assert slow.told.count("Not all that the job has written was told before its time was up") == 1
    hook.run(flows.act(job_id, "cancel"))
