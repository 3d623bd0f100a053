"""Faults on request: what clients see of them, what is done meanwhile, and what is never touched."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_azml.emulator.faults.kinds import Refusal
from airflow_provider_azml.emulator.faults.plan import FaultsError
from airflow_provider_azml.emulator.faults.short_form import short_plan
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.emulator.faults.kinds import Fault


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with running_emulator(tmp_path_factory.mktemp("faults"), "--simulate", "0.2", "--create-workspace") as emulator:
        yield Workspace(emulator)


@pytest.fixture
def workspace(simulated: Workspace) -> Iterator[Workspace]:
    requests.delete(
        f"{simulated.emulator.url}/emulator/requests", headers=simulated.emulator.headers, timeout=60
    ).raise_for_status()
    yield simulated
    requests.delete(
        f"{simulated.emulator.url}/emulator/faults", headers=simulated.emulator.headers, timeout=60
    ).raise_for_status()


def let_fail(workspace: Workspace, spec: str, **more: object) -> None:
    answer = requests.put(
        f"{workspace.emulator.url}/emulator/faults",
        headers=workspace.emulator.headers,
        json={"spec": spec, **more},
        timeout=60,
    )
    assert answer.ok, answer.text


def counted(workspace: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(
        f"{workspace.emulator.url}/emulator/requests", headers=workspace.emulator.headers, timeout=60
    ).json()
    return found


def put_job(workspace: Workspace, name: str) -> requests.Response:
    properties = {"jobType": "Command", "command": "true", "environmentId": "any"}
    return workspace.call("PUT", workspace.id.child("job", name), json={"properties": properties}, ok=False)


# over TLS, OpenSSL takes a reset for an end that was not announced
@pytest.mark.parametrize(
    ("over", "seen"), [("https_url", "reset by peer|Remote end closed|EOF"), ("url", "reset by peer")]
)
def test_a_reset_is_one_and_nothing_is_done(workspace: Workspace, over: str, seen: str) -> None:
    token = workspace._token(workspace.emulator.https_url)
    let_fail(workspace, "reset=1", times=1)
    with pytest.raises(requests.ConnectionError, match=seen):
        requests.put(
            getattr(workspace.emulator, over) + workspace.id.child("job", f"reset-{over}"),
            params={"api-version": "2024-04-01"},
            json={"properties": {"jobType": "Command", "command": "true", "environmentId": "any"}},
            headers={"Authorization": f"Bearer {token}"},
            verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )
    assert workspace.call("GET", workspace.id.child("job", f"reset-{over}"), ok=False).status_code == 404


def test_an_answer_that_is_lost_leaves_the_work_done(workspace: Workspace) -> None:
    let_fail(workspace, "lost=1", times=1, method="PUT")
    with pytest.raises(requests.ConnectionError):
        put_job(workspace, "lost")
    assert workspace.get("job", "lost")["name"] == "lost"
    assert put_job(workspace, "lost").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("{id}", 429, "TooManyRequests"),
        ("{id}", 503, "ServiceUnavailable"),
        ("/history/v1.0{id}/runs/none", 429, "RequestThrottled"),
        ("/history/v1.0{id}/runs/none", 500, "ServiceError"),
    ],
)
def test_a_status_is_answered_in_the_shape_of_the_service(
    workspace: Workspace, path: str, status: int, code: str
) -> None:
    let_fail(workspace, f"{status}=1,retry_after=4", times=1)
    answer = workspace.call("GET", path.format(id=workspace.id), ok=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == (None if status == 500 else "4")


def test_storage_refuses_in_its_own_way(workspace: Workspace) -> None:
    url = workspace.blob_url("nothing")
    let_fail(workspace, "503=1", times=1)
    answer = workspace.session.get(url, verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"], timeout=60)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (503, "ServerBusy")


def test_a_slow_answer_is_the_right_one(workspace: Workspace) -> None:
    let_fail(workspace, "slow=1,slow_seconds=0.4", times=1)
    begun = time.monotonic()
    assert workspace.call("GET", str(workspace.id)).json()["name"] == workspace.id.name
    assert time.monotonic() - begun >= 0.4


def test_only_what_is_meant_fails_and_exactly_so_often(workspace: Workspace) -> None:
    let_fail(workspace, "500=0.01", times=2, path="/jobs/", method="GET")
    assert put_job(workspace, "meant").status_code == 201
    job = workspace.id.child("job", "meant")
    statuses = [workspace.call("GET", path, ok=False).status_code for path in (str(workspace.id), job, job, job)]
    assert statuses == [200, 500, 500, 200]
    shown = requests.get(
        f"{workspace.emulator.url}/emulator/faults", headers=workspace.emulator.headers, timeout=60
    ).json()
    assert (shown["times"], shown["done"]) == (0, {"500": 2})


def test_tokens_and_metadata_never_fail(workspace: Workspace) -> None:
    let_fail(workspace, "500=1")
    fresh = Workspace(workspace.emulator)
    assert fresh._token(workspace.emulator.https_url)
    metadata = requests.get(f"{workspace.emulator.url}/metadata/endpoints", timeout=60)
    assert metadata.ok
    assert workspace.call("GET", str(workspace.id), ok=False).status_code == 500


def test_requests_are_counted_by_what_they_do(workspace: Workspace) -> None:
    put_job(workspace, "counted")
    workspace.get("job", "counted")
    workspace.get("job", "counted")
    workspace.call("POST", workspace.id.child("job", "counted") + "/cancel")
    workspace.call("GET", workspace.id.child("job"))
    workspace.history("batchrundata", "POST", json={"requests": {"a": {"runId": "counted"}}})
    workspace.history("runs/counted/details")
    workspace.history("experiments/tests/runs/counted", ok=False)
    workspace.session.get(
        workspace.blob_url("nothing"),
        headers={"Range": "bytes=0-9"},
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )
    by_operation = counted(workspace)["by_operation"]
    assert by_operation == {
        "PUT job": 1,
        "GET job": 2,
        "POST job cancel": 1,
        "GET jobs": 1,
        "POST batchrundata": 1,
        "GET run details": 1,
        "GET run": 1,
        "GET datastore": 1,
        "POST datastore listSecrets": 1,
        "GET blob (range)": 1,
    }
    assert counted(workspace)["total"] == sum(by_operation.values())
    requests.delete(
        f"{workspace.emulator.url}/emulator/requests", headers=workspace.emulator.headers, timeout=60
    ).raise_for_status()
    assert counted(workspace) == {"total": 0, "by_operation": {}, "most_at_once": {}}


def test_requests_are_counted_that_are_answered_at_one_moment(workspace: Workspace) -> None:
    put_job(workspace, "crowded")
    requests.put(
        f"{workspace.emulator.url}/emulator/faults",
        headers=workspace.emulator.headers,
        json={"spec": "slow=1,slow_seconds=0.5"},
        timeout=60,
    )
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda _: workspace.get("job", "crowded"), range(3)))
    assert counted(workspace)["most_at_once"]["GET job"] == 3


def test_a_seed_makes_faults_repeatable_and_probabilities_hold() -> None:
    def draws(spec: str) -> list[list[Fault]]:
        plan = short_plan(spec)
        return [plan.draw("request", "GET", "/x") for _ in range(1000)]

    assert draws("429=0.2,reset=0.1,seed=7") == draws("429=0.2,reset=0.1,seed=7")
    assert 150 < draws("429=0.2,reset=0.1,seed=7").count([Refusal(429)]) < 250
    assert draws("429=0.2,seed=7") != draws("429=0.2,seed=8")
    assert not any(draws(""))


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"spec": "broken=1"}, "'broken' in 'broken=1' is neither a status from 400 to 599 nor one of reset, lost"),
        ({"spec": "429=often"}, "'429=often' must have a number"),
        ({"spec": "429=0.7,500=0.7"}, "add up to a probability of 1.4"),
        ({"spec": "", "times": 3}, "names no fault that could happen 3 times"),
        ({"spec": "429=1", "path": "("}, "'\\(' is not a regular expression"),
    ],
)
def test_a_wrong_specification_is_explained(plan: dict[str, Any], reason: str) -> None:
    with pytest.raises(FaultsError, match=reason):
        short_plan(**plan)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("{", "not JSON"), ("[]", "must be an object"), ('{"often": 1}', "'often' is none of"), ('{"times": "3"}', "int")],
)
def test_a_wrong_body_is_refused(workspace: Workspace, body: str, reason: str) -> None:
    answer = requests.put(
        f"{workspace.emulator.url}/emulator/faults", headers=workspace.emulator.headers, data=body, timeout=60
    )
    assert answer.status_code == 400
    assert re.search(reason, answer.json()["error"]["message"])


def test_a_wrong_option_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "airflow_provider_azml.emulator", "--faults", "429"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "azml emulator: '429' must have a number" in ended.stderr
