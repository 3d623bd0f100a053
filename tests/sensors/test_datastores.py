"""The sensor of datastore paths, against the emulator."""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import NotFound, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import datastores, listed_blobs
from airflow_provider_azml.sensors import AzmlDatastorePathSensor
from tests.airflow.running import run

if TYPE_CHECKING:
    from tests.airflow.running import Finished

pytestmark = pytest.mark.usefixtures("azml_connection")
STORE = "workspaceblobstore"


def written(*paths: str) -> None:
    hook = AzmlHook()
    container = hook.run(datastores.opened(hook.workspace_id, hook.cloud, STORE, act="test"))
    for path in paths:
        hook.run(listed_blobs.write_blob(container, path, "x"))


@pytest.fixture
def folder() -> str:
    return f"incoming/{uuid.uuid4().hex}"


def waited(**arguments: Any) -> Finished:
    with DAG("arrivals", schedule=None) as dag:
        AzmlDatastorePathSensor(task_id="arrived", poll_seconds=0.1, timeout_seconds=150, **arguments)
    return run(dag)


@pytest.mark.parametrize("deferrable", [False, True])
def test_it_waits_for_a_blob(deferrable: bool, folder: str) -> None:
    def late() -> None:
        time.sleep(1)
        written(f"{folder}/deep/_SUCCESS", f"{folder}/_SUCCESS")

    writer = threading.Thread(target=late)
    writer.start()
    finished = waited(path=f"{folder}/_SUCCESS", deferrable=deferrable)
    writer.join()
    assert finished.errors == {}
    assert finished.value("arrived") == {
        "datastore": STORE,
        "path": f"{folder}/_SUCCESS",
        "uri": f"azureml://datastores/{STORE}/paths/{folder}/_SUCCESS",
        "blobs": [f"{folder}/_SUCCESS"],
    }


@pytest.mark.parametrize("deferrable", [False, True])
@pytest.mark.parametrize(("path", "found"), [("", ["a.csv", "b.csv", "c.txt"]), ("*.csv", ["a.csv", "b.csv"])])
def test_a_folder_and_a_pattern_look_right_into_it(deferrable: bool, path: str, found: list[str], folder: str) -> None:
    written(*(f"{folder}/{name}" for name in ("a.csv", "b.csv", "c.txt", "deep/d.csv")))
    finished = waited(path=f"{folder}/{path}", min_files="{{ 2 }}", deferrable=deferrable)
    assert finished.errors == {}
    assert finished.value("arrived")["blobs"] == [f"{folder}/{name}" for name in found]
    assert finished.value("arrived")["uri"] == f"azureml://datastores/{STORE}/paths/{folder}/"


def test_too_few_are_not_enough(folder: str) -> None:
    written(f"{folder}/a.csv")
    with DAG("arrivals", schedule=None) as dag:
        AzmlDatastorePathSensor(
            task_id="arrived", path=f"{folder}/", min_files=2, poll_seconds=0.1, timeout_seconds=0.5
        )
    assert "arrived" in run(dag).errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": ""}, "path: is empty; name a blob"),
        ({"path": "in/*/a.csv"}, "has a wildcard in a folder; only its last part may have some"),
        ({"path": "in/", "min_files": 0}, "min_files: is 0; it must be a whole number, 1 or more"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, Any], said: str) -> None:
    (error,) = waited(**arguments).errors["arrived"]
    assert said in str(error)
    assert isinstance(error.__cause__, SpecError)


def test_a_datastore_that_is_not_there() -> None:
    (error,) = waited(path="in/", datastore="nowhere").errors["arrived"]
    assert isinstance(error.__cause__, NotFound)
