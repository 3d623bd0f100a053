"""What is used of Airflow's API of DAG importers, which is there from Airflow 3.4 on, and experimental.

Source: https://github.com/apache/airflow/pull/72369, and ``airflow.sdk.importers.base`` of Airflow's task SDK 1.4.0b2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from dataclasses import dataclass, field
    from pathlib import Path
    from typing import Protocol

    from airflow.sdk import DAG

    class DagBundle(Protocol):
        """Where DAG files come from."""

        path: Path

    @dataclass
    class FilesystemDagDefinition:
        """A DAG file."""

        path: Path

        def read_text(self, encoding: str = "utf-8") -> str:
            """Its text."""
            raise NotImplementedError

    @dataclass
    class DagImportError:
        """Why a DAG file gives no DAG."""

        source_reference: str
        message: str
        error_type: str = "import"
        line_number: int | None = None
        column_number: int | None = None
        context: str | None = None
        suggestion: str | None = None
        stacktrace: str | None = None

    @dataclass
    class DagImportWarning:
        """What is to be told of a DAG file besides."""

        source_reference: str
        message: str
        warning_type: str = "import"
        line_number: int | None = None

    @dataclass
    class DagImportResult:
        """What became of a DAG file."""

        definition: FilesystemDagDefinition | None = None
        dags: list[DAG] = field(default_factory=list)
        errors: list[DagImportError] = field(default_factory=list)
        warnings: list[DagImportWarning] = field(default_factory=list)

    @dataclass
    class DagSourceCode:
        """The text of a DAG file."""

        source_code: str
        language: str

    class AbstractDagImporter:
        """Base of importers."""

    def find_file_dag_definitions(root: Path, supported_extensions: Iterable[str]) -> Iterator[FilesystemDagDefinition]:
        """The files of a folder with these endings, without those of ``.airflowignore``."""
        raise NotImplementedError

    def get_file_suffix(definition: FilesystemDagDefinition | str | Path) -> str | None:
        """The ending of a file's name."""
        raise NotImplementedError

else:
    try:
        from airflow.sdk.importers import (
            AbstractDagImporter,
            DagImportError,
            DagImportResult,
            DagImportWarning,
            DagSourceCode,
            FilesystemDagDefinition,
            find_file_dag_definitions,
            get_file_suffix,
        )
    except ImportError:  # nothing of an older Airflow asks for an importer
        AbstractDagImporter = object
        DagImportError = DagImportResult = DagImportWarning = DagSourceCode = FilesystemDagDefinition = None
        find_file_dag_definitions = get_file_suffix = None

__all__ = [
    "AbstractDagImporter",
    "DagImportError",
    "DagImportResult",
    "DagImportWarning",
    "DagSourceCode",
    "FilesystemDagDefinition",
    "find_file_dag_definitions",
    "get_file_suffix",
]
