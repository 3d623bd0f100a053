"""Schedule files as DAGs: what of the file is where in the DAG."""

from __future__ import annotations

import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
import yaml
from airflow.sdk import DAG
from airflow.timetables.base import TimeRestriction

from airflow_provider_azml.dags import azml_dag, azml_dags
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.timetables.recurrence import AzmlCronTimetable, AzmlRecurrenceTimetable
from tests.contract.shared_sources import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PIPELINE = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: azureml:cpu}
inputs: {day: today, fired: "${{creation_context.trigger_time}}"}
jobs:
  fit:
    command: echo ${{inputs.day}}
    environment: azureml:env:1
    inputs: {day: "${{parent.inputs.day}}"}
"""
SCHEDULE: dict[str, Any] = {
    "$schema": "https://azuremlschemas.azureedge.net/latest/schedule.schema.json",
    "name": "retrain",
    "display_name": "Retrain weekly",
    "description": "Every Monday.",
    "tags": {"team": "vision", "paid": ""},
    "trigger": {
        "type": "recurrence",
        "frequency": "week",
        "interval": 1,
        "schedule": {"hours": [9], "minutes": [0, 30], "week_days": ["monday"]},
        "start_time": "2026-01-05T00:00:00",
        "end_time": "2026-12-31T00:00:00",
        "time_zone": "W. Europe Standard Time",
    },
    "create_job": "./pipeline.yml",
}
STAMP = "{{ dag_run.run_after.strftime('%Y%m%dT%H%M%SZ') }}"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the pipeline and a schedule with some keys of its own; the schedule's path."""
    (tmp_path / "pipeline.yml").write_text(PIPELINE)

    def schedule(file: str = "retrain_schedule.yml", **keys: Any) -> Path:
        path = tmp_path / file
        given = {key: value for key, value in {**SCHEDULE, **keys}.items() if value is not None}
        path.write_text(yaml.safe_dump(given, sort_keys=False))
        return path

    return schedule


def test_name_times_and_texts_are_the_files(write: Callable[..., Path]) -> None:
    dag = azml_dag(write())
    assert (dag.dag_id, dag.dag_display_name, dag.description) == ("retrain", "Retrain weekly", "Every Monday.")
    assert sorted(dag.tags) == ["paid", "team:vision"]
    assert dag.timetable == AzmlRecurrenceTimetable(
        frequency="week",
        interval=1,
        hours=[9],
        minutes=[0, 30],
        week_days=["monday"],
        start_time="2026-01-05T00:00:00",
        end_time="2026-12-31T00:00:00",
        time_zone="W. Europe Standard Time",
    )
    assert (dag.start_date, dag.end_date) == (
        dt.datetime(2026, 1, 4, 23, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 12, 30, 23, tzinfo=dt.timezone.utc),
    )
    assert dag.catchup is False
    assert "`retrain_schedule.yml`, which submits `pipeline.yml`" in str(dag.doc_md)
    assert dag.fileloc == __file__


def test_what_is_given_goes_over_what_the_file_says(write: Callable[..., Path]) -> None:
    dag = azml_dag(write(), dag_id="other", catchup=True, tags=["mine"], default_args={"azml_conn_id": "elsewhere"})
    assert (dag.dag_id, dag.catchup, sorted(dag.tags)) == ("other", True, ["mine", "paid", "team:vision"])
    assert dag.get_task("job").azml_conn_id == "elsewhere"


def test_the_task_submits_the_job_as_the_service_calls_it(write: Callable[..., Path]) -> None:
    task = azml_dag(write()).get_task("job")
    assert type(task).__name__ == "AzmlSubmitPipelineOperator"
    assert (task.folder / task.file).resolve().name == "pipeline.yml"
    assert task.display_name == f"retrain-{STAMP}"
    assert task.inputs == {"fired": "{{ dag_run.run_after.strftime('%Y-%m-%dT%H:%M:%SZ') }}"}


def test_changes_of_the_schedule_are_merged_over_the_job(write: Callable[..., Path]) -> None:
    changes = {
        "job": "./pipeline.yml",
        "inputs": {"day": "${{name}}"},
        "outputs": {"model": {"path": "azureml://datastores/workspaceblobstore/paths/${{name}}/"}},
        "settings": {"force_rerun": True},
        "tags": {"nightly": "yes"},
        "experiment_name": "night",
    }
    task = azml_dag(write(create_job=changes)).get_task("job")
    assert task.inputs["day"] == f"retrain-{STAMP}"
    assert (task.settings, task.tags, task.experiment_name) == ({"force_rerun": True}, {"nightly": "yes"}, "night")
    assert task.outputs == changes["outputs"]  # the service fills in the name of whichever job it is


