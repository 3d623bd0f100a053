"""What the top of an AML file tells without reading all of it: which kind it is, its name, and the job it submits.

A folder may hold hundreds of files of which a task wants one, so the others are looked at and not read.
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.dags.ids import legal
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import yaml_text
from airflow_provider_azml.spec.source import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEY = re.compile(r"^( *)[\"']?([$\w]+)[\"']?[ \t]*:(?=\s)[ \t]*(.*)$", re.MULTILINE)
_PLAIN = re.compile(r"([\"']?)([A-Za-z0-9_.-]+)\1[ \t]*(?:#.*)?")
_SUBMITTED = re.compile(
    r"(?:^[ \t]*|[{,]\s*)[\"']?(?:create_job|job)[\"']?[ \t]*:[ \t]*[\"']?(?:file:)?([^\s\"'#,{}]+)", re.MULTILINE
)
_SCHEMA = re.compile(r"(\w+)\.schema\.json")
_STEP = re.compile(r"\btype[\"']?[ \t]*:\s*[\"']?\w+Step\b")
"""What steps of pipelines of CLI v1 have; other programs have files of that root too."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How files begin that some editors of Windows write; they are refused, which is to be told."""
_OF_SCHEDULES = frozenset({"create_job", "import_data", "Schedule"})


@dataclass(frozen=True)
class Outline:
    """The top of an AML file.

    Args:
        text: The file's text.
        keys: The keys at its top -> what stands beside each.
    """

    text: str
    keys: Mapping[str, str]

    @property
    def is_schedule(self) -> bool:
        """Whether it is a schedule, of either generation; monitors have none, which run on the service alone."""
        if "create_monitor" in self.keys:
            return False
        return self._schema == "schedule" or (not self._schema and not _OF_SCHEDULES.isdisjoint(self.keys))

    @property
    def is_pipeline(self) -> bool:
        """Whether it is a pipeline job, or a pipeline of CLI v1."""
        if "pipeline" in self.keys and not self._schema and "type" not in self.keys:
            return _STEP.search(self.text) is not None
        of_type = _PLAIN.fullmatch(self.keys.get("type", ""))
        return self._schema == "pipelineJob" or (not self._schema and of_type is not None and of_type[2] == "pipeline")

    @property
    def submitted(self) -> list[str]:
        """The files of the jobs that a schedule submits, as it names them."""
        return _SUBMITTED.findall(self.text)

    def dag_id(self, path: Path) -> str:
        """The id of the file's DAG, also of one that cannot be read as YAML: the name of a schedule, else the file's.

        Args:
            path: The file.
        """
        if not self.is_schedule or "name" not in self.keys or "Schedule" in self.keys:
            return legal(path.stem)
        plain = _PLAIN.fullmatch(self.keys["name"])
        return legal((plain[2] if plain else self._read_name(path)) or path.stem)

    @property
    def _schema(self) -> str:
        """The name of its schema, of those that azure-ai-ml writes; empty if there is none."""
        found = _SCHEMA.search(self.keys.get("$schema", ""))
        return found[1] if found else ""

    def _read_name(self, path: Path) -> str:
        try:
            value, _ = yaml_text.parse(self.text, str(path))
        except SpecError:  # told where the file is read
            return self.keys["name"]
        return str(value.get("name") or "") if isinstance(value, dict) else ""


def outline(path: Path) -> Outline:
    """The top of an AML file; what is wrong with the file is said where it is read.

    Args:
        path: The file.
    """
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES)
    except OSError:
        content = b""
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    text = content.decode(encoding, errors="replace").replace("\r\n", "\n")
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:  # no JSON then, or broken
            found = None
        if isinstance(found, dict):
            return Outline(text, {key: value if isinstance(value, str) else "" for key, value in found.items()})
    keys = _KEY.findall(text)
    return Outline(text, {key: beside for indent, key, beside in reversed(keys) if indent == keys[0][0]})
