"""Model management of an emulator as tests see it: plain REST, no SDK."""

from __future__ import annotations

import io
import json
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from tests.emulator.execution import Workspace

SCORE = """
import json, os, signal

def init():
    global folder
    folder = os.environ["AZUREML_MODEL_DIR"]
    if os.path.exists("dead"):
        raise RuntimeError("it has died before")

def run(raw):
    data = json.loads(raw)
    if "die" in data:
        open("dead", "w").close()
        os.kill(os.getppid(), signal.SIGKILL)
    factor = float(open(os.path.join(folder, "factor.txt")).read())
    return {"answer": [factor * number for number in data["data"]], "greeting": os.environ.get("GREETING")}
"""
ENVIRONMENT = {
    "name": "of-tests",
    "python": {"condaDependencies": {"name": "of-tests", "dependencies": ["python=3.11", "pip"]}},
    "environmentVariables": {"GREETING": "hello"},
}
_UNDER_WAY = ("NotStarted", "Running")


@dataclass
class ModelManagement:
    """Model management of the workspace of an emulator."""

    workspace: Workspace

    @property
    def prefix(self) -> str:
        return f"/modelmanagement/v1.0{self.workspace.id}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.workspace.call(method, f"{self.prefix}/{path}", **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options).json()

    def model(self, name: str, files: Mapping[str, str]) -> str:
        """Register a model by Resource Manager; its id here."""
        folder = self.workspace.data(files, f"models-of-test/{name}")
        file = next(iter(files))
        uri = folder + file if len(files) == 1 else folder
        arm_id = self.workspace.id.child("model", name, "1")
        if not self.workspace.call("GET", arm_id, ok=False).ok:
            self.workspace.put("model", name, "1", properties={"modelType": "custom_model", "modelUri": uri})
        return f"{name}:1"

    def asset(self, name: str, data: bytes, **fields: Any) -> dict[str, Any]:
        """Upload a file of a service; how a request names it."""
        url = self.workspace.blob_url(f"assets-of-test/{name}")
        self.workspace.upload(url, data)
        uri = f"azureml://datastores/workspaceblobstore/paths/assets-of-test/{name}"
        return {"id": name, "url": uri, "mimeType": "application/octet-stream", **fields}

    def request(self, name: str, models: Sequence[str], script: str = SCORE, **fields: Any) -> dict[str, Any]:
        """A request for a service on container instances."""
        image = {
            "driverProgram": f"{name}.py",
            "assets": [self.asset(f"{name}.py", script.encode())],
            "modelIds": list(models),
            "environment": ENVIRONMENT,
        }
        return {"name": name, "computeType": "ACI", "environmentImageRequest": image, **fields}

    def settle(self, response: requests.Response) -> dict[str, Any]:
        """Wait for an operation; its document."""
        assert response.status_code == 202, response.text
        path = response.headers["Operation-Location"].partition(f"{self.prefix}/")[2]
        while (document := self.get(path))["state"] in _UNDER_WAY:
            time.sleep(0.05)
        return dict(document)

    def deploy(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make a service; the document of the operation when it has ended."""
        return self.settle(self.call("POST", "services", json=request))

    def service(self, name: str) -> dict[str, Any]:
        return dict(self.get(f"services/{name}", params={"expand": "true"}))

    def until(self, name: str, state: str) -> dict[str, Any]:
        """Wait until a service is in a state; the service."""
        while (service := self.service(name))["state"] != state:
            time.sleep(0.05)
        return service

    def score(self, name: str, payload: object, key: str | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.workspace.session.post(
            self.service(name)["scoringUri"],
            data=json.dumps(payload),
            headers=headers,
            verify=self.workspace.emulator.environment["REQUESTS_CA_BUNDLE"],
            timeout=60,
        )


def archive(files: Mapping[str, str]) -> bytes:
    """A tar file, as azureml-core makes one of a source directory."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()
