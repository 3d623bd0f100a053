"""Sphinx configuration, and the tables that are made from the code's own."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

# read when Airflow is imported: the documentation must not depend on, or touch, the Airflow of whoever builds it
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="azml-docs-")
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)

sys.path.insert(0, str(Path(__file__).parent))  # file_keys stands beside this file

import file_keys
from sphinx.util.docutils import SphinxDirective

import airflow_provider_azml
from airflow_provider_azml.provider_info import get_provider_info
from airflow_provider_azml.rest.resources import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from docutils import nodes
    from sphinx.application import Sphinx

project = "airflow-provider-azml"
author = "The contributors of airflow-provider-azml"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = airflow_provider_azml.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["keys.css"]
html_title = f"airflow-provider-azml {version}"

autodoc_typehints = "none"  # the AML vocabulary says it better than Mapping[str, Any]
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository


def _resources() -> Iterable[tuple[str, ...]]:
    yield "Kind", "Path segment", "Below", "api-version", "Ends well", "Ends badly", "Actions"
    for row in ROWS:
        segment = f"`{row.segment}/{{name}}/versions/{{version}}`" if row.versioned else f"`{row.segment}/{{name}}`"
        actions = ", ".join(f"`{action}`" for action in row.actions.values())
        good, bad = ", ".join(sorted(row.good)), ", ".join(sorted(row.bad))
        yield row.kind, segment, row.parent, row.api_version, *((good, bad) if row.status else ("", "")), actions


def _connection_fields() -> Iterable[tuple[str, ...]]:
    yield "Extra", "In the form", "Meaning"
    for name, described in get_provider_info()["connection-types"][0]["conn-fields"].items():
        yield f"`{name}`", described["label"], described["description"]


class GeneratedTable(SphinxDirective):
    """``{generated-table} resources``: a table that the code has, so that no page repeats it by hand."""

    required_arguments = 1
    tables: ClassVar[dict[str, Callable[[], Iterable[tuple[str, ...]]]]] = {
        "connection-fields": _connection_fields,
        "resources": _resources,
    }

    def run(self) -> list[nodes.Node]:
        """The table's nodes."""
        heading, *rows = self.tables[self.arguments[0]]()
        lines = [heading, tuple("---" for _ in heading), *rows]
        return self.parse_text_to_nodes("\n".join(f"| {' | '.join(cells)} |" for cells in lines))


class FileReference(SphinxDirective):
    """``{file-reference} job``: every key of files of a kind, section by section."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The sections' nodes."""
        return self.parse_text_to_nodes(file_keys.pages(self.arguments[0]), allow_section_headings=True)


def setup(app: Sphinx) -> None:
    """Register the directives."""
    app.add_directive("generated-table", GeneratedTable)
    app.add_directive("file-reference", FileReference)
