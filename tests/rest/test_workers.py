from __future__ import annotations

import asyncio
import threading
import time

import pytest

from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.flows import All, Flow, Sleep
from airflow_provider_azml.rest.workers import Group, Stopped, Workers


def test_results_keep_the_order_of_things() -> None:
    with Workers(3) as workers:
        outcome = workers.each(lambda thing, _: thing * 2, range(50), Group())
    assert (outcome.results, outcome.errors) == ([thing * 2 for thing in range(50)], [])


def test_nested_work_needs_no_thread_of_its_own() -> None:
    seen: set[str] = set()
    with Workers(2) as workers:

        def deeper(depth: int, group: Group) -> int:
            seen.add(threading.current_thread().name)
            return sum(workers.each(deeper, [depth - 1] * 3, group).results) if depth else 1

        assert deeper(5, Group()) == 3**5
    assert len(seen) <= 3


def test_the_first_error_stops_the_rest_however_deep_it_is() -> None:
    done: list[int] = []
    with Workers(4) as workers:

        def work(place: int, group: Group) -> None:
            if place == 2:
                raise ValueError(place)
            workers.each(lambda _, inner: inner.sleep(60), [1, 2], group)
            done.append(place)

        start = time.monotonic()
        outcome = workers.each(work, range(100), Group())
    assert [str(error) for error in outcome.errors] == ["2"]
    assert done == []
    assert time.monotonic() - start < 45


def test_what_ends_a_thread_is_not_lost() -> None:
    """Else an upload would be marked as complete although a file of it was never sent."""
    asked = threading.current_thread()
    elsewhere = threading.Event()

    def work(_: int, group: Group) -> None:
        if threading.current_thread() is not asked:
            elsewhere.set()
            raise SystemExit(3)
        assert elsewhere.wait(30)
        group.sleep(60)

    start = time.monotonic()
    with pytest.raises(SystemExit), Workers(1) as workers:
        workers.each(work, range(2), Group())
    assert time.monotonic() - start < 45


def test_a_group_that_is_stopped_does_nothing_more() -> None:
    group = Group(Group())
    group.sleep(0.01)
    group.stop()
    with pytest.raises(Stopped):
        group.sleep(60)
    with Workers(1) as workers, pytest.raises(Stopped):
        workers.each(lambda thing, _: thing, [1, 2], group)


@pytest.mark.parametrize("driver", ["blocking", "asynchronous"])
def test_flows_beside_a_failing_one_end_and_are_closed(driver: str) -> None:
    closed: list[str] = []
    begun = threading.Event()

    def waits() -> Flow[None]:
        try:
            begun.set()
            yield Sleep(60)
        finally:
            closed.append("waits")

    def fails() -> Flow[None]:
        while not begun.is_set():
            yield Sleep(0.01)
        raise ValueError("no")

    def both() -> Flow[None]:
        yield All([waits(), fails()])

    start = time.monotonic()
    with Client() as client, pytest.raises(ValueError, match="no"):
        client.run(both()) if driver == "blocking" else asyncio.run(client.arun(both()))
    assert closed == ["waits"]
    assert time.monotonic() - start < 45
