from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_azml.rest.answer_comparison import differences
from airflow_provider_azml.rest.checks import MOST_BYTES, Answer, Check, Report, Sample, report, wrong
from airflow_provider_azml.rest.excerpts import excerpt, quoted

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def check(**given: Any) -> Check:
    return Check.of({"name": "iris", "request": {"data": [1]}, **given})


def answer(value: object, status: int = 200, **fields: Any) -> Answer:
    return Answer(status, value if isinstance(value, bytes) else json.dumps(value).encode(), **fields)


def expecting(expression: str, *value: object) -> Check:
    return check(expect=[{"expression": expression, **({"value": value[0]} if value else {})}])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (expecting("label == 'setosa'"), ()),
        (expecting("label", "setosa"), ()),
        (expecting("scores[0]", 0.5), ()),
        (expecting("count", 1.0), ()),
        (expecting("scores", [0.5, 0.25]), ()),
        (expecting("label", "virginica"), ('expect \'label\': is "setosa", not "virginica"',)),
        (expecting("scores[0]"), ("expect 'scores[0]': is 0.5, not true",)),
        (expecting("nothing"), ("expect 'nothing': is null, not true",)),
        (expecting("count", True), ("expect 'count': is 1, not true",)),
    ],
)
def test_expectations_are_those_of_json(asked, said):
    assert wrong(asked, answer({"label": "setosa", "scores": [0.5, 0.25], "count": 1}), None) == said


def test_an_expression_that_cannot_be_applied_is_wrong_and_no_error():
    (said,) = wrong(expecting("length(count) == `1`"), answer({"count": 1}), None)
    assert said.startswith("expect 'length(count) == `1`': In function length(), invalid type")


@pytest.mark.parametrize("value", [b'{"score": "high"}', b'{"score": 1e400}'])
def test_text_and_infinity_where_a_number_is_asked_for_are_wrong_and_no_error(value):
    (said,) = wrong(expecting("score > `0.5` && floor(score) == `1`"), answer(value), None)
    assert said.startswith("expect 'score > `0.5`")
    schema = {"properties": {"score": {"type": "number", "multipleOf": 0.5}}}
    (said,) = wrong(check(response_schema=schema), answer(value), None)
    assert said.startswith("response_schema cannot be applied" if b"1e400" in value else "the answer does not fit")


def test_a_wrong_status_is_told_with_the_models_own_and_an_excerpt():
    headers = {"Ms-Azureml-Model-Error-Statuscode": "500", "ms-azureml-model-error-reason": "model_error"}
    (said,) = wrong(check(), answer(b"Traceback:\n  boom " + b"x" * 500, 424, headers=headers), None)
    assert said.startswith("answered 424 (the model 500, model_error) instead of 200: Traceback: boom xxx")
    assert len(said) < 250
    assert wrong(check(status=424), answer(b"", 424), None) == ()
    assert wrong(check(), answer(b"", 503), None) == ("answered 503 instead of 200: without a word",)


def test_a_schema_tells_where_it_is_broken():
    schema = {"type": "object", "required": ["label"], "properties": {"scores": {"items": {"maximum": 1}}}}
    assert wrong(check(response_schema=schema), answer({"scores": [0.5, 2]}), None) == (
        "the answer does not fit response_schema: 'label' is a required property",
        "the answer does not fit response_schema at .scores[1]: 2 is greater than the maximum of 1",
    )
    (said,) = wrong(check(response_schema={"type": "number"}), answer("x" * 10_000), None)
    assert said.endswith('xxx... breaks type "number"')


def test_a_schema_is_never_fetched(service):
    (said,) = wrong(check(response_schema={"$ref": f"{service.url}/schema.json"}), answer({}), None)
    assert said.startswith("response_schema cannot be applied: Unresolvable")
    assert service.asked == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b'{"a": '])
def test_an_answer_that_is_no_json_is_wrong_where_json_is_asked_for(body):
    (said,) = wrong(expecting("a"), answer(body), None)
    assert said.startswith("the answer is no JSON: ")
    assert wrong(check(), answer(body), None) == ()


@pytest.mark.parametrize("script", ['{"label": "setosa"}', {"label": "setosa"}])
def test_json_in_a_text_of_json_is_taken_as_what_it_says(script):
    """Of what a script returns the server makes JSON, even if it is a text of JSON already."""
    assert wrong(expecting("label", "setosa"), answer(script), None) == ()


def test_hostile_answers_are_judged_in_bounds():
    assert wrong(expecting("a"), answer(b"[" * 200_000), None)[0].startswith("the answer, or its schema, is nested too")
    assert "too long to be judged" in wrong(expecting("a"), answer(b"1" * (MOST_BYTES + 1)), None)[0]
    bell = "\x07\x1b[31m"
    (said,) = wrong(expecting("a"), answer({"a": bell * 1000}), None)
    assert len(said) < 300
    assert said.isprintable()


