"""The build of a deployment's image as the workspace tells it, and what is told where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.rest import image_builds
from airflow_provider_azml.rest.datastores import Access, Container
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.image_builds import ImageLog
from airflow_provider_azml.rest.waiting import Glance, Outcome
from tests.rest.jobs import WORKSPACE, Clock, Told, discover
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from tests.rest.conftest import Drive
    from tests.rest.scripted_service import ScriptedService

ENVIRONMENT = WORKSPACE.child("environment", "sklearn", "1")
DEPLOYMENT = WORKSPACE.child("online_deployment", "flowers", "blue")
ARTIFACTS = WORKSPACE.child("datastore", "workspaceartifactstore")
IMAGE = f"/environment/v1.0{WORKSPACE}/environments/sklearn/versions/1/image"
CONTAINER = "/acct.blob.core.windows.net/azureml"
LOG = "ImageLogs/1-2/build.log"
SECRET = {"registry": {"username": "user", "password": "never said"}, "name": "azureml/azureml_1"}
CREATING = Glance("Creating")


def listed(*blobs: tuple[str, str]) -> Answer:
    items = "".join(
        f"<Blob><Name>{name}</Name><Properties><Last-Modified>{when}</Last-Modified></Properties></Blob>"
        for name, when in blobs
    )
    return Answer(200, f"<EnumerationResults><Blobs>{items}</Blobs></EnumerationResults>".encode())


@pytest.fixture
def workspace(service: ScriptedService) -> ScriptedService:
    """A workspace in which the image of a deployment is built."""
    discover(service)
    properties = {
        "datastoreType": "AzureBlob",
        "accountName": f"{service.url.removeprefix('https://')}/acct",
        "containerName": "azureml",
        "endpoint": "core.windows.net",
    }
    service.answer("GET", ARTIFACTS, Answer(body={"properties": properties}))
    service.answer("POST", f"{ARTIFACTS}/listSecrets", Answer(body={"sasToken": "sig=x"}))
    changed = {"systemData": {"lastModifiedAt": "2026-01-31T09:00:00.5Z"}}
    service.answer("GET", DEPLOYMENT, Answer(body={"properties": {"environmentId": ENVIRONMENT}, **changed}))
    service.answer("GET", ENVIRONMENT, Answer(body={"properties": {"condaFile": "{}"}}))
    return service


def building(service: ScriptedService, log: bytearray) -> None:
    service.answer("GET", IMAGE, Answer(body={"imageExistsInRegistry": False, "dockerImage": SECRET}))
    blobs = ("ImageLogs/old/build.log", "Sat, 31 Jan 2026 08:00:00 GMT"), (LOG, "Sat, 31 Jan 2026 09:00:01 GMT")
    service.answer("GET", CONTAINER, listed(*blobs))
    service.answer("GET", f"{CONTAINER}/{LOG}", Answer(blob=log))


def says(service: ScriptedService, *steps: str) -> None:
    content = "\n".join(["Instance status:", *steps])
    service.answer("POST", f"{DEPLOYMENT}/getLogs", Answer(body={"content": content}))


def test_a_build_is_told_as_it_goes(workspace: ScriptedService, drive: Drive) -> None:
    log = bytearray(b"Step 1/9\nStep 2")
    building(workspace, log)
    later = Answer(400, {"error": {"code": "BadRequest", "message": "try again later"}})
    workspace.answer("POST", f"{DEPLOYMENT}/getLogs", later, later)
    says(workspace, "SystemSetup: Succeeded", "UserContainerImagePull: InProgress")
    told, clock = Told(), Clock()
    follower = Follower(DEPLOYMENT, told.tell, now=clock)
    drive(follower.look(CREATING))
    log += b"/9\nStep 3/9\ndone"
    for _ in range(2):
        clock.now += 1
        drive(follower.look(CREATING))
    assert told == [
        "blue is Creating",
        "blue: building the image of environment sklearn:1",
        f"blue: the build is logged in {LOG} of the workspace's storage:",
        "blue: image build: Step 1/9",
        "blue: image build: Step 2/9",
        "blue: image build: Step 3/9",
        "blue: image build: done",
        "blue: the image is built",
        "blue: the instance is set up",
        "blue: pulling the container image",
    ]


def test_a_build_that_may_not_be_seen_does_not_hide_the_phases(workspace: ScriptedService, drive: Drive) -> None:
    workspace.answer("POST", f"{DEPLOYMENT}/getLogs", Answer(body={"content": None}), Answer(body={"content": ""}))
    says(workspace, "SystemSetup: Succeeded")
    workspace.answer("GET", IMAGE, Answer(403, {"error": {"code": "Forbidden", "message": "no"}}))
    told, clock = Told(), Clock()
    follower = Follower(DEPLOYMENT, told.tell, now=clock)
    for _ in range(3):
        drive(follower.look(CREATING))
        clock.now += 60
    assert [line.partition(": Forbidden")[0] for line in told] == [
        "blue is Creating",
        "blue: how the image is built cannot be told",
        "blue: the instance is set up",
    ]


@pytest.mark.parametrize("environment", [ENVIRONMENT, "azureml://registries/azureml/environments/sklearn/versions/1"])
def test_an_image_that_is_not_built_is_not_looked_for(
    workspace: ScriptedService, drive: Drive, environment: str
) -> None:
    workspace._answers["GET", ENVIRONMENT][:] = [Answer(body={"properties": {"image": "mcr.microsoft.com/a"}})]
    workspace._answers["GET", DEPLOYMENT][:] = [Answer(body={"properties": {"environmentId": environment}})]
    workspace.answer("POST", f"{DEPLOYMENT}/getLogs", Answer(body={"content": ""}))
    told = Told()
    drive(Follower(DEPLOYMENT, told.tell).look(CREATING))
    assert told == ["blue is Creating"]
    assert IMAGE not in [asked.path for asked in workspace.asked]


def test_many_who_wait_read_logs_in_turn(workspace: ScriptedService, drive: Drive) -> None:
    says(workspace, "SystemSetup: Succeeded")
    plane, clock, tolds = DataPlane(WORKSPACE), Clock(), [Told() for _ in range(8)]
    followers = [Follower(DEPLOYMENT, told.tell, plane=plane, now=clock) for told in tolds]
    for _ in range(5):
        for follower in followers:
            drive(follower.look(CREATING))
        clock.now += 1
    assert [list(told) for told in tolds] == [["blue is Creating", "blue: the instance is set up"]] * 8
    assert 8 <= len(workspace.asked) <= 10


@pytest.mark.parametrize(("good", "reads"), [(True, 0), (False, 1)])
def test_of_one_that_was_up_all_the_time_no_log_is_read_at_a_good_end(
    workspace: ScriptedService, drive: Drive, good: bool, reads: int
) -> None:
    says(workspace, "SystemSetup: Succeeded")
    outcome = Outcome(DEPLOYMENT, "Succeeded", good=good)
    drive(Follower(DEPLOYMENT, Told().tell).look(Glance("Succeeded", outcome)))
    assert len(workspace.asked) == reads


@pytest.mark.parametrize(("since", "found"), [("2026-01-31T09:00:01Z", True), ("2026-01-31T09:00:02Z", False)])
def test_a_log_from_before_is_none_of_this_build(
    workspace: ScriptedService, drive: Drive, since: str, found: bool
) -> None:
    building(workspace, bytearray())
    log = drive(image_builds.newest_log(WORKSPACE, since))
    assert (log is not None) is found


def test_of_a_long_log_the_end_is_read(service: ScriptedService, drive: Drive) -> None:
    text = bytearray(b"".join(b"line %06d\n" % number for number in range(60_000)))
    service.answer("GET", "/long", Answer(blob=text))
    log = ImageLog(Container(service.url, Access("", "anonymous")), "long")
    lines = drive(log.new_lines())
    assert lines[-1] == "line 059999"
    assert 10_000 < len(lines) < 60_000
    assert drive(log.new_lines()) == []


@pytest.mark.parametrize(("container", "tail"), [("azureml", ["Step 3/9", "conda failed"]), ("elsewhere", [])])
def test_the_end_of_a_log_explains_a_failure(
    workspace: ScriptedService, drive: Drive, container: str, tail: list[str]
) -> None:
    building(workspace, bytearray(b"Step 1/9\nStep 2/9\nStep 3/9\nconda failed"))
    assert drive(image_builds.log_tail(WORKSPACE, container, LOG, lines=2)) == tail


def test_a_log_that_cannot_be_had_is_left_out(service: ScriptedService, drive: Drive) -> None:
    assert drive(image_builds.log_tail(WORKSPACE, "azureml", LOG, lines=2)) == []
