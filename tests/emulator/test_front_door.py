"""The front door of online endpoints: who is let in, which deployment answers, and what is said when none does."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from tests.emulator.test_serving import deploy, make_endpoint, model, score, workspace

if TYPE_CHECKING:
    from tests.emulator.execution import Workspace

__all__ = ["model", "workspace"]  # fixtures

SCORE = """
import json, os, time
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp

def init():
    time.sleep(float(os.environ.get("INIT_SECONDS", "0")))

@rawhttp
def run(request):
    body = request.get_data()
    print("asked", os.environ["NAME"], body[:200].decode(errors="replace"))
    if request.content_type == "application/octet-stream":
        return {"bytes": len(body), "query": request.query_string.decode()}
    data = json.loads(body or b"{}")
    time.sleep(data.get("sleep", {}).get(os.environ["NAME"], 0))
    while not os.path.exists(data.get("until", {}).get(os.environ["NAME"], "/")):
        time.sleep(0.05)
    if os.environ["NAME"] in data.get("raise", ()):
        raise ValueError("as asked")
    return {"name": os.environ["NAME"], "pid": os.getppid()}
"""
SWAGGER = {"swagger": "2.0", "info": {"title": "ours", "version": "1"}, "paths": {}}


@pytest.fixture(scope="module")
def endpoint(workspace: Workspace, model: str) -> str:
    """An endpoint with the deployments ``blue`` and ``green``."""
    name = f"door-{uuid.uuid4().hex[:8]}"
    make_endpoint(workspace, name)
    with ThreadPoolExecutor() as pool:
        ended = [pool.submit(serve, workspace, name, each, model) for each in ("blue", "green")]
    assert [each.result()["status"] for each in ended] == ["Succeeded", "Succeeded"]
    return name


def serve(workspace: Workspace, endpoint: str, name: str, model: str, **properties: Any) -> dict[str, Any]:
    """A deployment of the script above, which knows its name."""
    code = workspace.code({"score.py": SCORE, "swagger2.json": json.dumps(SWAGGER)})
    variables = {"NAME": name, **properties.pop("environmentVariables", {})}
    configuration = {"codeId": code, "scoringScript": "score.py"}
    properties |= {"codeConfiguration": configuration, "environmentVariables": variables}
    return deploy(workspace, endpoint, name, "", model, **properties)


def share(
    workspace: Workspace, endpoint: str, traffic: dict[str, int], mirror: dict[str, int] | None = None
) -> requests.Response:
    """Set the traffic of an endpoint; the answer, of an operation that has ended."""
    body = workspace.get("online_endpoint", endpoint)
    body["properties"] |= {"traffic": traffic, "mirrorTraffic": mirror or {}}
    answer = workspace.call("PUT", workspace.id.child("online_endpoint", endpoint), json=body, ok=False)
    workspace.settle(answer)
    return answer


def names(workspace: Workspace, endpoint: str, payload: object, times: int) -> Counter[str]:
    """Who answers so many requests."""
    return Counter(score(workspace, endpoint, payload).json()["name"] for _ in range(times))


def asked(workspace: Workspace, endpoint: str, deployment: str, word: str) -> int:
    """In how many requests a deployment saw a word."""
    return sum(word in line for line in log(workspace, endpoint, deployment).splitlines())


def log(workspace: Workspace, endpoint: str, deployment: str, **body: object) -> str:
    path = workspace.id.child("online_deployment", endpoint, deployment) + "/getLogs"
    return str(workspace.call("POST", path, json={"tail": 1000, **body}).json()["content"])


def ask(workspace: Workspace, endpoint: str, deployment: str = "", **options: Any) -> requests.Response:
    """A request of one's own to the scoring URI."""
    properties = workspace.get("online_endpoint", endpoint)["properties"]
    keys = workspace.call("POST", workspace.id.child("online_endpoint", endpoint) + "/listKeys").json()
    chosen = {"azureml-model-deployment": deployment} if deployment else {}
    headers = {"Authorization": f"Bearer {keys['primaryKey']}", **chosen, **options.pop("headers", {})}
    return requests.request(
        options.pop("method", "POST"),
        properties["swaggerUri" if options.pop("swagger", False) else "scoringUri"],
        headers=headers,
        verify=workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
        timeout=60,
        **options,
    )


def test_requests_are_shared_out_by_weight(workspace: Workspace, endpoint: str) -> None:
    share(workspace, endpoint, {"blue": 90, "green": 10})
    assert names(workspace, endpoint, {}, 20) == {"blue": 18, "green": 2}
    share(workspace, endpoint, {"blue": 50, "green": 50})
    assert names(workspace, endpoint, {}, 10) == {"blue": 5, "green": 5}
    share(workspace, endpoint, {"blue": 0, "green": 100})
    assert names(workspace, endpoint, {}, 3) == {"green": 3}


