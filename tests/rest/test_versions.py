from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

import pytest

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest import registries
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.versions import created_at, newest_version
from tests.rest.scripted_service import Answer

IRIS = WorkspaceId("s", "rg", "ws").child("model", "iris")
STARTED = datetime(2026, 11, 21, 10, tzinfo=timezone.utc)
HOME = {"subscriptionId": "of", "resourceGroup": "them", "primaryRegionResourceProviderUri": None}
DISCOVERY = "/registrymanagement/v1.0/registries/shared/discovery"
SKLEARN = (
    "/mferp/managementfrontend/subscriptions/of/resourceGroups/them"
    "/providers/Microsoft.MachineLearningServices/registries/shared/environments/sklearn/versions"
)


def version(name: str, made: str | None = None) -> dict[str, Any]:
    return {"name": name, "properties": {}, **({"systemData": {"createdAt": made}} if made else {})}


def listed(*versions: dict[str, Any], more: str | None = None) -> Answer:
    return Answer(body={"value": list(versions), **({"nextLink": more} if more else {})})


BEFORE = version("7", "2026-11-21T09:59:59.1234567+00:00")
AT_START = version("8", "2026-11-21T10:00:00Z")
AFTER = version("9", "2026-11-21T12:00:01+02:00")
LATER = version("10", "2026-11-22T00:00:00Z")


def test_the_newest_is_what_azure_ai_ml_asks_for(service, drive):
    service.answer("GET", f"{IRIS}/versions", listed(LATER))
    assert drive(newest_version(IRIS))["name"] == "10"
    (asked,) = service.asked
    assert {name: value for name, (value,) in parse_qs(asked.query).items() if name != "api-version"} == {
        "$orderBy": "createdtime desc",
        "$top": "1",
    }


@pytest.mark.parametrize("known", [BEFORE, AT_START, version("8")])
def test_the_newest_of_a_moment_takes_one_request_where_nothing_is_newer(known, service, drive):
    service.answer("GET", f"{IRIS}/versions", listed(known))
    assert drive(newest_version(IRIS, as_of=STARTED)) == known
    assert len(service.asked) == 1


def test_what_is_newer_than_a_moment_is_passed_over_on_any_page(service, drive):
    more = f"{service.url}{IRIS}/versions/more"
    service.answer("GET", f"{IRIS}/versions", listed(LATER), listed(LATER, AFTER, more=more))
    service.answer("GET", f"{IRIS}/versions/more", listed(AT_START, BEFORE))
    assert drive(newest_version(IRIS, as_of=STARTED)) == AT_START


def test_where_all_versions_are_newer_it_is_the_first(service, drive):
    service.answer("GET", f"{IRIS}/versions", listed(LATER), listed(LATER, AFTER))
    assert drive(newest_version(IRIS, as_of=STARTED)) == AFTER


def test_an_asset_without_versions_is_an_error(service, drive):
    service.answer("GET", f"{IRIS}/versions", listed())
    with pytest.raises(NotFound, match="model 'iris' has no version"):
        drive(newest_version(IRIS, as_of=STARTED))


def test_when_a_version_was_created():
    assert created_at(AFTER) == STARTED.replace(second=1)
    assert created_at(version("1")) is None


def test_a_registry_is_found_by_its_name_and_asked_in_its_region(service, drive):
    service.answer("GET", DISCOVERY, Answer(body={**HOME, "primaryRegionResourceProviderUri": f"{service.url}/"}))
    service.answer("GET", SKLEARN, listed(LATER), listed(LATER, BEFORE))
    flow = registries.newest_version(service.cloud, "shared", "environments", "sklearn", as_of=STARTED)
    assert drive(flow) == BEFORE
    assert "api-version=2021-10-01-dataplanepreview" in service.asked[1].query


def test_a_registry_that_does_not_tell_where_it_is(service, drive):
    service.answer("GET", DISCOVERY, Answer(body=HOME))
    with pytest.raises(ApiError, match="does not tell where registry 'shared' is"):
        drive(registries.newest_version(service.cloud, "shared", "environments", "sklearn"))


def test_no_token_goes_to_a_host_that_is_none_of_the_cloud(service, drive):
    service.answer("GET", DISCOVERY, Answer(body={**HOME, "primaryRegionResourceProviderUri": "https://else.test"}))
    with pytest.raises(ApiError, match="no host of the cloud"):
        drive(registries.newest_version(service.cloud, "shared", "environments", "sklearn"))
