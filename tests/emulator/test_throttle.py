"""The rates at which Resource Manager takes requests, when it is told to mind them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.emulator.throttle import Bucket
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

READS_LEFT = "x-ms-ratelimit-remaining-subscription-reads"
WRITES_LEFT = "x-ms-ratelimit-remaining-subscription-writes"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    home = tmp_path_factory.mktemp("throttled")
    with running_emulator(home, "--simulate", "600", "--throttle", "--create-workspace") as emulator:
        yield Workspace(emulator)


def test_reads_run_out_and_come_back(workspace: Workspace) -> None:
    refused = workspace.call("GET", str(workspace.id))
    assert refused.headers[READS_LEFT] == "249"
    with ThreadPoolExecutor(8) as pool:  # one after the other may come no faster than reads come back
        while refused.ok:
            for answer in pool.map(lambda _: workspace.call("GET", str(workspace.id), ok=False), range(400)):
                refused = refused if refused.status_code == 429 else answer
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    # while it refuses reads, it takes writes and what is not its own
    assert workspace.call("PUT", str(workspace.id.group), json={"location": "local"}).headers[WRITES_LEFT] == "199"
    assert workspace.history("experiments:query", "POST", json={})["value"] == []


def test_without_the_option_nothing_is_said_of_rates(azml_emulator: RunningEmulator) -> None:
    workspace = Workspace(azml_emulator).ensure()
    assert READS_LEFT not in workspace.call("GET", str(workspace.id)).headers


def test_a_bucket_fills_at_its_rate_and_no_further_than_it_holds() -> None:
    now = [0.0]
    bucket = Bucket(2, 0.5, clock=lambda: now[0])
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    assert bucket.wait_seconds == 2
    now[0] = 2
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 100
    assert [bucket.take() for _ in range(3)] == [True, True, False]
