from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import yaml_text

ORACLE = Path(__file__).parents[3] / "shared" / "oracle"

SAME_AS_SAFE_LOAD = {
    "scalars": "a: 1\nb: 1.5\nc: yes\nd: off\ne: ~\nf: ''\ng: 'yes'\n",
    "octal": "a: 0777\nb: 1_000\nc: 0x1F\nd: 0b11\n",
    "exponents": "a: 1e-3\nb: 1.0e-3\nc: 12:30:00\n",
    "dates": "a: 2024-01-02\nb: 2024-01-02 03:04:05\nc: 2024-01-02T03:04:05Z\n",
    "block text": "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
    "flow": "{a: [1, {b: 2}], c: []}",
    "json": '{"a": [1, 2.5, null, true, "x"]}',
    "aliases": "a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
    "merge": "base: &b {a: 1, b: 2}\nother: &o {b: 3, c: 4}\nuse: {<<: [*b, *o], a: 5}\nsingle:\n  <<: *b\n  z: 1\n",
    "tags": "a: !!str 1\nb: !!int '3'\nc: !!float 1\nd: !!map {a: 1}\ne: ! x\nf: ! 12\ng: !\n",
    "empty": "",
    "comment only": "# nothing\n",
    "windows": "a: 1\r\nb:\r\n  - x\r\n",
    "one document that ends": "---\na: 1\n...\n",
    "names of keys": "&k a: 1\nb: *k\n",
    "merge twice": "a: &a {x: 1}\nb: &b {x: 2, y: 3}\nc: {<<: *a, <<: *b}\n",
    "long text": f"a: {'x' * 100_000}\n",
    "unicode": "a: äöü\n'ключ': 1\n",
}

REFUSED = {
    "two values for a key": ("a: 1\nb: 2\na: 3\n", 3, 1, "'a' stands in line 1 already"),
    "twice in a flow": ("{a: 1, a: 2}", 1, 8, "'a' stands in line 1 already"),
    "no YAML": ("a: [1\nb: 2", 2, 2, "not YAML"),
    "a quote without its other end": ('a: 1\nb: "x\nc: 2\n', 2, 4, "the quote that begins here does not end"),
    "a colon in a text": ("a: x --y: z\n", 1, 9, "quote a text that holds ': '"),
    "tabs": ("a:\n\t- b\n", 2, 1, "not YAML"),
    "object tag": ("a: !!python/object:os.system x\n", 1, 4, "not plain data"),
    "set": ("a: !!set {x}\n", 1, 4, "not plain data"),
    "binary": ("a: !!binary aGk=\n", 1, 4, "not plain data"),
    "unknown tag": ("a: !secret x\n", 1, 4, "not plain data"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
    "unknown alias": ("a: *nowhere\n", 1, 4, "stands for nothing"),
    "alias to itself": ("a: &x [*x]\n", 1, 8, "stands for nothing"),
    "key that is a list": ("? [a]\n: 1\n", 1, 3, "a key must be a plain value"),
    "key that is a date": ("2024-01-02: 1\n", 1, 1, "quote 2024-01-02"),
    "no such day": ("a: 2024-13-45\n", 1, 4, "quote it"),
    "infinity": ("a: .inf\n", 1, 4, "no number"),
    "number of 10,000 digits": (f"a: {'1' * 10_000}\n", 1, 4, "looks like a number but is none"),
    "hexadecimal number of 90 kB": (f"a: 0x{'f' * 90_000}\n", 1, 4, "looks like a number but is none"),
    "number of 100 kB, in sixties": (f"a: 1{':1' * 45_000}\n", 1, 4, "looks like a number but is none"),
    "text of a megabyte": (f"a: {'x' * 1_000_000}\n", 1, 4, "has more than 100,000 characters"),
    "a sign of YAML's": ("a: =\n", 1, 4, "'=' has a meaning of its own in YAML"),
    "a tab before a key": ("a:\n  b: 1\n\tc: 2\n", 3, 1, "indent with blanks, not with tabs"),
    "a word for a number": ("a: !!int x\n", 1, 4, "looks like a number but is none"),
    "a key that is another's mapping": ("a: &x {b: 1}\n*x : 1\n", 2, 1, "a key must be text"),
    "merge of text": ("<<: x\n", 1, 1, "takes a mapping"),
    "control character": ("a: \x07\n", 1, 4, "it takes no character '\\x07'"),
}


@pytest.mark.parametrize("name", SAME_AS_SAFE_LOAD)
def test_values_are_those_of_safe_load(name: str) -> None:
    text = SAME_AS_SAFE_LOAD[name]
    assert yaml_text.parse(text, "f.yml")[0] == yaml.safe_load(text)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_where_and_why(name: str) -> None:
    text, line, column, reason = REFUSED[name]
    with pytest.raises(SpecError) as caught:
        yaml_text.parse(text, "f.yml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("f.yml", line, column)
    assert reason in problem.reason


def test_json_with_tabs_is_read() -> None:
    assert yaml_text.parse('{\n\t"a": [\n\t\t1e-3,\n\t\t"\\u00e4"\n\t]\n}', "f.json")[0] == {"a": ["1e-3", "ä"]}


def test_keys_that_are_not_text_become_what_json_has() -> None:
    assert yaml_text.parse("1: a\nyes: b\n1.5: c\n~: d\n", "f")[0] == {"1": "a", "true": "b", "1.5": "c", "null": "d"}


def test_every_value_and_key_has_its_position() -> None:
    text = "jobs:\n  train:\n    args: [1, two]\nshared: &s\n  x: 1\nuse: *s\n"
    _, marks = yaml_text.parse(text, "f.yml")
    train = marks.at(("jobs", "train"))
    assert (train.line, train.column, train.key) == (3, 5, (2, 3))
    assert (marks.at(("jobs", "train", "args", 1)).line, marks.at(("jobs", "train", "args", 1)).column) == (3, 15)
    assert marks.at(("use", "x")).line == 5
    assert marks.at(("use",)).key == (6, 1)
    assert marks.at(("jobs", "train", "missing")).line == 3


def test_an_alias_bomb_is_bounded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(SpecError, match="with all aliases written out"):
        yaml_text.parse("\n".join(lines), "f.yml")


def test_all_that_can_be_told_is_told_at_once() -> None:
    text = "a: 1\na: 2\nb: !x 3\nc: 2024-99-99\na: 4\nd: *no\n"
    with pytest.raises(SpecError) as caught:
        yaml_text.parse(text, "f.yml")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6]
    with pytest.raises(SpecError) as caught:
        yaml_text.parse(text + "e: [", "f.yml")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4, 5, 6, 8]


