"""Whatever a file holds, it gives a value or a SpecError that says where and why, and soon."""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import flawless, kinds, source, table, validate, yaml_text
from airflow_provider_azml.spec.schema_files import whole
from airflow_provider_azml.spec.templating import shield
from tests.spec.stand_in import TARGET

if TYPE_CHECKING:
    from pathlib import Path

# FUZZ_EXAMPLES=20000 looks for long, and elsewhere each time
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
LONG = settings(
    max_examples=EXAMPLES or 200,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None if EXAMPLES else 60_000,
    suppress_health_check=list(HealthCheck),
)
"""As many examples as a suite can afford, always the same ones."""

BITS = [
    *"\n\n\n    --::{}[],&*!?|>'\"\\#%@`~<=.0123456789abyn\t\r\0\x07\x85\xa0\u2028\ufeff\ud7ff\ue000é\U0001f600",
    *(
        "- ",
        ": ",
        "? ",
        "a: ",
        "b: ",
        "  ",
        "<<: *a",
        "&a ",
        "*a",
        "!!int ",
        "!!str ",
        "!!binary ",
        "!x ",
        "---\n",
        "...\n",
    ),
    *("yes", "No", "0777", "0x1F", "0b1", "1_000", "1e3", "1.5e+3", ".inf", ".NaN", "12:30:45", "1:2.5", "2024-01-02"),
    *(
        "2024-01-02T03:04:05Z",
        "2001-12-14 21:59:43.10 -5",
        "null",
        "~",
        "|\n ",
        ">-\n  ",
        "'a'",
        '"\\ud83d"',
        '"\\x00"',
        "%YAML 1.2\n",
    ),
]
TEXTS = st.lists(st.sampled_from(BITS), max_size=40).map("".join)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.text(max_size=8),
    st.binary(max_size=3),
    st.sampled_from([
        "azureml:e:1",
        "azureml:e@latest",
        "azureml:",
        "azureml:@latest",
        "azureml://registries/r/environments/e/versions/1",
        "azureml://datastores/d/paths/p",
        "/subscriptions/s",
        "runs:/j/m",
        "git+https://x",
        "file:./x.yml",
        "./x.yml",
        "..",
        "\0",
        "\ud800",
        "x" * 5000,
        "${{inputs.x}}",
        "${{parent.inputs.x}}",
        "${{parent.jobs.a.outputs.b}}",
        "${{",
        "$[[--x ${{inputs.x}}]]",
        "nan",
        "1" * 5000,
        "٣",
        "PT1H",
        "2024-01-02T03:04:05",
        10**30,
    ]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)
ROWS = [(kind, variant) for kind, rows in table.KINDS.items() for variant in rows]


def outcome_of(content: bytes, folder: Path) -> object:
    file = folder / "f.yml"
    file.write_bytes(content)
    try:
        return source.read(file).value
    except SpecError as error:
        return error


