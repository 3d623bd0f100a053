"""Dataset files of CLI v1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import assets, kinds
from airflow_provider_azml.spec.needs import LongUri
from airflow_provider_azml.spec.source import Source, as_written
from airflow_provider_azml.spec.v1 import datasets, mltable_files
from tests.spec.stand_in import TARGET

if TYPE_CHECKING:
    from airflow_provider_azml.spec.v1.translation import Translation

GOLDEN = json.loads((Path(__file__).parents[2] / "azureml_core" / "datasets.json").read_text())
WORKSPACE = TARGET.workspace
STORE = "azureml://subscriptions/s/resourcegroups/rg/workspaces/ws/datastores"
FILES = {"GetDatastoreFilesBlock", "GetFilesBlock"}
HEADERS = {3: "all_files_same_headers", 0: "no_header"}
# what the reference of MLTable files lets a reader be told
READERS = {
    "read_delimited": {
        "infer_column_types": {True, False},
        "encoding": {"utf8", "iso88591", "latin1", "ascii", "utf16", "utf32", "utf8bom", "windows1252"},
        "header": {"no_header", "from_first_file", "all_files_different_headers", "all_files_same_headers"},
        "delimiter": None,
        "empty_as_string": {True, False},
        "include_path_column": {True, False},
        "support_multi_line": {True, False},
    },
    "read_parquet": {"include_path_column": {True, False}},
    "read_json_lines": {
        "include_path_column": {True, False},
        "invalid_lines": {"error", "drop"},
        "encoding": {"utf8", "iso88591", "latin1", "ascii", "utf16", "utf32", "utf8bom", "windows1252"},
    },
}


def written(path: Path, content: dict[str, Any]) -> Source:
    file = path / "mydataset.json"
    file.write_text(json.dumps(content, indent=1))
    return as_written(file)


def refused(path: Path, content: dict[str, Any]) -> list[str]:
    with pytest.raises(SpecError) as error:
        datasets.data_asset(written(path, content))
    return [f"{Path(found.file).name}:{found.line}: {found.path}: {found.reason}" for found in error.value.problems]


def dataset(kind: str, registration: dict[str, Any] | None = None, **parameters: Any) -> dict[str, Any]:
    return {"datasetType": kind, "parameters": parameters, "registration": registration or {"name": "iris"}}


def table_of(translation: Translation) -> dict[str, Any]:
    ((name, text),) = translation.files.items()
    assert name == f"{translation.source.value['name']}-mltable/MLTable"
    assert mltable_files.is_made(text)
    table: dict[str, Any] = yaml.safe_load(mltable_files.completed(text, WORKSPACE))
    return table


def holds_to_its_reference(table: dict[str, Any]) -> None:
    """Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-mltable"""
    assert list(table) in (["$schema", "type", "paths"], ["$schema", "type", "paths", "transformations"])
    assert table["type"] == "mltable"
    for path in table["paths"]:
        ((word, uri),) = path.items()
        assert word in {"file", "folder", "pattern"}
        assert uri.startswith((f"{STORE}/", "https://", "wasbs://", "abfss://", "adl://"))
    reader, *others = table.get("transformations") or [None]
    for name, options in (reader or {}).items():
        for option, value in options.items():
            assert READERS[name][option] is None or value in READERS[name][option]
    assert all(list(other) == ["extract_columns_from_partition_format"] for other in others)


def places_of(blocks: dict[str, Any]) -> list[str]:
    """Where azureml-core looks for files."""
    (block,) = (args for name, args in blocks.items() if name.removeprefix("Microsoft.DPrep.") in FILES)
    if "datastores" in block:
        return [f"{STORE}/{place['datastoreName']}/paths/{place['path']}" for place in block["datastores"]]
    return [place["path"] for place in block["path"]["resourceDetails"]]


@pytest.mark.parametrize("name", GOLDEN["cases"])
def test_a_dataset_is_read_as_azureml_core_reads_it(name: str, tmp_path: Path) -> None:
    case = GOLDEN["cases"][name]
    source = written(tmp_path, case["given"])
    blocks = {key: args for block in case["read"].get("blocks", ()) for key, args in block.items()}
    if not blocks or any("Sql" in key for key in blocks):
        assert refused(tmp_path, case["given"])
        return
    translation = datasets.data_asset(source)
    asset = translation.beside(tmp_path / "beside")
    assert not kinds.check(asset, "data", strict=True)
    body = assets.data_properties(asset)
    assert (body["description"], body["tags"]) == ("Flowers", {"from": "v1"})
    theirs = [place.removesuffix("**") for place in places_of(blocks)]
    if body["dataType"] != "mltable":
        uri = body["dataUri"].replace("azureml://datastores", STORE)
        assert [uri] == theirs
        assert body["dataType"] == ("uri_folder" if uri.endswith("/") else "uri_file")
        return
    table = table_of(translation)
    holds_to_its_reference(table)
    assert [uri for path in table["paths"] for uri in path.values()] == theirs
    assert [uri.id_in(TARGET) if isinstance(uri, LongUri) else uri for uri in body["referencedUris"]] == theirs
    transformations = {key: value for each in table.get("transformations", ()) for key, value in each.items()}
    assert bool(transformations) == (case["read"]["kind"] == "TabularDataset")
    if "Microsoft.DPrep.ParseDelimitedBlock" in blocks:
        parsed, reader = blocks["Microsoft.DPrep.ParseDelimitedBlock"], transformations["read_delimited"]
        assert reader["delimiter"] == parsed["separator"]
        assert reader["header"] == HEADERS[parsed["columnHeadersMode"]]
        assert not reader["infer_column_types"]
    assert ("read_parquet" in transformations) == ("Microsoft.DPrep.ReadParquetFileBlock" in blocks)
    assert ("read_json_lines" in transformations) == ("Microsoft.DPrep.ParseJsonLinesBlock" in blocks)
    partition = blocks.get("Microsoft.DPrep.AddColumnsFromPartitionFormatBlock", {}).get("partitionFormat")
    assert transformations.get("extract_columns_from_partition_format") == partition
    if transformations:
        reader = next(value for key, value in transformations.items() if key.startswith("read_"))
        assert reader["include_path_column"] == ("Microsoft.DPrep.DropColumnsBlock" not in blocks)


def test_the_template_of_the_command_line_holds_no_key_that_is_unknown_here(tmp_path: Path) -> None:
    found = refused(tmp_path, {**GOLDEN["template"]})
    assert not [problem for problem in found if "unknown key" in problem]
    tabular = {**GOLDEN["template"], "datasetType": "Tabular"}
    del tabular["timeSeries"], tabular["parameters"]["query"]
    for kind in ("delimited_files", "json_lines_files", "parquet_files"):
        tabular["parameters"]["sourceType"] = kind
        path = [{"datastoreName": "sample-blob-datastore", "relativePath": "sample-data/datafile"}]
        tabular["parameters"]["path"] = path
        holds_to_its_reference(table_of(datasets.data_asset(written(tmp_path, tabular))))


@pytest.mark.parametrize(
    ("path", "kind", "uri"),
    [
        ("iris", "uri_folder", "azureml://datastores/s/paths/iris/"),
        ("/iris.csv", "uri_file", "azureml://datastores/s/paths/iris.csv"),
        ("a\\b.csv", "uri_file", "azureml://datastores/s/paths/a/b.csv"),
        ("a.b/c", "uri_folder", "azureml://datastores/s/paths/a.b/c/"),
        ("/", "uri_folder", "azureml://datastores/s/paths/"),
        ("**", "uri_folder", "azureml://datastores/s/paths/"),
        (".", "uri_folder", "azureml://datastores/s/paths/"),
    ],
)
def test_one_path_is_a_file_or_a_folder_by_its_name(path: str, kind: str, uri: str, tmp_path: Path) -> None:
    given = dataset("file", path={"datastoreName": "s", "relativePath": path})
    value = datasets.data_asset(written(tmp_path, given)).source.value
    assert (value["type"], value["path"]) == (kind, uri)


def test_a_guess_is_told(tmp_path: Path) -> None:
    given = dataset("File", {"name": "x", "createNewVersion": True}, path="wasbs://c@account.blob.core.windows.net/x")
    (remark,) = datasets.data_asset(written(tmp_path, given)).remarks
    assert remark.place == ("path",)
    assert remark.text.startswith("taken for a folder, as its name has no ending")


def test_a_dataset_that_asks_for_no_new_version_is_version_one(tmp_path: Path) -> None:
    given = dataset("File", path="https://example.com/a")
    for asks in (None, False):
        given["registration"]["createNewVersion"] = asks
        translation = datasets.data_asset(written(tmp_path, given))
        assert translation.source.value["version"] == "1"
        assert [remark.place for remark in translation.remarks] == [("version",)]
    given["registration"]["createNewVersion"] = True
    assert "version" not in datasets.data_asset(written(tmp_path, given)).source.value


def test_it_is_told_what_a_table_lacks(tmp_path: Path) -> None:
    place = {"datastoreName": "s", "relativePath": "a.csv"}
    given = dataset("Tabular", {"name": "x", "createNewVersion": True}, sourceType="Parquet_Files", path=place)
    translation = datasets.data_asset(written(tmp_path, given))
    assert "- file: azureml://datastores/s/paths/a.csv" in translation.files["x-mltable/MLTable"]
    assert table_of(translation)["paths"] == [{"file": f"{STORE}/s/paths/a.csv"}]
    assert "without their workspace" in translation.remarks[0].text


def test_everything_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    given = {
        "schemaVersion": 2,
        "datasetType": "Tabular",
        "parameters": {
            "path": ["data/local.csv", {"datastoreName": "s"}],
            "sourceType": "parquet_files",
            "query": {"datastoreName": "s", "query": "q"},
            "partitionFormat": "/Country/data.csv",
            "separator": "::",
            "header": "some",
        },
        "timeSeries": {"fineGrainTimestamp": "t"},
        "registration": {"nameX": "x", "tags": {"a": "None"}, "createNewVersion": "yes"},
    }
    told = "\n".join(refused(tmp_path, given))
    for expected in (
        ":2: schemaVersion: is 2; it must be 1",
        ":6: parameters.path[0]: is 'data/local.csv'; it must be a URL",
        "parameters.path[1]: 'relativePath' is missing",
        "parameters.path: has URLs and paths in datastores",
        "parameters.query: counts with sourceType sql_query alone",
        "parameters.partitionFormat: names no column",
        "parameters.separator: is '::'; it must be one character, e.g. a tab",
        "parameters.separator: counts with sourceType delimited_files alone",
        "parameters.header: ",
        "timeSeries: v2's tables do not know which column tells the time",
        "registration.nameX: unknown key; did you mean 'name'?",
        "registration: 'name' is missing",
        "registration.createNewVersion: ",
    ):
        assert expected in told, told
    assert "tags" not in told


def test_what_counts_with_tables_alone_is_refused_of_files(tmp_path: Path) -> None:
    given = dataset("File", path="https://example.com/a", separator=",", header=True, inferColumnTypes=True)
    (found,) = refused(tmp_path, given)
    assert found.endswith("parameters.inferColumnTypes: counts with datasetType Tabular alone")


@pytest.mark.parametrize("url", ["https://a.dfs.core.windows.net/c/x?sv=1&sig=hidden", "a.blob.net/c/x?sig=hidden"])
def test_a_secret_in_a_url_is_refused_and_not_told(url: str, tmp_path: Path) -> None:
    told = "".join(refused(tmp_path, dataset("File", path=url)))
    assert "holds a SAS, which is a secret" in told
    assert "hidden" not in told


def test_files_of_v2_are_none(tmp_path: Path) -> None:
    assert datasets.is_dataset(written(tmp_path, dataset("File")))
    assert not datasets.is_dataset(written(tmp_path, {"name": "x", "type": "uri_file", "path": "x"}))
