"""Batch endpoints over plain HTTP: what is refused, what happens once, and how jobs end that go wrong."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.arm_requests import error, poll, refused, settled
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SCORE = """
import pathlib, time

def init():
    pass

def run(mini_batch):
    results = []
    for path in mini_batch:
        text = pathlib.Path(path).read_text()
        if text == "wait":
            time.sleep(60)
        results.append(float(text))
    return results
"""
AUDIENCE = "https://ml.azure.emu"


@dataclass
class Batch:
    """An endpoint with the deployment ``numbers``, which is its default."""

    workspace: Workspace
    name: str

    def deploy(self, deployment: str = "numbers", script: str = SCORE, **properties: Any) -> requests.Response:
        code = {"codeId": self.workspace.code({"score.py": script}), "scoringScript": "score.py"}
        body = {"codeConfiguration": code, "environmentId": self.workspace.shared_environment(), **properties}
        arm_id = self.workspace.id.child("batch_deployment", self.name, deployment)
        return self.workspace.call("PUT", arm_id, json={"location": "local", "properties": body}, ok=False)

    def send(self, properties: Any, *, token: str | None = None, path: str = "", **headers: str) -> requests.Response:
        """Invoke the endpoint, or look at one of its jobs when there are no properties."""
        own = f"{self.workspace.id.subscription_id}/{self.workspace.id.resource_group}/{self.workspace.id.name}"
        return self.workspace.session.request(
            "GET" if properties is None else "POST",
            f"{self.workspace.emulator.https_url}/score/{own}/{self.name}/jobs{path}",
            json=None if properties is None else {"properties": properties},
            headers={"Authorization": f"Bearer {token or self.workspace._token(AUDIENCE)}", **headers},
            verify=self.workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )

    def files(self, *texts: str) -> dict[str, Any]:
        """``InputData`` of a folder of files with these texts."""
        named = {f"{number}.txt": text for number, text in enumerate(texts)}
        uri = self.workspace.data(named, f"batch-{uuid.uuid4().hex[:8]}")
        return {"InputData": {"numbers": {"JobInputType": "UriFolder", "Uri": uri}}}

    def step(self, job: str) -> str:
        """The name of the job below that of an invocation."""
        return str(self.workspace.history(f"runs/{job}/children")["value"][0]["runId"])


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def batch(workspace: Workspace) -> Batch:
    name = f"batch-{uuid.uuid4().hex[:8]}"
    body = {"authMode": "AADToken", "defaults": {"deploymentName": "numbers"}}
    workspace.put("batch_endpoint", name, location="local", properties=body)
    batch = Batch(workspace, name)
    retries = {"maxRetries": 0, "timeout": "PT50S"}
    made = batch.deploy(miniBatchSize=1, errorThreshold=0, retrySettings=retries, loggingLevel="info")
    assert made.ok, made.text
    assert workspace.settle(made)["status"] == "Succeeded"
    return batch


def test_the_documents_of_an_endpoint_and_its_deployment(workspace: Workspace, batch: Batch) -> None:
    endpoint_id = workspace.id.child("batch_endpoint", batch.name)
    shown = workspace.call("GET", endpoint_id).json()["properties"]
    assert (shown["authMode"], shown["provisioningState"], shown["keys"]) == ("AADToken", "Succeeded", None)
    assert shown["scoringUri"].endswith(f"/{workspace.id.name}/{batch.name}/jobs")
    assert workspace.call("POST", f"{endpoint_id}/listkeys").json() == {"primaryKey": None, "secondaryKey": None}
    deployment_id = workspace.id.child("batch_deployment", batch.name, "numbers")
    given = workspace.call("GET", deployment_id).json()["properties"]
    assert {name: given[name] for name in ("miniBatchSize", "errorThreshold", "loggingLevel", "outputAction")} == {
        "miniBatchSize": 1,
        "errorThreshold": 0,
        "loggingLevel": "Info",
        "outputAction": "AppendRow",
    }
    changed = workspace.call(
        "PATCH", deployment_id, json={"properties": {"description": "changed"}, "tags": {"a": "b"}}
    )
    assert poll(workspace, changed) == 200
    document = settled(workspace, deployment_id)
    assert (document["properties"]["description"], document["tags"]) == ("changed", {"a": "b"})
    assert document["properties"]["miniBatchSize"] == 1


def test_deployments_that_cannot_be_are_refused(workspace: Workspace, batch: Batch) -> None:
    endpoint_id = workspace.id.child("batch_endpoint", batch.name)
    put = workspace.call(
        "PUT", f"{endpoint_id}-told", json={"location": "local", "properties": {"authMode": "AADToken"}}
    )
    assert put.json()["properties"]["properties"]["AzureAsyncOperationUri"] == put.headers["Azure-AsyncOperation"]
    keyed = {"location": "local", "properties": {"authMode": "Key"}}
    assert refused(workspace, "PUT", f"{endpoint_id}-keyed", keyed) == (400, "ValidationError")
    missing = workspace.id.child("model", "none", "1")
    model = {"referenceType": "Id", "assetId": missing}
    assert error(batch.deploy("bad", model=model)) == (400, "ModelNotFound")
    assert error(batch.deploy("bad", compute=workspace.id.child("compute", "none"))) == (400, "ComputeNotFound")
    assert error(batch.deploy("bad", codeConfiguration=None)) == (400, "ValidationError")
    for wrong in (
        {"miniBatchSize": 0},
        {"outputFileName": "../predictions.csv"},
        {"retrySettings": {"timeout": "soon"}},
    ):
        assert error(batch.deploy("bad", **wrong)) == (400, "ValidationError")
    folder = workspace.data({"weights.bin": "1"}, "batch-weights")
    plain = workspace.put("model", "plain", "1", properties={"modelType": "custom_model", "modelUri": folder})
    model = {"referenceType": "Id", "assetId": plain}
    document = workspace.settle(batch.deploy("bad", model=model, codeConfiguration=None))
    assert document["error"]["code"] == "BadArgument"
    assert "no MLflow model" in document["error"]["message"]
    answer = batch.send(batch.files("1"), **{"azureml-model-deployment": "bad"})
    assert error(answer)[0] == 409


def test_an_invocation_answers_its_job_and_happens_once(workspace: Workspace, batch: Batch) -> None:
    body, headers = batch.files("1", "2.5"), {"repeatability_request-id": str(uuid.uuid4())}
    first, again = (batch.send(body, **headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    job = first.json()
    assert job["type"] == "Microsoft.MachineLearningServices/workspaces/batchEndpoints/jobs"
    assert job["id"].endswith(f"/batchEndpoints/{batch.name}/jobs/{job['name']}")
    assert job["properties"]["tags"]["azureml.deploymentname"] == "numbers"
    assert again.json()["name"] == job["name"]
    assert batch.send(body).json()["name"] != job["name"]
    workspace.until(job["name"], ["Completed"])
    shown = batch.send(None, path=f"/{job['name']}").json()["properties"]
    assert shown["status"] == "Completed"
    scored = shown["outputData"]["score"]
    assert scored["jobOutputType"] == "UriFile"
    assert workspace.download(workspace.blob_url(scored["uri"].partition("/paths/")[2])) == "1.0\n2.5\n"
    assert job["name"] in [one["name"] for one in batch.send(None).json()["value"]]
    assert error(batch.send(None, path="/none")) == (404, "ResourceNotFound")
    assert workspace.get("job", job["name"])["properties"]["experimentName"] == batch.name


def test_invocations_that_cannot_be_are_refused(workspace: Workspace, batch: Batch) -> None:
    files = batch.files("1")
    arm = workspace._token(workspace.emulator.https_url)
    assert error(batch.send(files, token=arm)) == (401, "InvalidAuthenticationTokenAudience")
    assert error(batch.send(files, token="wrong")) == (401, "InvalidAuthenticationToken")
    assert error(batch.send(files, **{"azureml-model-deployment": "none"})) == (404, "ResourceNotFound")
    assert error(batch.send({})) == (400, "ValidationError")
    assert error(batch.send({"inputData": {"n": {"jobInputType": "Literal", "value": 1}}})) == (400, "ValidationError")
    two = {"InputData": {**files["InputData"], "more": files["InputData"]["numbers"]}}
    assert error(batch.send(two)) == (400, "ValidationError")
    asset = workspace.id.child("data", "none", "1")
    assert error(batch.send({"InputData": {"n": {"JobInputType": "UriFile", "Uri": asset}}})) == (400, "DataNotFound")
    assert error(batch.send({**files, "compute": {"instanceCount": "many"}})) == (400, "ValidationError")
    outside = {"JobOutputType": "UriFile", "Uri": "azureml://datastores/workspaceblobstore/paths/a/.."}
    assert error(batch.send({**files, "OutputData": {"score": outside}})) == (400, "ValidationError")
    empty = Batch(workspace, f"{batch.name}-empty")
    workspace.put("batch_endpoint", empty.name, location="local", properties={"authMode": "aadToken"})
    answer = empty.send(files)
    assert error(answer) == (404, "ResourceNotFound")
    assert "no default deployment" in answer.json()["error"]["message"]
    assert error(Batch(workspace, "none").send(files)) == (404, "ResourceNotFound")


def test_jobs_that_go_wrong_say_why(workspace: Workspace, batch: Batch) -> None:
    wrong = batch.send(batch.files("1", "no number", "3")).json()["name"]
    store = workspace.id.child("datastore", "workspaceblobstore")
    nothing = {"JobInputType": "UriFolder", "Uri": f"{store}/paths/nothing-here"}
    missing = batch.send({"InputData": {"n": nothing}}).json()["name"]
    ignored = batch.send({**batch.files("none", "of these"), "errorThreshold": -1}).json()["name"]
    summary = batch.deploy("summary", outputAction="SummaryOnly", miniBatchSize=1, errorThreshold=1)
    workspace.settle(summary)
    chosen = {"azureml-model-deployment": "summary"}
    summed = batch.send({**batch.files("1", "no number"), "retrySettings": {"maxRetries": 0}}, **chosen).json()["name"]
    slow = batch.send(batch.files("wait")).json()["name"]

    assert "batchscoring" in workspace.error(wrong)["message"]
    step = batch.step(wrong)
    assert "failed items, 1, is above the error threshold of 0" in workspace.error(step)["message"]
    assert "could not convert string to float: 'no number'" in workspace.log(step)
    assert "could not convert string" in workspace.artifact(step, "logs/user/error.txt")
    assert "nothing-here" in workspace.error(batch.step(missing))["message"]
    workspace.until(missing, ["Failed"])
    workspace.until(ignored, ["Failed"])
    assert "No succeeded mini batch item returned from run()" in workspace.error(batch.step(ignored))["message"]
    workspace.until(summed, ["Completed"])
    assert "of which 1 failed" in workspace.log(batch.step(summed))
    workspace.until(slow, ["Running"])
    workspace.call("POST", workspace.id.child("job", slow) + "/cancel")
    workspace.until(slow, ["Canceled"])
    assert workspace.status(batch.step(slow)) == "Canceled"
    assert batch.send(None, path=f"/{slow}").json()["properties"]["status"] == "Canceled"


def test_progress_is_seen_while_mini_batches_run(workspace: Workspace, batch: Batch, tmp_path: Path) -> None:
    script = """
