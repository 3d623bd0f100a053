"""What can only be looked at: no resources, but answers that are made of resources when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.arm.behaviour import answer, json_body
from airflow_provider_azml.emulator.arm.compute_kinds import let_sign_on
from airflow_provider_azml.emulator.arm.errors import not_allowed, not_found
from airflow_provider_azml.emulator.arm.feature_specs import features_of
from airflow_provider_azml.emulator.arm.online_deployments import skus
from airflow_provider_azml.emulator.arm.registries import data_reference
from airflow_provider_azml.emulator.arm.schedules import trigger_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_FEATURES = (
    ("automatedml_createeditexperimentsui", "Create edit experiments UI", "Create, edit or delete AutoML experiments"),
    ("workspace_upgradeworkspaceui", "Upgrade workspace UI", "Upgrade workspace from Basic to enterprise from the UI"),
)
_PRIVATE_LINK = {
    "groupId": "amlworkspace",
    "requiredMembers": ["default", "notebook"],
    "requiredZoneNames": ["privatelink.api.azureml.ms", "privatelink.notebooks.azure.net"],
}
_ACTS: Mapping[tuple[str, str], Callable[[Emulator, str, Json], Json]] = {
    ("computes", "enablesso"): let_sign_on,
    ("schedules", "trigger"): trigger_once,
}
_OF_WORKSPACES = ("features", "outboundnetworkdependenciesendpoints", "privatelinkresources")
_OF_REGISTRIES = ("datareferences", "datarefs")


async def view(emulator: Emulator, request: Request, parts: list[str]) -> Response | None:
    """The answer at a path that is not a resource's; ``None`` when there is nothing at it.

    Args:
        emulator: The emulator.
        request: The request.
        parts: The segments of its path, the name of the resource group in its own spelling.

    Raises:
        ArmError: It is refused.

    Sources: the examples Feature/list, ExternalFQDN/get, PrivateLinkResource/list, WorkspaceFeature/list and
    DataReference/getBlobReferenceSAS of the 2024-04-01 OpenAPI files; azure-ai-ml 1.35.2 triggers schedules, and
    lets users sign on to instances, by paths that it spells itself.
    """
    match [part.lower() for part in parts[6:]]:
        case ["workspaces", _, name] if name in _OF_WORKSPACES:
            _check(emulator, request, "/".join(parts[:8]), "GET")
            return answer({"value": _of_workspace(emulator, parts, name)})
        case ["workspaces", _, "featuresets", _, "versions", _, "features", *names] if len(names) <= 1:
            _check(emulator, request, "/".join(parts[:12]), "GET")
            return _features(emulator, request, parts)
        case ["workspaces", _, "onlineendpoints", _, "deployments", _, "skus"]:
            _check(emulator, request, "/".join(parts[:12]), "GET")
            return answer({"value": skus(emulator.store.get("/" + "/".join(parts[:12])) or {})})
        case ["workspaces", _, kind, _, name] if act := _ACTS.get((kind, name)):
            _check(emulator, request, "/".join(parts[:10]), "POST")
            return answer(act(emulator, "/" + "/".join(parts[:10]), await json_body(request)))
        case ["registries", _, place, _, "versions", _] if place in (*_OF_REGISTRIES, "tempdatarefs"):
            body = await json_body(request) if place in _OF_REGISTRIES else {}
            return data_reference(emulator, request, "/" + "/".join(parts[:8]), body)
    return None


def _check(emulator: Emulator, request: Request, path: str, method: str) -> None:
    if emulator.store.get(path) is None:
        raise not_found(f"/{path}")
    if request.method != method:
        raise not_allowed(request.method, str(request.scope["path"]), [method])


def _of_workspace(emulator: Emulator, parts: list[str], name: str) -> list[Json]:
    if name == "features":
        return [{"id": one, "displayName": shown, "description": text} for one, shown, text in _FEATURES]
    if name == "privatelinkresources":
        workspace = "/".join(parts[:8])
        identity = {"id": f"/{workspace}/privateLinkResources/amlworkspace", "name": "amlworkspace"}
        kind = "Microsoft.MachineLearningServices/workspaces/privateLinkResources"
        return [{**identity, "type": kind, "properties": _PRIVATE_LINK}]
    host, _, port = emulator.https_url.removeprefix("https://").partition(":")
    categories = ("Azure Active Directory", "Azure portal", "Azure Machine Learning", "Azure Storage")
    endpoints = [{"domainName": host, "endpointDetails": [{"port": int(port)}]}]
    return [{"properties": {"category": category, "endpoints": endpoints}} for category in categories]


def _features(emulator: Emulator, request: Request, parts: list[str]) -> Response:
    found = features_of(emulator, "/" + "/".join(parts[:12]))
    if parts[13:]:
        wanted = [one for one in found if one["name"] == parts[13]]
        if not wanted:
            raise not_found("/" + "/".join(parts))
        return answer(wanted[0])
    if name := request.query_params.get("featureName"):
        found = [one for one in found if one["name"] == name]
    return answer({"value": found})
