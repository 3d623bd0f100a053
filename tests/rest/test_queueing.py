from __future__ import annotations

import time

import pytest

from airflow_provider_azml.exceptions import WaitTimeout
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.queueing import explain_queue
from airflow_provider_azml.rest.waiting import Glance, Ticket, settle
from tests.rest.jobs import WORKSPACE, Clock, Told, discover, glance, run_path
from tests.rest.scripted_service import Answer

TRAIN = WORKSPACE.child("job", "train")
CPU = WORKSPACE.child("compute", "cpu")
USAGES = "/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/westeurope/usages"
BODY = {"properties": {"status": "Queued", "jobType": "Command", "computeId": CPU}}


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def workspace(service):
    discover(service)
    return service


def cluster(**inner):
    counts = {"currentNodeCount": 2, "targetNodeCount": 4, "scaleSettings": {"maxNodeCount": 4}}
    properties = {"computeType": "AmlCompute", "provisioningState": "Succeeded", "computeLocation": "West Europe"}
    return Answer(body={"name": "cpu", "properties": {**properties, "properties": {**counts, **inner}}})


def waits(message, code="WaitingForNodes"):
    return {"queueingInfo": {"code": code, "message": message}}


def usage(name, used, limit):
    return {"name": {"value": name, "localizedValue": f"{name} vCPUs"}, "currentValue": used, "limit": limit}


def looks(follower, clock, *glances, seconds=15):
    for seen in glances:
        yield from follower.look(seen)
        clock.now += seconds


def test_all_that_is_known_of_a_queue_is_told(workspace, drive):
    workspace.answer("GET", run_path("train"), Answer(body=waits("The job waits for 1 node.")))
    errors = [{"error": {"code": "ClusterCoreQuotaReached", "message": "No cores are left."}}]
    counts = {"runningNodeCount": 1, "preparingNodeCount": 1, "idleNodeCount": 0}
    workspace.answer("GET", CPU, cluster(allocationState="Resizing", nodeStateCounts=counts, errors=errors))
    found = [usage("full", 8, 8), usage("nearly", 18, 20), usage("half", 10, 20), usage("none", 0, 0)]
    workspace.answer("GET", USAGES, Answer(body={"value": found}))
    assert drive(explain_queue(TRAIN, BODY)) == [
        "WaitingForNodes: The job waits for 1 node.",
        "compute cpu is Resizing: 2 nodes (1 running, 1 preparing), 4 wanted, at most 4",
        "compute cpu: ClusterCoreQuotaReached: No cores are left.",
        "full vCPUs: 8 of 8 in use",
        "nearly vCPUs: 18 of 20 in use",
    ]


def test_a_stopped_instance_is_named(workspace, drive):
    workspace.answer("GET", TRAIN, Answer(body=BODY))
    workspace.answer("GET", run_path("train"), Answer(body={}))
    instance = {"computeType": "ComputeInstance", "provisioningState": "Succeeded", "properties": {"state": "Stopped"}}
    workspace.answer("GET", CPU, Answer(body={"name": "cpu", "location": "westeurope", "properties": instance}))
    workspace.answer("GET", USAGES, Answer(body={"value": []}))
    assert drive(explain_queue(TRAIN)) == ["compute cpu is Stopped"]


def test_serverless_compute_has_the_quotas_of_the_workspaces_region(service, drive):
    body = {"location": "westeurope", "properties": {"discoveryUrl": f"{service.url}/discovery"}}
    service.answer("GET", str(WORKSPACE), Answer(body=body))
    service.answer("GET", "/discovery", Answer(body={"api": service.url}))
    service.answer("GET", run_path("train"), Answer(body={}))
    service.answer("GET", USAGES, Answer(body={"value": [usage("total", 100, 100)]}))
    told = drive(explain_queue(TRAIN, {"properties": {"computeId": None}}))
    assert told == [
        "it names no compute of the workspace: the nodes come out of the subscription's own quota",
        "total vCPUs: 100 of 100 in use",
    ]


def test_what_cannot_be_read_is_said_and_is_no_error(workspace, drive):
    for path in (run_path("train"), CPU):
        workspace.answer("GET", path, Answer(403, {"error": {"code": "AuthorizationFailed", "message": "No."}}))
    told = drive(explain_queue(TRAIN, BODY))
    assert told[0].startswith("what it waits for cannot be read: AuthorizationFailed: No.")
    assert told[1].startswith("compute cpu cannot be read: AuthorizationFailed: No.")


