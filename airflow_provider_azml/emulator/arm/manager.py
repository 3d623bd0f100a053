"""Azure Resource Manager: finds what a path means, checks what is above it, and does to it what the method says."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_azml.emulator import identity
from airflow_provider_azml.emulator.arm import (
    foreign,
    lists,
    locations,
    preview_2021,
    providers,
    regional,
    registries,
    subscriptions,
    template_deployments,
    views,
)
from airflow_provider_azml.emulator.arm.api_versions import check_api_version
from airflow_provider_azml.emulator.arm.behaviour import answer, json_body, require_parent
from airflow_provider_azml.emulator.arm.behaviours import behaviours
from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.emulator.arm.definitions import status_of_put
from airflow_provider_azml.emulator.arm.errors import ArmError, not_allowed, not_found
from airflow_provider_azml.emulator.arm.targets import AML, resolve
from airflow_provider_azml.emulator.arm.workspaces import of_kinds
from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.resources import ASYNC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.routing import BaseRoute

    from airflow_provider_azml.emulator.arm.behaviour import Behaviour
    from airflow_provider_azml.emulator.arm.targets import Target
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

_TELLING = ("batch_endpoint", "online_deployment", "online_endpoint")
"""Kinds whose documents say where the operation can be followed that has last put them, for those who see no headers.

