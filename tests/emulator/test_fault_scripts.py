"""Scripts of faults: each kind of fault as its victim sees it, and what is said of a script that is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from airflow_provider_azml.emulator.faults.kinds import Latency, Reset
from airflow_provider_azml.emulator.faults.plan import FaultsError
from airflow_provider_azml.emulator.faults.script import read_script, script_of
from airflow_provider_azml.emulator.pytest_plugin import running_emulator
from tests.emulator.arm_requests import fresh, settled
from tests.emulator.execution import Workspace
from tests.emulator.simulated import submit

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs/how-to/emulator.md"
CLUSTER = {
    "computeType": "AmlCompute",
    "properties": {
        "vmSize": "Standard_DS3_v2",
        "vmPriority": "LowPriority",
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 1},
    },
}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script of the documentation."""
    (text,) = re.findall(r"```yaml\n(# faults\.yml\n.*?)```", PAGE.read_text(), re.DOTALL)
    file: Path = tmp_path_factory.mktemp("script") / "faults.yml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory, script: Path) -> Iterator[Workspace]:
    options = ("--simulate", "0.3", "--create-workspace", "--faults", str(script))
    with running_emulator(tmp_path_factory.mktemp("fault-scripts"), *options) as emulator:
        yield Workspace(emulator)


@pytest.fixture
def workspace(simulated: Workspace) -> Iterator[Workspace]:
    requests.delete(
        f"{simulated.emulator.url}/emulator/faults", headers=simulated.emulator.headers, timeout=60
    ).raise_for_status()
    yield simulated
    requests.delete(
        f"{simulated.emulator.url}/emulator/faults", headers=simulated.emulator.headers, timeout=60
    ).raise_for_status()


def let(workspace: Workspace, *rules: dict[str, Any], **script: Any) -> None:
    answer = requests.put(
        f"{workspace.emulator.url}/emulator/faults",
        headers=workspace.emulator.headers,
        json={"rules": list(rules), **script},
        timeout=60,
    )
    assert answer.ok, answer.text


def shown(workspace: Workspace) -> list[dict[str, Any]]:
    found = requests.get(
        f"{workspace.emulator.url}/emulator/faults", headers=workspace.emulator.headers, timeout=60
    ).json()
    return list(found["rules"])


def ended(workspace: Workspace, job: str) -> str:
    return workspace.until(job, ["Completed", "Failed", "Canceled", "NotResponding"])


def test_the_script_of_the_documentation_does_what_it_says(simulated: Workspace) -> None:
    retry_after = []
    for _ in range(2):
        answer = submit(simulated, ok=False)
        assert answer.status_code == 429
        retry_after.append(answer.headers["Retry-After"])
    assert retry_after == ["0.2", "0.2"]
    simulated.put("compute", "spot", location="local", properties=CLUSTER)
    jobs, lost = [], 0
    for _ in range(12):
        name = fresh("job-")
        try:
            submit(simulated, name=name, **({} if jobs else {"computeId": simulated.id.child("compute", "spot")}))
        except requests.ConnectionError:
            lost += 1
        jobs.append(name)
    assert 1 <= lost <= 8
    assert {ended(simulated, job) for job in jobs} == {"Completed"}
    rules = {rule.get("name") or rule["fault"]: rule for rule in shown(simulated)}
    assert (rules["busy"]["times"], rules["busy"]["done"]) == (0, {"status": 2})
    assert rules["lost_answer"]["done"] == {"lost_answer": lost}
    assert rules["preemption"]["done"] == {"preemption": 1}
    assert rules["lost_worker"]["done"] == {}


def test_latency_adds_to_what_comes_after(workspace: Workspace) -> None:
    let(
        workspace,
        {"fault": "latency", "seconds": [0.3, 0.4], "path": "/jobs"},
        {"fault": "status", "status": 500, "code": "Busy", "message": "Later.", "path": "/jobs", "times": 1},
    )
    begun = time.monotonic()
    refused = workspace.call("GET", workspace.id.child("job"), ok=False)
    assert refused.json()["error"]["code"] == "Busy"
    assert workspace.call("GET", workspace.id.child("job")).status_code == 200
    assert time.monotonic() - begun >= 0.6