def test_a_job_inside_the_schedule_and_one_that_ran(write: Callable[..., Path]) -> None:
    inline = azml_dag(write(create_job=yaml.safe_load(PIPELINE))).get_task("job")
    assert inline.spec["jobs"]["fit"]["command"] == "echo ${{inputs.day}}"
    again = azml_dag(write(create_job="azureml:brave_moon")).get_task("job")
    assert (type(again).__name__, again.job) == ("AzmlRunJobAgainOperator", "brave_moon")
    changed = {"type": "pipeline", "job": "azureml:brave_moon", "inputs": {"day": "now"}}
    assert azml_dag(write(create_job=changed)).get_task("job").inputs == {"day": "now"}


def test_days_and_months_of_cron_have_two_meanings(write: Callable[..., Path]) -> None:
    path = write(trigger={"type": "cron", "expression": "0 9 1 * *"})
    with pytest.warns(
        UserWarning, match=r"'0 9 1 \* \*' fires here as cron means it; Azure ML would .* '0 9 \* \* \*'"
    ):
        dag = azml_dag(path)
    assert dag.timetable == AzmlCronTimetable("0 9 1 * *")
    assert "Azure ML would ignore its days and months" in str(dag.doc_md)
    assert azml_dag(path, cron_fields="service").timetable == AzmlCronTimetable("0 9 1 * *", cron_fields="service")
    assert azml_dag(path, cron_fields="standard").timetable == AzmlCronTimetable("0 9 1 * *")


def test_a_takeover_comes_first_when_it_is_asked_for(write: Callable[..., Path]) -> None:
    dag = azml_dag(write(), takeover="disable")
    task = dag.get_task("takeover")
    assert (task.name, task.takeover, task.generation, task.downstream_task_ids) == (
        "retrain",
        "disable",
        "v2",
        {"job"},
    )
    assert [task.task_id for task in azml_dag(write()).tasks] == ["job"]
    old = write().with_name("old.yml")
    old.write_text("Schedule: {recurrence: {frequency: Day, interval: 2}}")
    task = azml_dag(old, job="pipeline.yml", takeover="check", twin="Nightly run").get_task("takeover")
    assert (task.name, task.takeover, task.generation) == ("Nightly run", "check", "v1")
    with pytest.raises(SpecError, match="takeover: is 'delete'; it must be check or disable"):
        azml_dag(write(), takeover="delete")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="twin: is given without takeover"):
        azml_dag(write(), twin="Nightly run")


def test_a_job_file_is_a_dag_too(write: Callable[..., Path]) -> None:
    dag = azml_dag(write().with_name("pipeline.yml"), schedule="@daily", dag_id="daily")
    assert (dag.dag_id, [task.task_id for task in dag.tasks]) == ("daily", ["fit"])


