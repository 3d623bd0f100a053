from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, schedule_triggers
from airflow_provider_azml.spec.source import from_mapping, read
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

CRON = {"type": "cron", "expression": "0 9 * * 1"}
WEEKLY = {"type": "recurrence", "frequency": "week", "interval": 1}
RAN = {"name": "nightly", "trigger": CRON, "create_job": "azureml:train-1"}
IMPORT = {
    "name": "orders",
    "path": "azureml://datastores/d/paths/x",
    "source": {"type": "database", "connection": "azureml:c", "query": "q"},
}
PIPELINE = """\
type: pipeline
experiment_name: first
inputs: {rows: 3, data: {type: uri_file, path: https://x/y}}
settings: {default_compute: azureml:small, force_rerun: true}
jobs:
  a: {type: command, component: azureml:c:1, inputs: {rows: "${{parent.inputs.rows}}"}}
"""


def sent(service: StandIn, given: dict[str, Any], base_path: Path | None = None) -> dict[str, Any]:
    service.run(kinds.apply(from_mapping(given, base_path=base_path), "schedule", TARGET))
    path, body = service.sent[-1]
    assert path == f"PUT {WS}/schedules/{given['name']}"
    properties: dict[str, Any] = body["properties"]
    return properties


@pytest.fixture
def folder(service: StandIn, tmp_path: Path) -> Path:
    service.holds({f"{WS}/computes/{name}": {"id": f"{WS}/computes/{name}"} for name in ("small", "big")})
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "p.yml").write_text(PIPELINE, encoding="utf-8")
    return tmp_path


TRIGGERS = {
    "cron": (CRON, {"triggerType": "Cron", "expression": "0 9 * * 1", "timeZone": "UTC"}),
    "recurrence": (
        {"type": "Recurrence", "frequency": "Day", "interval": "3"},
        {
            "triggerType": "Recurrence",
            "frequency": "day",
            "interval": 3,
            "timeZone": "UTC",
            "schedule": {"hours": [], "minutes": []},
        },
    ),
    "pattern": (
        {
            **WEEKLY,
            "schedule": {"hours": 9, "minutes": ["0", 30], "week_days": "Monday", "month_days": [1, 15]},
            "time_zone": "Pacific Standard Time",
        },
        {
            "triggerType": "Recurrence",
            "frequency": "week",
            "interval": 1,
            "timeZone": "Pacific Standard Time",
            "schedule": {"hours": [9], "minutes": [0, 30], "weekDays": ["monday"], "monthDays": [1, 15]},
        },
    ),
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_triggers(service: StandIn, name: str) -> None:
    given, expected = TRIGGERS[name]
    assert sent(service, {**RAN, "trigger": given})["trigger"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-31T09:00:00", "2026-01-31 09:00:00"),
        ("2026-01-31 09:00", "2026-01-31 09:00:00"),
        ("2026-1-3T9:5:7", "2026-01-03 09:05:07"),
        ("2026-01-31T09:00:00.123456", "2026-01-31 09:00:00"),
        ("2026-01-31T09:00:00Z", "2026-01-31 09:00:00"),
        ("2026-01-31T09:00:00-04:00", "2026-01-31 09:00:00"),
    ],
)
def test_times_are_sent_without_their_offset(given: str, expected: str) -> None:
    assert schedule_triggers.trigger({**CRON, "start_time": given})["startTime"] == expected


@pytest.mark.parametrize(
    "given", ["2026-01-31", "soon", "2026-02-31T09:00:00", "2026-01-31T24:00:00", "20260131T090000"]
)
def test_what_is_no_time(given: str) -> None:
    with pytest.raises(SpecError, match=r"trigger\.end_time: .* is no time; write"):
        kinds.check(from_mapping({**RAN, "trigger": {**CRON, "end_time": given}}), "schedule")


