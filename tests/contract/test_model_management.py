"""Model management of the emulator, against the OpenAPI file of the retired generation: each operation is asked for."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.contract.shared_sources import SHARED
from tests.emulator.execution import Workspace
from tests.emulator.model_management import ModelManagement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

FILE = SHARED / "specs" / "dataplane-2019-09-30" / "modelManagement.json"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILE.exists(), reason="../shared is not there"),
]
ECHO = "def init(): ...\ndef run(raw):\n    return raw\n"
PATCH = [{"op": "replace", "path": "/kvTags", "value": {"a": "b"}}]
REFUSED = {"Profiles_Create": 400, "Profiles_QueryById": 404, "Services_GetServiceToken": 400}
"""Profiles of images, which the emulator does not run, and a token for a service that keys open."""


@cache
def described() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def schema(*path: str) -> dict[str, Any]:
    """The schema at a place of the file, which refers to others of it."""
    found: Any = described()
    for key in path:
        found = found[key]
    return {**found, "definitions": described()["definitions"]}


def known(told: Any) -> Any:
    """An answer without what is null: the file says of nothing that it may be, and azureml-core is told null."""
    if isinstance(told, dict):
        return {name: known(value) for name, value in told.items() if value is not None}
    return [known(value) for value in told] if isinstance(told, list) else told


@pytest.fixture(scope="module")
def asked(azml_emulator: RunningEmulator) -> dict[str, tuple[int, Any]]:
    """Operation -> the status and the body that it was answered with."""
    management = ModelManagement(Workspace(azml_emulator).ensure())
    model = management.model("contract-v1", {"a.txt": "1"})
    asset = management.call("POST", "assets", json={"name": "contract", "artifacts": []}).json()["id"]
    request = management.request("contract-v1", [model], ECHO, authEnabled=True)
    begun = management.call("POST", "services", json=request)
    operation = management.settle(begun)["id"]
    registered = {"name": "contract-v1", "url": management.get(f"models/{model}")["url"], "mimeType": "text/plain"}
    key = {"keyType": "Primary", "keyValue": None}
    service, image = "services/contract-v1", "images/image:1/profiles"
    requests = {
        "Assets_ListQuery": ("GET", "assets", None),
        "Assets_Create": ("POST", "assets", {"name": "contract", "artifacts": [{"prefix": "LocalUpload/a/b"}]}),
        "Assets_QueryById": ("GET", f"assets/{asset}", None),
        "Assets_Patch": ("PATCH", f"assets/{asset}", PATCH),
        "Assets_Delete": ("DELETE", f"assets/{asset}", None),
        "MLModels_ListQuery": ("GET", "models", None),
        "MLModels_Register": ("POST", "models", registered),
        "MLModels_QueryById": ("GET", f"models/{model}", None),
        "MLModels_Patch": ("PATCH", f"models/{model}", PATCH),
        "MLModels_GetMetrics": ("GET", f"models/{model}/metrics", None),
        "MLModels_Delete": ("DELETE", "models/contract-v1:2", None),
        "Operations_Get": ("GET", f"operations/{operation}", None),
        "Profiles_ListQuery": ("GET", image, None),
        "Profiles_Create": ("POST", image, {"name": "contract"}),
        "Profiles_QueryById": ("GET", f"{image}/contract", None),
        "Services_ListQuery": ("GET", "services", None),
        "Services_QueryById": ("GET", service, None),
        "Services_Patch": ("PATCH", service, PATCH),
        "Services_ListServiceKeys": ("POST", f"{service}/listkeys", None),
        "Services_RegenerateServiceKeys": ("POST", f"{service}/regenerateKeys", key),
        "Services_GetServiceToken": ("POST", f"{service}/token", None),
        "Services_Delete": ("DELETE", service, None),
    }
    answers = {"Services_Create": (begun.status_code, None)}
    for name, (method, path, body) in requests.items():
        answer = management.call(method, path, json=body, ok=False)
        answers[name] = (answer.status_code, answer.json() if answer.content else None)
    return answers


def test_every_operation_is_answered_as_the_file_says(asked: Mapping[str, tuple[int, Any]]) -> None:
    listed = {
        operation["operationId"]: ("paths", path, method)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }
    assert asked.keys() == listed.keys()
    for name, (status, body) in asked.items():
        responses: Mapping[str, Any] = schema(*listed[name])["responses"]
        if name in REFUSED:
            assert status == REFUSED[name], (name, body)
            jsonschema.validate(known(body), schema("definitions", "ModelErrorResponse"))
            continue
        assert str(status) in responses, (name, status, body)
        expected = responses[str(status)].get("schema")
        if expected:
            jsonschema.validate(known(body), {**expected, "definitions": described()["definitions"]})


def test_a_service_has_the_members_of_its_kind(asked: Mapping[str, tuple[int, Any]]) -> None:
    members = {
        **schema("definitions", "ServiceResponseBase")["properties"],
        **schema("definitions", "ACIServiceResponse")["allOf"][1]["properties"],
    }
    shown = known(asked["Services_QueryById"][1])
    jsonschema.validate(shown, schema("definitions", "ACIServiceResponse"))
    beyond = {"createdBy", "cpuLimit", "dnsNameLabel"}
    assert shown.keys() <= members.keys() | beyond