Sources: cli/batch-score-rest.sh and deploy-rest.sh of Azure/azureml-examples, which follow it.
"""
_OF_PROVIDERS: tuple[list[str], ...] = ([], ["register"], ["unregister"])
METHODS = ["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"]
REGISTRIES_PREFIX = "/mferp/managementfrontend"
"""Under which a region has the assets of registries."""
_REGISTRIES = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{AML}/registries"


def routes(emulator: Emulator) -> list[BaseRoute]:
    """The routes of Azure Resource Manager."""
    manager = Manager(emulator)
    return [
        Route("/subscriptions{path:path}", manager.answer, methods=METHODS),
        regional.route(manager.answer),
        Route(f"{REGISTRIES_PREFIX}{_REGISTRIES}{{path:path}}", manager.answer_of_registries, methods=METHODS),
        Route("/registrymanagement/v1.0/registries/{name}/discovery", manager.discover, methods=["GET"]),
        Route("/providers{path:path}", providers.tenant_view, methods=METHODS),
        Route("/tenants", subscriptions.tenants, methods=["GET"]),
    ]


class Manager:
    """Azure Resource Manager with the one resource provider of Azure ML.

    Args:
        emulator: The emulator.
    """

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._behaviours = behaviours(emulator)
        self._groups = subscriptions.ResourceGroups(emulator)
        self._foreign = foreign.ForeignResources(emulator)
        self._providers = providers.ResourceProviders(emulator)
        registries.make_builtin(emulator)

    async def answer_of_registries(self, request: Request) -> Response:
        """Answer a request to a region for what is in a registry, as Resource Manager does.

        Raises:
            ArmError: It is refused.
        """
        path = str(request.scope["path"]).removeprefix(REGISTRIES_PREFIX)
        query = registries.plain_query(request.scope["query_string"])
        return await self.answer(Request({**request.scope, "path": path, "query_string": query}, request.receive))

    async def discover(self, request: Request) -> Response:
        """Say where a registry is.

        Raises:
            ArmError: There is no such registry.
        """
        return registries.discovery(self._emulator, request.path_params["name"])

    async def answer(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ArmError: It is refused.
        """
        parts = str(request.scope["path"]).strip("/").split("/")
        if parts[1:]:
            subscriptions.check(parts[1])
        match [part.lower() for part in parts[2:]]:
            case []:
                check_api_version(request.query_params)
                return subscriptions.get_subscription() if parts[1:] else subscriptions.list_subscriptions()
            case ["operationresults", name]:
                return self._operation(request, name, by_location=True)
            case ["resourcegroups", *names] if len(names) <= 1:
                return await self._groups.answer(request, parts[3] if names else None)
            case ["resourcegroups", *_]:
                return await self._below_group(request, parts)
            case ["resources"]:
                return self._groups.resources(request, f"/subscriptions/{parts[1]}")
            case ["providers", *rest]:
                # the provider itself is a resource of Resource Manager's own, with versions of its own
                known = AML if rest[:1] == [AML.lower()] and rest[1:] not in _OF_PROVIDERS else None
                check_api_version(request.query_params, namespace=known, kind="/".join(rest[1::2]))
                return await self._below_subscription(request, rest)
        raise _unknown(request)

    async def _below_subscription(self, request: Request, rest: list[str]) -> Response:
        match rest:
            case [] | [_] | [_, "register" | "unregister"]:
                return self._providers.answer(request, rest)
            case [_, "workspaces" | "registries" as segment]:
                return self._everywhere(segment, request.query_params)
            case [_, "locations", _, name] if shown := locations.view(self._emulator, name):
                return answer(shown)
            case [_, "locations", _, "updatequotas"]:
                return answer({"value": locations.update_quotas(self._emulator, await json_body(request))})
            case [_, "locations", _, place, name] if place.endswith(("operationsstatus", "operationresults")):
                return self._operation(request, name, by_location=place.endswith("operationresults"))
        raise _unknown(request)

    def _everywhere(self, segment: str, query: Mapping[str, str]) -> Response:
        """All workspaces or registries of the subscription."""
        show = self._behaviours["workspace" if segment == "workspaces" else "registry"].show
        found = self._emulator.store.outermost(f"/subscriptions/{identity.SUBSCRIPTION_ID}")
        wanted = of_kinds([one for one in found if one["type"] == f"{AML}/{segment}"], query)
        return answer({"value": [show(one) for one in wanted]})

    async def _below_group(self, request: Request, parts: list[str]) -> Response:
        group = parts[3]
        self._groups.check(group)
        if request.method == "PUT" and len(parts) > 5:  # noqa: PLR2004 (the provider's place in the path)
            self._providers.check(parts[5])
        match [part.lower() for part in parts[4:]]:
            case ["resources"]:
                return self._groups.resources(request, f"/subscriptions/{parts[1]}/resourceGroups/{group}")
            case ["deployments", _, "operations"]:
                return template_deployments.operations_of(self._emulator, self._groups.spelling(group), parts[5])
            case ["providers", "microsoft.resources", "deployments", _, "operationstatuses", name]:
                return self._operation(request, name, by_location=False)
            case ["providers", "microsoft.resources" | "microsoft.machinelearningservices", _, *_]:
                return await self._resource(request, parts)
            case ["providers", _, _, *_]:
                check_api_version(request.query_params)
                return await self._foreign.answer(request, parts)
        raise _unknown(request)

    async def _resource(self, request: Request, parts: list[str]) -> Response:
        subscription, group, namespace = parts[1], self._groups.spelling(parts[3]), parts[5]
        known = AML if namespace.lower() == AML.lower() else None
        check_api_version(request.query_params, namespace=known, kind="/".join(parts[6::2]))
        target = resolve(subscription, group, namespace, parts[6:])
        if target is None:
            shown = await views.view(self._emulator, request, [*parts[:3], self._groups.spelling(parts[3]), *parts[4:]])
            if shown is None:
                raise _unknown(request)
            return shown
        body, query = await json_body(request), dict(request.query_params)
        if not preview_2021.is_asked(query):
            return await self._do(request.method, target, body, query)
        body = preview_2021.todays_body(self._emulator, target, request.method, body)
        return preview_2021.in_its_words(self._emulator, target, await self._do(request.method, target, body, query))

    def _operation(self, request: Request, name: str, *, by_location: bool) -> Response:
        document = self._emulator.operations.document(name)
        if document is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        shown = {key: value for key, value in document.items() if key not in ("resource", "verb", "result")}
        shown["id"] = str(request.scope["path"])
        running = document["status"] == "InProgress"
        headers = {"Retry-After": "1"} if running else {}
        if not by_location:
            return answer(shown, 200, headers)
        if running:
            return answer(shown, 202, {**headers, "Location": str(request.url)})
        if document["status"] != "Succeeded":
            error = document["error"]
            raise ArmError(409 if document["status"] == "Canceled" else 400, error["code"], error["message"])
        if document.get("result") is not None:
            return answer(document["result"])
        resource = self._emulator.store.get(document["resource"])
        if resource is None or document["verb"] not in ("PUT", "PATCH"):
            return Response(status_code=204)
        return answer(self._behaviours[arm_ids.parse(document["resource"]).kind].show(resource))

    async def _do(self, method: str, target: Target, body: Json, query: Mapping[str, str]) -> Response:
        behaviour = self._behaviours[target.row.kind]
        behaviour.check_method(target, method)
        if target.is_collection:
            if method != "GET":
                raise not_allowed(method, target.arm_id)
            return self._list(behaviour, target, query)
        if target.action is not None:
            return await self._act(method, behaviour, target, body, query)
        if method == "PUT":
            return self._put(behaviour, target, body)
        if method == "PATCH" and behaviour.patchable:
            return self._patch(behaviour, target, body)
        if method == "DELETE":
            return self._delete(behaviour, target, query)
        if method in ("GET", "HEAD"):
            return answer(behaviour.show(behaviour.found(target) or self._existing(target)))
        raise not_allowed(method, target.arm_id)

    def _existing(self, target: Target, act: str = "read") -> Json:
        document = self._emulator.store.get(target.arm_id)
        if document is None:
            if target.parent_id.lower() != subscriptions.group_id(target.group).lower():
                require_parent(self._emulator, target, act)
            raise not_found(target.arm_id)
        return document

    def _list(self, behaviour: Behaviour, target: Target, query: Mapping[str, str]) -> Response:
        require_parent(self._emulator, target, "read")
        return answer(lists.page(self._emulator, behaviour, target, query))

    def _put(self, behaviour: Behaviour, target: Target, body: Json) -> Response:
        require_parent(self._emulator, target, "write")
        old = self._emulator.store.get(target.arm_id)
        document = behaviour.accept(target, checked_body("PUT", target.arm_id, body), old)
        if "PUT" in target.row.long_running:
            return self._begin(behaviour, target, "PUT", document, created=old is None)
        if target.row.status == ("properties", "provisioningState"):
            document["properties"]["provisioningState"] = "Succeeded"
        stored = self._emulator.store.put(target.arm_id, document)
        behaviour.stored(target, stored, created=old is None)
        return answer(behaviour.show(self._existing(target)), status_of_put(target.arm_id, created=old is None))

    def _patch(self, behaviour: Behaviour, target: Target, body: Json) -> Response:
        old = self._existing(target, "write")
        change = checked_body("PATCH", target.arm_id, body)
        changed = json.loads(json.dumps(old))
        for path in behaviour.patchable:
            _merge(changed, change, path.split("."))
        document = behaviour.accept(target, changed, old)
        return self._begin(behaviour, target, "PATCH", document, created=False)

    def _begin(self, behaviour: Behaviour, target: Target, verb: str, document: Json, *, created: bool) -> Response:
        document["properties"]["provisioningState"] = "Creating" if created else "Updating"
        stored = self._emulator.store.put(target.arm_id, document)
        headers = self._emulator.operations.begin(target.arm_id, verb, behaviour.make(target.arm_id))
        if target.row.kind in _TELLING and ASYNC in headers:
            stored = self._emulator.store.update(target.arm_id, partial(_tell_operation, headers[ASYNC])) or stored
        by_location = target.row.long_running[verb] == "Location"
        status = 202 if by_location else 201 if created else 200
        return answer(behaviour.show(stored), status, headers)

    def _delete(self, behaviour: Behaviour, target: Target, query: Mapping[str, str]) -> Response:
        document = self._emulator.store.get(target.arm_id)
        if document is None:
            return behaviour.delete_absent(target, query)
        behaviour.check_delete(target, document, query)
        if "DELETE" not in target.row.long_running:
            self._emulator.store.delete(target.arm_id)
            return Response(status_code=200)
        self._emulator.store.update(target.arm_id, _deleting)
        headers = self._emulator.operations.begin(target.arm_id, "DELETE", behaviour.remove(target.arm_id, query))
        return Response(status_code=202, headers=headers)

    async def _act(
        self, method: str, behaviour: Behaviour, target: Target, body: Json, query: Mapping[str, str]
    ) -> Response:
        act = behaviour.actions().get(target.action or "")
        path = f"{target.arm_id}/{target.row.actions.get(target.action or '')}"
        if method != "POST" or act is None:
            raise not_allowed(method, path)
        return await act(target, checked_body("POST", path, body), query)


def _merge(document: Json, change: Json, path: list[str]) -> None:
    key, rest = path[0], path[1:]
    if not isinstance(change, dict) or key not in change:
        return
    if rest:
        _merge(document.setdefault(key, {}), change[key] or {}, rest)
    else:
        document[key] = change[key]


def _tell_operation(url: str, document: Json) -> None:
    known = document["properties"].get("properties") or {}
    document["properties"]["properties"] = {**known, "AzureAsyncOperationUri": url}


def _deleting(document: Json) -> None:
    document.setdefault("properties", {})["provisioningState"] = "Deleting"


def _unknown(request: Request) -> ArmError:
    """The error for a path that means nothing, as recorded in Azure/AI-PredictiveMaintenance issue 147."""
    path = str(request.scope["path"])
    namespace = path.lower().partition("/providers/")[2].partition("/")[0]
    spelling = AML if namespace == AML.lower() else namespace or "Microsoft.Resources"
    version = request.query_params.get("api-version", "")
    return ArmError(
        404,
        "InvalidResourceType",
        f"The resource type could not be found in the namespace '{spelling}' for api version '{version}'. "
        f"The emulator has nothing at '{path}'.",
    )
