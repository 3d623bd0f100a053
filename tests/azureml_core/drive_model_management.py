"""Registers, deploys, scores, changes, profiles and deletes by azureml-core, and notes what goes over the wire.

Run by a Python that has azureml-core 1.61, in a folder of its own, with the environment of an emulator:
``drive_model_management.py RECORDING``. The last line that it prints is what came of it, as JSON.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import requests

FILE = Path(sys.argv[1])
EXCHANGES: list[dict[str, Any]] = []
SCORE = """\
import json, os

def init():
    global factor
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights", "factor.txt")) as file:
        factor = float(file.read())

def run(raw):
    return [factor * number for number in json.loads(raw)["data"]]
"""
_send = requests.Session.send
_SENT = ("Authorization", "Content-Type", "Range", "x-ms-blob-type", "x-ms-range")
_LOGS = "/logs"


def noted(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
    """Send a request, and note the exchange: without tokens for the services, logs, and what azureml-core ships."""
    response = _send(session, request, **options)
    url = str(request.url).partition("@")[2] or str(request.url).partition("://")[2]
    path = url.partition("/")[2]
    if "oauth2" in path:
        return response
    body = request.body.encode() if isinstance(request.body, str) else request.body
    if body is not None and not isinstance(body, bytes):
        body.seek(0)
        body = body.read()
    if path.startswith("stor.blob") and path.partition("?")[0].endswith(".py") and b"driver_module" in (body or b""):
        body = b"# what azureml-core ships to call the entry script\n"
    headers = {name: request.headers[name] for name in _SENT if name in request.headers}
    if not path.startswith("score/"):
        headers.pop("Authorization", None)
    is_log = path.partition("?")[0].endswith(_LOGS)
    EXCHANGES.append({
        "method": request.method,
        "path": f"/{path}",
        "headers": headers,
        "body": None if body is None else base64.b64encode(body).decode(),
        "status": response.status_code,
        "location": response.headers.get("Operation-Location"),
        "answer": {"content": ""} if is_log else told(response),
    })
    return response


def told(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def on_a_cluster(place: Any, inference: Any) -> list[Any]:
    """Deploy to AKS, where tokens open a service, and one that is too large; profile."""
    from azureml._model_management._util import submit_mms_operation
    from azureml.core import Model
    from azureml.core.profile import ModelProfile
    from azureml.core.webservice import AksWebservice
    from azureml.core.webservice.container_resource_requirements import ContainerResourceRequirements
    from azureml.exceptions import WebserviceException

    names = (place.subscription_id, place.resource_group, place.name)
    path = "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.MachineLearningServices/workspaces/{}"
    cluster = {"computeType": "AKS", "properties": {"agentCount": 1, "agentVmSize": "Standard_D2_v2"}}
    requests.put(
        f"{os.environ['AZURE_AUTHORITY_HOST'].rstrip('/')}{path.format(*names)}/computes/by-core",
        params={"api-version": "2024-04-01"},
        headers=place._auth_object.get_authentication_header(),
        json={"location": "local", "properties": cluster},
        timeout=30,
    ).raise_for_status()
    by_token = {"auth_enabled": False, "token_auth_enabled": True, "compute_target_name": "by-core", "memory_gb": 0.5}
    configuration = AksWebservice.deploy_configuration(cpu_cores=0.5, **by_token)
    service = Model.deploy(place, "by-core-aks", [], inference, configuration)
    service.wait_for_deployment()
    found = [service.state, service.run("{}"), service.deployment_status["availableReplicas"]]
    try:
        Model.deploy(place, "too-large", [], inference, AksWebservice.deploy_configuration(cpu_cores=8, **by_token))
    except WebserviceException as error:
        found.append("1 Insufficient cpu" in error.message)
    service.delete()
    need = ContainerResourceRequirements(1, 1)
    asked = inference.build_profile_payload("by-core", None, place, [], None, need, "d")
    operation = submit_mms_operation(place, "POST", "/profiles", {**asked, "inputData": "{}"})
    profile = ModelProfile(place, "by-core")
    profile.create_operation_id = operation
    profile.wait_for_completion()
    details = profile.get_details()
    return [*found, details["state"], details["successRate"], "recommendedCpu" in details]


def main() -> dict[str, Any]:
    requests.Session.send = noted
    # files of azureml-core's own are called after this
    tempfile.tempdir = str(Path.cwd())
    from azureml.core import Environment, Model
    from azureml.core.conda_dependencies import CondaDependencies
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice, Webservice
    from azureml.exceptions import WebserviceException
    from emulator_workspace import workspace

    place, found = workspace(), {}
    Path("weights").mkdir()
    Path("weights/factor.txt").write_text("3")
    Path("work").mkdir()
    Path("work/score.py").write_text(SCORE)
    about = {"tags": {"area": "tests"}, "properties": {"p": "q"}, "description": "d", "model_framework": "Custom"}
    model = Model.register(place, model_path="weights", model_name="by-core", **about)
    model.add_tags({"more": "tags"})
    model.update(description="better")
    again = Model(place, "by-core")
    found["model"] = [again.id, again.tags, again.description, [one.id for one in Model.list(place, tags=["more"])]]
    found["downloaded"] = Path(again.download("downloaded", exist_ok=True)).read_text()
    try:
        Model(place, id="gone:1")
    except WebserviceException as error:
        found["gone"] = "ModelNotFound" in error.message

    environment, dependencies = Environment("by-core"), CondaDependencies()
    dependencies._conda_dependencies = {"name": "by-core", "dependencies": ["python=3.11", "pip"]}
    environment.python.conda_dependencies = dependencies
    inference = InferenceConfig(entry_script="score.py", source_directory="work", environment=environment)
    configuration = AciWebservice.deploy_configuration(cpu_cores=0.5, memory_gb=0.5, auth_enabled=True)
    service = Model.deploy(place, "by-core", [again], inference, configuration)
    service.wait_for_deployment()
    found["service"] = [service.state, service.run(json.dumps({"data": [1, 2]}))]
    before = service.get_keys()
    service.regen_key("Primary")
    found["keys"] = [one == other for one, other in zip(before, service.get_keys(), strict=True)]
    found["log"] = "POST /score 200" in service.get_logs()
    service.update(tags={"stage": "live"})
    found["listed"] = [[one.name, one.state, one.tags] for one in Webservice.list(place)]
    for act in (again.delete, lambda: Model.deploy(place, "by-core", [again], inference, configuration)):
        try:
            act()
        except WebserviceException as error:
            found.setdefault("refused", []).append("412" in error.message or "already exists" in error.message)
    service.update(auth_enabled=False)
    service.wait_for_deployment()
    found["changed"] = service.auth_enabled
    service.delete()
    again.delete()
    Path("work/score.py").write_text("def init(): ...\ndef run(raw):\n    return len(raw)\n")
    found["cluster"] = on_a_cluster(place, inference)
    found["left"] = [len(Webservice.list(place)), [one.id for one in Model.list(place, name="by-core")]]
    return found


if __name__ == "__main__":
    result = main()
    packages = {"azureml-core": metadata.version("azureml-core")}
    FILE.write_text(json.dumps({"packages": packages, "found": result, "exchanges": EXCHANGES}, indent=1) + "\n")
    sys.stdout.write(json.dumps(result) + "\n")
