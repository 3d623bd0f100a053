"""AML files with something wrong in them, and what is told of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from pathlib import Path

JOB = "command: echo hi\nenvironment: azureml:e:1\n"
DEPLOYMENT = "name: blue\nendpoint_name: scores\ninstance_type: Standard_DS3_v2\n"


def written(folder: Path, text: str) -> Path:
    """A file with a text, beside a folder ``src`` with a broken script in it."""
    (folder / "src").mkdir()
    (folder / "src" / "bad.py").write_text("def (:\n", encoding="utf-8")
    file = folder / "f.yml"
    file.write_text(text, encoding="utf-8")
    return file


def told(folder: Path, kind: str, text: str) -> list[str]:
    """All that is told of a file that is refused, each with its place in the file."""
    file = written(folder, text)
    with pytest.raises(SpecError) as caught:
        kinds.check(read(file), kind)
    return [str(problem).removeprefix(f"{file}:").replace(str(folder), "FOLDER") for problem in caught.value.problems]
