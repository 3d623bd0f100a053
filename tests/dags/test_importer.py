"""AML files as DAG files of their own, where Airflow has importers of DAGs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.dags.airflow_importers import FilesystemDagDefinition
from airflow_provider_azml.dags.importer import AzmlDagImporter
from tests.airflow.versions import DagBag

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
jobs:
  fit: {type: command, command: 'true', environment: 'azureml:env:1'}
"""
SCHEDULE = 'name: {}\ntrigger: {{type: cron, expression: "{}"}}\ncreate_job: ./pipeline.yml\n'
RETIRED = "Schedule:\n  recurrence: {frequency: Day, interval: 1}\n"
SETTINGS = {
    "AIRFLOW__DAG_PROCESSOR__DAG_IMPORTER_CONFIGS": json.dumps([f"{AzmlDagImporter.__module__}.AzmlDagImporter"])
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that asks for DAGs, in the DAGs folder of an Airflow with the importer."""
    importers: Any = pytest.importorskip(
        "airflow.sdk.importers", reason="importers of DAGs are there from Airflow 3.4 on"
    )
    importers.reset_importer_registry()
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "schedules"
    folder.mkdir()
    (folder / ".azmldags").touch()
    (folder / "pipeline.yml").write_text(PIPELINE)
    return folder


def bag_of(dags: Path, **options: Any) -> Any:
    return DagBag(dag_folder=str(dags), bundle_path=options.pop("bundle_path", dags), **options)


def test_the_importer_can_be_imported_where_there_is_no_api_for_it() -> None:
    assert AzmlDagImporter.supported_extensions == [".json", ".yaml", ".yml"]


def test_an_aml_file_is_a_dag_file_of_its_own(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE.format("nightly", "0 3 * * *"))
    (folder.parent / "elsewhere.yml").write_text(SCHEDULE.format("elsewhere", "0 3 * * *"))
    bag = bag_of(folder.parent)
    assert (list(bag.dags), bag.import_errors) == (["nightly"], {})
    dag = bag.dags["nightly"]
    assert (dag.fileloc, dag.relative_fileloc) == (str(folder / "nightly.yml"), "schedules/nightly.yml")
    assert dag.get_task("job").file == "pipeline.yml"
    assert bag.dag_source_codes["nightly"].source_code == (folder / "nightly.yml").read_text()
    assert bag.dag_source_codes["nightly"].language == "yaml"
    one = bag_of(folder / "nightly.yml", bundle_path=folder.parent)  # as the DAG processor and workers do
    assert list(one.dags) == ["nightly"]


def test_what_is_wrong_with_a_file_hides_no_other(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE.format("nightly", "0 3 * * *"))
    (folder / "wrong.yml").write_text(SCHEDULE.format("wrong", "0 25 * *") + "no_such_key: 1\n")
    bag = bag_of(folder.parent)
    assert list(bag.dags) == ["nightly"]
    said = bag.import_errors["schedules/wrong.yml"].splitlines()
    assert [line.removeprefix(f"{folder}/").split(": ")[0] for line in said] == ["wrong.yml:2:35", "wrong.yml:4:1"]
    (error,) = AzmlDagImporter().import_definition(_definition(folder / "wrong.yml"), bag).errors
    assert (error.line_number, error.column_number) == (2, 35)


def test_files_of_one_id_have_no_dag(folder: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (folder / name).write_text(SCHEDULE.format("nightly", "0 3 * * *"))
    bag = bag_of(folder.parent)
    assert not bag.dags
    assert sorted(bag.import_errors) == ["schedules/a.yml", "schedules/b.yml"]
    assert "is that of a.yml, b.yml; rename all but one" in bag.import_errors["schedules/a.yml"]


def test_a_folder_says_what_its_dags_are_given(folder: Path) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE.format("nightly", "0 3 1 * *"))
    (folder / "retired.yml").write_text(RETIRED)
    marker = folder / ".azmldags"
    with pytest.warns(UserWarning, match="Azure ML would ignore its days and months"):
        bag = bag_of(folder.parent)
    (warning,) = (warning for warning in bag.dag_warnings if warning.dag_id == "nightly")
    assert warning.warning_type == "azml:schedule"
    assert "schedules/retired.yml" in bag.import_errors
    marker.write_text("cron_fields: service\njobs: {retired.yml: pipeline.yml}\ndefault_args: {azml_conn_id: other}\n")
    bag = bag_of(folder.parent)
    assert (sorted(bag.dags), bag.import_errors) == (["nightly", "retired"], {})
    assert bag.dags["retired"].get_task("job").azml_conn_id == "other"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[1]", r"\.azmldags:1:1: holds no keys and values"),
        ("a: 1\ndag_id: same", r"\.azmldags:2:1: dag_id: is not for all DAGs of a folder"),
        ("jobs: [a.yml]", "jobs: is no mapping"),
        ("cron_fields: both", "cron_fields: is 'both'; standard or service can be had"),
        ("takeover: perhaps", "takeover: is 'perhaps'; check or disable can be had"),
        ("no_such_argument: 1", "no_such_argument"),
        ("a: [", r"\.azmldags:2:1: not YAML"),
    ],
)
def test_what_a_folder_says_wrong_is_told_of_its_files(folder: Path, text: str, reason: str) -> None:
    (folder / "nightly.yml").write_text(SCHEDULE.format("nightly", "0 3 * * *"))
    (folder / ".azmldags").write_text(text)
    (error,) = AzmlDagImporter().import_definition(_definition(folder / "nightly.yml"), None).errors
    assert re.search(reason, error.message)


def _definition(path: Path) -> Any:
    return FilesystemDagDefinition(path)