def test_an_unquoted_time_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_text(
        "name: s\ncreate_job: azureml:x\n"
        "trigger: {type: cron, expression: 0 9 * * 1, start_time: 2026-01-31T09:00:00}\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError, match=r"s\.yml:3:\d+: trigger\.start_time: .*YAML takes for a date.*quote it"):
        kinds.check(read(file), "schedule")


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ({**CRON, "time_zone": "Europe/Berlin"}, "trigger.time_zone: warning: is 'Europe/Berlin'"),
        ({**CRON, "expression": "0 0 9 * * 1"}, "has 6 fields; it must have 5"),
        ({**CRON, "expression": "0 9 1 * *"}, "reads days and months as *"),
        ({**CRON, "expression": "0 25 * * *"}, "trigger.expression: warning: '0 25 * * *' is no cron expression"),
        ({**CRON, "start_time": "2026-01-31T09:00:00+02:00"}, "+02:00 is not sent"),
        (
            {**CRON, "start_time": "2026-01-31T09:00:00Z", "time_zone": "Pacific Standard Time"},
            "Z is not sent; the service reads the time in time_zone",
        ),
        (
            {**WEEKLY, "frequency": "minute", "schedule": {"hours": [], "minutes": 30}},
            "trigger.schedule.minutes: warning: frequency minute takes none",
        ),
        (
            {**WEEKLY, "frequency": "month", "start_time": "2026-02-01T00:00:00", "interval": 12}
            | {"schedule": {"hours": 1, "minutes": 0, "month_days": 30}},
            "trigger.schedule.month_days: warning: no month that it comes to has day 30",
        ),
        (
            {**WEEKLY, "start_time": "2026-02-01T00:00:00", "end_time": "2026-01-01T00:00:00"},
            "trigger.end_time: warning: 2026-01-01T00:00:00 is before the start",
        ),
        ({**WEEKLY, "interval": 0}, "trigger.interval: warning: is 0; it must be at least 1"),
        ({**WEEKLY, "schedule": {"hours": 25, "minutes": 0}}, "hours: warning: is 25; it must be at most 23"),
        ({**WEEKLY, "schedule": {"hours": 1, "minutes": [61]}}, "minutes[0]: warning: is 61; it must be at most 59"),
    ],
)
def test_what_the_service_does_not_take(trigger: dict[str, Any], reason: str) -> None:
    source = from_mapping({**RAN, "trigger": trigger})
    (warning,) = kinds.check(source, "schedule")
    assert reason in str(warning)
    with pytest.raises(SpecError):
        kinds.check(source, "schedule", strict=True)


def test_the_time_in_utc_may_say_so() -> None:
    assert (
        kinds.check(from_mapping({**RAN, "trigger": {**CRON, "start_time": "2026-01-31T09:00:00Z"}}), "schedule") == []
    )


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**RAN, "trigger": {**WEEKLY, "schedule": {"hours": 1}}}, "trigger.schedule: 'minutes' is missing"),
        ({**RAN, "trigger": {**WEEKLY, "frequency": "year"}}, "trigger.frequency: is 'year'; it must be one of minute"),
        ({**RAN, "trigger": {**CRON, "frequency": "day"}}, "trigger.frequency: unknown key"),
        ({**RAN, "trigger": {"type": "event"}}, "trigger.type: is 'event'; it must be one of cron, recurrence"),
        ({**RAN, "trigger": {**WEEKLY, "schedule": {"hours": 1, "minutes": 1, "week_days": "mon"}}}, "'mon'"),
        ({"name": "s", "trigger": CRON}, "'create_job' is missing"),
        (
            {"name": "s", "trigger": CRON, "create_job": {"type": "pipeline", "jobs": {}}},
            "create_job: 'job' is missing",
        ),
        ({"name": "s", "trigger": CRON, "create_job": "nowhere.yml"}, "create_job: .*there is no such file"),
        ({"name": "s", "trigger": CRON, "create_job": {"job": "file:p.yml"}}, r"create_job\.job: .* write 'p\.yml'"),
        ({"name": "s", "trigger": CRON, "create_job": {"job": "azureml:x"}}, "create_job: 'type' is missing"),
        (
            {
                "name": "s",
                "trigger": CRON,
                "create_job": {"job": "azureml:x", "type": "pipeline", "inputs": {"a": {"path": "azureml:d@prod"}}},
            },
            r"create_job\.inputs\.a\.path: 'prod' is no label that can be looked up",
        ),
        ({"name": "s", "trigger": CRON, "import_data": {**IMPORT, "path": "./x"}}, "is no place in a datastore"),
        ({"name": "s", "trigger": CRON, "import_data": {"name": "x"}}, "import_data: 'path' is missing"),
        ({**RAN, "create_monitor": {}}, "create_job: unknown key"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(given), "schedule")


def test_a_job_that_ran(service: StandIn) -> None:
    given = {**RAN, "display_name": "Nightly", "tags": {"a": 1}, "properties": {"p": "q"}, "is_enabled": False}
    assert sent(service, given) == {
        "displayName": "Nightly",
        "tags": {"a": 1},
        "properties": {"p": "q"},
        "trigger": TRIGGERS["cron"][1],
        "action": {
            "actionType": "CreateJob",
            "jobDefinition": {
                "jobType": "Pipeline",
                "sourceJobId": "train-1",
                "experimentName": "",
                "isArchived": False,
            },
        },
    }


def test_a_job_that_ran_with_changes(service: StandIn) -> None:
    changes = {"type": "pipeline", "job": "azureml:train-1", "inputs": {"rows": 5}, "experiment_name": "e"}
    job = sent(service, {**RAN, "create_job": changes})["action"]["jobDefinition"]
    assert job["sourceJobId"] == "train-1"
    assert job["experimentName"] == "e"
    assert job["inputs"] == {"rows": {"jobInputType": "literal", "value": "5"}}


