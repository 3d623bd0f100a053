from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_azml.rest.traffic import as_text, from_text, moved, problem, same, split, told, with_traffic


@pytest.mark.parametrize(
    ("current", "percent", "expected"),
    [
        ({}, 100, {"new": 100}),
        ({}, 0, {"new": 0}),
        ({"old": 100}, 100, {"old": 0, "new": 100}),
        ({"old": 100}, 10, {"old": 90, "new": 10}),
        ({"a": 60, "b": 40}, 10, {"a": 54, "b": 36, "new": 10}),
        ({"a": 34, "b": 33, "c": 33}, 50, {"a": 18, "b": 16, "c": 16, "new": 50}),
        ({"old": 90, "new": 10}, 50, {"old": 50, "new": 50}),
        ({"old": 100, "idle": 0}, 20, {"old": 80, "new": 20}),
    ],
)
def test_the_others_share_what_is_left(current, percent, expected):
    assert split(current, "new", percent) == expected
    assert sum(expected.values()) in (0, 100)


@pytest.mark.parametrize("percent", [-1, 101])
def test_only_percentages_are_taken(percent):
    with pytest.raises(ValueError, match="percentage"):
        split({"old": 100}, "new", percent)


def test_nobody_takes_the_rest():
    with pytest.raises(ValueError, match="remaining 90 percent"):
        split({}, "new", 10)


def test_only_traffic_changes():
    endpoint = {
        "id": "/subscriptions/s",
        "location": "westeurope",
        "tags": {"a": "b"},
        "identity": {"type": "SystemAssigned", "principalId": "p"},
        "systemData": {},
        "properties": {
            "authMode": "Key",
            "scoringUri": "u",
            "provisioningState": "Succeeded",
            "traffic": {"blue": 100},
        },
    }
    assert with_traffic(endpoint, {"green": 100}) == {
        "location": "westeurope",
        "tags": {"a": "b"},
        "identity": {"type": "SystemAssigned"},
        "properties": {"authMode": "Key", "traffic": {"green": 100}},
    }


def test_a_split_survives_being_written():
    assert as_text({"red": 10, "blue": 90, "green": 0}) == "blue=90,red=10"
    assert from_text("blue=90,red=10") == {"blue": 90, "red": 10}
    assert from_text(as_text({})) == {}


@pytest.mark.parametrize("text", ["blue", "blue=", "=10", "blue=ten", "blue=-1"])
def test_what_is_no_split_is_not_read(text):
    with pytest.raises(ValueError, match="no split"):
        from_text(text)


def test_shares_of_nothing_and_case_do_not_tell_splits_apart():
    assert same({"blue": 100, "green": 0}, {"Blue": 100})
    assert not same({"blue": 100}, {"blue": 90, "green": 10})
    assert told({"green": 10, "blue": 90, "red": 0}) == "blue 90 %, green 10 %"
    assert told({"blue": 0}) == told({}) == "none"


@pytest.mark.parametrize(
    ("wanted", "mirrored", "wrong"),
    [
        ({"blue": 100}, None, None),
        ({"blue": 0}, None, None),
        ({}, None, None),
        (None, {"green": 50}, None),
        ({"blue": 100}, {"green": 50}, None),
        ({"blue": 100, "green": 0}, {"green": 10, "red": 0}, None),
        ({"blue": 90}, None, "sums to 90 percent"),
        ({"blue": 90, "green": 11}, None, "sums to 101 percent"),
        ({"blue": 101, "green": -1}, None, "whole number from 0 to 100, not 101"),
        ({"blue": 99.5, "green": 0.5}, None, "not 99.5"),
        (None, {"green": 51}, "at most 50 percent"),
        (None, {"green": 10, "red": 10}, "one deployment alone"),
        ({"blue": 100}, {"blue": 10}, "live and mirrored"),
    ],
)
def test_what_is_wrong_with_a_split_is_said(wanted, mirrored, wrong):
    said = problem(wanted, mirrored)
    assert said is None if wrong is None else wrong in said


@given(
    shared=st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1),
    to=st.sampled_from("abcdefg"),
)
def test_nothing_is_lost_when_a_share_is_moved(shared, to):
    whole = sum(shared.values())
    current = {name: share * 100 // whole for name, share in shared.items()}
    leaving = next(iter(current))
    current[leaving] += 100 - sum(current.values())
    for wanted in (moved(current, leaving, to), split(current, leaving, 0)):
        assert sum(wanted.values()) in (0, 100)
        assert to == leaving or not wanted.get(leaving)
    assert to == leaving or moved(current, leaving, to)[to] == current.get(to, 0) + current[leaving]
