"""Triggers that watch what models answer: models may be slow, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_azml.exceptions import WaitTimeout
from airflow_provider_azml.rest import steadiness
from airflow_provider_azml.triggers import wait, watcher
from airflow_provider_azml.triggers.wait import AzmlWaitTrigger, outcome_of
from tests.rest.endpoint_answers import (
    GREEN,
    RIGHT,
    SCORE,
    SMOKE,
    WORKSPACE,
    WRONG,
    serves,
    state,
)
from tests.triggers.triggerer import fired, payload, stop, until, waiting

if TYPE_CHECKING:
    from tests.rest.scripted_service import Answer

FOR_EVER = 1e10


def trigger(ticket, **arguments):
    given = {"arm_id": ticket.arm_id, "goal": ticket.goal, "wanted": ticket.wanted, **arguments}
    return AzmlWaitTrigger(azml_conn_id="azml_default", poll_seconds=0.05, **given)


def watched(moment=0.0, checks=(SMOKE,), **arguments):
    ticket = steadiness.ticket(GREEN, until=moment, checks=checks, every_seconds=0.05)
    return trigger(ticket, **arguments)


class SlowModel:
    """A model that answers when it is let, and counts how many ask it at once."""

    def __init__(self, service) -> None:
        self.let = threading.Event()
        self.now = self.most = self.asked = 0
        self._lock = threading.Lock()
        service.when("POST", SCORE, self.answer)

    def answer(self) -> Answer:
        with self._lock:
            self.now, self.asked = self.now + 1, self.asked + 1
            self.most = max(self.most, self.now)
        self.let.wait(150)  # longer than any test waits for others to come
        with self._lock:
            self.now -= 1
        return RIGHT


@contextmanager
def slow(service):
    """A deployment whose model is slow."""
    serves(service)
    model = SlowModel(service)
    try:
        yield model
    finally:
        model.let.set()


def test_a_deployment_is_watched_in_the_triggerer_as_in_a_worker(service):
    serves(service, RIGHT, RIGHT, WRONG)
    (bad,) = fired(watched(FOR_EVER))
    assert (outcome_of(bad).code, outcome_of(bad).status) == (steadiness.CHECK_FAILED, "Unhealthy")
    assert "expect 'result[0]': is 7, not 0" in str(outcome_of(bad).failure())


def test_it_ends_well_once_a_look_has_passed_behind_its_moment(service):
    serves(service)
    moment = time.time() + 1
    (good,) = fired(watched(moment))
    assert outcome_of(good).succeeded
    assert time.time() >= moment


@pytest.mark.parametrize("hostile", [{"__classname__": "x", "__version__": 1}, {"__type": "dict", "__var": {}}, ["ü"]])
def test_checks_come_out_of_airflows_database_as_they_went_in(hostile):
    sent = watched(checks=[{**SMOKE, "request": hostile}])
    _, arguments = sent.serialize()
    assert Trigger._decrypt_kwargs(Trigger.encrypt_kwargs(arguments)) == arguments


def test_a_model_that_hangs_holds_up_no_other_wait(service):
    service.has({"train": "Completed"})
    with slow(service) as model:

        async def wait_for_both():
            hanging = [asyncio.create_task(payload(watched())) for _ in range(20)]
            await until(lambda: model.now == len(hanging))
            job = await payload(waiting("train"))
            assert not any(task.done() for task in hanging)
            model.let.set()
            return job, await asyncio.gather(*hanging)

        job, others = asyncio.run(wait_for_both())
    assert all(outcome_of(event).succeeded for event in (job, *others))


def test_checks_do_not_overtake_themselves_even_where_a_deadline_hurries(service, monkeypatch):
    monkeypatch.setattr(wait, "FIRST_LOOK_SECONDS", 3)  # the one look has begun by then
    monkeypatch.setattr(wait, "LAST_LOOK_SECONDS", 0.5)
    with slow(service) as model:
        (event,) = fired(watched(FOR_EVER, deadlines={"ends": time.time() + 0.5}))
        with pytest.raises(WaitTimeout):
            outcome_of(event)
        assert model.most == model.asked == 1


def test_a_deadline_hears_of_the_look_that_is_under_way(service, monkeypatch):
    monkeypatch.setattr(wait, "FIRST_LOOK_SECONDS", 1)
    with slow(service) as model:

        async def late():
            task = asyncio.create_task(payload(watched(deadlines={"ends": time.time() + 0.2})))
            await until(lambda: model.now)
            await asyncio.sleep(1.5)
            model.let.set()
            return await task

        assert outcome_of(asyncio.run(late())).succeeded
    assert model.asked == 1


def test_checks_end_with_the_trigger_that_waits_for_them(service):
    with slow(service) as model:

        async def ended():
            # the second trigger keeps the watcher
            staying = asyncio.create_task(payload(waiting("train", poll_seconds=60)))
            task = asyncio.create_task(payload(watched(FOR_EVER)))
            await until(lambda: model.now)
            watchers = watcher._watchers[asyncio.get_running_loop()].values()
            (found,) = [one.probing for kept in watchers for one in kept._waits if one.probing]
            await stop([task])
            await until(found.done)
            cancelled = found.cancelled()
            await stop([staying])
            return cancelled

        service.has({"train": "Running"})
        assert asyncio.run(ended())


def test_many_waits_are_looked_at_beside_each_other(service):
    deployments = [WORKSPACE.child("online_deployment", "iris", f"d{number}") for number in range(40)]
    for deployment in deployments:
        service.answer("GET", deployment, state("Succeeded"))
    with slow(service) as model:

        async def wait_for_all():
            tickets = [steadiness.ticket(one, until=0, checks=[SMOKE]) for one in deployments]
            tasks = [asyncio.create_task(payload(trigger(ticket))) for ticket in tickets]
            await until(lambda: model.now == len(deployments))
            model.let.set()
            return await asyncio.gather(*tasks)

        assert all(outcome_of(event).succeeded for event in asyncio.run(wait_for_all()))
    chosen = {one.headers.get("azureml-model-deployment") for one in service.asked if one.path == SCORE}
    assert len(chosen) == len(deployments)


def test_a_look_takes_as_many_places_as_its_checks_send_requests_at_once(service, monkeypatch):
    monkeypatch.setattr(watcher, "_PROBE_REQUESTS_AT_ONCE", 2)
    loads = {**SMOKE, "requests": 3, "concurrency": 3}
    with slow(service) as model:

        async def wait_for_both():
            tasks = [asyncio.create_task(payload(watched(checks=[loads]))) for _ in range(2)]
            await until(lambda: model.now == 3)
            await asyncio.sleep(1)
            assert model.asked == 3
            model.let.set()
            return await asyncio.gather(*tasks)

        assert all(outcome_of(event).succeeded for event in asyncio.run(wait_for_both()))
    assert model.asked == 6
