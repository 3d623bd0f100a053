from __future__ import annotations

import uuid
from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import flows
from airflow_provider_azml.spec import workspaces
from airflow_provider_azml.spec.source import from_mapping
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import TARGET, WS, StandIn

GROUP = TARGET.workspace.group
VAULT = "/subscriptions/other/resourceGroups/safe/providers/Microsoft.KeyVault/vaults/mine"


def parameters_of(service: StandIn) -> dict[str, Any]:
    ((path, body),) = service.puts()
    assert path.startswith(f"{GROUP}/providers/Microsoft.Resources/deployments/")
    assert body["properties"]["mode"] == "Incremental"
    declared = body["properties"]["template"]["parameters"]
    assert set(declared) == set(body["properties"]["parameters"])
    return {name: given["value"] for name, given in body["properties"]["parameters"].items()}


def test_all_that_is_not_named_is_made_but_the_registry(service: StandIn) -> None:
    service.holds({GROUP: {"location": "westeurope"}})
    ticket = service.run(workspaces.create(from_mapping({"name": "ws", "tags": {"a": "b"}}), TARGET))
    assert ticket.arm_id == WS
    given = parameters_of(service)
    assert {name: value for name, value in given.items() if name.endswith("Option")} == {
        "storageAccountOption": "new",
        "keyVaultOption": "new",
        "applicationInsightsOption": "new",
        "containerRegistryOption": "none",
    }
    assert (given["workspaceName"], given["location"], given["friendlyName"]) == ("ws", "westeurope", "ws")
    assert given["identity"] == {"type": "SystemAssigned"}
    assert given["tagValues"]["a"] == "b"
    for name in ("storageAccountName", "keyVaultName", "applicationInsightsName", "logAnalyticsName"):
        assert given[name].isalnum()
        assert given[name] == given[name].lower()
        assert 3 <= len(given[name]) <= 24


def test_what_is_named_is_taken_from_where_it_is(service: StandIn) -> None:
    source = from_mapping({"name": "ws", "location": "uksouth", "key_vault": VAULT, "hbi_workspace": True})
    service.run(workspaces.create(source, TARGET, create_container_registry=True))
    given = parameters_of(service)
    assert (given["keyVaultOption"], given["keyVaultName"]) == ("existing", "mine")
    assert (given["keyVaultSubscriptionId"], given["keyVaultResourceGroupName"]) == ("other", "safe")
    assert given["containerRegistryOption"] == "new"
    assert given["workspaceProperties"] == {"hbiWorkspace": True}


def test_a_workspace_that_is_there_is_updated(service: StandIn) -> None:
    service.holds({WS: {"name": "ws", "tags": {"kept": "1"}}})
    service.answer("PATCH", WS, Answer(202, None, {"Location": f"{service.url}/operation"}))
    ticket = service.run(
        workspaces.create(from_mapping({"name": "ws", "tags": {"new": "2"}, "description": "d"}), TARGET)
    )
    assert (ticket.arm_id, ticket.operation_url) == (WS, f"{service.url}/operation")
    assert service.sent[-1] == (f"PATCH {WS}", {"tags": {"kept": "1", "new": "2"}, "properties": {"description": "d"}})


def test_nothing_is_sent_for_a_workspace_that_is_wrong(service: StandIn) -> None:
    with pytest.raises(SpecError):
        service.run(workspaces.create(from_mapping({"name": "ws", "key_vault": "mine"}), TARGET))
    assert service.sent == []


def test_the_template_makes_a_workspace_with_what_it_stands_on(azml_connection: str) -> None:
    name = f"made{uuid.uuid4().hex[:8]}"
    hook = AzmlHook(azml_connection)
    made = hook.apply({"name": name, "location": "westeurope", "description": "d"}, kind="workspace")
    assert made["properties"]["description"] == "d"
    assert made["tags"]["createdByToolkit"].startswith("airflow-provider-azml-")
    for field in ("storageAccount", "keyVault", "applicationInsights"):
        # resources of other providers are not in the resource table
        sent = flows.request("GET", made["properties"][field], params={"api-version": "2023-01-01"})
        assert hook.run(flows.call(flows.Send(sent))).json()["tags"]["createdByToolkit"]
    assert not made["properties"].get("containerRegistry")
