"""``azml template``: what it prints is valid, whichever key is put to use."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.cli import samples
from airflow_provider_azml.cli.schema_keys import Form, forms
from airflow_provider_azml.cli.template import template
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import read
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Done

ALL = [form for kind in KINDS for form in forms(kind)]


def name_of(form: Form) -> str:
    return f"{form.kind}-{form.type}"


def variants(form: Form) -> Iterator[tuple[str, str]]:
    """The template with one of the keys behind a # put to use, and the key."""
    lines = template(form).splitlines()
    for begin, line in enumerate(lines):
        key = re.match(r"#([^\s#][^:]*):", line)
        if not key:
            continue
        end = next((place for place in range(begin + 1, len(lines)) if not lines[place].startswith("#  ")), len(lines))
        text = "\n".join([*lines[:begin], *(used[1:] for used in lines[begin:end]), *lines[end:]])
        other = samples.instead(key[1], form.kind, form.type)
        yield key[1], re.sub(rf"^{other}:.*\n( .*\n)*", "", text, flags=re.MULTILINE) if other else text


def problems(text: str, file: Path, kind: str) -> list[str]:
    file.write_text(text)
    source = read(file)
    try:
        assert kinds.kind_of(source) == kind
        return [str(warning) for warning in kinds.check(source)]
    except SpecError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize("form", ALL, ids=name_of)
def test_a_template_is_valid_as_it_is_and_with_each_key_put_to_use(form: Form, folder: Path) -> None:
    for name in ("main.py", "score.py", "my-key"):
        (folder / "src" / name).write_text("")
    assert not problems(template(form), folder / "file.yml", form.kind)
    found = {key: told for key, used in variants(form) if (told := problems(used, folder / "file.yml", form.kind))}
    assert not found


@pytest.mark.parametrize("form", ALL, ids=name_of)
def test_a_template_is_valid_in_an_empty_folder(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not problems(template(form), tmp_path / "file.yml", form.kind)


@pytest.mark.parametrize("form", ALL, ids=name_of)
def test_a_template_has_every_key_with_what_it_is_for(form: Form) -> None:
    lines = template(form).splitlines()
    keys = [place for place, line in enumerate(lines) if re.match(r"#?[$\w]", line)]
    assert len(keys) >= len(form.node.required)
    assert all(lines[place - 1].startswith("# ") for place in keys)


def test_list_names_them_all(azml: Callable[..., Done]) -> None:
    done = azml("template", "--list")
    assert done.code == 0
    assert [tuple(line.split()[:2]) for line in done.lines] == [(form.kind, form.type or "-") for form in ALL]
    assert {form.kind for form in ALL} == set(KINDS)
    assert done.err.startswith("The schema files are in /")


def test_type_chooses(azml: Callable[..., Done]) -> None:
    assert "\ntype: command\n" in azml("template", "job").out
    assert "\ntype: pipeline\n" in azml("template", "job", "--type", "pipeline").out
    assert "its types: amlcompute, " in azml("template", "compute", "--type", "vm").err
