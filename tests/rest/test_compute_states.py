from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import goals
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.compute_states import INSTANCE, checked, told
from airflow_provider_azml.rest.waiting import Ticket, ended, settle
from tests.rest.scripted_service import Answer

CI = WorkspaceId("s", "rg", "ws").child("compute", "ci")
QUOTA = {"error": {"code": "QuotaExceeded", "message": "No cores are left."}}


def instance(state: str, made: str = "Succeeded", **inner: Any) -> dict[str, Any]:
    properties = {"state": state, **inner}
    return {"name": "ci", "properties": {"computeType": INSTANCE, "provisioningState": made, "properties": properties}}


def cluster(allocation: str, running: int = 0, idle: int = 0, most: int = 4, **inner: Any) -> dict[str, Any]:
    properties = {
        "allocationState": allocation,
        "scaleSettings": {"minNodeCount": 0, "maxNodeCount": most},
        "currentNodeCount": 9,
        "nodeStateCounts": {"runningNodeCount": running, "idleNodeCount": idle, "preparingNodeCount": 3},
        **inner,
    }
    return {
        "name": "cpu",
        "properties": {"computeType": "AmlCompute", "provisioningState": "Succeeded", "properties": properties},
    }


def read(body: dict[str, Any], **wanted: object) -> goals.Reading:
    return goals.read(CI, body, "state", checked(wanted))


@pytest.mark.parametrize(
    ("state", "wanted"), [("Running", "Running"), ("JobRunning", "Running"), ("Stopped", "Stopped")]
)
def test_an_instance_reaches_a_state(state, wanted):
    assert read(instance(state), state=wanted).end == "good"


@pytest.mark.parametrize("state", ["Starting", "Stopped", "SettingUp", "UserSettingUp", "Unknown"])
def test_an_instance_on_its_way_is_waited_for(state):
    seen = read(instance(state), state="Running")
    assert (seen.end, seen.status, seen.known) == (None, state, True)


def test_a_state_that_nobody_knows_is_waited_on():
    seen = read(instance("Pondering"), state="Running")
    assert (seen.end, seen.known) == (None, False)


@pytest.mark.parametrize("state", ["CreateFailed", "SetupFailed", "UserSetupFailed", "Unusable", "Deleting"])
def test_a_broken_instance_fails_with_its_errors(state):
    seen = read(instance(state, errors=[QUOTA, {"error": {"code": "Worse", "message": "No image."}}]), state="Running")
    assert (seen.end, seen.status, seen.code) == ("bad", state, "QuotaExceeded")
    assert seen.message == "No cores are left. Worse: No image."


@pytest.mark.parametrize("made", ["Failed", "Canceled", "Deleting"])
def test_what_could_not_be_provisioned_fails_with_its_errors(made):
    body = instance("Creating", made)
    body["properties"]["provisioningErrors"] = [QUOTA]
    seen = read(body)
    assert (seen.end, seen.status, seen.message) == ("bad", made, "No cores are left.")


@pytest.mark.parametrize("made", ["Creating", "Updating"])
def test_what_is_being_provisioned_is_waited_for(made):
    assert read(instance("Running", made), state="Running").end is None


def test_without_a_state_it_only_has_to_be_provisioned():
    body = {"name": "k8s", "properties": {"computeType": "Kubernetes", "provisioningState": "Succeeded"}}
    assert read(body).end == "good"
    assert read(cluster("Resizing")).end == "good"


def test_an_operation_that_failed_is_told():
    last = {"operationName": "Start", "operationStatus": "StartFailed"}
    seen = read(instance("Stopped", lastOperation=last), state="Running")
    assert (seen.end, seen.status) == (None, "Stopped, last operation Start: StartFailed")


def test_a_cluster_is_steady_or_resizing():
    assert read(cluster("Steady"), state="Steady").end == "good"
    assert read(cluster("Resizing"), state="Steady").end is None


def test_only_nodes_that_can_run_jobs_are_counted():
    assert read(cluster("Resizing", running=1, idle=1), min_nodes=2).end == "good"
    seen = read(cluster("Resizing", running=1, errors=[QUOTA]), min_nodes="2")
    assert (seen.end, seen.status) == (None, "Resizing, 1 of 2 nodes; QuotaExceeded: No cores are left.")
    assert read(cluster("Resizing", running=2), state="Steady", min_nodes=2).end is None


def test_where_no_states_of_nodes_are_shown_all_nodes_are_counted():
    assert read(cluster("Steady", nodeStateCounts=None, currentNodeCount=2), min_nodes=2).end == "good"


@pytest.mark.parametrize(
    ("body", "wanted", "told"),
    [
        (cluster("Steady"), {"state": "Running"}, "it is a cluster, which never is 'Running'"),
        (instance("Running"), {"state": "Steady"}, "it can be waited for to be 'Running' or 'Stopped'"),
        (cluster("Steady", most=1), {"min_nodes": 2}, "its maximum is 1"),
        (instance("Running"), {"min_nodes": 1}, "the service shows no nodes of it"),
    ],
)
def test_what_never_can_be_fails_at_once(body, wanted, told):
    seen = read(body, **wanted)
    assert seen.end == "bad"
    assert told in str(seen.message)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"state": "running"}, "'Running', 'Stopped' or 'Steady'"),
        ({"state": 3}, "state: is 3"),
        ({"min_nodes": 0}, "1 or more"),
        ({"min_nodes": "many"}, "min_nodes: is 'many'"),
        ({"min_nodes": True}, "whole number"),
        ({"min_nodes": 1.5}, "whole number"),
        ({"state": "Running", "min_nodes": 1}, "min_nodes: goes with clusters"),
    ],
)
def test_bad_arguments_are_named(wanted, said):
    with pytest.raises(SpecError, match="<arguments>") as refused:
        checked(wanted)
    assert said in str(refused.value)


@pytest.mark.parametrize("nothing", [None, "", "None"])
def test_templates_of_nothing_ask_for_nothing(nothing):
    assert checked({"state": "Steady", "min_nodes": nothing}) == {"state": "Steady", "min_nodes": None}


def test_results_tell_what_there_is():
    assert told(instance("Running")) == {"state": "Running"}
    assert told(cluster("Steady", running=1)) == {"state": "Steady", "nodes": 1}
    assert told({"properties": {"computeType": "Kubernetes"}}) == {}


def test_a_state_is_waited_for(service, drive):
    service.answer("GET", CI, *(Answer(body=instance(state)) for state in ("Stopped", "Starting", "Running")))
    pending = Ticket(CI, goal="state", wanted=checked({"state": "Running"}))
    outcome = drive(settle(pending, poll_seconds=0.01))
    assert (outcome.status, outcome.succeeded) == ("Running", True)
    assert len(service.asked) == 3


def test_a_ticket_that_shows_the_end_needs_no_look():
    wanted = checked({"state": "Running"})
    outcome = ended(Ticket(CI, None, instance("Unusable"), "state", wanted))
    assert outcome
    assert not outcome.succeeded
    assert ended(Ticket(CI, None, instance("Starting"), "state", wanted)) is None
