from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.checks import Answer, Check, wrong
from airflow_provider_azml.spec import schema_files
from airflow_provider_azml.spec.checks import checked, is_checks
from airflow_provider_azml.spec.source import as_written

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[2] / "docs/how-to/checks.md"
FILE = """\
checks:
  - name: iris
    request_file: payloads/iris.json
    status: 200
    response_schema_file: schema.yml
    expect:
      label: setosa
      length(scores): 3
    requests: "{{ params.n }}"
    p95_seconds: 0.5
    compare: {expression: scores, tolerance: 0.01}
  - request: [1, 2]
    expect: ["length(@) == `2`"]
    compare:
      - {}
      - {expression: "[0]", relative: 0.1}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads/iris.json").write_text('{"data": [[5, 3, 1, 0]], "when": "{{ ds }}"}')
    (tmp_path / "schema.yml").write_text("type: object\nrequired: [label]\n")
    (tmp_path / "iris.checks.yml").write_text(FILE)
    return tmp_path


def told(given: Any, folder: Path | None = None, render: Callable[[str], str] | None = None) -> list[str]:
    with pytest.raises(SpecError) as caught:
        checked(given, folder, render=render)
    return str(caught.value).splitlines()


def test_a_file_becomes_plain_json_with_all_that_it_names(folder: Path) -> None:
    found = checked("iris.checks.yml", folder, render=lambda text: text.replace("{{ params.n }}", "20"))
    assert found == [
        {
            "name": "iris",
            "request": {"data": [[5, 3, 1, 0]], "when": "{{ ds }}"},
            "status": 200,
            "response_schema": {"type": "object", "required": ["label"]},
            "expect": [
                {"expression": "label", "value": "setosa"},
                {"expression": "length(scores)", "value": 3},
            ],
            "compare": [{"expression": "scores", "tolerance": 0.01}],
            "requests": 20,
            "p95_seconds": 0.5,
        },
        {
            "name": "2",
            "request": [1, 2],
            "expect": [{"expression": "length(@) == `2`"}],
            "compare": [{}, {"expression": "[0]", "relative": 0.1}],
        },
    ]
    assert json.loads(json.dumps(found)) == found
    assert [Check.of(one).requests for one in found] == [20, 1]


def test_mappings_and_sources_are_taken_too(folder: Path) -> None:
    given = [{"request_file": "payloads/iris.json", "expect": {"label": "setosa"}}]
    by_list = checked(given, folder)
    assert checked({"checks": given}, folder) == by_list
    (folder / "one.yml").write_text(json.dumps({"checks": given}))
    assert checked(as_written(folder / "one.yml")) == by_list
    assert checked(folder / "one.yml") == by_list


def test_no_checks_are_none() -> None:
    assert checked([]) == []


def test_words_of_templates_count_as_what_they_say() -> None:
    (found,) = checked([{"request": {"n": "3"}, "requests": "3", "p50_seconds": "0.5", "compare": {"relative": "0.1"}}])
    assert found["request"] == {"n": "3"}, "the payload is the author's"
    assert (found["requests"], found["p50_seconds"], found["compare"]) == (3, 0.5, [{"relative": 0.1}])


def test_all_problems_are_told_at_once_with_their_places(folder: Path) -> None:
    (folder / "bad.yml").write_text("""\
checks:
  - name: iris
    request_file: payloads/none.json
    status: 20
    expect:
      "predictions[0": setosa
      lenght(@): 3
    compare: {expression: "a..", tolerance: -1}
  - name: iris
    request: {day: 2024-01-01}
    request_file: payloads/iris.json
    response_schema: {type: dict}
    p95: 3
  - response_schema: {properties: {a: {$ref: "#/$defs/q"}, b: {$ref: "http://x/y"}}}
  - 3
