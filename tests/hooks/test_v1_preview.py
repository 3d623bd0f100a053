"""Bodies of api-version 2021-03-01-preview as ``AzmlHook.v1`` puts them: in today's words."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from tests.emulator.execution import CONDA_FILE

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_script_of_curl_has_put_is_put_by_the_hook(azml_connection: str, tmp_path: Path) -> None:
    hook, mark = AzmlHook(azml_connection), uuid.uuid4().hex[:8]
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("import sys; print(len(open(sys.argv[1]).readlines()))")
    (tmp_path / "iris.csv").write_text("a\nb\n")
    uploaded = [
        hook.apply({"name": f"{name}-{mark}", "path": str(tmp_path / path), "type": kind}, kind="data")
        for name, path, kind in (("code", "src", "uri_folder"), ("iris", "iris.csv", "uri_file"))
    ]
    code, iris = (each["properties"]["dataUri"].partition("/paths/")[2] for each in uploaded)
    workspace = hook.workspace_id
    store = workspace.child("datastore", "workspaceblobstore")
    docker = {"DockerSpecificationType": "Image", "DockerImageUri": "mcr.microsoft.com/azureml/openmpi3.1.2"}
    put = hook.v1.put_preview
    environment = put(
        "environment", f"e-{mark}", {"properties": {"condaFile": CONDA_FILE, "Docker": docker}}, version="1"
    )
    placed = put("code", f"c-{mark}", {"properties": {"datastoreId": store, "path": code}}, version="1")
    data = put("data", f"d-{mark}", {"properties": {"datastoreId": store, "path": iris}})
    assert placed["properties"]["codeUri"].startswith("https://")
    job = {
        "jobType": "Command",
        "codeId": placed["id"],
        "command": "python main.py $AZURE_ML_INPUT_iris",
        "environmentId": environment["id"],
        "inputDataBindings": {"iris": {"dataId": data["id"]}},
        "compute": {"target": workspace.child("compute", "serverless"), "instanceCount": 1},
    }
    name = f"j-{mark}"
    (tmp_path / "job.json").write_text(json.dumps({"properties": job}))
    assert put("job", name, tmp_path / "job.json")["properties"]["inputs"]["iris"]["jobInputType"] == "uri_file"
    while hook.get("job", name)["properties"]["status"] not in ("Completed", "Failed"):
        time.sleep(0.05)
    assert hook.job_logs(name).strip() == "2"


def test_a_body_that_has_no_equal_is_refused_before_anything_is_sent(azml_connection: str, tmp_path: Path) -> None:
    hook = AzmlHook(azml_connection)
    (tmp_path / "job.json").write_text('{"Properties": {\n"jobtype": "Command",\n"Priority": 3,\n"comand": "x"}}')
    with pytest.raises(SpecError) as error:
        hook.v1.put_preview("job", "x", tmp_path / "job.json")
    told = str(error.value)
    assert "job.json:3:1: properties.priority: today's interface gives priorities to queues alone" in told
    assert "job.json:4:1: properties.comand: unknown key; did you mean 'command'?" in told
    with pytest.raises(SpecError, match=r"<body>: properties.datasetType: is Dataflow"):
        hook.v1.put_preview("data", "x", {"properties": {"path": "https://x.org/y", "datasetType": "Dataflow"}})