def test_quotas_that_may_not_be_read_are_one_short_line(workspace, drive):
    workspace.answer("GET", run_path("train"), Answer(body={}))
    workspace.answer("GET", CPU, cluster(allocationState="Steady"))
    workspace.answer("GET", USAGES, Answer(403, {"error": {"code": "AuthorizationFailed", "message": "No."}}))
    assert drive(explain_queue(TRAIN, BODY))[-1] == (
        "the subscription's quotas in West Europe cannot be read: AuthorizationFailed"
    )


def test_what_a_run_says_of_its_place_is_told_when_it_changes(service, drive, told):
    clock = Clock()
    seen = [Glance("Queued", run=waits(f"{jobs} jobs are before it.", "")) for jobs in (2, 2, 1)]
    follower = Follower(TRAIN, told.tell, now=clock)
    assert follower.wants_every_look
    drive(looks(follower, clock, *seen, Glance("Running", run={"runType": "azureml.scriptrun"})))
    assert told == [
        "train is Queued",
        "train waits: 2 jobs are before it.",
        "train waits: 1 jobs are before it.",
        "train is Running",
    ]
    assert service.asked == []
    assert not follower.wants_every_look


def test_a_run_is_asked_for_its_place_now_and_then_where_a_look_does_not_tell_it(workspace, drive, told):
    workspace.answer("GET", run_path("train"), Answer(body=waits("The job waits for 1 node.")))
    clock = Clock()
    drive(looks(Follower(TRAIN, told.tell, now=clock), clock, *[glance("train", "Queued")] * 18))
    assert told == ["train is Queued", "train waits: WaitingForNodes: The job waits for 1 node."]
    assert [asked.path for asked in workspace.asked].count(run_path("train")) == 4


def test_a_long_queue_is_explained_once(workspace, drive, told):
    workspace.answer("GET", run_path("train"), Answer(body={}))
    workspace.answer("GET", CPU, cluster(allocationState="Steady", currentNodeCount=4, targetNodeCount=4))
    workspace.answer("GET", USAGES, Answer(body={"value": []}))
    clock = Clock()
    plane = DataPlane(WORKSPACE, workspace.url)
    queued = Glance("Queued", body=BODY)
    drive(looks(Follower(TRAIN, told.tell, plane=plane, now=clock), clock, *[queued] * 12, seconds=60))
    assert told == [
        "train is Queued",
        "train is Queued for more than 5 minutes:",
        "  compute cpu is Steady: 4 nodes, at most 4",
    ]


def test_an_error_of_what_is_told_of_the_queue_ends_no_wait(workspace, drive, told):
    workspace.answer("GET", run_path("train"), Answer(500))
    clock = Clock()
    drive(looks(Follower(TRAIN, told.tell, now=clock), clock, *[glance("train", "Queued")] * 15))
    assert told[0] == "train is Queued"
    assert [line.partition(":")[0] for line in told[1:]] == ["WARNING", "DEBUG", "DEBUG"]
    assert told[1].startswith("WARNING: what is said of the queue of train cannot be read for now: ")


@pytest.mark.parametrize(("status", "explained"), [("Queued", True), ("Running", False)])
def test_a_job_that_never_began_is_given_up_with_the_reasons(workspace, drive, status, explained):
    workspace.answer(
        "GET", TRAIN, Answer(body={"name": "train", "properties": {**BODY["properties"], "status": status}})
    )
    workspace.answer("GET", run_path("train"), Answer(body=waits("The job waits for 1 node.")))
    workspace.answer("GET", CPU, cluster(allocationState="Steady"))
    workspace.answer("GET", USAGES, Answer(503))
    with pytest.raises(WaitTimeout) as late:
        drive(settle(Ticket(TRAIN), poll_seconds=0.05, deadlines=Deadlines(queue_ends=time.time(), ends=time.time())))
    reasons = (
        "WaitingForNodes: The job waits for 1 node.",
        "compute cpu is Steady: 2 nodes, 4 wanted, at most 4",
        "the subscription's quotas in West Europe cannot be read: Service Unavailable",
    )
    assert late.value.reasons == (reasons if explained else ())
