"""What keeps a deployment from being made is told before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.spec import deployable
from airflow_provider_azml.spec.source import read
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/westeurope"
MODEL = f"{WS}/models/iris/versions"
ENVIRONMENT = f"{WS}/environments/sklearn/versions"
ENDPOINT = f"{WS}/onlineEndpoints/flowers"
FAMILY = "Standard DSv2 Family Cluster Dedicated vCPUs"
SIZES = {"value": [{"name": "Standard_DS3_v2", "family": "standardDSv2Family", "vCPUs": 4, "memoryGB": 14.0}]}


def usage(current: int, limit: int) -> dict[str, Any]:
    kind = "Microsoft.MachineLearningServices/vmFamily/usages"
    return {"value": [{"type": kind, "name": {"value": FAMILY}, "currentValue": current, "limit": limit}]}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path)
    yield stand_in
    stand_in.close()


@pytest.fixture
def region(service: StandIn) -> StandIn:
    return service.holds({
        WS: {"name": "ws", "location": "West Europe"},
        f"{REGION}/vmSizes": SIZES,
        f"{REGION}/usages": usage(0, 100),
        f"{MODEL}/3": {"name": "3"},
        MODEL: {"value": [{"name": "3"}, {"name": "2"}]},
        f"{ENVIRONMENT}/1": {"name": "1"},
    })


def told(service: StandIn, folder: Path, **changed: object) -> list[str]:
    given = {
        "name": "blue",
        "endpoint_name": "flowers",
        "model": "azureml:iris:3",
        "environment": "azureml:sklearn:1",
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        **changed,
    }
    file = folder / "deployment.yml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in given.items()))
    found = service.run(deployable.problems(read(file), TARGET))
    assert all(each.method == "GET" for each in service.asked)
    return [str(problem).removeprefix(str(file)) for problem in found]


def test_what_is_all_there_has_no_problem(region: StandIn, tmp_path: Path) -> None:
    assert told(region, tmp_path) == []


def test_a_version_that_is_not_there_is_told_with_those_that_are(region: StandIn, tmp_path: Path) -> None:
    assert told(region, tmp_path, model="azureml:iris:7") == [
        ":3:8: model: model 'iris' has no version 7 in workspace 'ws'; the newest that it has: 3, 2"
    ]


@pytest.mark.parametrize("model", ["azureml:irsi:1", f"azureml:{WS}/models/irsi/versions/1"])
def test_a_model_that_is_not_there(region: StandIn, tmp_path: Path, model: str) -> None:
    assert told(region, tmp_path, model=model) == [
        ":3:8: model: there is no model 'irsi' in workspace 'ws'; register it first, or name another"
    ]


def test_a_label_without_a_version(region: StandIn, tmp_path: Path) -> None:
    region.holds({f"{WS}/models/empty/versions": {"value": []}})
    (problem,) = told(region, tmp_path, model="azureml:empty@latest")
    assert "model empty@latest stands for nothing: model 'empty' has no version" in problem


def test_a_label_with_a_version(region: StandIn, tmp_path: Path) -> None:
    assert told(region, tmp_path, model="azureml:iris@latest") == []


def test_several_problems_are_told_at_once(region: StandIn, tmp_path: Path) -> None:
    region.holds({ENDPOINT: {"name": "flowers", "properties": {"provisioningState": "Deleting"}}})
    found = told(region, tmp_path, environment="azureml:sklearn:2", instance_type="Standard_DS3_v3")
    assert [problem.split(": ")[1] for problem in found] == ["endpoint_name", "environment", "instance_type"]
    assert found[0].endswith("endpoint 'flowers' is being deleted; wait until it is gone, or name another")
    assert found[2].endswith(
        "there is no instance type 'Standard_DS3_v3' in West Europe; did you mean Standard_DS3_v2?"
    )


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"type": "kubernetes", "instance_type": "gpu-large"}, False),
        ({"instance_type": "STANDARD_ds3_V2"}, True),
        ({"model": "azureml://registries/azureml/models/iris/versions/1"}, True),
        ({"environment": "azureml:AzureML-sklearn-1.5:3"}, True),
        ({"environment": "azureml:AzureML-sklearn-1.5@latest"}, True),
        ({"environment": "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"}, True),
    ],
)
def test_what_is_elsewhere_is_left_to_the_service(
    region: StandIn, tmp_path: Path, given: dict[str, object], asked: bool
) -> None:
    assert told(region, tmp_path, **given) == []
    assert any(each.path.endswith("/vmSizes") for each in region.asked) is asked


@pytest.mark.parametrize(("used", "limit", "count"), [(0, 6, 1), (90, 100, 2)])
def test_too_little_quota_is_a_warning(region: StandIn, tmp_path: Path, used: int, limit: int, count: int) -> None:
    region._answers["GET", f"{REGION}/usages"][:] = [Answer(body=usage(used, limit))]
    (problem,) = told(region, tmp_path, instance_count=count)
    needed = {1: 8, 2: 12}[count]
    assert f"instance_type: warning: needs {needed} cores of standardDSv2Family" in problem
    assert f"of which {limit - used} are left ({used} of {limit} used)" in problem


def test_the_cores_of_a_deployment_that_is_there_are_counted_already(region: StandIn, tmp_path: Path) -> None:
    region._answers["GET", f"{REGION}/usages"][:] = [Answer(body=usage(8, 8))]
    region.holds({f"{ENDPOINT}/deployments/blue": {"name": "blue", "properties": {}}})
    assert told(region, tmp_path) == []


@pytest.mark.parametrize("refused", [f"{REGION}/vmSizes", f"{REGION}/usages", f"{MODEL}/3", f"{ENVIRONMENT}/1"])
def test_what_may_not_be_read_is_left_to_the_service(
    region: StandIn, tmp_path: Path, refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    region._answers["GET", refused].clear()
    region.refuses("GET", refused, 403, "AuthorizationFailed")
    assert told(region, tmp_path, instance_type="Standard_DS3_v2") == []
    assert "cannot be told beforehand: AuthorizationFailed" in caplog.text


def test_a_service_out_of_reach_is_an_error(region: StandIn, tmp_path: Path) -> None:
    region._answers["GET", f"{MODEL}/3"].clear()
    region.refuses("GET", f"{MODEL}/3", 400, "BadRequest")
    with pytest.raises(ApiError, match="BadRequest"):
        told(region, tmp_path)
