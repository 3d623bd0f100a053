"""Files of a folder: which are schedules and pipelines, what they are called, and what they hold for Jinja."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag, azml_dags
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.versions import DagBag

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
inputs: {day: today}
jobs:
  import_data:
    command: echo ${{inputs.day}}
    compute: azureml:cpu
    environment: azureml:env:1
    inputs: {day: "${{parent.inputs.day}}"}
"""
SCHEDULE = """\
$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json
name: retrain
trigger: {type: recurrence, frequency: day, interval: 1}
create_job: ./pipeline.yml
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    (tmp_path / "schedule.yml").write_text(SCHEDULE)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(yaml.safe_load(SCHEDULE)),
        json.dumps(yaml.safe_load(SCHEDULE), indent=4),
        SCHEDULE.replace("name: retrain", "name: >-\n  retrain"),
        SCHEDULE.replace("name: retrain", '"name" : "retrain" # every day'),
        "# indented\n---\n" + "".join(f"  {line}\n" for line in SCHEDULE.splitlines()),
    ],
)
def test_a_task_finds_its_dag_however_its_name_is_written(
    folder: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "schedule.yml").write_text(text)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "retrain")
    assert [dag.dag_id for dag in azml_dags(folder).values()] == ["retrain"]
    (folder / "twin.yml").write_text(SCHEDULE)
    with pytest.raises(SpecError, match="rename all but one"):
        azml_dags(folder, strict=True)


@pytest.mark.parametrize(
    "create_job",
    [
        "create_job:\n  type: pipeline\n  job: ./pipeline.yml",
        'create_job: {job: "file:pipeline.yml"}',
        "create_job:\n  job: './pipeline.yml' # this one\n  inputs: {day: x}",
    ],
)
def test_a_pipeline_that_a_schedule_submits_has_no_dag_of_its_own(folder: Path, create_job: str) -> None:
    (folder / "schedule.yml").write_text(SCHEDULE.replace("create_job: ./pipeline.yml", create_job))
    assert set(azml_dags(folder)) == {"retrain"}


def test_neither_has_one_that_a_schedule_of_cli_v1_is_said_to_submit(folder: Path) -> None:
    (folder / "schedule.yml").write_text("Schedule: {recurrence: {frequency: Day, interval: 1}}")
    assert set(azml_dags(folder, jobs={"schedule.yml": "pipeline.yml"})) == {"schedule"}


def test_files_of_other_kinds_are_passed_over(folder: Path) -> None:
    others = {
        "cron.yml": "kind: CronJob\nspec:\n  Schedule: daily\n",
        "monitor.yml": SCHEDULE.replace("create_job: ./pipeline.yml", "create_monitor: {}"),
        "part.yml": PIPELINE.replace("pipelineJob", "pipelineComponent"),
        "data.json": "[1]",
        "empty.yaml": "",
    }
    for name, text in others.items():
        (folder / name).write_text(text)
    (folder / "gone.yml").symlink_to("nowhere")
    assert set(azml_dags(folder)) == {"retrain"}


def test_a_job_with_a_name_and_a_step_like_a_key_of_schedules_is_a_job(folder: Path) -> None:
    (folder / "schedule.yml").write_text("name: other\n" + PIPELINE)
    assert set(azml_dags(folder)) == {"pipeline", "schedule"}


def test_a_folder_is_there_and_has_no_id_for_all(folder: Path) -> None:
    with pytest.raises(SpecError, match="there is no such folder"):
        azml_dags(folder / "nowhere")
    with pytest.raises(SpecError, match="dag_id: is not for all DAGs of a folder"):
        azml_dags(folder, dag_id="one")


@pytest.mark.parametrize(
    "pipeline",
    [
        PIPELINE.replace("today", '"{{ ds }}"'),
        PIPELINE.replace("{day: today}", "\n  day: {{ ds }}"),
        "{% if params.small %}\n" + PIPELINE + "{% endif %}\n",
        PIPELINE + "settings: {force_rerun: '{{ params.again }}'}\n",
        PIPELINE.replace("    command:", "    limits: {timeout: {{ params.seconds }}}\n    command:"),
        PIPELINE + "{# a remark: of two lines\n - or so #}\n",
    ],
)
def test_templates_of_a_job_file_are_left_to_its_task(folder: Path, pipeline: str) -> None:
    (folder / "pipeline.yml").write_text(pipeline)
    dag = azml_dag(folder / "schedule.yml")
    assert type(dag.get_task("job")).__name__ == "AzmlSubmitPipelineOperator"
    assert azml_dag(folder / "pipeline.yml").dag_id == "pipeline"


def test_what_the_service_fills_in_stands_beside_templates(folder: Path) -> None:
    filled = "{{ ds }}-${{name}}"
    (folder / "pipeline.yml").write_text(PIPELINE.replace("today", f'"{filled}"'))
    task: Any = azml_dag(folder / "schedule.yml").get_task("job")
    assert task.inputs["day"].startswith("{{ ds }}-retrain-{{ dag_run")
    (folder / "pipeline.yml").write_text(PIPELINE.replace("{day: today}", f"\n  day: {filled}"))
    with pytest.raises(SpecError, match=r"pipeline\.yml:4:1: holds a template beside what the service fills in"):
        azml_dag(folder / "schedule.yml")


def test_a_schedule_in_another_encoding_is_not_passed_over(folder: Path) -> None:
    (folder / "schedule.yml").write_text(SCHEDULE, encoding="utf-16")
    assert azml_dags(folder)["retrain"].tags == {"azml-broken"}


def test_airflow_finds_nothing_else_of_a_broken_file(folder: Path) -> None:
    names = [f"pipeline_{number}" for number in range(8)]
    for name in names:  # each has its tasks when it turns out that the name of an input is taken
        (folder / f"{name}.yml").write_text(PIPELINE.replace("inputs: {day: today}", "inputs: {day: 1, azml_only: 2}"))
    (folder / "twice.yml").write_text(PIPELINE)
    (folder / "twice.yaml").write_text(PIPELINE)
    (folder / "dags.py").write_text("from airflow_provider_azml.dags import azml_dags\n\nazml_dags()\n")
    bag = DagBag(dag_folder=str(folder / "dags.py"), bundle_path=folder)
    broken = {dag_id for dag_id, dag in bag.dags.items() if list(dag.task_dict) == ["azml-broken"]}
    assert (set(bag.dags) - broken, broken) == ({"retrain"}, {*names, "twice"})


def test_nobody_renders_a_schedule_file(folder: Path) -> None:
    (folder / "schedule.yml").write_text(SCHEDULE.replace("interval: 1", "interval: {{ params.days }}"))
    with pytest.raises(SpecError, match=r"schedule\.yml:3:"):
        azml_dag(folder / "schedule.yml")


def test_what_is_wrong_with_a_job_without_templates_is_said(folder: Path) -> None:
    (folder / "pipeline.yml").write_text(PIPELINE + "settings: {force_rerun: perhaps}\n")
    with pytest.raises(SpecError, match=r"pipeline\.yml:10:\d+: settings\.force_rerun"):
        azml_dag(folder / "schedule.yml")


def test_paths_of_a_job_inside_a_schedule_start_at_the_schedules_folder(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "train.py").write_text("print('hi')")
    inside = "create_job: {type: command, command: python train.py, code: src, environment: 'azureml:e:1'}"
    (folder / "schedule.yml").write_text(SCHEDULE.replace("create_job: ./pipeline.yml", inside))
    task: Any = azml_dag(folder / "schedule.yml").get_task("job")
    context: Any = {}
    assert task.source(context).local("src") == folder / "src"


V1 = "Schedule:\n  recurrence: {frequency: Day, interval: 1}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SCHEDULE.replace("interval: 1", "interval: 1.5"), "yml:3:55: trigger.interval: 1.5 must be an integer"),
        (
            SCHEDULE.replace("interval: 1", "interval: 1, time_zone: ''"),
            "yml:3:69: trigger.time_zone: there is no time",
        ),
        (SCHEDULE.replace("interval: 1", "interval: 1, time_of_day: '9:00'"), "is a key of CLI v1; here it is sched"),
        (SCHEDULE + "recurrence: {frequency: Day}\n", "5:1: recurrence: is a key of CLI v1; here it is trigger"),
        (V1.replace("recurrence", "trigger"), "Schedule.trigger: is a key of CLI v2; here it is recurrence"),
        (V1.replace("interval: 1", "interval: 1, month_days: [1]"), "is a key of CLI v2; v1 has none"),
        (V1.replace("Schedule", "schedule"), "schedule: is a key of CLI v1; v1 writes it Schedule"),
        ("schedule: {hours: [9]}\n", "schedule: unknown key; it belongs under 'trigger'"),
    ],
)
def test_words_of_the_other_generation_are_told_as_such(folder: Path, text: str, problem: str) -> None:
    (folder / "schedule.yml").write_text(text)
    job = "pipeline.yml" if "Schedule" in text else None
    with pytest.raises(SpecError) as refused:
        azml_dag(folder / "schedule.yml", job=job)
    assert problem in str(refused.value)
    assert all(one.file.endswith("schedule.yml") and one.line for one in refused.value.problems)


def test_a_schedule_of_cli_v1_is_called_as_its_dag(folder: Path) -> None:
    (folder / "every day.yml").write_text(V1)
    with pytest.raises(SpecError, match="give dag_id="):
        azml_dag(folder / "every day.yml", job="pipeline.yml")
    task: Any = azml_dag(folder / "every day.yml", job="pipeline.yml", dag_id="daily").get_task("job")
    assert task.display_name.startswith("daily-{{")


def test_what_is_wrong_with_a_change_is_said_once_where_it_stands(folder: Path) -> None:
    create_job = (
        "create_job:\n  job: ./pipeline.yml\n  inputs: {day: {type: string}}\n  settings: {force_rerun: perhaps}"
    )
    (folder / "schedule.yml").write_text(SCHEDULE.replace("create_job: ./pipeline.yml", create_job))
    with pytest.raises(SpecError) as refused:
        azml_dag(folder / "schedule.yml")
    found = [(one.file.rpartition("/")[2], one.line) for one in refused.value.problems]
    assert found == [("schedule.yml", 6), ("schedule.yml", 7)]