""")
    unfit = "not valid under any of the given schemas"
    nowhere = "leads nowhere in this schema; what it refers to has to be part of it"
    assert told("bad.yml", folder) == [
        f"{folder}/bad.yml:{line}"
        for line in (
            "2:11: checks[0].name: another check has this name; give each its own",
            f"3:19: checks[0].request_file: '{folder}/payloads/none.json': there is no such file",
            "4:13: checks[0].status: is 20; it must be at least 200",
            "6:24: checks[0].expect['predictions[0']: is no JMESPath expression: it ends too early",
            "7:18: checks[0].expect['lenght(@)']: lenght is no function of JMESPath; did you mean 'length'?",
            "8:27: checks[0].compare.expression: is no JMESPath expression: . at character 3 is out of place",
            "8:45: checks[0].compare.tolerance: is -1; it must be at least 0",
            "9:11: checks[1].name: another check has this name; give each its own",
            "10:20: checks[1].request.day: is 2024-01-01, which YAML takes for a date and JSON does not have; quote it",
            "11:5: checks[1].request_file: request is given too; give one of them",
            f"12:29: checks[1].response_schema.type: is no JSON Schema: 'dict' is {unfit}",
            "13:5: checks[1].p95: unknown key; did you mean 'p95_seconds'?",
            "14:5: checks[2]: the payload is missing; give request, or request_file",
            f"14:46: checks[2].response_schema.properties.a.$ref: #/$defs/q {nowhere}",
            f"14:70: checks[2].response_schema.properties.b.$ref: http://x/y {nowhere}",
            "15:5: checks[3]: is 3; it must be a mapping",
        )
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": 1,\n}', "2:1: no JSON: Expecting property name enclosed in double quotes"),
        ("", "1:1: no JSON: Expecting value"),
        ("[NaN]", "1:1: no JSON: NaN is no number that can be sent"),
        ("[1e999]", "1:1: no JSON: 1e999 is no number that can be sent"),
        ("[" * 100_000, "1:1: nested too deeply"),
        ("data: [1]", "1:1: no JSON: Expecting value"),
    ],
)
def test_a_payload_that_is_no_json_is_refused_at_its_place(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "payload.json").write_text(content)
    assert told([{"request_file": "payload.json"}], tmp_path) == [f"{tmp_path}/payload.json:{said}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (3, "<mapping>: checks: is 3; it must be a list"),
        ([{"request": None}], "<mapping>: checks[0]: the payload is missing; give request, or request_file"),
        ([{"request": 1, "expect": "a"}], "<mapping>: checks[0].expect: is 'a'; it must be a list or a mapping"),
        ([{"request": 1, "concurrency": 9}], "<mapping>: checks[0].concurrency: is 9; it must be at most 8"),
        ([{"request": 1, "tries": 0}], "<mapping>: checks[0].tries: is 0; it must be at least 1"),
        (
            [{"request": {"x": float("nan")}}],
            "<mapping>: checks[0].request.x: is nan, which the service cannot be sent",
        ),
        ([{"request": 1, "response_schema_file": "p.json"}], "checks[0].response_schema_file: holds no JSON Schema"),
        (
            [{"request": 1, "expect": {"": 1}}],
            "<mapping>: checks[0].expect['']: is no JMESPath expression: it ends too",
        ),
        ([{"request": 1, "response_schema": {"$schema": 1}}], "$schema: names no JSON Schema; it is a URL"),
        ([{"request": 1, "expect": ["a == 1"]}], "1 at character 6 is out of place; a number stands in backticks"),
        (
            [{"request": 1, "expect": ['a != "b"']}],
            "\"b\" is the name of a key; a text stands in single quotes, as 'b'",
        ),
        ([{"request": 1, "expect": ["a-b == `1`"]}], "Unknown token '-' at character 2"),
        ([{"request": 1, "expect": ["(" * 1000]}], "is no JMESPath expression: it "),
    ],
)
def test_what_cannot_be_a_check_is_refused(tmp_path: Path, given: Any, said: str) -> None:
    (tmp_path / "p.json").write_text("[1]")
    (problem,) = told(given, tmp_path)
    assert said in problem


def test_a_schema_may_refer_to_itself() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"type": "object", "properties": {"left": {"$ref": "#/$defs/t"}}}}}
    assert checked([{"request": 1, "response_schema": tree}])[0]["response_schema"] == tree


def test_files_of_checks_are_known_by_what_is_in_them() -> None:
    assert is_checks({"$schema": "checks.schema.json", "checks": [{"request_file": "a.json"}]})
    assert not is_checks({"checks": [{"sql": "select 1"}]})
    assert not is_checks({"checks": [{"request": 1}], "type": "command"})
    assert not is_checks({"checks": {}})


def test_keys_that_need_quotes_may_be_compared_with() -> None:
    assert checked([{"request": 1, "expect": ['a == "odd-key"', """'x' == a."b" """]}])


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
LEAVES |= st.sampled_from(["@", "a.b", "length(@)", "a == `1`", "[", "#", "#/$defs/x", "object", "("])
WORDS = st.sampled_from(["type", "$ref", "properties", "items", "a", "$id", "enum", "pattern", "$schema", "expression"])
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3)
)
KEYS = sorted(schema_files.part("checks.schema.json", "/$defs/check")["properties"])


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), ANYTHING) | ANYTHING, max_size=3), ANYTHING, ANYTHING)
def test_whatever_is_given_is_refused_or_can_be_judged_with(checks: list[Any], value: object, before: object) -> None:
    answer, now = (Answer(200, json.dumps(each).encode()) for each in (value, before))
    try:
        found = checked(checks)
    except SpecError:
        return
    for one in json.loads(json.dumps(found, allow_nan=False)):
        assert all(problem.isprintable() for problem in wrong(Check.of(one), answer, now))


def test_the_page_on_checks_shows_a_file_without_problems(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(# iris.checks.yml\n.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "iris.checks.yml").write_text(block)
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads/rows.json").write_text("{}")
    (tmp_path / "answer.schema.json").write_text("{}")
    assert len(checked("iris.checks.yml", tmp_path)) == 5
