from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import source

if TYPE_CHECKING:
    from collections.abc import Callable

UNREADABLE = {
    "missing": (None, "there is no such file"),
    "latin-1": (b"a: 1\nb: \xe4\n", "not UTF-8"),
    "empty": (b"", "the file is empty"),
    "comment": (b"# only\n", "the file is empty"),
    "list": (b"- a\n- b\n", "the file holds a list"),
    "text": (b"hello", "the file holds a single value"),
    "large": (b"a: b\n" * 2_100_000, "larger than 10 MB"),
}


def rendering(**values: str) -> Callable[[str], str]:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return lambda text: environment.from_string(text).render(**values)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_used_says_why(name: str, tmp_path: Path) -> None:
    content, reason = UNREADABLE[name]
    file = tmp_path / "job.yml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        source.read(file)
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    assert reason in problem.reason


def test_the_place_of_a_byte_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"a: 1\nb: \xe4\n")
    with pytest.raises(SpecError) as caught:
        source.read(tmp_path / "a.yml")
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (2, 4)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        source.read(tmp_path)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbfname: x\n")
    assert source.read(tmp_path / "a.yml").value == {"name": "x"}


def test_templates_are_rendered_and_lines_stay(tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text("name: train-{{ day }}\n{# note #}\ncommand: echo ${{inputs.x}}\n", encoding="utf-8")
    read = source.read(file, render=rendering(day="monday"))
    assert read.value == {"name": "train-monday", "command": "echo ${{inputs.x}}"}
    assert read.marks.at(("command",)).line == 3


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: {{ ds\n", 2, "the template fails"),
        ("a: 1\n\nb: {{ nothing }}\n", 3, "'nothing' is undefined"),
        ("a: 1\nb: {{ 1 / 0 }}\n", 2, "division by zero"),
        ("a: 1\nb: {{ 1 + 'x' }}\n", 2, "unsupported operand"),
        ("a: 1\n{% endif %}\n", 2, "the template fails"),
    ],
)
def test_a_template_that_fails_names_file_and_line(text: str, line: int, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        source.read(file, render=rendering())
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(file), line)
    assert reason in problem.reason


def test_overrides_are_merged_key_by_key(tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text("name: a\ninputs:\n  x: 1\n  y: 2\nlist: [1]\n", encoding="utf-8")
    read = source.read(file)
    merged = read.merged({"name": "b", "inputs": {"y": 3, "z": {"path": Path("p")}}, "list": [2]})
    assert merged.value == {"name": "b", "inputs": {"x": 1, "y": 3, "z": {"path": "p"}}, "list": [2]}
    assert read.value["inputs"] == {"x": 1, "y": 2}
    assert str(merged.problem(("inputs", "x"), "bad")) == f"{file}:3:6: inputs.x: bad"
    assert str(merged.problem(("inputs", "y"), "bad")) == "<overrides>: inputs.y: bad"


def test_a_mapping_is_copied_and_starts_from_its_base_path(tmp_path: Path) -> None:
    given = {"inputs": {"x": (1, 2)}}
    made = source.from_mapping(given, base_path=tmp_path)
    made.value["inputs"]["x"].append(3)
    assert given == {"inputs": {"x": (1, 2)}}
    assert made.local("../data") == (tmp_path / "../data").resolve()
    assert str(made.problem(("inputs",), "bad")) == "<mapping>: inputs: bad"


def test_a_mapping_in_itself_is_refused() -> None:
    given: dict[str, object] = {}
    given["again"] = given
    with pytest.raises(SpecError, match="nested deeper"):
        source.from_mapping(given)


def test_a_key_of_a_mapping_is_text() -> None:
    with pytest.raises(SpecError, match="the key 1 is no text"):
        source.from_mapping({"tags": {1: "a"}})
