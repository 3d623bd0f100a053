"""The text of translated files: whatever they hold, YAML reads the same again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1.translation import Remark, Translation
from airflow_provider_azml.spec.v1.written import WIDTH, text

HERE = Path("/project/old")
TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=20
) | st.sampled_from([
    "yes",
    "1e3",
    "",
    " led",
    "trailed ",
    "a\nb",
    "a\n\nb\n",
    "\nfirst",
    "a\n b\n\n",
    "#no",
    "- no",
    "a: b",
    "'",
    "{{ ds }}",
    "\u00a0",
    "\u00a00",
    "\u00a0#",
])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(TEXTS, inside, max_size=4),
    max_leaves=20,
)


def made(value: dict[str, Any], **more: Any) -> Translation:
    return Translation("environment", Source(value, HERE), **more)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), VALUES, max_size=4))
@example({"x": [{"\u00a0": None}, {"\u00a00": 1}, {"\u00a0#": 2}]})
def test_yaml_reads_what_was_written(value: dict[str, Any]) -> None:
    found = yaml.safe_load(text(made(value), HERE))
    del found["$schema"]
    assert found == value


@settings(max_examples=60, deadline=None)
@given(VALUES, st.text(max_size=300))
def test_comments_change_nothing(value: Any, told: str) -> None:
    given_ = {"x": [{"y": value}, {"z": [value]}], "w": value}
    places = [(), ("x",), ("x", 0), ("x", 0, "y"), ("x", 1, "z", 0), ("w",)]
    written = text(made(given_, remarks=[Remark(place, told) for place in places]), HERE, [told])
    found = yaml.safe_load(written)
    del found["$schema"]
    assert found == given_


def test_comments_stand_above_what_they_are_of() -> None:
    remarks = [
        Remark(("build",), " ".join(["why"] * 30)),
        Remark(("tags", "a"), "one"),
        Remark(("list", 1, "b"), "two"),
    ]
    value = {"build": {"path": "."}, "tags": {"a": "b\nc\n"}, "list": [{"a": 1}, {"b": 2, "c": 3}]}
    lines = text(made(value, remarks=remarks), HERE, ["Said first."]).splitlines()
    assert lines == [
        "# Said first.",
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json",
        f"# {'why ' * 27}".rstrip(),
        "# why why why.",
        "build:",
        "  path: .",
        "tags:",
        "  # one.",
        "  a: |",
        "    b",
        "    c",
        "list:",
        "  - a: 1",
        "    # two.",
        "  - b: 2",
        "    c: 3",
    ]
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"code": "."}, {"code": "../old"}),
        ({"code": "src"}, {"code": "../old/src"}),
        ({"code": "../new/src"}, {"code": "./src"}),
        ({"conda_file": "file:conda.yml"}, {"conda_file": "../old/conda.yml"}),
        ({"path": "/elsewhere/data"}, {"path": "/elsewhere/data"}),
        ({"path": "/project/new/data"}, {"path": "./data"}),
        ({"path": "azureml://datastores/d/paths/x"}, {"path": "azureml://datastores/d/paths/x"}),
        ({"path": "https://x/y"}, {"path": "https://x/y"}),
        ({"component": "azureml:c:1"}, {"component": "azureml:c:1"}),
        ({"path": "${{parent.inputs.x}}"}, {"path": "${{parent.inputs.x}}"}),
        (
            {"inputs": {"path": "text", "code": {"path": "a.csv"}}},
            {"inputs": {"path": "text", "code": {"path": "../old/a.csv"}}},
        ),
        ({"tags": {"code": "x"}}, {"tags": {"code": "x"}}),
        ({"jobs": {"code": {"code": "src"}}}, {"jobs": {"code": {"code": "../old/src"}}}),
        ({"conda_file": {"name": "inline"}}, {"conda_file": {"name": "inline"}}),
    ],
)
def test_local_paths_start_from_the_new_folder(value: dict[str, Any], expected: dict[str, Any]) -> None:
    found = yaml.safe_load(text(made(value), Path("/project/new")))
    del found["$schema"]
    assert found == expected
