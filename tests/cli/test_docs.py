"""The page on the command line shows what its commands print, and the reference has every key."""

from __future__ import annotations

import importlib
import io
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.cli import main
from airflow_provider_azml.cli.schema_keys import forms
from airflow_provider_azml.spec.sidecars import keys_of_tasks
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "how-to/command-line.md"
FILES = {
    "train.py": 'print("training")\n',
    "holidays.csv": "day\n2024-01-01\n" * 40,
    ".amlignore": "*.tmp\n.amlignore\n",
}


def printed(command: str) -> str:
    """What a command line of ``azml`` prints, on both of its outputs."""
    both = io.StringIO()
    with redirect_stdout(both), redirect_stderr(both):
        main(shlex.split(command)[1:])
    return both.getvalue()


def test_commands_print_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("airflow.configuration")  # tells of itself when it is first imported
    folder = tmp_path / "forecasts"
    (folder / "src").mkdir(parents=True)
    for name, content in FILES.items():
        (folder / "src" / name).write_text(content)
    monkeypatch.chdir(folder)
    shown = 0
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        if language == "yaml" and block.startswith("$schema"):
            (folder / ("pipeline.yml" if "type: pipeline" in block else "train.yml")).write_text(block)
        if language == "yaml" and (named := re.match(r"# (\S+)\n", block)) and "$schema" not in named[1]:
            (folder / named[1]).parent.mkdir(exist_ok=True)
            (folder / named[1]).write_text(block)
        command, _, output = block.partition("\n")
        if language == "console" and command.startswith("$ azml") and "|" not in command and "_of_v1" not in command:
            assert printed(command[2:]) == output
            shown += 1
    assert shown == 9


def test_every_kind_has_a_page_with_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    import file_keys

    for kind in KINDS:
        assert f"```{{file-reference}} {kind}\n" in (DOCS / f"reference/files/{kind}.md").read_text()
        text = file_keys.pages(kind)
        assert all(f"| `{name}`" in text for form in forms(kind) for name in form.node.properties)


def test_settings_of_airflow_have_a_page_with_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    import file_keys

    assert "```{file-reference} airflow\n" in (DOCS / "reference/files/airflow.md").read_text()
    text = file_keys.pages("airflow")
    assert all(f"| `task_overrides.<name>.{key}` |" in text for key in keys_of_tasks())


def test_a_list_of_words_shows_the_words_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    import file_keys

    assert "`saturday` or `sunday` or list of them |" in file_keys.pages("schedule")
