"""A workspace of the emulator as tests of its execution side see it: plain REST, no SDK."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests

from airflow_provider_azml.rest.arm_ids import WorkspaceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

CONDA_FILE = "dependencies: [python=3.11, pip]"
_VERSION = {"api-version": "2024-04-01"}
_TERMINAL = ("Completed", "Failed", "Canceled")


@dataclass
class Workspace:
    """The default workspace of an emulator."""

    emulator: RunningEmulator
    tokens: dict[str, str] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def id(self) -> WorkspaceId:
        return WorkspaceId(self.emulator.subscription_id, self.emulator.resource_group, self.emulator.workspace)

    def ensure(self) -> Workspace:
        """Make the workspace, unless it is there."""
        if self.call("GET", str(self.id), ok=False).status_code == HTTPStatus.NOT_FOUND:
            group = f"{self.id.group}/providers"
            dependents = {
                "storageAccount": f"{group}/Microsoft.Storage/storageAccounts/stor",
                "keyVault": f"{group}/Microsoft.KeyVault/vaults/vault",
                "applicationInsights": f"{group}/Microsoft.Insights/components/insights",
            }
            for arm_id in dependents.values():
                self.call("PUT", arm_id, json={"location": "local", "properties": {}})
            self.settle(self.call("PUT", str(self.id), json={"location": "local", "properties": dependents}))
            while self.call("GET", str(self.id)).json()["properties"]["provisioningState"] != "Succeeded":
                time.sleep(0.05)
        return self

    def call(
        self, method: str, path: str, *, json: object = None, ok: bool = True, **options: Any
    ) -> requests.Response:
        """Send a request to a path of the emulator, with the token that it needs."""
        aml = path.startswith(("/history", "/data", "/mlflow"))
        audience = "https://ml.azure.emu" if aml else self.emulator.https_url
        response = self.session.request(
            method,
            self.emulator.https_url + path,
            params={**_VERSION, **options.pop("params", {})},
            json=json,
            headers={"Authorization": f"Bearer {self._token(audience)}", **options.pop("headers", {})},
            verify=self.emulator.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
            **options,
        )
        assert response.ok or not ok, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def get(self, kind: str, *names: str) -> Any:
        return self.call("GET", self.id.child(kind, *names)).json()

    def put(self, kind: str, *names: str, **body: Any) -> str:
        """Put a resource, wait until it is made, and return its id."""
        arm_id = self.id.child(kind, *names)
        response = self.call("PUT", arm_id, json=body)
        self.settle(response)
        return arm_id

    def settle(self, response: requests.Response) -> dict[str, Any]:
        """Wait for a long-running operation; its document."""
        url = response.headers.get("Azure-AsyncOperation")
        while url:
            document: dict[str, Any] = self.call(
                "GET", url.removeprefix(self.emulator.https_url).partition("?")[0]
            ).json()
            if document["status"] not in ("InProgress", "Running"):
                return document
            time.sleep(0.1)
        return {"status": "Succeeded"}

    def environment(self, conda_file: str = CONDA_FILE) -> str:
        return self.put(
            "environment",
            f"env-{uuid.uuid4().hex[:8]}",
            "1",
            properties={"condaFile": conda_file, "image": "mcr/image"},
        )

    def code(self, files: Mapping[str, str]) -> str:
        """Upload code as SDKs do."""
        name = str(uuid.uuid4())
        arm_id = self.id.child("code", name, "1")
        pending = self.call(
            "POST", f"{arm_id}/startPendingUpload", json={"pendingUploadType": "TemporaryBlobReference"}
        )
        place = pending.json()["blobReferenceForConsumption"]
        url, _, sas = place["credential"]["sasUri"].partition("?")
        for path, text in files.items():
            self.upload(f"{url}/src/{path}?{sas}", text.encode())
        return self.put("code", name, "1", properties={"codeUri": f"{place['blobUri']}/src", "isAnonymous": True})

    def data(self, files: Mapping[str, str], folder: str) -> str:
        """Put files below a folder of the default datastore; the folder's URI."""
        for name, text in files.items():
            self.upload(self.blob_url(f"{folder}/{name}"), text.encode())
        return f"azureml://datastores/workspaceblobstore/paths/{folder}/"

    def blob_url(self, path: str) -> str:
        """The URL of a blob of the default datastore, with what opens it."""
        properties = self.get("datastore", "workspaceblobstore")["properties"]
        datastore = self.id.child("datastore", "workspaceblobstore")
        sas = self.call("POST", f"{datastore}/listSecrets", json={"expirableSecret": True}).json()["sasToken"]
        return f"https://{properties['accountName']}.blob.core.windows.net/{properties['containerName']}/{path}?{sas}"

    def remove(self, path: str) -> None:
        """Delete a blob of the default datastore."""
        bundle = self.emulator.environment["REQUESTS_CA_BUNDLE"]
        self.session.delete(self.blob_url(path), verify=bundle, timeout=60).raise_for_status()

    def upload(self, url: str, data: bytes) -> None:
        bundle = self.emulator.environment["REQUESTS_CA_BUNDLE"]
        response = self.session.put(url, data=data, headers={"x-ms-blob-type": "BlockBlob"}, verify=bundle, timeout=60)
        response.raise_for_status()

    def download(self, url: str) -> str:
        bundle = self.emulator.environment["REQUESTS_CA_BUNDLE"]
        response = self.session.get(url, verify=bundle, timeout=60)
        response.raise_for_status()
        return response.text

    def submit(self, command: str, **properties: Any) -> str:
        """Submit a command job; its name."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        body = {"jobType": "Command", "command": command, "experimentName": "tests", **properties}
        body.setdefault("environmentId", self.shared_environment())
        self.call("PUT", self.id.child("job", name), json={"properties": body})
        return name

    def shared_environment(self) -> str:
        arm_id = self.id.child("environment", "shared", "1")
        if self.call("GET", arm_id, ok=False).status_code == 404:
            self.put("environment", "shared", "1", properties={"condaFile": CONDA_FILE, "image": "mcr/image"})
        return arm_id

    def status(self, job: str) -> str:
        return str(self.get("job", job)["properties"]["status"])

    def until(self, job: str, statuses: Iterable[str] = _TERMINAL, seconds: float = 120) -> str:
        """Wait until a job has one of some statuses; which."""
        statuses = tuple(statuses)
        deadline = time.monotonic() + seconds
        while (status := self.status(job)) not in statuses:
            assert status not in _TERMINAL, f"{job} is {status}: {self.details(job)['error']}\n{self.log(job)}"
            assert time.monotonic() < deadline, f"{job} is still {status}"
            time.sleep(0.05)
        return status

    def run(self, command: str, **properties: Any) -> str:
        """Submit a command job and wait until it has completed; its name."""
        job = self.submit(command, **properties)
        self.until(job, ["Completed"])
        return job

    def history(self, path: str, method: str = "GET", *, json: object = None, ok: bool = True) -> Any:
        return self.call(method, f"/history/v1.0{self.id}/{path}", json=json, ok=ok).json()

    def details(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.history(f"runs/{job}/details")
        return found

    def error(self, job: str) -> dict[str, Any]:
        """Wait until a job has failed; the error in its history."""
        self.until(job, ["Failed"])
        error: dict[str, Any] = self.details(job)["error"]["error"]
        return error

    def log(self, job: str) -> str:
        url = self.details(job)["logFiles"].get("user_logs/std_log.txt")
        return self.download(url) if url else ""

    def artifact(self, job: str, path: str) -> str:
        place = self.history(f"runs/{job}/artifacts/contentinfo?path={path}")
        return self.download(place["contentUri"])

    def artifacts(self, job: str) -> list[str]:
        return [entry["path"] for entry in self.history(f"runs/{job}/artifacts")["value"]]

    def output(self, job: str, output: str, path: str) -> str:
        """What a job wrote to a file of an output."""
        return self.run_and_read(f"cat ${{{{inputs.x}}}}/{path}", f"azureml://jobs/{job}/outputs/{output}")

    def run_and_read(self, command: str, uri: str) -> str:
        job = self.run(command, inputs={"x": {"jobInputType": "uri_folder", "uri": uri}})
        return self.log(job)

    def _token(self, audience: str) -> str:
        if audience not in self.tokens:
            environment = self.emulator.environment
            response = requests.post(
                f"{self.emulator.https_url}/{environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": environment["AZURE_CLIENT_ID"],
                    "client_secret": environment["AZURE_CLIENT_SECRET"],
                    "scope": f"{audience}/.default",
                },
                verify=environment["REQUESTS_CA_BUNDLE"],
                timeout=60,
            )
            self.tokens[audience] = response.json()["access_token"]
        return self.tokens[audience]
