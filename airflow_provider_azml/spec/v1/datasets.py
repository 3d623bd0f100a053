"""Dataset files of CLI v1 as data assets of today.

Source: azureml-core 1.61 (``azureml.data._dataset_persistence``), which read the files and printed their template for
``az ml dataset register --show-template``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.spec import names, validate
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import mltable_files, unsayable
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

SCHEMA = "v1_dataset.schema.json"
_PATH = ("parameters", "path")
_LONGEST_FOLDER = 100
_SOURCE_TYPE = ("parameters", "sourceType")
_URL = re.compile(r"^(https?|adl|wasbs?|abfss?)://", re.IGNORECASE)
_WITH_SAS = re.compile(r"^https?://\w*\.blob\.[\w./]*\?|[?&]sig=", re.IGNORECASE)
_STORAGE = re.compile(r"^https?://[^/]+\.(blob|dfs)\.|^(adl|wasbs?|abfss?)://", re.IGNORECASE)
"""URLs below which there are folders; elsewhere on the web every URL is a file."""
_WHOLE = re.compile(r"(^|/)\*\*/?$")
_WILD = re.compile(r"[*?\[]")
_FORMAT_PART = re.compile(r"\{[^{}]+\}")
_HEADERS: Mapping[str, str] = {
    "true": "all_files_same_headers",
    "false": "no_header",
    "all_files_have_same_headers": "all_files_same_headers",
    "combine_all_files_headers": "all_files_different_headers",
    "no_headers": "no_header",
    "only_first_file_has_headers": "from_first_file",
}
_UNSAYABLE = (
    Unsayable(
        ("timeSeries",),
        "v2's tables do not know which column tells the time; choose rows by it in the script, and leave it out",
    ),
)
_FREE: Sequence[Path] = (("registration", "tags"), ("registration", "description"))
"""What may be any text."""
_OF_TABLES = ("sourceType", "includePath", "partitionFormat", "inferColumnTypes", "separator", "header")
_OF_DELIMITED = ("inferColumnTypes", "separator", "header")
_DEFAULTS: Mapping[str, object] = {"includePath": False, "inferColumnTypes": False, "separator": ",", "header": True}
_NO_QUERY = (
    "v2 has no tables of queries; import the rows by a data import: type: mltable, source: {type: database, query, "
    "connection}"
)


class Place(NamedTuple):
    """Where files of a dataset are.

    Args:
        uri: Their URI, in the short form where a datastore is named.
        word: What an ``MLTable`` calls it: ``file``, ``folder`` or ``pattern``.
        is_guess: Whether a folder or a file was told apart by the name alone.
    """

    uri: str
    word: str
    is_guess: bool


def is_dataset(source: Source) -> bool:
    """Whether a source is a dataset file of CLI v1."""
    keys = source.value.keys()
    return "datasetType" in keys and bool({"parameters", "registration"} & keys)


def check(source: Source) -> Sequence[Problem]:
    """Check a dataset file before anything is made of it.

    Returns:
        The notes.

    Raises:
        SpecError: It is no valid dataset file, or says what v2 cannot say; with all its problems at once.
    """
    return validate.check(source, SCHEMA, _problems, strict=True)


def data_asset(source: Source) -> Translation:
    """What a dataset file becomes.

    One file or folder becomes ``uri_file`` or ``uri_folder``; rows, several paths and patterns become ``mltable`` with
    an ``MLTable`` file that is made. A dataset that does not ask for a new version becomes version 1: the service
    takes the same once more, and refuses another one, as v1 did.

    Args:
        source: The file.

    Raises:
        SpecError: It is no valid dataset file, or says what v2 cannot say; with all its problems at once.

    Example:
        >>> data_asset(as_written(Path("mydataset.json"))).source.value
        {'name': 'iris', 'type': 'uri_folder', 'path': 'azureml://datastores/workspaceblobstore/paths/iris/'}
    """
    notes = check(source)
    found = places(source)
    is_table = _is_tabular(source) or len(found) > 1 or found[0].word == "pattern"
    kind = "mltable" if is_table else f"uri_{found[0].word}"
    name = str(source.value_at(("registration", "name")))
    members: dict[str, Placed | None] = {
        "name": kept(source, "registration", "name"),
        "version": None if _makes_versions(source) else put("1", source, "registration"),
        "description": kept(source, "registration", "description"),
        "tags": unless_empty(kept(source, "registration", "tags") or put({}, source)),
        "type": put(kind, source, "datasetType"),
        "path": put("." if is_table else found[0].uri, source, *_PATH),
    }
    made = gathered(members, source)
    new = replace(source, value=made.value, marks=made.marks)
    remarks = tuple(_remarks(source, found, is_table=is_table))
    if not is_table:
        return Translation("data", new, remarks=remarks, notes=notes)
    folder = f"{name[:_LONGEST_FOLDER]}-mltable"
    text = mltable_files.text([{place.word: place.uri} for place in found], _transformations(source))
    files = {f"{folder}/MLTable": text}
    return Translation("data", new, files=files, named={("path",): folder}, remarks=remarks, notes=notes)


def places(source: Source) -> list[Place]:
    """Where the files of a dataset are."""
    given = source.value_at(_PATH)
    return [place_of(item) for item in (given if isinstance(given, list) else [given])]


def place_of(given: object) -> Place:
    """Where a path of a dataset is: of a datastore, or a URL."""
    if isinstance(given, dict):
        path = str(given["relativePath"]).replace("\\", "/").lstrip("/")
        uri = f"azureml://datastores/{given['datastoreName']}/paths/{path}"
        return _told(uri, path)
    uri = str(given)
    if not _STORAGE.match(uri) and not uri.endswith("/"):
        return Place(uri, "pattern" if _WILD.search(uri.partition("?")[0]) else "file", is_guess=False)
    return _told(uri, uri)


def _told(uri: str, path: str) -> Place:
    """A place of storage by its name, which is all that there is to tell folders from files."""
    if (whole := _WHOLE.search(path)) and not _WILD.search(path[: whole.start()]):
        end = "" if uri[: len(uri) - len(whole[0])].endswith("/") else "/"
        return Place(uri[: len(uri) - len(whole[0])] + end, "folder", is_guess=False)
    if _WILD.search(path):
        return Place(uri, "pattern", is_guess=False)
    if path in ("", ".") or path.endswith("/"):
        return Place(uri.removesuffix("."), "folder", is_guess=False)
    is_file = "." in path.rpartition("/")[2].strip(".")
    return Place(uri if is_file else f"{uri}/", "file" if is_file else "folder", is_guess=not is_file)


def _is_tabular(source: Source) -> bool:
    return lower(source.value.get("datasetType")) == "tabular"


def _makes_versions(source: Source) -> bool:
    return source.value_at(("registration", "createNewVersion")) is True


def _transformations(source: Source) -> list[Json]:
    """What an ``MLTable`` file does with the files of a table, in the words that document them."""
    if not _is_tabular(source):
        return []
    given = mapping(source.value.get("parameters"))
    path_column = {"include_path_column": given.get("includePath") is True}
    made: list[Json] = []
    kind = lower(given.get("sourceType") or "")
    if kind == "delimited_files":
        header = given.get("header")
        made.append({
            "read_delimited": {
                "delimiter": given.get("separator") or _DEFAULTS["separator"],
                "encoding": "utf8",
                "header": _HEADERS[lower(True if header is None else header)],
                **path_column,
                "infer_column_types": given.get("inferColumnTypes") is True,
                "support_multi_line": False,
            }
        })
    elif kind == "parquet_files":
        made.append({"read_parquet": path_column})
    else:
        made.append({"read_json_lines": {**path_column, "encoding": "utf8", "invalid_lines": "error"}})
    if not is_unset(given.get("partitionFormat")):
        made.append({"extract_columns_from_partition_format": given["partitionFormat"]})
    return made


def _problems(source: Source) -> Iterator[Problem]:
    yield from unsayable.none_texts(source, but=_FREE)
    yield from unsayable.problems(source, _UNSAYABLE)
    yield from names.problems(source.at("registration"), "dataset")
    given = mapping(source.value.get("parameters"))
    kind = lower(given.get("sourceType") or "")
    if _is_tabular(source):
        yield from _table_problems(source, given, kind)
    else:
        for key in (key for key in (*_OF_TABLES, "query") if not _says_nothing(given, key)):
            yield source.problem(("parameters", key), "counts with datasetType Tabular alone", at_key=True)
    if kind != "sql_query":
        if is_unset(given.get("path")):
            yield source.problem(("parameters",), "lacks path: the files that the dataset is made of", at_key=True)
        yield from _path_problems(source)


def _table_problems(source: Source, given: Mapping[str, object], kind: str) -> Iterator[Problem]:
    if not kind:
        yield source.problem(("parameters",), "lacks sourceType: what the rows are read from", at_key=True)
    if kind == "sql_query":
        yield source.problem(_SOURCE_TYPE, _NO_QUERY)
    elif not is_unset(given.get("query")):
        yield source.problem(("parameters", "query"), "counts with sourceType sql_query alone", at_key=True)
    if kind in ("json_lines_files", "parquet_files"):
        for key in (key for key in _OF_DELIMITED if not _says_nothing(given, key)):
            yield source.problem(("parameters", key), "counts with sourceType delimited_files alone", at_key=True)
    partition = given.get("partitionFormat")
    if isinstance(partition, str) and partition and not _FORMAT_PART.search(partition):
        yield source.problem(("parameters", "partitionFormat"), "names no column; write e.g. /{Country}/data.csv")
    separator = given.get("separator")
    if isinstance(separator, str) and len(separator) > 1:
        reason = f"is {separator!r:.80}; it must be one character, e.g. a tab"
        yield source.problem(("parameters", "separator"), reason)


def _says_nothing(given: Mapping[str, object], key: str) -> bool:
    return is_unset(given.get(key)) or (key in _DEFAULTS and given[key] == _DEFAULTS[key])


def _path_problems(source: Source) -> Iterator[Problem]:
    given = source.value_at(_PATH)
    items = given if isinstance(given, list) else [given]
    for number, item in enumerate(items):
        at: Path = (*_PATH, number) if isinstance(given, list) else _PATH
        if isinstance(item, str) and item and not _URL.match(item):
            shown = repr(item.partition("?")[0])[:80]
            reason = f"is {shown}; it must be a URL (https, wasbs, abfss, adl), or {{datastoreName, relativePath}}"
            yield source.problem(at, reason)
        if isinstance(item, str) and _WITH_SAS.search(item):
            yield source.problem(at, "holds a SAS, which is a secret; make a datastore of the storage, and name that")
    if len({isinstance(item, str) for item in items}) > 1:
        yield source.problem(_PATH, "has URLs and paths in datastores; v1 took one of both", at_key=True)


def _remarks(source: Source, found: Sequence[Place], *, is_table: bool) -> Iterator[Remark]:
    """What was chosen."""
    if not _makes_versions(source):
        text = (
            "createNewVersion is not asked for: version 1, which the service takes once more but never with other data"
        )
        yield Remark(("version",), text)
    if any(place.is_guess for place in found):
        text = "taken for a folder, as its name has no ending"
        yield Remark(("path",), text if is_table else f"{text}; for a file write type: uri_file, and no slash")
    if not is_table:
        return
    if not _is_tabular(source):
        yield Remark(("type",), "a table of files, as v2 has no other name for several paths, or for a pattern")
    if any(mltable_files.is_short(place.uri) for place in found):
        text = "its MLTable file names datastores without their workspace, which azml adds; for az write it yourself"
        yield Remark(("path",), text)