def test_so_many_problems_are_enough() -> None:
    with pytest.raises(SpecError) as caught:
        yaml_text.parse("a: 1\n" * 100_000, "f.yml")
    assert len(caught.value.problems) == yaml_text.MAX_PROBLEMS


MERGES = "a0: &a0 {x0: 1, y0: 1}\n" + "\n".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], x{n}: 1}}" for n in range(1, 40)
)
MANY_MERGES = "\n".join([
    f"big: &big {{{', '.join(f'k{n}: 1' for n in range(40_000))}}}",
    "small: &small {s: 1}",
    f"use: {{<<: [*big{', *small' * 10_000}]}}",
])
LONG_TEXT = f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 10_000}]\n"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", [MERGES, LONG_TEXT])
def test_bombs_of_other_kinds_are_bounded(text: str) -> None:
    with pytest.raises(SpecError, match="with all aliases written out"):
        yaml_text.parse(text, "f.yml")


@pytest.mark.timeout(10)
def test_many_merges_take_no_longer_than_they_are() -> None:
    value: Any = yaml_text.parse(MANY_MERGES, "f.yml")[0]
    assert len(value["use"]) == 40_001


@pytest.mark.parametrize("text", ["[" * 10_000, "{a: " * 10_000, "- " * 10_000])
def test_depth_is_bounded(text: str) -> None:
    with pytest.raises(SpecError, match=r"nested deeper|not YAML"):
        yaml_text.parse(text, "f.yml")


def test_any_text_gives_a_value_or_a_spec_error() -> None:
    alphabet = "ab:[]{},&*!?|>-#%@`'\"\\ \n\t0129.<~\x85\u2028\ufeffé\U0001f600"
    chosen = random.Random(7)
    for _ in range(3000):
        text = "".join(chosen.choices(alphabet, k=chosen.randint(0, 40)))
        try:
            yaml_text.parse(text, "f.yml")
        except SpecError:
            continue


@pytest.mark.shared
@pytest.mark.skipif(not ORACLE.exists(), reason="needs ../shared/oracle")
def test_the_corpus_loads_as_with_safe_load() -> None:
    files = [*ORACLE.glob("corpus/**/*.y*ml"), *ORACLE.glob("edge/**/*.y*ml")]
    assert len(files) > 400
    different = []
    for file in files:
        text = file.read_text(encoding="utf-8")
        try:
            expected = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        try:
            value, _ = yaml_text.parse(text, file.name)
        except SpecError as error:
            if "stands in line" not in str(error) and "a second document" not in str(error):
                different.append((file, str(error)))
            continue
        if value != expected:
            different.append((file, "another value"))
    assert different == []
