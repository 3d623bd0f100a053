from __future__ import annotations

import pytest

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import datastores
from airflow_provider_azml.rest.control_outputs import text_at, values_in
from airflow_provider_azml.rest.listed_blobs import write_blob


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, {}),
        ({"azureml.pipeline.control": '{"again": true, "n": 3}'}, {"again": True, "n": 3}),
        ({"azureml.pipeline.control.early": "x", "azureml.pipeline.control": '{"late": 1}'}, {"late": 1, "early": "x"}),
        ({"azureml.pipeline.control": "no JSON", "azureml.pipeline": "x", "other": "y"}, {}),
        ({"azureml.pipeline.control": "[1]"}, {}),
    ],
)
def test_values_are_what_run_history_was_told(properties, expected):
    assert values_in(properties) == expected


def test_the_text_of_a_value_is_in_its_file_or_in_a_file_of_its_folder(azml_connection):
    hook = AzmlHook(azml_connection)
    here = (hook.workspace_id, hook.cloud)
    for name in ("values/plain", "values/folder/output"):
        container = hook.run(datastores.opened(*here, "workspaceblobstore", act="values are written to"))
        hook.run(write_blob(container, name, f"it is {name}"))
    short = datastores.uri("workspaceblobstore", "values")
    long = short.replace("azureml://", f"azureml:/{hook.workspace_id}/")
    assert hook.run(text_at(*here, f"{short}/plain")) == "it is values/plain"
    assert hook.run(text_at(*here, f"{long}/plain")) == "it is values/plain"
    assert hook.run(text_at(*here, f"{short}/folder/")) == "it is values/folder/output"
    for place in (f"{short}/nothing", "https://example.test/x"):
        with pytest.raises(NotFound, match="BlobNotFound"):
            hook.run(text_at(*here, place))
