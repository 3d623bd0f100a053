"""ARM templates: expressions, parameters, order; and the very template that azure-ai-ml deploys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_azml.emulator.arm.template_expressions import TemplateError
from airflow_provider_azml.emulator.arm.templates import Template

GROUP = {"id": "/subscriptions/s/resourceGroups/g", "name": "g", "location": "here"}
SUBSCRIPTION = {"subscriptionId": "s", "tenantId": "t"}


def template(document: dict[str, Any], **parameters: Any) -> Template:
    return Template(
        document,
        {name: {"value": value} for name, value in parameters.items()},
        subscription=SUBSCRIPTION,
        group=GROUP,
        reference=lambda arm_id: {"of": arm_id},
    )


def evaluated(expression: Any, **parameters: Any) -> Any:
    declared = {name: {"type": "string"} for name in parameters}
    document = {
        "parameters": declared,
        "variables": {"here": "[resourceGroup().location]"},
        "resources": [{"type": "A/b", "name": "x", "properties": {"value": expression}}],
    }
    made = template(document, **parameters)
    return made.body(made.resources()[0])["properties"]["value"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("[[not an expression]", "[not an expression]"),
        ("[concat('it''s ', parameters('p'), '-', 3)]", "it's v-3"),
        ("[if(equals(parameters('P'), 'V'), variables('here'), reference('nowhere').missing)]", "here"),
        ("[if(or(empty(''), false()), 1, 2)]", 1),
        (
            "[resourceId('Microsoft.A/b/c', 'x', 'y')]",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.A/b/x/c/y",
        ),
        ("[resourceId('s2', 'g2', 'A/b', 'x')]", "/subscriptions/s2/resourceGroups/g2/providers/A/b/x"),
        ("[subscriptionResourceId('A/b', 'x')]", "/subscriptions/s/providers/A/b/x"),
        ("[reference('r', '2020-01-01').of]", "r"),
        ("[split('a,b', ',')[1]]", "b"),
        ("[array(json('null'))]", [None]),
        (["[toUpper('a')]", {"k": "[toLower('B')]"}], ["A", {"k": "b"}]),
    ],
)
def test_expressions(expression: Any, value: Any) -> None:
    assert evaluated(expression, p="v") == value


def test_unique_strings_are_as_unique_as_their_arguments() -> None:
    one, again, other = (evaluated(f"[uniqueString('{text}', parameters('p'))]", p="v") for text in ("a", "a", "b"))
    assert one == again != other
    assert len(one) == 13


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("[nope('x')]", "no template function 'nope'"),
        ("[concat('x'", "x"),
        ("[concat('x']", "is expected"),
        ("[concat('x') 'y']", "is not expected"),
        ("[parameters('q')]", "parameter 'q' is not found"),
        ("[variables('q')]", "variable 'q' is not found"),
        ("[resourceId('A/b/c', 'x')]", "needs 2 names"),
        ("[resourceGroup().nope]", "no 'nope'"),
        ("[concat(&)]", "is not expected"),
    ],
)
def test_what_is_no_expression_is_named(expression: str, reason: str) -> None:
    if not expression.endswith("]"):
        assert evaluated(expression, p="v") == expression
        return
    with pytest.raises(TemplateError, match=reason):
        evaluated(expression, p="v")


def test_parameters_have_defaults_and_limits() -> None:
    declared = {
        "a": {"type": "string"},
        "b": {"type": "string", "defaultValue": "[parameters('a')]", "allowedValues": ["1"]},
    }
    assert template({"parameters": declared}, a="1").parameter("B") == "1"
    assert template({"parameters": declared}, a="1", b=None).parameter("b") == "1"
    with pytest.raises(TemplateError, match="'a' is not provided"):
        template({"parameters": declared})
    with pytest.raises(TemplateError, match="allowed values are 1"):
        template({"parameters": declared}, a="2")
    with pytest.raises(TemplateError, match="'c' are not declared"):
        template({"parameters": declared}, a="1", c="x")


def test_resources_come_after_what_they_depend_on() -> None:
    document = {
        "resources": [
            {"type": "A/b/c", "name": "x/y"},
            {"type": "A/d", "name": "last", "dependsOn": ["[resourceId('A/b', 'x')]", "gone"]},
            {"type": "A/b", "name": "x", "resources": [{"type": "e", "name": "inner", "condition": "[not(true())]"}]},
            {"type": "A/f", "name": "never", "condition": False},
        ]
    }
    assert [one.path for one in template(document).resources()] == ["A/b/x", "A/b/x/c/y", "A/d/last"]
    circle = [{"type": "A/b", "name": "x", "dependsOn": ["y"]}, {"type": "A/b", "name": "y", "dependsOn": ["x"]}]
    with pytest.raises(TemplateError, match="Circular"):
        template({"resources": circle}).resources()


def test_the_template_of_azure_ai_ml_makes_a_workspace_and_what_it_needs() -> None:
    import azure.ai.ml

    folder = Path(azure.ai.ml.__file__).parent / "_arm_deployments" / "arm_templates"
    document = json.loads((folder / "workspace_base.json").read_text())
    wanted = {
        "workspaceName": "ws",
        "description": "",
        "friendlyName": "ws",
        "location": "westeurope",
        "resourceGroupName": "g",
        "tagValues": {"a": "b"},
    }
    defaultless = {
        name: {"object": {}, "array": []}.get(declared["type"].lower(), "")
        for name, declared in document["parameters"].items()
        if "defaultValue" not in declared and name not in wanted
    }
    made = template(document, **defaultless, **wanted)
    resources = {one.kind: one for one in made.resources()}
    assert set(resources) == {
        "Microsoft.Storage/storageAccounts",
        "Microsoft.KeyVault/vaults",
        "Microsoft.OperationalInsights/workspaces",
        "Microsoft.Insights/components",
        "Microsoft.MachineLearningServices/workspaces",
    }
    assert made.resources()[-1].kind == "Microsoft.MachineLearningServices/workspaces"
    body = made.body(resources["Microsoft.MachineLearningServices/workspaces"])
    assert body["tags"] == {"a": "b"}
    assert body["properties"]["containerRegistry"] is None
    for name, kind in (
        ("storageAccount", "Microsoft.Storage/storageAccounts"),
        ("keyVault", "Microsoft.KeyVault/vaults"),
    ):
        assert body["properties"][name] == f"{GROUP['id']}/providers/{resources[kind].path}"