def test_mirrored_requests_are_copies_that_nobody_waits_for(
    workspace: Workspace, endpoint: str, tmp_path: Path
) -> None:
    share(workspace, endpoint, {"blue": 100}, {"green": 50})
    mark = uuid.uuid4().hex
    go_on = tmp_path / "go-on"
    slow_and_bad = {"mark": mark, "until": {"green": str(go_on)}, "raise": ["green"]}
    answers = [score(workspace, endpoint, slow_and_bad) for _ in range(4)]
    assert [answer.json()["name"] for answer in answers] == ["blue"] * 4
    go_on.touch()
    deadline = time.monotonic() + 120
    while log(workspace, endpoint, "green").count("ValueError: as asked") < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert asked(workspace, endpoint, "green", mark) == 2
    mark = uuid.uuid4().hex
    for _ in range(4):
        assert score(workspace, endpoint, {"mark": mark}, deployment="blue").ok
    assert (asked(workspace, endpoint, "blue", mark), asked(workspace, endpoint, "green", mark)) == (4, 0)


@pytest.mark.parametrize(
    ("traffic", "mirror", "reason"),
    [
        ({"blue": 90}, {}, "sums to 90"),
        ({"blue": 100}, {"green": 51}, "from 0 to 50"),
        ({"blue": 100}, {"green": 10, "blue": 10}, "one deployment alone"),
        ({"blue": 50, "green": 50}, {"green": 10}, "either that or mirrored traffic"),
        ({"red": 100}, {}, "'red', which does not exist"),
    ],
)
def test_shares_that_cannot_be_are_refused(
    workspace: Workspace, endpoint: str, traffic: dict[str, int], mirror: dict[str, int], reason: str
) -> None:
    refused = share(workspace, endpoint, traffic, mirror)
    assert refused.status_code == 400
    assert reason in refused.json()["error"]["message"]


def test_a_new_key_replaces_one_of_two(workspace: Workspace, endpoint: str) -> None:
    arm_id = workspace.id.child("online_endpoint", endpoint)
    before = workspace.call("POST", f"{arm_id}/listKeys").json()
    for which, value in (("Primary", None), ("Secondary", "chosen-by-somebody")):
        begun = workspace.call("POST", f"{arm_id}/regenerateKeys", json={"keyType": which, "keyValue": value})
        assert begun.status_code == 202
        after = workspace.call("POST", f"{arm_id}/listKeys").json()
        changed = f"{which.lower()}Key"
        assert value in (None, after[changed])
        refused = score(workspace, endpoint, {}, token=before[changed], deployment="blue")
        assert (refused.status_code, refused.text) == (401, "key_auth_access_denied")
        for key in after.values():
            assert score(workspace, endpoint, {}, token=key, deployment="blue").ok
        before = after


def test_tokens_of_entra_id_for_azure_ml_open_an_endpoint_of_that_mode(workspace: Workspace, model: str) -> None:
    name = f"aad-{uuid.uuid4().hex[:8]}"
    make_endpoint(workspace, name, mode="AADToken")
    for audience in ("https://ml.azure.emu", "https://ml.azure.com"):
        let_in = score(workspace, name, {}, token=workspace._token(audience))
        assert (let_in.status_code, let_in.text[:27]) == (404, "No valid deployments to rou")
    for audience in (workspace.emulator.https_url, "https://storage.azure.com"):
        refused = score(workspace, name, {}, token=workspace._token(audience))
        assert (refused.status_code, refused.text) == (401, "token_auth_access_denied")
    arm_id = workspace.id.child("online_endpoint", name)
    for action in ("token", "listKeys"):
        refused = workspace.call("POST", f"{arm_id}/{action}", ok=False)
        assert "authMode is AADToken" in refused.json()["error"]["message"]


def test_tokens_are_for_one_endpoint_and_expire(workspace: Workspace) -> None:
    one, other = (f"token-{uuid.uuid4().hex[:8]}" for _ in range(2))
    for name in (one, other):
        make_endpoint(workspace, name, mode="AMLToken")
    issued = workspace.call("POST", workspace.id.child("online_endpoint", one) + "/token").json()
    assert issued["tokenType"] == "Bearer"
    assert time.time() < issued["refreshAfterTimeUtc"] < issued["expiryTimeUtc"]
    token = issued["accessToken"]
    assert score(workspace, one, {}, token=token).status_code == 404
    assert score(workspace, other, {}, token=token).status_code == 401
    claims = jwt.decode(token, options={"verify_signature": False})
    signing_key = (workspace.emulator.home / "tls" / "token.key").read_bytes()
    expired = jwt.encode({**claims, "exp": time.time() - 1}, signing_key, "RS256")
    assert score(workspace, one, {}, token=expired).status_code == 401
    assert score(workspace, one, {}, token="").text == "token_auth_bad_header_forbidden"


