from __future__ import annotations

import pytest

from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.spec import references
from airflow_provider_azml.spec.labelled import Newest
from airflow_provider_azml.spec.needs import Named
from airflow_provider_azml.spec.target import Target

TARGET = Target(WorkspaceId("s", "rg", "ws"), CLOUDS["public"])
WS = str(TARGET.workspace)


def sent(value: object) -> object:
    return value.id_in(TARGET) if isinstance(value, Named) else value


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("azureml:e:3", "environment", f"{WS}/environments/e/versions/3"),
        ("azureml:e:2024-01-02", "environment", f"{WS}/environments/e/versions/2024-01-02"),
        ("azureml:m:1", "model", f"{WS}/models/m/versions/1"),
        ("azureml:d:1", "data", f"{WS}/data/d/versions/1"),
        ("azureml:m@latest", "model", Newest("model", "m")),
        ("azureml:AzureML-x:3", "environment", "azureml:AzureML-x:3"),
        ("azureml:AzureML-x@latest", "environment", "azureml:AzureML-x@latest"),
        ("azureml:AzureML-x:3", "model", f"{WS}/models/AzureML-x/versions/3"),
        ("azureml://registries/r/models/m/versions/1", "model", "azureml://registries/r/models/m/versions/1"),
        ("azureml://registries/r/models/m/labels/latest", "model", "azureml://registries/r/models/m/labels/latest"),
        ("azureml:/subscriptions/a/models/m/versions/1", "model", "/subscriptions/a/models/m/versions/1"),
    ],
)
def test_assets(text: str, kind: str, expected: object) -> None:
    assert sent(references.asset(text, kind)) == expected


@pytest.mark.parametrize("text", ["m", "m:1", "azureml:m", "azureml:", "azureml::1", "azureml:m@old", "azureml:m:", ""])
def test_what_is_no_reference_to_an_asset(text: str) -> None:
    with pytest.raises(references.BadReference):
        references.asset(text, "model")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c", f"{WS}/computes/c"),
        ("azureml:c", f"{WS}/computes/c"),
        ("/subscriptions/x/computes/c", "/subscriptions/x/computes/c"),
        ("azureml:/subscriptions/x/computes/c", "/subscriptions/x/computes/c"),
        (
            "azureml:virtualClusters/v",
            "/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/virtualclusters/v",
        ),
    ],
)
def test_computes(text: str, expected: str) -> None:
    assert sent(references.compute(text)) == expected


@pytest.mark.parametrize(
    "path", ["https://x/y", "wasbs://x/y", "abfss://x", "azureml://jobs/j/outputs/o", "/subscriptions/x"]
)
def test_remote_paths(path: str) -> None:
    assert references.is_remote(path)
    assert not references.is_registered(path)


@pytest.mark.parametrize("path", ["src", "./src", "../src", "/home/me", "C:\\x", "runs:/a/b", "azureml:d:1"])
def test_other_paths(path: str) -> None:
    assert not references.is_remote(path)