import os, pathlib, time
def init():
    pass
def run(mini_batch):
    while pathlib.Path(mini_batch[0]).read_text() == "late" and not pathlib.Path(os.environ["GO"]).exists():
        time.sleep(0.05)
    time.sleep(1.1)
    return mini_batch
"""
    variables = {"GO": str(tmp_path / "go")}
    workspace.settle(batch.deploy("progress", script, miniBatchSize=1, environmentVariables=variables))
    job = batch.send(batch.files("soon", "late"), **{"azureml-model-deployment": "progress"}).json()["name"]
    workspace.until(job, ["Running"])
    step, path, said = batch.step(job), "logs/job_progress_overview.txt", "Processed 1 of 2 mini batches in 0:0"
    deadline = time.monotonic() + 120
    while path not in workspace.artifacts(step) or said not in workspace.artifact(step, path):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "Processed 1 of 2 mini-batches, of which 0" in workspace.log(step)
    assert workspace.status(job) == "Running"
    (tmp_path / "go").touch()
    workspace.until(job, ["Completed"])
    assert workspace.artifact(step, path).count("Scheduled 2 mini batches") == 1


def test_a_default_deployment_that_is_deleted_is_no_default(workspace: Workspace, batch: Batch) -> None:
    other = Batch(workspace, f"{batch.name}-gone")
    body = {"authMode": "AADToken", "defaults": {"deploymentName": "numbers"}}
    endpoint_id = workspace.put("batch_endpoint", other.name, location="local", properties=body)
    workspace.settle(other.deploy())
    deployment_id = workspace.id.child("batch_deployment", other.name, "numbers")
    assert poll(workspace, workspace.call("DELETE", deployment_id)) in (200, 204)
    assert workspace.call("GET", endpoint_id).json()["properties"]["defaults"] == {"deploymentName": None}
    assert poll(workspace, workspace.call("DELETE", endpoint_id)) in (200, 204)
    assert refused(workspace, "GET", endpoint_id) == (404, "ResourceNotFound")
