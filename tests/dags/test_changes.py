"""Schedules of changes as DAGs: the asset that watches, and jobs for what changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.dags.changes import AzmlChangedPathsOperator, changed_paths
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowSkipException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.triggers.datastore import AzmlDatastorePathTrigger
from tests.airflow.running import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow.sdk import DAG

STORE = "azureml://datastores/workspaceblobstore/paths"
SCHEDULE = {
    "description": "On new images",
    "datastore_name": "workspaceblobstore",
    "path_on_datastore": "incoming/images/",
    "polling_interval": 10,
    "data_path_parameter_name": "images",
    "pipeline_parameters": {"day": "@formatDateTime(trigger().scheduledTime, 'yyyy-MM-dd')"},
}


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., DAG]:
    """Makes the DAG of a v1 schedule of changes, whose job has an input for what changed."""

    def make(images: Any = None, **given: Any) -> DAG:
        pipeline = {
            "type": "pipeline",
            "inputs": {"images": images or {"type": "uri_file", "path": f"{STORE}/none"}, "day": "none"},
            "jobs": {
                "fit": {
                    "type": "command",
                    "command": "echo ${{inputs.day}}",
                    "environment": {"image": "python"},
                    "compute": "azureml:serverless",
                    "inputs": {"day": "${{parent.inputs.day}}"},
                }
            },
        }
        (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(pipeline))
        (tmp_path / "on_images.yml").write_text(yaml.safe_dump({"Schedule": SCHEDULE}))
        return azml_dag(tmp_path / "on_images.yml", job="pipeline.yml", **given)

    return make


@dataclass
class Event:
    """An asset event, as a task sees it."""

    extra: dict[str, Any] = field(default_factory=dict)


def told(*paths: str) -> Event:
    """The event of a look that found blobs."""
    return Event({"from_trigger": True, "payload": {"blobs": [{"path": path, "etag": "1"} for path in paths]}})


def test_an_asset_watches_as_the_file_says(made: Callable[..., DAG]) -> None:
    dag = made(default_args={"azml_conn_id": "other", "workspace": "w", "retries": 2})
    (asset,) = dag.schedule
    (watcher,) = asset.watchers
    assert asset.name == "on_images: workspaceblobstore/incoming/images"
    assert asset.uri == f"{STORE}/incoming/images?dag=on_images"
    classpath, fields = watcher.trigger.serialize() if hasattr(watcher.trigger, "serialize") else watcher.trigger
    expected = AzmlDatastorePathTrigger(
        "workspaceblobstore", "incoming/images", azml_conn_id="other", workspace="w", poll_seconds=600, per="poll"
    )
    assert (classpath, fields) == expected.serialize()
    assert sorted(task.task_id for task in dag.tasks) == ["changes", "job"]
    assert dag.get_task("job").is_mapped
    assert not dag.catchup


def test_one_job_for_all_takes_the_folder_or_a_list(made: Callable[..., DAG]) -> None:
    dag = made({"type": "uri_folder", "path": f"{STORE}/none"}, per="poll")
    assert not dag.get_task("job").is_mapped
    with pytest.raises(
        SpecError, match=r"pipeline.yml: inputs.images: is one blob \(uri_file\), and several may change"
    ):
        made(per="poll")
    with pytest.raises(SpecError, match="per: is 'run'; it must be blob or poll"):
        made(per="run")


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"per": "poll"}, {"type": "uri_folder", "path": f"{STORE}/in/"}),
        ({"per": "poll", "as_text": True}, json.dumps([f"{STORE}/in/a", f"{STORE}/in/b"])),
    ],
)
def test_all_paths_of_a_run_at_once(given: dict[str, Any], value: object) -> None:
    task = AzmlChangedPathsOperator(
        task_id="changes",
        datastore="workspaceblobstore",
        folder="in",
        parameter="images",
        inputs={"day": "1"},
        **given,
    )
    context: Any = {"params": {}, "triggering_asset_events": {"asset": [told("in/a"), told("in/b", "in/a")]}}
    assert task.execute(context) == {"day": "1", "images": value}


def test_events_are_put_together_and_none_is_lost() -> None:
    single = Event({"payload": {"path": "in/c", "etag": "1", "uri": "..."}})
    by_hand = Event({})
    events = [[told("in/a", "in/b"), told("in/b")], [single, by_hand]]
    assert changed_paths(events) == ["in/a", "in/b", "in/c"]


def test_a_run_by_hand_has_nothing_to_do() -> None:
    task = AzmlChangedPathsOperator(task_id="changes", datastore="d", folder="in", parameter="images")
    context: Any = {"params": {"paths": []}, "triggering_asset_events": {}}
    with pytest.raises(AirflowSkipException, match=r"came of no change, so there is nothing to do\..*'paths'"):
        task.execute(context)


def test_a_run_submits_a_job_for_each_path(made: Callable[..., DAG], azml_connection: str) -> None:
    dag = made(default_args={"azml_conn_id": azml_connection, "wait": False})
    finished = run(dag, run_conf={"paths": ["incoming/images/a {{ b }}.png", "incoming/images/c.png"]})
    assert finished.errors == {}
    jobs = [one for one in finished.dag_run.get_task_instances() if one.task_id == "job"]
    assert {one.rendered_map_index for one in jobs} == {"incoming/images/a {{ b }}.png", "incoming/images/c.png"}
    hook = AzmlHook(azml_connection)
    found = [hook.get("job", one.xcom_pull(task_ids="job", map_indexes=one.map_index)["name"]) for one in jobs]
    inputs = [one["properties"]["inputs"] for one in found]
    hook.close()
    assert {one["images"]["uri"] for one in inputs} == {
        f"{STORE}/incoming/images/a {{{{ b }}}}.png",
        f"{STORE}/incoming/images/c.png",
    }
    assert {one["images"]["jobInputType"] for one in inputs} == {"uri_file"}
    assert {one["day"]["value"] for one in inputs} == {f"{finished.dag_run.run_after:%Y-%m-%d}"}