@pytest.mark.parametrize("over", ["https_url", "url"])
def test_a_truncated_answer_announces_more_than_comes(workspace: Workspace, over: str) -> None:
    token = workspace._token(workspace.emulator.https_url)
    let(workspace, {"fault": "truncated_answer", "bytes": 20, "times": 1})
    answer = requests.get(
        getattr(workspace.emulator, over) + str(workspace.id),
        params={"api-version": "2024-04-01"},
        headers={"Authorization": f"Bearer {token}"},
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
        stream=True,
    )
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) > 20
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="20 bytes read"):
        _ = answer.content
    assert workspace.call("GET", str(workspace.id)).json()["name"] == workspace.id.name


def test_an_answer_without_a_body_is_cut_before_it_begins(workspace: Workspace) -> None:
    workspace.put("environment", "cut", "1", properties={"image": "mcr/image"})
    let(workspace, {"fault": "truncated_answer", "method": "DELETE", "times": 1})
    with pytest.raises(requests.ConnectionError):
        workspace.call("DELETE", workspace.id.child("environment", "cut", "1"))


def test_an_expired_token(workspace: Workspace) -> None:
    let(workspace, {"fault": "expired_token", "times": 3})
    answer = workspace.call("GET", str(workspace.id), ok=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    history = workspace.call("GET", f"/history/v1.0{workspace.id}/runs/none", ok=False)
    assert history.status_code == 401
    blob = workspace.session.get(
        f"{workspace.emulator.https_url}/stor.blob.core.windows.net/c/b",
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )
    assert (blob.status_code, blob.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_tokens_that_are_soon_over_are_refused_then(workspace: Workspace) -> None:
    let(workspace, {"fault": "short_token", "seconds": 1, "times": 1})
    impatient = Workspace(workspace.emulator)
    token = impatient._token(workspace.emulator.https_url)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 1
    time.sleep(2.1)
    answer = impatient.call("GET", str(workspace.id), ok=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "ExpiredAuthenticationToken")


def test_the_token_endpoint_fails_where_a_path_names_it(workspace: Workspace) -> None:
    let(workspace, {"fault": "status", "status": 503, "path": "/oauth2/v2.0/token", "times": 1})
    answer = requests.post(f"{workspace.emulator.url}/common/oauth2/v2.0/token", timeout=60)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_an_operation_that_is_stuck_and_one_that_fails(workspace: Workspace) -> None:
    let(
        workspace,
        {"fault": "stuck_operation", "path": "/computes/stuck", "method": "PUT"},
        {"fault": "stuck_operation", "path": "/computes/late$", "seconds": 0.5},
        {"fault": "failed_operation", "path": "/computes/none", "code": "QuotaExceeded", "message": "No cores left."},
    )
    body = {"location": "local", "properties": CLUSTER}
    stuck, failed, late = (workspace.id.child("compute", name) for name in ("stuck", "none", "late"))
    workspace.call("PUT", stuck, json=body)
    document = workspace.settle(workspace.call("PUT", failed, json=body))
    assert (document["status"], document["error"]) == (
        "Failed",
        {"code": "QuotaExceeded", "message": "No cores left."},
    )
    assert settled(workspace, failed)["properties"]["provisioningState"] == "Failed"
    begun = time.monotonic()
    workspace.settle(workspace.call("PUT", late, json=body))
    assert time.monotonic() - begun >= 0.5
    assert workspace.call("GET", stuck).json()["properties"]["provisioningState"] == "Creating"
    # who gives up deletes it
    workspace.settle(workspace.call("DELETE", stuck, params={"underlyingResourceAction": "Delete"}))
    assert workspace.call("GET", stuck, ok=False).status_code == 404


def test_a_worker_that_is_lost(workspace: Workspace) -> None:
    let(workspace, {"fault": "lost_worker", "job": "^doomed", "seconds": 0.1})
    doomed, other = submit(workspace, name=fresh("doomed-")), submit(workspace, name=fresh("not-doomed-"))
    assert ended(workspace, other) == "Completed"
    assert ended(workspace, doomed) == "NotResponding"
    assert [(rule["met"], rule["done"]) for rule in shown(workspace)] == [(1, {"lost_worker": 1})]


def test_nodes_that_are_taken_away(workspace: Workspace) -> None:
    workspace.put("compute", "cheap", location="local", properties=CLUSTER)
    let(workspace, {"fault": "preemption", "compute": "^cheap$", "seconds": 0.1, "times": 1})
    job = submit(workspace, computeId=workspace.id.child("compute", "cheap"))
    assert workspace.until(job, ["Running"]) == "Running"
    assert workspace.until(job, ["Queued", "Preparing"]) in ("Queued", "Preparing")
    assert ended(workspace, job) == "Completed"


def test_a_seed_gives_each_rule_the_same_luck_each_time() -> None:
    rules = "rules: [{fault: reset, probability: 0.3, path: x}, {fault: latency, seconds: [0, 9]}]"

    def luck(text: str) -> list[Any]:
        plan = script_of(text)
        return [plan.draw("request", "GET", "/x") for _ in range(200)]

    once = luck(f"seed: 7\n{rules}")
    assert once == luck(f"seed: 7\n{rules}") != luck(f"seed: 8\n{rules}")
    assert 40 <= sum(struck == [Reset()] for struck in once) <= 80
    assert all(isinstance(struck[0], (Latency, Reset)) for struck in once)
    # a rule more at the end changes nothing for those before it
    assert once == luck(f"seed: 7\n{rules.removesuffix(']')}, {{fault: reset, path: y}}]")


WRONG = """\
seed: -1
rule: []
rules:
- fault: latency
- fault: nonsense
- just text
- fault: status
  status: 200
  path: (
  probability: 2
  often: 3
- fault: lost_worker
  path: /jobs/
  seconds: later
"""


def test_all_that_is_wrong_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "faults.yml"
    file.write_text(WRONG)
    with pytest.raises(FaultsError) as raised:
        read_script(file)
    said = str(raised.value).replace(str(file), "f").splitlines()
    assert [line.split(": ")[0].rpartition(":")[0] for line in said] == [
        f"f:{line}" for line in (1, 2, 4, 5, 6, 8, 9, 10, 11, 13, 14)
    ]
    assert "f:11:3: rules[3].often: unknown; a rule of status has fault, name" in said[8]
    assert "rules[3].status: must be an HTTP status from 400 to 599, not 200" in said[5]


@pytest.mark.parametrize("body", ['{"rules": [{"fault": "no"}]}', "rules:\n- fault: no\n", '{"rules": 1}', "rules"])
def test_a_wrong_script_that_is_sent_is_refused(workspace: Workspace, body: str) -> None:
    answer = requests.put(
        f"{workspace.emulator.url}/emulator/faults", headers=workspace.emulator.headers, data=body, timeout=60
    )
    assert answer.status_code == 400
    assert re.search("must be", answer.json()["error"]["message"])


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "airflow_provider_azml.emulator", "--faults", str(tmp_path / "none.yml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, "none.yml: there is no such file" in ended.stderr) == (1, True)


def test_what_was_changed_is_seen_late(workspace: Workspace) -> None:
    """As traffic of the service is, see Azure/azure-dev#3881."""
    name = fresh("late")
    arm_id = workspace.id.child("online_endpoint", name)
    endpoint = {"location": "westeurope", "properties": {"authMode": "Key"}}
    let(
        workspace, {"fault": "late_view", "path": f"/onlineEndpoints/{name}$", "method": "PUT", "skip": 1, "seconds": 3}
    )
    workspace.settle(workspace.call("PUT", arm_id, json=endpoint))
    changed = workspace.call("PUT", arm_id, json={**endpoint, "tags": {"a": "b"}}).json()
    assert changed["tags"] == {"a": "b"}
    assert workspace.call("GET", arm_id).json()["tags"] == {}
    while workspace.call("GET", arm_id).json()["tags"] == {}:
        time.sleep(0.05)
    assert workspace.call("GET", arm_id).json()["tags"] == {"a": "b"}
