"""How URIs name files in datastores."""

from __future__ import annotations

import pytest

from airflow_provider_azml.rest.datastores import Files, files_of, uri

LONG = "azureml://subscriptions/s/resourcegroups/g/workspaces/w"
ARM = "azureml://subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("azureml://datastores/blobs/paths/in/a.csv", Files("blobs", "in/a.csv")),
        ("AzureML://Datastores/blobs/Paths/in/A.csv", Files("blobs", "in/A.csv")),
        (f"{LONG}/datastores/blobs/paths/in/a.csv", Files("blobs", "in/a.csv")),
        (f"{ARM}/datastores/blobs/paths/in/a.csv", Files("blobs", "in/a.csv")),
        ("azureml://datastores/blobs/paths/in/", Files("blobs", "in/")),
        ("azureml://datastores/blobs/paths/", Files("blobs", "")),
        ("azureml://datastores/blobs/paths/a b/ü%20#?.csv", Files("blobs", "a b/ü%20#?.csv")),
    ],
)
def test_both_forms_name_a_datastore_and_a_path(given: str, expected: Files) -> None:
    assert files_of(given) == expected


def test_the_first_datastore_counts_whatever_folders_are_called() -> None:
    path = "kept/datastores/others/paths/a.csv"
    for above in ("azureml:/", LONG, ARM, "azureml://subscriptions/s/resourcegroups/g/workspaces/datastores"):
        assert files_of(f"{above}/datastores/blobs/paths/{path}") == Files("blobs", path)


@pytest.mark.parametrize(
    "given",
    [
        "azureml://jobs/train-1/outputs/model/paths/weights",
        "azureml:iris:1",
        "azureml://datastores/blobs",
        "azureml://datastores/blobs/paths",
        "azureml://datastores//paths/a.csv",
        "https://account.blob.core.windows.net/datastores/blobs/paths/a.csv",
        "datastores/blobs/paths/a.csv",
        "",
    ],
)
def test_other_uris_name_no_files_of_a_datastore(given: str) -> None:
    assert files_of(given) is None


def test_what_is_named_is_named_again() -> None:
    files = Files("blobs", "in/2024/")
    assert files_of(files.uri) == files
    assert files.uri == uri("blobs", "in/2024/")
    assert files.below("a.csv") == Files("blobs", "in/2024/a.csv")
    assert files.below("").path == "in/2024/"
