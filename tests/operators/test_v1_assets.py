"""Environments and datasets of CLI v1 as tasks: what they register is used by jobs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlApplyOperator,
    AzmlRegisterDataOperator,
    AzmlRegisterEnvironmentOperator,
    AzmlSubmitCommandJobOperator,
    AzmlUploadToDatastoreOperator,
)
from airflow_provider_azml.spec.v1 import environment_files
from tests.airflow.running import run

if TYPE_CHECKING:
    from pathlib import Path

CONDA = "dependencies: [python=3.11, pip]\n"
UPLOADED = "{{ ti.xcom_pull('upload')['uri'].partition('/paths/')[2].strip('/') }}"
LIST = "python -c 'import pathlib, sys; print(sorted(p.name for p in pathlib.Path(sys.argv[1]).rglob(\"*\")))'"


def dataset(folder: Path, name: str, kind: str, *, new: bool = True, **parameters: Any) -> Path:
    file = folder / f"{name}.json"
    registration = {"name": name, "description": "Flowers", "tags": {"from": "v1"}, "createNewVersion": new}
    file.write_text(json.dumps({"datasetType": kind, "parameters": parameters, "registration": registration}))
    return file


def in_store(path: str) -> dict[str, str]:
    return {"datastoreName": "workspaceblobstore", "relativePath": path}


def test_an_environment_of_v1_is_registered_and_runs_a_job(azml_connection: str, tmp_path: Path) -> None:
    name = f"v1-{time.time_ns()}"
    for file, text in environment_files.scaffold(name).items():
        (tmp_path / file).write_text(text)
    (tmp_path / environment_files.CONDA_FILE).write_text(CONDA)
    with DAG("environment_of_v1", schedule=None) as dag:
        register = AzmlRegisterEnvironmentOperator(task_id="register", file=str(tmp_path / environment_files.FILE))
        job = AzmlSubmitCommandJobOperator(
            task_id="job",
            poll_seconds=0.2,
            command="echo ran",
            environment=f"azureml:{name}:{{{{ ti.xcom_pull('register')['version'] }}}}",
        )
        register >> job
    finished = run(dag)
    assert finished.errors == {}
    hook = AzmlHook(azml_connection)
    registered = hook.get("environment", name, version="1")
    files = environment_files.written(registered)
    assert yaml.safe_load(files[environment_files.CONDA_FILE]) == yaml.safe_load(CONDA)
    again = tmp_path / "downloaded"
    again.mkdir()
    for file, text in files.items():
        (again / file).write_text(text)
    assert hook.apply(again / environment_files.FILE)["id"] == registered["id"]


def test_a_dataset_of_files_is_read_by_a_job(azml_connection: str, tmp_path: Path) -> None:
    name = f"files-{time.time_ns()}"
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "a.csv").write_text("5.1,setosa\n")
    with DAG("dataset_of_files", schedule=None) as dag:
        upload = AzmlUploadToDatastoreOperator(task_id="upload", path=str(tmp_path / "flowers"))
        file = dataset(tmp_path, name, "File", path=in_store(f"{UPLOADED}/"))
        register = AzmlRegisterDataOperator(task_id="register", file=str(file))
        job = AzmlSubmitCommandJobOperator(
            task_id="job",
            poll_seconds=0.2,
            command=f"{LIST} ${{{{inputs.flowers}}}}",
            environment={"image": "x", "conda_file": yaml.safe_load(CONDA)},
            inputs={"flowers": {"type": "uri_folder", "path": f"azureml:{name}@latest"}},
        )
        upload >> register >> job
    finished = run(dag)
    assert finished.errors == {}
    assert finished.value("register")["type"] == "uri_folder"
    hook = AzmlHook(azml_connection)
    assert "['a.csv']" in hook.job_logs(finished.value("job")["name"])
    shown = hook.get("data", name, version="1")["properties"]
    assert (shown["description"], shown["tags"]["from"]) == ("Flowers", "v1")


def test_a_table_names_files_that_are_there(azml_connection: str, tmp_path: Path) -> None:
    name = f"table-{time.time_ns()}"
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "a.csv").write_text("length,species\n5.1,setosa\n")
    path = [in_store(f"{UPLOADED}/a.csv"), in_store(f"{UPLOADED}/*.csv")]
    with DAG("dataset_of_rows", schedule=None) as dag:
        upload = AzmlUploadToDatastoreOperator(task_id="upload", path=str(tmp_path / "flowers"))
        file = dataset(tmp_path, name, "Tabular", sourceType="delimited_files", path=path)
        register = AzmlApplyOperator(task_id="register", file=str(file))
        job = AzmlSubmitCommandJobOperator(
            task_id="job",
            poll_seconds=0.2,
            command="cat ${{inputs.flowers}}/MLTable",
            environment={"image": "x", "conda_file": yaml.safe_load(CONDA)},
            inputs={"flowers": {"type": "mltable", "path": f"azureml:{name}@latest"}},
        )
        upload >> register >> job
    finished = run(dag)
    assert finished.errors == {}
    hook = AzmlHook(azml_connection)
    table = yaml.safe_load(hook.job_logs(finished.value("job")["name"]))
    assert table["transformations"][0]["read_delimited"]["header"] == "all_files_same_headers"
    file_uri, pattern = (uri for place in table["paths"] for uri in place.values())
    data = hook.get("data", name, version="1")["properties"]
    assert data["dataType"] == "mltable"
    assert data["referencedUris"] == [file_uri, pattern]
    assert hook.target.workspace.name in file_uri


def test_a_dataset_without_new_versions_is_registered_once(azml_connection: str, tmp_path: Path) -> None:
    name = f"once-{time.time_ns()}"
    hook = AzmlHook(azml_connection)
    given = dataset(tmp_path, name, "File", new=False, path=in_store("one/"))
    first = hook.apply(given)
    assert first["name"] == "1"
    assert hook.apply(given)["id"] == first["id"]
    other = dataset(tmp_path, name, "File", new=False, path=in_store("other/"))
    with pytest.raises(ApiError, match="cannot be changed"):
        hook.apply(other)
    assert hook.apply(dataset(tmp_path, name, "File", path=in_store("other/")))["name"] == "2"