def test_a_secret_that_an_answer_echoes_is_not_told():
    (said,) = wrong(check(), answer(b"you sent Bearer s3cr3t", 500), None, "s3cr3t")
    assert said == "answered 500 instead of 200: you sent Bearer ***"
    (said,) = wrong(check(), answer(b"x" * 118 + b" s3cr3t", 500), None, "s3cr3t")
    assert "s3" not in said
    (said,) = wrong(expecting("a"), answer(b'{"a": "s3c\\u0072et/3t"}'), None, "s3cret/3t")
    assert said == "expect 'a': is \"***\", not true"


@pytest.mark.parametrize(
    ("found", "wanted", "limits", "said"),
    [
        ([0.51, "a"], [0.5, "a"], {"tolerance": 0.02}, []),
        ([0.51], [0.5], {"relative": 0.02}, []),
        ([0.52], [0.5], {"relative": 0.02}, ["[0] is 0.52, not 0.5"]),
        ({"p": [0.5, 0.2]}, {"p": [0.5, 0.4]}, {"tolerance": 0.1}, ["p[1] is 0.2, not 0.4"]),
        ({"a": 1}, {"b": 1}, {}, ["b is missing", "a is new"]),
        ([1, 2], [1], {}, ["it has 2 items, not 1 item"]),
        (True, 1, {"tolerance": 5}, ["it is true, not 1"]),
        ("1", 1, {"tolerance": 5}, ['it is "1", not 1']),
        ([math.nan], [math.nan], {}, []),
        ([math.nan], [1.0], {"tolerance": math.inf}, ["[0] is NaN, not 1.0"]),
        ([10**400], [10**400 + 1], {"tolerance": 5}, [f"[0] is 1{'0' * 119}..., not 1{'0' * 119}..."]),
        ({"a b": [1]}, {"a b": [2]}, {}, ['["a b"][0] is 1, not 2']),
    ],
)
def test_differences_are_told_place_by_place(found, wanted, limits, said):
    assert list(differences(found, wanted, **limits)) == said


@given(VALUES)
def test_a_value_does_not_differ_from_itself(value):
    assert list(differences(value, json.loads(json.dumps(value)))) == []


@given(VALUES, VALUES, st.floats(0, 10))
def test_the_difference_is_the_same_from_both_sides(one, other, tolerance):
    there = next(differences(one, other, tolerance=tolerance), None)
    back = next(differences(other, one, tolerance=tolerance), None)
    assert (there is None) == (back is None)


@given(VALUES, st.integers(1, 60))
def test_excerpts_are_short_and_printable(value, longest):
    said = excerpt(value, longest)
    assert len(said) <= longest + len("...")
    assert said.isprintable()


def test_an_excerpt_looks_at_no_more_than_it_shows():
    assert quoted("a \n b") == "a b"
    assert excerpt(["setosa"] * 1000, 20) == '["setosa", "setosa",...'


def test_comparisons_are_of_the_part_that_they_name():
    now = answer({"scores": [0.5, 0.5], "model": "iris:3"})
    later = answer({"scores": [0.5, 0.6], "model": "iris:4"})
    assert wrong(check(compare=[{"expression": "scores", "tolerance": 0.2}]), later, now) == ()
    assert wrong(check(compare=[{"expression": "scores", "tolerance": 0.05}]), later, now) == (
        "compared with what serves now, in 'scores': [1] is 0.6, not 0.5",
    )
    assert len(wrong(check(compare=[{}]), later, now)) == 2


def test_a_report_counts_and_names_the_check():
    samples = [Sample(0.1), Sample(0.2, ("bad",)), Sample(0.3, ("bad", "worse")), Sample(None, ("got no answer",))]
    told = report(check(p50_seconds=0.5, p95_seconds=0.25), samples, compared=False)
    assert not told.passed
    assert told.problems == (
        "check 'iris': 2 of 4 answers: bad",
        "check 'iris': 1 of 4 answers: worse",
        "check 'iris': 1 of 4 answers: got no answer",
        "check 'iris': p95 of 3 answers is 0.300 s, more than 0.25 s",
    )
    assert told.lines == ("check 'iris': 4 requests, p50 0.200 s, p95 0.300 s: failed",)


def test_a_report_is_bounded():
    told = report(check(), [Sample(0.1, (f"{n} {'x' * 200}",)) for n in range(1000)], compared=False)
    assert len(told.problems) == 6
    assert told.problems[-1] == "check 'iris': and 995 other problems"
    assert len(Report(told.problems * 50).reason) <= 1003


def test_what_has_nothing_to_be_compared_with_says_so():
    told = report(check(compare=[{}]), [Sample(0.1)], compared=False)
    assert told.passed
    assert told.lines == (
        "check 'iris': 1 request, p50 0.100 s, p95 0.100 s: passed; compared with nothing, since nothing else serves",
    )
