from __future__ import annotations

import datetime as dt
import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import source

if TYPE_CHECKING:
    from collections.abc import Callable

UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "there is no such file"),
    "latin-1": (b"a: 1\nb: \xe4\n", "not UTF-8"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
    "UTF-16, the other way": (b"\xfe\xff\0a\0:", "the file is UTF-16"),
    "UTF-16 without a mark": ("a: 1\n".encode("utf-16-le"), "UTF-16 perhaps: save it as UTF-8"),
    "UTF-32": ("a: 1\n".encode("utf-32"), "the file is UTF-32"),
    "NUL": (b"a: 1\nb: x\0y\n", "holds a NUL byte"),
    "half a character": (b"a: \xed\xa0\x80\n", "not UTF-8"),
    "picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not UTF-8"),
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
    with pytest.raises(SpecError, match="cannot be read: it is a folder; name the file in it"):
        source.read(tmp_path)


def test_what_could_be_waited_for_for_ever_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="it is a pipe"):
        source.read(tmp_path / "pipe")
    with pytest.raises(SpecError, match="it is a device"):
        source.read(Path("/dev/zero"))


def test_a_file_of_100_mb_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "a.yml").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(SpecError, match="larger than 10 MB"):
        source.read(tmp_path / "a.yml")


@pytest.mark.parametrize("name", ["a\0b.yml", "\ud800.yml", "x" * 5000])
def test_a_name_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        source.read(tmp_path / name)
    named = source.from_mapping({"component": name}, base_path=tmp_path)
    with pytest.raises(SpecError, match=r"component: .*cannot be read"):
        named.pulled(name, at=("component",))


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to("b.yml")
    (tmp_path / "b.yml").symlink_to("a.yml")
    with pytest.raises(SpecError, match="cannot be read"):
        source.read(tmp_path / "a.yml")
    with pytest.raises(SpecError, match="cannot be read"):
        source.from_mapping({}, base_path=tmp_path).pulled("a.yml")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").touch(0o000)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        source.read(tmp_path / "a.yml")


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


def test_an_odd_character_in_a_template_is_told_without_an_offset_into_the_shielded_text(tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("a: ${{inputs.x}}\nb: {{ c ? d }}\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        source.read(tmp_path / "job.yml", render=rendering())
    assert str(caught.value) == f"{tmp_path / 'job.yml'}:2:1: the template fails: unexpected char '?'"


def test_what_fails_inside_a_template_for_now_is_raised_as_it_is_and_its_place_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Connections:
        def __getitem__(self, name: str) -> str:
            raise ConnectionError(f"no answer about {name}")

    environment = jinja2.Environment(autoescape=False)
    (tmp_path / "job.yml").write_text("a: 1\nb: {{ conn['x'] }}\n", encoding="utf-8")
    with pytest.raises(ConnectionError):
        source.read(tmp_path / "job.yml", render=lambda text: environment.from_string(text).render(conn=Connections()))
    assert f"{tmp_path / 'job.yml'}:2: the template fails: no answer about x" in caplog.text


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


def test_a_file_that_is_pulled_in_is_missed_where_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yml"
    file.write_text("jobs:\n  train:\n    component: ./train.yml\n", encoding="utf-8")
    read = source.read(file)
    with pytest.raises(SpecError) as caught:
        read.at("jobs", "train").pulled("./train.yml", at=("component",))
    missing = tmp_path / "train.yml"
    assert str(caught.value) == f"{file}:3:16: jobs.train.component: {str(missing)!r}: there is no such file"
    missing.write_text("a: [", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read.pulled("./train.yml", at=("jobs", "train", "component"))
    assert caught.value.problems[0].file == str(missing)


def test_a_template_that_fails_in_a_file_that_is_pulled_in(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yml").write_text("name: {{ day }}\n", encoding="utf-8")
    (tmp_path / "train.yml").write_text("name: x\n\nversion: {{ nothing }}\n", encoding="utf-8")
    read = source.read(tmp_path / "pipeline.yml", render=rendering(day="monday"))
    with pytest.raises(SpecError) as caught:
        read.pulled("train.yml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "train.yml"), 3)


def test_files_that_pull_each_other_in(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("component: b.yml\n", encoding="utf-8")
    (tmp_path / "b.yml").write_text("component: file:./a.yml\n", encoding="utf-8")
    inner = source.read(tmp_path / "a.yml").pulled("b.yml")
    with pytest.raises(SpecError, match=r"b.yml:1:12: component: .*in a circle: a.yml -> b.yml -> a.yml"):
        inner.pulled("file:./a.yml", at=("component",))


def test_the_files_that_pull_each_other_in_are_bounded(tmp_path: Path) -> None:
    for place in range(60):
        (tmp_path / f"{place}.yml").write_text("a: 1\n", encoding="utf-8")
    read = source.read(tmp_path / "0.yml")
    for place in range(1, 51):
        read = read.pulled(f"{place}.yml")
    with pytest.raises(SpecError, match="more than 50 files"):
        read.pulled("51.yml")


def test_a_mapping_in_itself_is_refused() -> None:
    given: dict[str, object] = {}
    given["again"] = given
    with pytest.raises(SpecError, match="nested deeper"):
        source.from_mapping(given)


def test_a_key_of_a_mapping_is_text() -> None:
    with pytest.raises(SpecError, match="the key 1 is no text"):
        source.from_mapping({"tags": {1: "a"}})


def test_a_mapping_of_mappings_that_are_the_same_is_bounded() -> None:
    bomb: list[object] = ["x"] * 10
    for _ in range(10):
        bomb = [bomb] * 10
    with pytest.raises(SpecError, match="more than 200,000 values"):
        source.from_mapping({"tags": bomb})


def test_all_that_no_file_can_hold_is_found() -> None:
    given = {
        "a": b"x",
        "b": [{1}, float("nan")],
        "c": {2: 3},
        "d": 10**5000,
        "e": object(),
        "f": dt.date(2024, 1, 2),
        "g": "x" * 100_001,
    }
    with pytest.raises(SpecError) as caught:
        source.from_mapping(given)
    assert [problem.path for problem in caught.value.problems] == ["a", "b[0]", "b[1]", "c", "d", "e", "g"]


def test_members_of_enumerations_are_their_values() -> None:
    color = enum.Enum("color", {"RED": "red"})
    assert source.from_mapping({"a": color.RED}).value == {"a": "red"}