def test_what_is_not_there_is_said(workspace: Workspace, endpoint: str) -> None:
    refused = score(workspace, endpoint, {}, deployment="red")
    assert (refused.status_code, refused.text) == (404, "Specified deployment could not be found: red.")
    share(workspace, endpoint, {"blue": 0, "green": 0})
    refused = score(workspace, endpoint, {})
    assert refused.status_code == 404
    assert refused.text.startswith("No valid deployments to route to.")


def test_headers_types_and_queries_are_passed_on(workspace: Workspace, endpoint: str) -> None:
    headers = {"x-ms-client-request-id": "asked-for-this", "Content-Type": "application/octet-stream"}
    answer = ask(workspace, endpoint, "blue", data=b"\x00\xff", headers=headers, params={"a": "1"})
    assert answer.json() == {"bytes": 2, "query": "a=1"}
    assert answer.headers["x-ms-client-request-id"] == "asked-for-this"
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-ms-request-id"]


def test_a_payload_of_any_size_but_a_huge_one_is_passed_on(workspace: Workspace, endpoint: str) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    assert ask(workspace, endpoint, "blue", data=bytes(5 << 20), headers=headers).json()["bytes"] == 5 << 20
    assert ask(workspace, endpoint, "blue", data=bytes(65 << 20), headers=headers).status_code == 413


def test_a_script_s_own_description_is_shown(workspace: Workspace, endpoint: str) -> None:
    share(workspace, endpoint, {"blue": 100})
    assert ask(workspace, endpoint, swagger=True, method="GET").json() == SWAGGER
    assert ask(workspace, endpoint, swagger=True, method="GET", params={"version": "9"}).status_code == 424


def test_more_requests_than_a_deployment_takes_are_refused(workspace: Workspace, endpoint: str, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    go_on.touch()
    request = ask(workspace, endpoint, "green", json={"until": {"green": str(go_on)}}).request
    go_on.unlink()
    with ThreadPoolExecutor(4) as pool, requests.Session() as session:
        session.verify = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
        asking = [pool.submit(session.send, request) for _ in range(4)]
        for _ in islice(as_completed(asking, timeout=120), 2):  # those that are refused
            pass
        go_on.touch()
        answers = [each.result() for each in asking]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429]
    reasons = {answer.headers.get("ms-azureml-model-error-reason") for answer in answers}
    assert reasons == {None, "too_many_pending_request"}


def test_a_patch_of_tags_or_instances_leaves_the_server_alone(workspace: Workspace, endpoint: str) -> None:
    arm_id = workspace.id.child("online_deployment", endpoint, "green")
    before = score(workspace, endpoint, {}, deployment="green").json()["pid"]
    change = {"tags": {"a": "b"}, "sku": {"name": "Default", "capacity": 3}}
    begun = workspace.call("PATCH", arm_id, json=change)
    assert begun.status_code == 202
    deadline = time.monotonic() + 120
    while (found := workspace.call("GET", arm_id).json())["properties"]["provisioningState"] != "Succeeded":
        assert time.monotonic() < deadline
    assert (found["tags"], found["sku"]) == (change["tags"], change["sku"])
    assert score(workspace, endpoint, {}, deployment="green").json()["pid"] == before
    (sku,) = workspace.call("GET", f"{arm_id}/skus").json()["value"]
    assert (sku["sku"]["name"], sku["capacity"]["minimum"], sku["capacity"]["maximum"]) == ("Default", 1, 50)
    assert workspace.call("POST", f"{arm_id}/skus", ok=False).status_code == 405


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"sku": {"name": "Default", "capacity": 51}}, "sku.capacity"),
        ({"requestSettings": {"requestTimeout": "PT181S"}}, "properties.requestSettings.requestTimeout"),
        ({"livenessProbe": {"period": "often"}}, "properties.livenessProbe.period"),
        ({"readinessProbe": {"failureThreshold": 0}}, "properties.readinessProbe.failureThreshold"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    workspace: Workspace, endpoint: str, change: dict[str, Any], target: str
) -> None:
    body = workspace.get("online_deployment", endpoint, "blue")
    body |= {"sku": change.pop("sku", body["sku"])}
    body["properties"] |= change
    refused = workspace.call("PUT", workspace.id.child("online_deployment", endpoint, "blue"), json=body, ok=False)
    assert (refused.status_code, refused.json()["error"]["target"]) == (400, target)


