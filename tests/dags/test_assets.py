"""Assets: what named outputs of nodes become, known when a DAG is parsed, and what their events tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, Asset

from airflow_provider_azml.dags import azml_asset, azml_dag
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.running import run, store
from tests.airflow.versions import DagSerialization
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
outputs:
  best: {type: custom_model, name: churn}
jobs:
  prep:
    type: command
    command: echo 1 > ${{outputs.clean}}/data.txt && echo 1 > ${{outputs.scratch}}/data.txt
    environment: &bare {image: local, conda_file: {name: bare, dependencies: [python=3.11]}}
    outputs:
      clean: {type: uri_folder, name: "clean data"}
      scratch: {type: uri_folder}
  learn:
    type: pipeline
    component: learn.yml
    inputs: {data: "${{parent.jobs.prep.outputs.clean}}"}
    outputs: {model: "${{parent.outputs.best}}"}
"""
LEARN = """\
type: pipeline
inputs: {data: {type: uri_folder}}
outputs: {model: {type: custom_model}}
jobs:
  train:
    type: command
    component:
      type: command
      command: cp ${{inputs.data}}/data.txt ${{outputs.model}}/model.txt
      environment: {image: local, conda_file: {name: bare, dependencies: [python=3.11]}}
      inputs: {data: {type: uri_folder}}
      outputs: {model: {type: custom_model}}
    inputs: {data: "${{parent.inputs.data}}"}
    outputs: {model: "${{parent.outputs.model}}"}
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    own = PIPELINE.replace('"clean data"', f"clean-{tmp_path.name}").replace("churn", f"churn-{tmp_path.name}")
    (tmp_path / "pipeline.yml").write_text(own)
    (tmp_path / "learn.yml").write_text(LEARN)
    return tmp_path / "pipeline.yml"


def events_of(run_id: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """URI of an asset -> the task of its event in a DAG run, and the event's extra."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        events = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run_id))
        return {event.asset.uri: (str(event.source_task_id), dict(event.extra)) for event in events}


