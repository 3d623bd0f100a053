"""The table of the formats of CLI v1: each file is of one format, and files of today are of none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from airflow_provider_azml.cli.schema_keys import forms
from airflow_provider_azml.cli.template import template
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import MAY_BE_V1, as_written, from_mapping, read
from airflow_provider_azml.spec.table import KINDS
from airflow_provider_azml.spec.v1 import formats
from airflow_provider_azml.spec.v1.formats import FORMATS
from tests.cli.test_translate_to_yaml import FILES

CORPUS = Path(__file__).parents[4] / "shared/oracle/corpus"
NAMES = {
    "pipeline.yml": "pipeline",
    "schedule.yml": "schedule",
    "default.runconfig": "run_configuration",
    ".azureml/sklearn.runconfig": "run_configuration",
    "hdconfig.yml": "hyperdrive",
    "azureml_environment.json": "environment",
    "data.json": "dataset",
    "table.json": "dataset",
    "inferenceconfig.json": "inference_configuration",
    "aci.json": "deployment_configuration",
    "aks.json": "deployment_configuration",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_of_one_format(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(FILES[name])
    source = as_written(tmp_path / "file")
    assert [row for row, found in FORMATS.items() if found.recognises(source)] == [NAMES[name]]
    assert formats.name_of(source) == NAMES[name]
    assert not MAY_BE_V1.isdisjoint(source.value), "what reads files would not look at it closely"


def test_a_run_configuration_of_a_command_is_known_by_its_ending(tmp_path: Path) -> None:
    for name, expected in (("echo.runconfig", "run_configuration"), ("echo.yml", None)):
        (tmp_path / name).write_text("command: [echo, hello]\nenvironment: {docker: {baseImage: ubuntu}}\n")
        assert formats.name_of(as_written(tmp_path / name)) == expected
    assert read(tmp_path / "echo.runconfig").value["command"] == "echo hello"


def test_every_format_has_a_file_here() -> None:
    assert set(NAMES.values()) == set(FORMATS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_today_is_of_none(kind: str, tmp_path: Path) -> None:
    for form in forms(kind):
        value = yaml.safe_load(template(form))
        for given in (value, {key: member for key, member in value.items() if key != "$schema"}):
            assert formats.name_of(from_mapping(given)) is None
    for key in {name for form in forms(kind) for name in form.node.properties} & MAY_BE_V1:
        assert formats.name_of(from_mapping({"name": "n", key: {}})) is None, key


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS.exists(), reason="no ../shared")
def test_no_file_of_the_corpus_is_taken_for_one_of_v1() -> None:
    taken, looked_at = [], 0
    for file in CORPUS.rglob("*.y*ml"):
        try:
            source = as_written(file)
        except SpecError:
            continue
        looked_at += 1
        if formats.of(source):
            taken.append(file)
    assert looked_at > 400
    assert taken == []


def test_a_translation_tells_its_kind_and_what_was_chosen(tmp_path: Path) -> None:
    (tmp_path / "azureml_environment.json").write_text(FILES["azureml_environment.json"])
    (tmp_path / "conda_dependencies.yml").write_text(FILES["conda_dependencies.yml"])
    source = read(tmp_path / "azureml_environment.json")
    assert source.value["$schema"].endswith("/environment.schema.json")
    assert kinds.kind_of(source) == "environment"
    told = kinds.check(source)
    assert told
    assert {problem.severity for problem in told} == {"note"}
    assert {problem.file for problem in told} == {str(tmp_path / "azureml_environment.json")}
    assert all(problem.line for problem in told)


def test_what_is_made_besides_lasts_as_long_as_the_source(tmp_path: Path) -> None:
    source = from_mapping(json.loads(FILES["table.json"]), base_path=tmp_path)
    folder = Path(source.value["path"])
    assert (folder / "MLTable").is_file()
    merged = source.merged({"description": "another"})
    del source
    assert (folder / "MLTable").is_file()
    del merged
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "goes_with"),
    [
        ("hdconfig.yml", "AzmlSubmitHyperDriveOperator"),
        ("inferenceconfig.json", "AzmlDeployWebserviceOperator as inference_config="),
        ("aci.json", "AzmlDeployWebserviceOperator as deployment_config="),
    ],
)
def test_what_is_nothing_alone_says_what_it_goes_with(name: str, goes_with: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(FILES[name])
    with pytest.raises(SpecError, match=f"of CLI v1, which is nothing by itself; .*{goes_with}"):
        read(tmp_path / "file")
