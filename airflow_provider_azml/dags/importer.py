"""AML files as DAG files of their own, on Airflow 3.4 and later."""

from __future__ import annotations

import traceback
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_azml.dags.airflow_importers import (
    AbstractDagImporter,
    DagImportError,
    DagImportResult,
    DagImportWarning,
    DagSourceCode,
    find_file_dag_definitions,
    get_file_suffix,
)
from airflow_provider_azml.dags.changes import Per
from airflow_provider_azml.dags.files import dag_of
from airflow_provider_azml.dags.folder import files_and_ids, of_one_id
from airflow_provider_azml.dags.wishes import Labels, Render, Rendering, Wishes
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.operators.takeover import Takeover
from airflow_provider_azml.spec import yaml_text
from airflow_provider_azml.spec.cron import CronFields
from airflow_provider_azml.spec.sidecars import AML_ENDINGS
from airflow_provider_azml.spec.source import Source, text_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from airflow.sdk import DAG

    from airflow_provider_azml.dags.airflow_importers import DagBundle, FilesystemDagDefinition

MARKER = ".azmldags"
"""The file that makes DAG files of the AML files beside it."""
WARNING = "azml:schedule"
_NOT_OF_FOLDERS = ("dag_id", "folder", "schedule", "strict")
_OF_PIPELINES = {"render": get_args(Render), "labels": get_args(Labels)}
_WORDS = {
    "cron_fields": get_args(CronFields),
    "takeover": get_args(Takeover),
    "per": get_args(Per),
    **_OF_PIPELINES,
}


class AzmlDagImporter(AbstractDagImporter):
    """Makes a DAG of each schedule and pipeline file of the folders that ask for it, with the file as its DAG file.

    The DAG, its text in the UI and its import error are then the AML file's own, and what is wrong with one file hides
    no other DAG. A folder asks by a file ``.azmldags``. It may be empty, or hold arguments of
    :func:`~airflow_provider_azml.dags.azml_dags` as YAML: ``jobs``, ``cron_fields``, ``takeover``, ``render``,
    ``default_args`` and others that all its DAGs are given. What is a schedule or a pipeline there, and what is passed
    over, is as for ``azml_dags``; ``.airflowignore`` counts.

    Airflow has such importers from 3.4 on, where their API is called experimental. On older versions this does nothing:
    use ``azml_dags`` there. Of an ending a bundle has one importer; give ``extensions`` where another is to have YAML.

    Example:
        >>> # airflow.cfg
        >>> # [dag_processor]
        >>> # dag_importer_configs = ["airflow_provider_azml.dags.importer.AzmlDagImporter"]

    Source: ``[dag_processor] dag_importer_configs`` of Airflow 3.4.
    """

    supported_extensions: Collection[str] = [*AML_ENDINGS]

    def can_handle(self, definition: FilesystemDagDefinition | str | Path) -> bool:
        """Whether a file is named like an AML file."""
        return get_file_suffix(definition) in self.supported_extensions

    def list_dag_definitions(
        self,
        bundle: DagBundle,
        *,
        safe_mode: bool = True,  # noqa: ARG002 (folders ask for it, so nothing is to be guessed)
    ) -> Iterator[FilesystemDagDefinition]:
        """The schedules and pipelines of the folders that ask for DAGs."""
        files: dict[Path, Collection[Path]] = {}
        for definition in find_file_dag_definitions(bundle.path, self.supported_extensions):
            folder = definition.path.parent
            if folder not in files:
                files[folder] = _files(folder) if (folder / MARKER).is_file() else ()
            if definition.path in files[folder]:
                yield definition

    def import_definition(
        self,
        definition: FilesystemDagDefinition,
        bundle: DagBundle,  # noqa: ARG002 (Airflow gives it)
    ) -> DagImportResult:
        """The DAG of a file, or all that is wrong with it."""
        result = DagImportResult(definition=definition)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                result.dags.append(_dag(definition.path))
            except SpecError as error:
                result.errors.append(_refused(definition, error))
            except Exception as error:  # noqa: BLE001 (whatever it is, Airflow shows it with the file)
                why = f"{type(error).__name__}: {error}"
                result.errors.append(DagImportError(repr(definition), why, stacktrace=traceback.format_exc()))
        if told:  # Airflow keeps one of a type
            text = "\n".join(dict.fromkeys(str(warning.message) for warning in told))
            result.warnings.append(DagImportWarning(repr(definition), text, WARNING))
        return result

    def get_source_code(
        self,
        definition: FilesystemDagDefinition,
        dag_id: str | None = None,  # noqa: ARG002 (a file has one DAG)
    ) -> DagSourceCode:
        """The text of the file."""
        language = "json" if get_file_suffix(definition) == ".json" else "yaml"
        return DagSourceCode(definition.read_text(), language)


def _files(folder: Path) -> Collection[Path]:
    try:
        jobs, _ = _asked(folder)
    except SpecError:  # which is told where the files are imported
        jobs = {}
    return files_and_ids(folder, jobs)


def _dag(path: Path) -> DAG:
    jobs, wishes = _asked(path.parent)
    ids = files_and_ids(path.parent, jobs)
    same = [other for other, dag_id in ids.items() if dag_id == ids[path]]
    problems = of_one_id(ids[path], same)
    if problems:
        raise SpecError(problems)
    return dag_of(path, replace(wishes, fileloc=path, job=jobs.get(path.name)))


def _asked(folder: Path) -> tuple[Mapping[str, str], Wishes]:
    """What schedules of CLI v1 submit, and what else a folder says of its DAGs."""
    marker = folder / MARKER
    given, marks = yaml_text.parse(text_of(marker), str(marker))
    if given is not None and not isinstance(given, dict):
        raise SpecError([Problem(str(marker), 1, 1, "", "holds no keys and values")])
    said: dict[str, Any] = dict(given or {})
    source = Source(said, folder, marker, marks)
    wrong = {key: "is not for all DAGs of a folder" for key in said if key in _NOT_OF_FOLDERS}
    if not isinstance(said.get("jobs", {}), dict):
        wrong["jobs"] = "is no mapping of the names of schedule files to what they submit"
    for key, words in _WORDS.items():
        if said.get(key) not in (None, *words):
            wrong[key] = f"is {said[key]!r}; {' or '.join(words)} can be had"
    if wrong:
        raise SpecError([source.problem((key,), reason, at_key=True) for key, reason in wrong.items()])
    dag_kwargs = {key: value for key, value in said.items() if key != "jobs" and key not in _WORDS}
    words_given = {key: said[key] for key in _WORDS if said.get(key) is not None}
    rendering = Rendering(**{key: words_given.pop(key) for key in _OF_PIPELINES if key in words_given})
    return said.get("jobs", {}), Wishes(marker, dag_kwargs=dag_kwargs, rendering=rendering, **words_given)


def _refused(definition: FilesystemDagDefinition, error: SpecError) -> DagImportError:
    """One error with all problems, for Airflow keeps one of a file."""
    own = [problem for problem in error.problems if problem.file == str(definition.path) and problem.line]
    line, column = (own[0].line, own[0].column) if own else (None, None)
    return DagImportError(repr(definition), str(error), "azml", line, column)
