from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.exceptions import Conflict, NotFound
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.labelled import Newest
from airflow_provider_azml.spec.needs import (
    Asset,
    LongUri,
    WorkspaceLocation,
    WorkspaceResource,
    put_version,
)
from tests.spec.stand_in import TARGET, WS, StandIn

NEWEST = {f"{WS}/models/m/versions": {"value": [{"name": "12"}]}}


def test_places_are_filled_wherever_they_stand(service: StandIn) -> None:
    service.holds(NEWEST)
    body = {"a": [{"b": Newest("model", "m")}], "c": WorkspaceResource("compute", ("k",)), "d": 1}
    assert service.run(filled(body, TARGET)) == {
        "a": [{"b": f"{WS}/models/m/versions/12"}],
        "c": f"{WS}/computes/k",
        "d": 1,
    }


def test_an_equal_need_is_met_once(service: StandIn) -> None:
    service.holds(NEWEST).run(filled({"a": Newest("model", "m"), "b": [Newest("model", "m")] * 3}, TARGET))
    assert [name for name, _ in service.sent] == [f"GET {WS}/models/m/versions"]


def test_what_depends_on_something_comes_after_it(service: StandIn) -> None:
    service.holds({**NEWEST, WS: {"location": "westeurope"}})
    inner = Asset("model", "inner", "1", {"properties": {"of": Newest("model", "m")}})
    outer = Asset("model", "outer", "1", {"properties": {"of": inner}})
    body = service.run(filled({"a": outer, "b": inner, "c": WorkspaceLocation()}, TARGET))
    assert body["c"] == "westeurope"
    assert service.puts() == [
        (f"{WS}/models/inner/versions/1", {"properties": {"of": f"{WS}/models/m/versions/12"}}),
        (f"{WS}/models/outer/versions/1", {"properties": {"of": f"{WS}/models/inner/versions/1"}}),
    ]


def test_independent_needs_are_one_step() -> None:
    flow = filled({"a": Newest("model", "m"), "b": Newest("model", "n"), "c": WorkspaceLocation()}, TARGET)
    step = next(flow)
    assert isinstance(step, All)
    assert len(step.flows) == 3
    flow.close()


def test_nothing_is_sent_for_a_body_without_needs(service: StandIn) -> None:
    assert service.run(filled({"a": 1}, TARGET)) == {"a": 1}
    assert service.sent == []


def test_a_missing_asset_is_an_error(service: StandIn) -> None:
    service.holds({f"{WS}/models/m/versions": {"value": []}})
    with pytest.raises(NotFound, match="'m' has no version"):
        service.run(filled({"a": Newest("model", "m")}, TARGET))


def test_an_asset_that_is_as_good_when_it_exists(service: StandIn) -> None:
    service.refuses("PUT", f"{WS}/environments/e/versions/1", 409, "Conflict")
    kept = Asset("environment", "e", "1", {"properties": {}}, keep=True)
    assert service.run(filled({"a": kept}, TARGET)) == {"a": f"{WS}/environments/e/versions/1"}
    with pytest.raises(Conflict):
        service.run(filled({"a": Asset("environment", "e", "1", {"properties": {}})}, TARGET))


@pytest.mark.parametrize(
    ("kind", "segment", "container", "expected"),
    [
        ("model", "models", None, "1"),
        ("model", "models", {"latestVersion": "3", "nextVersion": "4"}, "4"),
        ("data", "data", {"latestVersion": "3", "nextVersion": "9"}, "9"),
        ("environment", "environments", None, "1"),
        ("environment", "environments", {"latestVersion": "3", "nextVersion": "4"}, "3"),
        ("environment", "environments", {"latestVersion": None, "nextVersion": "1"}, "1"),
    ],
)
def test_the_version_of_what_has_none(service: StandIn, kind: str, segment: str, container: Any, expected: str) -> None:
    if container:
        service.holds({f"{WS}/{segment}/x": {"properties": container}})
    assert service.run(put_version(TARGET, kind, "x", None, {})).arm_id == f"{WS}/{segment}/x/versions/{expected}"


def test_an_environment_that_changed_gets_the_next_version(service: StandIn) -> None:
    service.holds({f"{WS}/environments/x": {"properties": {"latestVersion": "3", "nextVersion": "4"}}})
    service.refuses("PUT", f"{WS}/environments/x/versions/3", 409, "Conflict")
    assert service.run(put_version(TARGET, "environment", "x", None, {})).arm_id.endswith("/versions/4")


def test_a_datastore_uri_in_its_long_form() -> None:
    long = "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores/d/paths/p"
    assert LongUri("azureml://datastores/d/paths/p").id_in(TARGET) == long
