from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.rest import arm_ids
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from airflow_provider_azml.rest.resources import Resource

WORKSPACE = WorkspaceId("sub", "group", "space")
BELOW_A_GROUP = [pytest.param(row, id=row.kind) for row in RESOURCES.values() if row.kind != "resource_group"]


def depth(row: Resource) -> int:
    return 1 if row.parent == "resource_group" else 1 + depth(RESOURCES[row.parent])


def names_of(row: Resource) -> tuple[str, ...]:
    return ("space", "outer-1", "inner.2")[: depth(row)] + (("7",) if row.versioned else ())


@pytest.mark.parametrize("row", BELOW_A_GROUP)
def test_an_id_that_is_made_is_taken_apart_into_what_it_was_made_of(row: Resource) -> None:
    names = names_of(row)
    found = arm_ids.parse(WORKSPACE.sibling(row.kind, *names))
    assert found == arm_ids.ArmId(row.kind, "sub", "group", names)
    assert found.row is row
    assert (found.name, found.version) == ((names[-2], "7") if row.versioned else (names[-1], None))


@pytest.mark.parametrize("row", BELOW_A_GROUP)
def test_an_id_is_taken_apart_whatever_its_case(row: Resource) -> None:
    names = names_of(row)
    made = WORKSPACE.sibling(row.kind, *names)
    assert arm_ids.parse(made.lower()) == arm_ids.parse(made)
    assert arm_ids.parse(made.upper()).kind == row.kind


@pytest.mark.parametrize("row", [param for param in BELOW_A_GROUP if param.values[0].versioned])
def test_a_versioned_id_without_its_version_is_its_containers(row: Resource) -> None:
    made = WORKSPACE.child(row.kind, "outer-1")
    found = arm_ids.parse(made)
    assert (found.kind, found.name, found.version) == (row.kind, "outer-1", None)
    assert f"{made}/versions/7" == WORKSPACE.child(row.kind, "outer-1", "7")


def test_with_one_name_too_few_it_is_the_collection() -> None:
    assert WORKSPACE.child("model") == f"{WORKSPACE}/models"
    assert WORKSPACE.child("online_deployment", "iris") == f"{WORKSPACE}/onlineEndpoints/iris/deployments"


def test_a_workspace_is_found_from_everything_in_it() -> None:
    assert arm_ids.parse(WORKSPACE.child("online_deployment", "iris", "blue")).workspace == WORKSPACE
    assert arm_ids.parse(str(WORKSPACE)).workspace == WORKSPACE


def test_a_resource_group_has_an_id_too() -> None:
    found = arm_ids.parse(WORKSPACE.group)
    assert (found.kind, found.name, found.version) == ("resource_group", "group", None)


def test_a_template_deployment_is_no_online_deployment() -> None:
    made = WORKSPACE.sibling("template_deployment", "space-1")
    assert made == f"{WORKSPACE.group}/providers/Microsoft.Resources/deployments/space-1"
    assert arm_ids.parse(made).kind == "template_deployment"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "iris",
        "/subscriptions/sub",
        "/subscriptions/sub/providers/Microsoft.MachineLearningServices/locations/west",
        f"{WORKSPACE}/models",
        f"{WORKSPACE}/registrations/iris",
        f"{WORKSPACE}/jobs/a/versions/1",
        f"{WORKSPACE.group}/providers/Microsoft.Storage/storageAccounts/stored",
        f"{WORKSPACE.group}/providers/Microsoft.OperationalInsights/workspaces/logs",
        f"{WORKSPACE.group}/providers/Microsoft.MachineLearningServices",
    ],
)
def test_what_is_no_id_of_a_known_resource_is_refused_by_name(wrong: str) -> None:
    with pytest.raises(ValueError, match="ARM id") as refused:
        arm_ids.parse(wrong)
    assert wrong in str(refused.value)