def test_a_job_in_a_file(service: StandIn, folder: Path) -> None:
    job = sent(service, {**RAN, "create_job": "./jobs/p.yml"}, folder)["action"]["jobDefinition"]
    assert "displayName" not in job  # nothing is made up: the service names each job
    assert job["experimentName"] == "first"
    assert job["settings"]["default_compute"] == f"{WS}/computes/small"


def test_changes_to_a_job_in_a_file(service: StandIn, folder: Path) -> None:
    (folder / "jobs" / "d.csv").write_text("a", encoding="utf-8")
    changes = {
        "type": "pipeline",
        "job": "jobs/p.yml",
        "experiment_name": "second",
        "inputs": {"data": {"path": "https://z"}},
        "settings": {"default_compute": "azureml:big"},
    }
    job = sent(service, {**RAN, "create_job": changes}, folder)["action"]["jobDefinition"]
    assert job["experimentName"] == "second"
    assert job["inputs"]["data"] == {"jobInputType": "uri_file", "uri": "https://z"}
    assert job["inputs"]["rows"]["value"] == "3"
    assert job["settings"]["default_compute"] == f"{WS}/computes/big"
    assert job["settings"]["force_rerun"] is True


def test_problems_stand_in_the_file_that_causes_them(folder: Path) -> None:
    (folder / "jobs" / "p.yml").write_text(PIPELINE.replace("rows: 3", "rows: [3]"), encoding="utf-8")
    file = folder / "s.yml"
    file.write_text(
        "name: nightly\ntrigger: {type: cron, expression: 0 9 * * 1}\n"
        "create_job:\n  type: pipeline\n  job: jobs/p.yml\n  settings:\n    force_rerun: perhaps\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as caught:
        kinds.check(read(file), "schedule")
    places = {(problem.file.rpartition("/")[2], problem.line) for problem in caught.value.problems}
    assert places == {("p.yml", 3), ("s.yml", 7)}


def test_only_pipelines_are_scheduled(tmp_path: Path) -> None:
    (tmp_path / "c.yml").write_text("command: echo\nenvironment: azureml:e:1\n", encoding="utf-8")
    with pytest.raises(SpecError, match="the service schedules pipelines alone"):
        kinds.check(from_mapping({**RAN, "create_job": "c.yml"}, base_path=tmp_path), "schedule")


def test_files_that_schedule_each_other(tmp_path: Path) -> None:
    file = tmp_path / "s.yml"
    file.write_text("name: s\ntrigger: {type: cron, expression: 0 9 * * 1}\ncreate_job: s.yml\n", encoding="utf-8")
    with pytest.raises(SpecError, match="circle"):
        kinds.check(read(file), "schedule")


SENT_IMPORT = {
    "actionType": "ImportData",
    "dataImportDefinition": {
        "assetName": "orders",
        "dataType": "uri_folder",
        "dataUri": "azureml://datastores/d/paths/x",
        "isAnonymous": False,
        "isArchived": False,
        "source": {"sourceType": "database", "connection": "azureml:c", "query": "q"},
    },
}


def test_a_data_import(service: StandIn) -> None:
    assert sent(service, {"name": "daily", "trigger": CRON, "import_data": IMPORT})["action"] == SENT_IMPORT


def test_a_data_import_in_a_file(service: StandIn, tmp_path: Path) -> None:
    (tmp_path / "i.yml").write_text(
        "name: orders\npath: azureml://datastores/d/paths/x\n"
        "source: {type: database, connection: azureml:c, query: q}\n",
        encoding="utf-8",
    )
    given = {"name": "daily", "trigger": CRON, "import_data": "file:./i.yml"}
    assert sent(service, given, tmp_path)["action"] == SENT_IMPORT
    (tmp_path / "i.yml").write_text("name: orders\n", encoding="utf-8")
    with pytest.raises(SpecError, match=r"i\.yml:1:1: 'path' is missing"):
        kinds.check(from_mapping(given, base_path=tmp_path), "schedule")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"type": "file_system", "connection": "c", "path": "p/*"},
            {"sourceType": "file_system", "connection": "c", "path": "p/*"},
        ),
        (
            {
                "type": "database",
                "connection": "c",
                "stored_procedure": "p",
                "stored_procedure_params": [{"name": "a", "value": "1", "type": "Int"}],
            },
            {
                "sourceType": "database",
                "connection": "c",
                "storedProcedure": "p",
                "storedProcedureParams": [{"name": "a", "value": "1", "type": "Int"}],
            },
        ),
    ],
)
def test_what_is_imported(service: StandIn, source: dict[str, Any], expected: dict[str, Any]) -> None:
    given = {"name": "daily", "trigger": CRON, "import_data": {**IMPORT, "source": source}}
    assert sent(service, given)["action"]["dataImportDefinition"]["source"] == expected
