from __future__ import annotations

import pytest

from airflow_provider_azml.rest.traffic import split, with_traffic


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
