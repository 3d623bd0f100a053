"""What goes wrong between the hook and the service, and what becomes of the hook's requests."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_azml.rest.flows import Flow, Json

CLUSTER = {"type": "amlcompute", "size": "Standard_DS3_v2", "max_instances": 1}


@pytest.fixture(scope="module")
def let(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., None]]:
    """Lets things go wrong as rules say, in an emulator that the default connection leads to."""
    with (
        running_emulator(tmp_path_factory.mktemp("faults"), "--simulate", "0", "--create-workspace") as emulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in emulator.environment.items():
            patch.setenv(name, value)

        def send(*rules: dict[str, Any]) -> None:
            body = json.dumps({"rules": rules}).encode()
            asked = urllib.request.Request(f"{emulator.url}/emulator/faults", body, {**emulator.headers}, method="PUT")
            urllib.request.urlopen(asked).close()

        yield send


async def asynchronously(hook: AzmlHook, flow: Flow[Json]) -> Json:
    try:
        return await hook.arun(flow)
    finally:
        await hook.aclose()


@pytest.mark.parametrize("driver", ["run", "arun"])
@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "truncated_answer"},
        {"fault": "truncated_answer", "bytes": 0},
        {"fault": "expired_token"},
        {"fault": "reset"},
        {"fault": "lost_answer"},
        {"fault": "status", "status": 503, "retry_after_seconds": 0.1},
    ],
    ids=lambda fault: " ".join(map(str, fault.values())),
)
def test_a_question_is_asked_again(let: Callable[..., None], fault: dict[str, Any], driver: str) -> None:
    hook = AzmlHook()
    let({**fault, "times": 1})
    asked = flows.get(str(hook.workspace_id))
    found = hook.run(asked) if driver == "run" else asyncio.run(asynchronously(hook, asked))
    assert found["name"] == hook.workspace_id.name
    hook.close()


def test_an_operation_that_takes_its_time_and_one_that_fails(let: Callable[..., None]) -> None:
    hook = AzmlHook()
    let(
        {"fault": "stuck_operation", "path": "/computes/slow", "seconds": 0.5},
        {"fault": "failed_operation", "path": "/computes/none", "code": "QuotaExceeded", "message": "No cores left."},
    )
    assert hook.apply({**CLUSTER, "name": "slow"}, kind="compute")["name"] == "slow"
    with pytest.raises(RunFailed, match=r"compute 'none' ended as Failed \(QuotaExceeded: No cores left"):
        hook.apply({**CLUSTER, "name": "none"}, kind="compute")
    hook.close()