@LONG
@given(content=st.one_of(st.binary(max_size=60), TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_give_a_value_or_a_spec_error(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = outcome_of(content, tmp_path_factory.getbasetemp())
    if isinstance(found, SpecError):
        assert found.problems
        assert str(found).encode()


def written(text: str) -> tuple[bool, object]:
    try:
        return True, yaml_text.parse(text, "f.yml")[0]
    except SpecError:
        return False, None


def loaded(text: str) -> tuple[bool, object]:
    try:
        return True, yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError):
        return False, None


def keyed(value: object) -> object:
    """A value with its keys as JSON has them; PyYAML has keys of any type."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): keyed(member) for key, member in value.items()}
    return [keyed(item) for item in value] if isinstance(value, list) else value


@LONG
@given(text=TEXTS)
def test_values_are_those_of_safe_load(text: str) -> None:
    ours, value = written(text)
    theirs, expected = loaded(text)
    if ours and theirs:
        assert repr(value) == repr(keyed(expected)) or value == keyed(expected)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**12), 10**12),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=12,
)


@LONG
@given(value=JSON, indent=st.sampled_from([None, 2]), default_flow=st.booleans())
def test_what_pyyaml_writes_is_read_back(value: object, indent: int | None, default_flow: bool) -> None:
    text = yaml.safe_dump(value, indent=indent, default_flow_style=default_flow, allow_unicode=True)
    ours, found = written(text)
    assert not ours or found == yaml.safe_load(text)


@LONG
@given(
    text=st.lists(
        st.sampled_from([
            *BITS,
            "{{ x }}",
            "{{",
            "}}",
            "${{",
            "{%",
            "%}",
            "{#",
            "#}",
            "$[[",
            "{% if x %}",
            "{{ x.y.z }}",
            "{{ 1/0 }}",
            "{{ '${{' }}",
        ]),
        max_size=25,
    ).map("".join)
)
def test_any_template_gives_a_value_or_a_spec_error(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    file = tmp_path_factory.getbasetemp() / "template.yml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(SpecError):
        source.read(file, render=lambda given: environment.from_string(given).render(x="\ud800"))


@LONG
@given(
    text=st.lists(st.sampled_from(["${{", "}}", "inputs.x", " ", "a", "\n", "$[[", "]]", "'", '"']), max_size=20).map(
        "".join
    )
)
def test_what_is_aml_s_stays_as_it_is(text: str) -> None:
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True)
    assert environment.from_string(shield(text)).render() == text


def example_of(schema: Any, draw: st.DrawFn, depth: int = 0) -> Any:
    """A value that a schema would take, more or less."""
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return example_of(draw(st.sampled_from(schema[word])), draw, depth)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "const" in schema:
        return schema["const"]
    merged = [schema, *(member for member in schema.get("allOf", ()) if "if" not in member)]
    types = next((member["type"] for member in merged if "type" in member), "string")
    kind = types[0] if isinstance(types, list) else types
    if kind == "object":
        return object_of(merged, draw, depth)
    if kind == "array":
        return (
            [example_of(schema["items"], draw, depth + 1)]
            if depth < 6 and isinstance(schema.get("items"), dict)
            else []
        )
    scalars = {"integer": 1, "number": 0.5, "boolean": True, "null": None}
    return (
        scalars[kind]
        if kind in scalars
        else draw(st.sampled_from(["abc", "azureml:abc:1", "azureml://datastores/d/paths/p"]))
    )


def object_of(merged: list[Any], draw: st.DrawFn, depth: int) -> dict[str, Any]:
    properties = {key: value for member in merged for key, value in member.get("properties", {}).items()}
    required = {key for member in merged for key in member.get("required", ())}
    chosen = [key for key in properties if key in required or (depth < 4 and draw(st.integers(0, 3)) == 0)]
    made = {key: example_of(properties[key], draw, depth + 1) for key in chosen if isinstance(properties[key], dict)}
    more = next(
        (member["additionalProperties"] for member in merged if isinstance(member.get("additionalProperties"), dict)),
        None,
    )
    if more and depth < 6:
        made["abc"] = example_of(more, draw, depth + 1)
    return made


def places_in(value: Any) -> list[tuple[Any, Any]]:
    members = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, member in members for place in [(value, key), *places_in(member)]]


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A kind, and a file of it that was right before a few of its values and keys were changed."""
    kind, variant = draw(st.sampled_from(ROWS))
    value = copy.deepcopy(example_of(whole(table.KINDS[kind][variant].schema), draw))
    if variant:
        value["type"] = variant
    for _ in range(draw(st.integers(0, 3))):
        places = places_in(value)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        change = draw(st.integers(0, 4))
        if change == 0 and isinstance(holder, dict):
            holder[draw(st.text(max_size=5))] = holder.pop(key)
        elif change == 1 and isinstance(holder, dict):
            del holder[key]
        elif change == 2 and isinstance(holder[key], str):
            holder[key] = holder[key][1:]
        else:
            holder[key] = draw(VALUES)
    return kind, value


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)


@LONG
@given(made=spoilt())
def test_any_mapping_gives_a_request_or_a_spec_error(
    made: tuple[str, Any], tmp_path_factory: pytest.TempPathFactory, quiet: None
) -> None:
    kind, value = made
    folder = tmp_path_factory.getbasetemp() / "files"
    (folder / "abc").mkdir(parents=True, exist_ok=True)
    (folder / "abc" / "abc").write_text("x = 1\n", encoding="utf-8")
    with contextlib.suppress(SpecError):
        read = source.from_mapping(value, base_path=folder)
        kinds.check(read, kind)
        next(kinds.apply(read, kind, TARGET))


@LONG
@given(made=spoilt())
def test_a_flaw_is_seen_in_both_ways(made: tuple[str, Any]) -> None:
    kind, value = made
    with contextlib.suppress(SpecError):
        held = source.from_mapping(value).value
        for row in table.KINDS[kind].values():
            holds = flawless.of(row.schema)
            assert holds
            assert holds(held) is not any(True for _ in validate.validator(row.schema).iter_errors(held))