def triggered() -> set[str]:
    """The DAGs that Airflow's scheduler would start for events of assets."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        _, by_assets = DagModel.dags_needing_dagruns(session)
        return set(by_assets)


def test_a_sidecar_waits_for_the_same_asset(pipeline: Path) -> None:
    asset = azml_asset(pipeline, "prep", "clean")
    (pipeline.parent / "pipeline.airflow.yml").write_text(f"dag: {{schedule: ['{asset.uri}', 's3://data/rows']}}")
    kept = DagSerialization.from_dict(DagSerialization.to_dict(azml_dag(pipeline)))
    waited_for = [one for _, one in kept.timetable.asset_condition.iter_assets()]
    told = [(one.name, one.uri, one.group) for one in waited_for]
    assert told == [(asset.name, asset.uri, asset.group), ("s3://data/rows", "s3://data/rows", "asset")]


@pytest.mark.parametrize(
    ("render", "tasks"),
    [("tasks", ("prep", "learn.train")), ("job", ("job", "job")), ("watch", ("prep", "learn.train"))],
)
def test_a_node_that_has_made_a_version_starts_who_waits_for_it(
    render: Any, tasks: tuple[str, str], pipeline: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    clean = azml_asset(pipeline, "prep", "clean")
    model = azml_asset(pipeline, "learn.train", "model")
    for name, asset in {"cleaned": clean, "trained": model}.items():
        with DAG(f"{name}-{render}", schedule=[asset], is_paused_upon_creation=False) as consumer:
            pass
        store(consumer)
    dag = azml_dag(
        pipeline,
        render=render,
        dag_id=f"assets-{render}",
        default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.2},
    )
    finished = run(dag)
    assert finished.state == "success", finished.errors
    assert triggered() >= {f"cleaned-{render}", f"trained-{render}"}

    workspace = Workspace(azml_emulator)
    events = events_of(finished.dag_run.run_id)
    assert set(events) == {clean.uri, model.uri}
    for asset, kind, task, node, output in (
        (clean, "data", tasks[0], "prep", "clean"),
        (model, "model", tasks[1], "learn.train", "model"),
    ):
        source, extra = events[asset.uri]
        name = asset.uri.rpartition("/")[2]
        result = finished.value(task)
        assert (source, extra["asset"], extra["node"], extra["output"]) == (task, name, node, output)
        assert (extra["job"], extra["id"], extra["run"]) == (result["name"], result["id"], finished.dag_run.run_id)
        assert workspace.get(kind, name)["properties"]["nextVersion"] == "2"  # by the step alone, not by its pipeline
        made = workspace.get(kind, name, extra["version"])["properties"]
        assert made["dataUri" if kind == "data" else "modelUri"] == extra["uri"]
        assert workspace.get("job", extra["child"])["properties"]["status"] == "Completed"


def test_a_version_that_a_job_made_before_is_told_as_such(pipeline: Path, azml_connection: str) -> None:
    given = {"azml_conn_id": azml_connection, "poll_seconds": 0.2}
    dag = azml_dag(pipeline, render="job", dag_id="assets-again", default_args=given)
    first, again = (events_of(run(dag).dag_run.run_id) for _ in range(2))
    assert len(again) == len(first) == 2
    for uri, (_, extra) in first.items():
        _, told = again[uri]
        assert "reused_from" not in extra
        assert (told["reused_from"], told["version"], told["uri"]) == (extra["child"], "1", extra["uri"])
        assert told["job"] != extra["job"]


def test_its_uri_is_that_of_the_asset_in_azure_ml(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "learn.yml").write_text(LEARN)
    model = azml_asset(tmp_path / "pipeline.yml", "learn.train", "model")
    assert model == Asset("azml://models/churn", group="azml")
    assert Asset("azml://Models/churn/").uri == Asset("AZML://models/churn").uri == model.uri  # as Airflow keeps them
    assert azml_asset(tmp_path / "pipeline.yml", "learn", "model") == model
    assert azml_asset(tmp_path / "pipeline.yml", "prep", "clean").uri == "azml://data/clean%20data"


@pytest.mark.parametrize(
    "uri", ["azml://churn", "azml://model/churn", "azml://models", "azml://models/churn/versions/3"]
)
def test_a_uri_that_no_asset_has_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is no URI of an asset of Azure ML; write azml://data/<name>"):
        Asset(uri)


@pytest.mark.parametrize("render", ["tasks", "watch", "job"])
def test_all_renderings_have_the_same_outlets(pipeline: Path, render: Any) -> None:
    dag = azml_dag(pipeline, render=render, schedule=None)
    found = {outlet.uri: task.task_id for task in dag.tasks for outlet in task.outlets if isinstance(outlet, Asset)}
    clean, model = azml_asset(pipeline, "prep", "clean").uri, azml_asset(pipeline, "learn.train", "model").uri
    tasks = ("job", "job") if render == "job" else ("prep", "learn.train")
    assert found == dict(zip((clean, model), tasks, strict=True))


SCHEDULE = """\
name: nightly
trigger: {type: cron, expression: "30 3 * * *"}
create_job: {job: pipeline.yml, outputs: {best: {type: custom_model, name: other}}}
"""


def test_the_pipeline_of_a_schedule_has_outlets_too(pipeline: Path) -> None:
    (pipeline.parent / "schedule.yml").write_text(SCHEDULE)
    clean = azml_asset(pipeline, "prep", "clean").uri
    task = azml_dag(pipeline.parent / "schedule.yml").get_task("job")
    assert [outlet.uri for outlet in task.outlets] == [clean, "azml://models/other"]  # type: ignore[union-attr]
    learn = pipeline.parent / "learn.yml"
    learn.write_text(LEARN.replace('outputs: {model: "${{parent.outputs.model}}"}', "outputs: {model: {name: inner}}"))
    pipeline.write_text(
        PIPELINE.replace(", name: churn", "").replace(', name: "clean data"', "").replace("name: bare, ", "")
    )
    (pipeline.parent / "schedule.yml").write_text(SCHEDULE.replace(", name: other", ""))
    task = azml_dag(pipeline.parent / "schedule.yml").get_task("job")
    assert [outlet.uri for outlet in task.outlets] == ["azml://models/inner"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("node", "output", "line", "reason"),
    [
        ("learn.trai", "model", 4, "has no node 'learn.trai'; did you mean 'learn.train'?"),
        ("score", "model", 4, "has no node 'score'; it has prep, learn, learn.train"),
        ("learn", "modelx", 17, "has no output 'modelx'; did you mean 'model'?"),
        ("prep", "cleanx", 8, "has no output 'cleanx'; did you mean 'clean'?"),
        ("prep", "scratch", 10, "becomes no asset, so there is nothing to wait for; give the output a name: ..."),
        ("prep", "daily", 11, "becomes an asset with a template as its name"),
    ],
)
def test_what_nothing_would_ever_happen_to_is_refused(
    tmp_path: Path, node: str, output: str, line: int, reason: str
) -> None:
    (tmp_path / "learn.yml").write_text(LEARN)
    (tmp_path / "pipeline.yml").write_text("""\
type: pipeline
settings: {default_compute: azureml:serverless}
outputs: {best: {type: custom_model, name: churn}}
jobs:
  prep:
    type: command
    command: echo ${{outputs.clean}} ${{outputs.scratch}} ${{outputs.daily}}
    outputs:
      clean: {type: uri_folder, name: clean}
      scratch: {type: uri_folder}
      daily: {type: uri_folder, name: "clean-{{ ds }}"}
    environment: azureml:bare:1
  learn:
    type: pipeline
    component: learn.yml
    inputs: {data: "${{parent.jobs.prep.outputs.clean}}"}
    outputs: {model: "${{parent.outputs.best}}"}
""")
    with pytest.raises(SpecError) as refused:
        azml_asset(tmp_path / "pipeline.yml", node, output)
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "pipeline.yml"), line)
    assert problem.reason.startswith(reason)


def test_a_name_that_a_task_learns_makes_no_outlet(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text(PIPELINE.replace("clean data", "clean-{{ ds }}"))
    (tmp_path / "learn.yml").write_text(LEARN)
    assert azml_dag(tmp_path / "pipeline.yml", schedule=None).get_task("prep").outlets == []
