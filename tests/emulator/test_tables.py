"""Tables of files: a job that asks for the files gets them, wherever the table says that they are."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

import pytest
import yaml

from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.v1 import datasets, mltable_files
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

SHOW = "cd ${{inputs.table}} && cat MLTable && echo --- && find . -type f | sort"


@pytest.fixture
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


def shown(workspace: Workspace, table: str, mode: str) -> tuple[dict[str, object], list[str]]:
    """The table as a job finds it, and the files that it finds."""
    name = f"table-{uuid.uuid4().hex[:8]}"
    folder = workspace.data({"MLTable": table}, name)
    asset = workspace.put("data", name, "1", properties={"dataType": "mltable", "dataUri": folder})
    given = {"jobInputType": "mltable", "uri": asset, "mode": mode}
    text, _, files = workspace.log(workspace.run(SHOW, inputs={"table": given})).partition("---\n")
    return yaml.safe_load(text), files.split()


def test_a_dataset_of_several_places_is_brought_to_a_job(workspace: Workspace) -> None:
    folder = f"flowers-{uuid.uuid4().hex[:8]}"
    workspace.data({"a.csv": "a", "b.txt": "b", "deep/c.csv": "c", "deep/er/d.csv": "d"}, folder)
    paths = [f"{folder}/a.csv", f"{folder}/deep/**/*.csv", f"{folder}/deep/er/"]
    path = [{"datastoreName": "workspaceblobstore", "relativePath": each} for each in paths]
    given = {"datasetType": "File", "parameters": {"path": path}, "registration": {"name": "flowers"}}
    # what is read of a whole mapping is what it is today
    translation = datasets.data_asset(from_mapping({"file": given}).at("file"))
    (text,) = translation.files.values()
    table = mltable_files.completed(text, workspace.id)
    found, files = shown(workspace, table, "EvalMount")
    assert found["paths"] == [
        {"file": "./brought/0/a.csv"},
        {"pattern": "./brought/1/**/*.csv"},
        {"folder": "./brought/2"},
    ]
    assert files == [
        "./MLTable",
        "./brought/0/a.csv",
        "./brought/1/c.csv",
        "./brought/1/er/d.csv",
        "./brought/2/d.csv",
    ]
    assert shown(workspace, table, "ReadOnlyMount") == (yaml.safe_load(table), ["./MLTable"])


def test_a_table_of_rows_stays_as_it_is(workspace: Workspace) -> None:
    table = json.dumps({
        "paths": [{"file": "https://example.com/a.csv"}],
        "transformations": [{"read_delimited": {"delimiter": ","}}],
    })
    assert shown(workspace, table, "EvalMount") == (yaml.safe_load(table), ["./MLTable"])


def test_a_table_of_what_is_not_there_says_so(workspace: Workspace) -> None:
    folder = workspace.data(
        {"MLTable": "paths: [{file: 'azureml://datastores/workspaceblobstore/paths/gone'}]"}, "gone-t"
    )
    given = {"jobInputType": "mltable", "uri": folder, "mode": "EvalDownload"}
    error = workspace.error(workspace.submit("true", inputs={"table": given}))
    assert "input 'table' (azureml://datastores/workspaceblobstore/paths/gone) cannot be read" in error["message"]
