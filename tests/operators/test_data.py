"""Data and datastores against the emulator, read back with Microsoft's client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlApplyOperator,
    AzmlArchiveDataOperator,
    AzmlArchiveModelOperator,
    AzmlCreateDatastoreOperator,
    AzmlDeleteModelOperator,
    AzmlRegisterDataOperator,
    AzmlUploadToDatastoreOperator,
)
from tests.airflow.running import run

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

KEY = "a-key-that-nobody-may-read=="


def client(emulator: RunningEmulator) -> Any:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    where = (emulator.subscription_id, emulator.resource_group, emulator.workspace)
    return MLClient(DefaultAzureCredential(), *where, enable_telemetry=False)


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore")  # azure-ai-ml warns about itself
def test_data_from_upload_to_archive(azml_connection: str, azml_emulator: RunningEmulator, tmp_path: Path) -> None:
    mark = f"d{time.time_ns()}"
    (tmp_path / "flowers").mkdir()
    (tmp_path / "flowers" / "a.csv").write_text("5.1,setosa\n")
    (tmp_path / "flowers" / "b.csv").write_text("6.7,virginica\n")
    with DAG("data", schedule=None) as dag:
        upload = AzmlUploadToDatastoreOperator(task_id="upload", path=str(tmp_path / "flowers"))
        register = AzmlRegisterDataOperator(task_id="register", name=mark, type="uri_folder", path=upload.output["uri"])
        archive = AzmlArchiveDataOperator(task_id="archive", name=mark, version=register.output["version"])
        create = AzmlCreateDatastoreOperator(
            task_id="create_datastore",
            name=mark[-12:],
            type="azure_blob",
            account_name="flowers",
            container_name="data",
            credentials={"account_key": "{{ params.key }}"},
            params={"key": KEY},
        )
        upload >> register >> archive >> create
    finished = run(dag)
    assert finished.errors == {}
    uploaded = finished.value("upload")
    assert (uploaded["files"], uploaded["bytes"]) == (2, 25)
    ml = client(azml_emulator)
    data = ml.data.get(mark, "1")
    assert uploaded["uri"].partition("datastores/")[2] in data.path
    assert mark not in {each.name for each in ml.data.list()} or not list(ml.data.list(mark))
    datastore = ml.datastores.get(mark[-12:], include_secrets=True)
    assert (datastore.account_name, datastore.credentials.account_key) == ("flowers", KEY)
    assert KEY not in str(finished.value("create_datastore"))


def test_models_are_hidden_shown_and_deleted(azml_connection: str, tmp_path: Path) -> None:
    name = f"m{time.time_ns()}"
    (tmp_path / "weights").write_text("1")
    hook = AzmlHook(azml_connection)
    hook.apply({"name": name, "path": str(tmp_path / "weights")}, kind="model")
    with DAG("models", schedule=None) as dag:
        hide = AzmlArchiveModelOperator(task_id="hide", name=name)
        show = AzmlArchiveModelOperator(task_id="show", name=name, restore=True)
        hide_version = AzmlArchiveModelOperator(task_id="hide_version", name=name, version="1")
        hide >> show >> hide_version
    finished = run(dag)
    assert finished.errors == {}
    assert [finished.value(task)["is_archived"] for task in ("hide", "show", "hide_version")] == [True, False, True]
    assert name in {model["name"] for model in hook.list("model")}
    assert hook.list("model", name=name) == []
    assert hook.get("model", name, version="1")["properties"]["isArchived"] is True
    with DAG("models", schedule=None) as dag:
        once = AzmlDeleteModelOperator(task_id="once", name=name, version="1", deferrable=True)
        again = AzmlDeleteModelOperator(task_id="again", name=name, version="1")
        once >> again
    finished = run(dag)
    assert finished.errors == {}
    assert (
        finished.value("again")
        == {**finished.value("once")}
        == {
            "name": name,
            "version": "1",
            "id": str(hook.workspace_id.child("model", name, "1")),
            "status": "Deleted",
        }
    )


@pytest.mark.parametrize("place", ["credentials", "spec", "overrides"])
def test_secrets_of_credentials_are_masked_where_airflow_shows_what_was_rendered(
    place: str, azml_connection: str
) -> None:
    from airflow.sdk.log import redact

    secret = f"not-to-be-seen-{place}"
    credentials = {"account_key": "not-to-be-seen-{{ params.place }}"}
    arguments = {"credentials": credentials} if place == "credentials" else {place: {"credentials": credentials}}
    described = {"type": "azure_blob", "account_name": "flowers", "container_name": "data"}
    arguments["spec"] = {**described, **arguments.get("spec", {})}
    operator = AzmlApplyOperator if place == "overrides" else AzmlCreateDatastoreOperator
    assert redact(secret) == secret
    with DAG("masking", schedule=None, params={"place": place}) as dag:
        if place == "credentials":
            operator.partial(task_id="it", **arguments).expand(name=["masked_1", "masked_2"])
        else:
            arguments["spec"]["name"] = "masked"
            operator(task_id="it", **arguments)
    assert run(dag).errors == {}
    assert redact(f"key {secret}") == "key ***"
    assert redact("flowers data azure_blob") == "flowers data azure_blob"


def test_a_path_that_is_not_there_is_no_upload(azml_connection: str) -> None:
    with DAG("uploading", schedule=None) as dag:
        AzmlUploadToDatastoreOperator(task_id="it", path="nowhere", retries=2)
    finished = run(dag)
    (error,) = finished.errors["it"]
    assert "nowhere" in str(error)
    assert finished.tries("it") == 1