@pytest.mark.parametrize("size", ["Standard_DS3_v3", "large", 4])
def test_a_size_that_there_is_not_is_refused(workspace: Workspace, endpoint: str, size: object) -> None:
    body = workspace.get("online_deployment", endpoint, "blue")
    body["properties"]["instanceType"] = size
    refused = workspace.call("PUT", workspace.id.child("online_deployment", endpoint, "new"), json=body, ok=False)
    assert refused.status_code == 400
    if isinstance(size, str):
        detail = refused.json()["error"]["details"][0]
        assert detail["code"] == "InferencingClientCreateDeploymentFailed"
        assert json.loads(detail["message"])["errors"]["VmSize"][0].startswith(f"Not supported VmSize: {size}.")
    there = workspace.call("GET", workspace.id.child("online_deployment", endpoint, "new"), ok=False)
    assert there.status_code == 404


def test_the_log_tells_of_the_making_too(workspace: Workspace, endpoint: str, model: str) -> None:
    first = log(workspace, endpoint, "blue", containerType="InferenceServer").splitlines()
    steps = ["SystemSetup", "UserContainerImagePull", "ModelDownload", "UserContainerStart"]
    assert first[:5] == ["Instance status:", *(f"{step}: Succeeded" for step in steps)]
    assert first[first.index("Container logs:") - 2].endswith("Message: Started container inference-server")
    downloaded = log(workspace, endpoint, "blue", containerType="StorageInitializer")
    assert f"Downloaded the model {model}" in downloaded
    last = log(workspace, endpoint, "blue", tail=1).splitlines()
    assert len(last) == last.index("Container logs:") + 2
    assert "GET / HTTP" not in "".join(first)


def test_an_endpoint_in_kubernetes_says_other_things(workspace: Workspace, endpoint: str, model: str) -> None:
    in_cluster = {"endpointComputeType": "Kubernetes", "instanceType": None}
    made = serve(workspace, endpoint, "kube", model, requestSettings={"requestTimeout": "PT3S"}, **in_cluster)
    assert made["status"] == "Succeeded"
    found = workspace.get("online_deployment", endpoint, "kube")["properties"]
    assert (found["endpointComputeType"], found["scaleSettings"]["scaleType"]) == ("Kubernetes", "TargetUtilization")
    assert score(workspace, endpoint, {"raise": ["kube"]}, deployment="kube").status_code == 502
    assert score(workspace, endpoint, {"sleep": {"kube": 6}}, deployment="kube").status_code == 504
    refused = share(workspace, endpoint, {"blue": 100}, {"kube": 10})
    assert "Kubernetes cluster" in refused.json()["error"]["message"]


def test_a_server_that_takes_longer_than_its_probes_allow_fails(
    workspace: Workspace, endpoint: str, model: str
) -> None:
    probe = {"initialDelay": "PT0.1S", "period": "PT0.1S", "failureThreshold": 2}
    variables = {"INIT_SECONDS": "60"}
    made = serve(workspace, endpoint, "slow", model, readinessProbe=probe, environmentVariables=variables)
    assert made["error"]["code"] == "ResourceNotReady"
    failed = "Readiness probe failed: HTTP probe failed with statuscode: 502"
    assert f"User container has crashed or terminated: {failed}." in made["error"]["message"]
    told = log(workspace, endpoint, "slow")
    assert told.count("Name: ReadinessProbeFailed, Type: Warning") >= 2
    assert "UserContainerStart: InProgress" in told
    assert "BackOff" not in told


def test_a_server_that_hangs_is_started_again(workspace: Workspace, endpoint: str, model: str) -> None:
    probe = {"initialDelay": "PT20S", "period": "PT0.3S", "timeout": "PT0.8S", "failureThreshold": 2}
    assert serve(workspace, endpoint, "hangs", model, livenessProbe=probe)["status"] == "Succeeded"
    before = score(workspace, endpoint, {}, deployment="hangs").json()["pid"]
    assert score(workspace, endpoint, {"sleep": {"hangs": 60}}, deployment="hangs").status_code == 424
    deadline = time.monotonic() + 120
    while not (answer := score(workspace, endpoint, {}, deployment="hangs")).ok:
        assert answer.headers["ms-azureml-model-error-reason"] == "model_not_ready"
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert answer.json()["pid"] != before


def test_deleting_an_endpoint_ends_all_below_it(workspace: Workspace, endpoint: str) -> None:
    servers = [score(workspace, endpoint, {}, deployment=name).json()["pid"] for name in ("blue", "green")]
    uri = workspace.get("online_endpoint", endpoint)["properties"]["scoringUri"]
    workspace.call("DELETE", workspace.id.child("online_endpoint", endpoint))
    deadline = time.monotonic() + 120
    while any(Path(f"/proc/{pid}").exists() for pid in servers):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    bundle = workspace.emulator.environment["REQUESTS_CA_BUNDLE"]
    while requests.post(uri, json={}, verify=bundle, timeout=60).status_code != 404:
        assert time.monotonic() < deadline
        time.sleep(0.1)