def test_a_schedule_of_cli_v1(write: Callable[..., Path]) -> None:
    path = write().with_name("old.yml")
    path.write_text(
        "Schedule:\n  description: old\n  recurrence: {frequency: Day, interval: 2, time_of_day: '09:30'}\n"
        "  pipeline_parameters: {day: \"@formatDateTime(utcNow(), 'yyyy-MM-dd')\"}\n"
    )
    dag = azml_dag(path, job="pipeline.yml")
    assert (dag.dag_id, dag.description) == ("old", "old")
    assert dag.timetable == AzmlRecurrenceTimetable(frequency="day", interval=2, hours=[9], minutes=[30])
    assert dag.get_task("job").inputs["day"] == "{{ macros.azml.format_date_time(dag_run.run_after, 'yyyy-MM-dd') }}"
    with pytest.raises(SpecError, match=r"old\.yml:1:1: Schedule: does not say which pipeline it submits"):
        azml_dag(path)


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ("week_days: [Friday], time_of_day: '10:50'", "2027-01-15"),
        ("week_days: [Monday], time_of_day: '10:50'", "2027-01-11"),
        ("week_days: [Friday], time_of_day: '10:51'", "2027-01-08"),
        ("time_zone: UTC", "2027-01-08"),  # no times of its own that the start could be one of
    ],
)
def test_a_schedule_of_cli_v1_leaves_a_start_out_that_is_one_of_its_times(
    write: Callable[..., Path], more: str, first: str
) -> None:
    path = write().with_name("fridays.yml")
    path.write_text(
        f"Schedule: {{recurrence: {{frequency: Week, interval: 1, start_time: 2027-01-08T10:50:00, {more}}}}}"
    )
    dag = azml_dag(path, job="pipeline.yml", catchup=True)
    restriction = TimeRestriction(earliest=pendulum.instance(dag.start_date), latest=None, catchup=True)
    info = dag.timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    assert info is not None
    assert f"{info.run_after:%Y-%m-%d}" == first


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"name": "no good"}, "name: 'no good' is no id of a DAG"),
        ({"trigger": {"type": "recurrence", "frequency": "day", "interval": 0}}, "trigger.interval"),
        ({"trigger": {"type": "recurrence", "frequency": "Day", "interval": 1, "time_of_day": "9:00"}}, "time_of_day"),
        (
            {
                "trigger": {
                    "type": "recurrence",
                    "frequency": "minute",
                    "interval": 1,
                    "schedule": {"hours": 1, "minutes": 1},
                }
            },
            "trigger.schedule.hours: frequency minute takes none",
        ),
        (
            {
                "trigger": {
                    "type": "recurrence",
                    "frequency": "month",
                    "interval": 12,
                    "schedule": {"hours": 1, "minutes": 1, "month_days": 31},
                    "start_time": "2026-02-01T00:00:00",
                }
            },
            "trigger.schedule.month_days: no month that it comes to has day 31",
        ),
        ({"trigger": {"type": "cron", "expression": "* * *", "time_zone": "Mars"}}, "trigger.time_zone: there is no"),
        ({"trigger": {"type": "cron", "expression": "* * *"}}, "trigger.expression: has 3 fields"),
        ({"create_job": "./missing.yml"}, "create_job: "),
        ({"create_job": None, "create_monitor": {}}, "create_monitor: a monitor runs on the service alone"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    write: Callable[..., Path], keys: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SpecError) as refused:
        azml_dag(write(**keys))
    assert problem in str(refused.value)
    assert all(one.file.endswith("retrain_schedule.yml") and one.line for one in refused.value.problems)


def test_a_folder_puts_its_dags_where_it_is_asked_for(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write().parent
    write("nightly.yml", name="nightly", create_job="azureml:brave_moon")
    (folder / "alone.yml").write_text(PIPELINE)
    (folder / "environment.yml").write_text("name: env\nimage: x\n")
    dags = azml_dags(folder, owner_links={})
    assert set(dags) == {"retrain", "nightly", "alone"}
    module = vars(sys.modules[__name__])
    assert module.pop("nightly") is dags["nightly"]
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "nightly")
    assert set(azml_dags(folder)) == {"nightly"}
    for name in [name for name, value in module.items() if isinstance(value, DAG)]:
        del module[name]


def test_a_file_that_cannot_be_used_hides_no_other(write: Callable[..., Path]) -> None:
    folder = write().parent
    write("broken.yml", name="broken", trigger={"type": "cron", "expression": "often"})
    (folder / "garbled.yml").write_text("name: garbled\ncreate_job: [\n")
    write("twin.yml", name="retrain", create_job="azureml:brave_moon")
    dags = azml_dags(folder)
    assert set(dags) == {"retrain", "broken", "garbled"}
    for dag_id, told in {"broken": "broken.yml:", "garbled": "garbled.yml:", "retrain": "rename all but one"}.items():
        dag = dags[dag_id]
        assert (dag.tags, dag.schedule) == ({"azml-broken"}, None)
        assert told in str(dag.doc_md)
        with pytest.raises(SpecError, match=told):
            dag.tasks[0].execute({})
    with pytest.raises(SpecError) as refused:
        azml_dags(folder, strict=True)
    assert {problem.file.rpartition("/")[2] for problem in refused.value.problems} == {
        "broken.yml",
        "garbled.yml",
        "retrain_schedule.yml",
        "twin.yml",
    }


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the corpus is not there")
def test_every_schedule_of_the_corpus_is_a_dag() -> None:
    found = [path for path in (SHARED / "oracle" / "corpus").rglob("*.yml") if "trigger:" in path.read_text()]
    schedules = [path for path in found if "computeInstance" not in path.read_text()]
    assert len(schedules) >= 4
    for path in schedules:
        assert len(azml_dag(path).tasks) == 1
