"""Which hosts see tokens, and which secrets services see."""

from __future__ import annotations

import json

import pytest

from airflow_provider_azml.exceptions import ApiError, NotFound
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.history import DataPlane
from airflow_provider_azml.rest.v1 import models, pipeline_schedules, runs, scoring, services
from tests.rest.scripted_service import Answer
from tests.rest.v1.conftest import WORKSPACE, scripted

AREA = "modelmanagement/v1.0"


def test_a_data_plane_elsewhere_gets_no_token(plane, drive):
    elsewhere = plane.url.replace("localhost", "127.0.0.1")
    with pytest.raises(ApiError) as caught:
        drive(services.each(DataPlane(WORKSPACE, elsewhere)))
    assert caught.value.code == "UntrustedHost"
    assert plane.asked == []


def test_a_next_page_elsewhere_gets_no_token(plane, drive):
    page = {"value": [{"id": "iris:1"}], "nextLink": f"{plane.url.replace('localhost', '127.0.0.1')}/next"}
    scripted(plane, AREA, "GET", "models", Answer(body=page))
    with pytest.raises(ApiError, match="no token is sent to it"):
        drive(models.each(WORKSPACE))
    assert not any(asked.path == "/next" for asked in plane.asked)


@pytest.mark.parametrize(
    ("host", "is_trusted"),
    [
        ("centralus.api.azureml.ms", True),
        ("centralus.experiments.azureml.net", True),
        ("centralus.modelmanagement.azureml.net", True),
        ("modelmanagement.azureml.net.example.com", False),
        ("examplemodelmanagement.azureml.net", False),
    ],
)
def test_the_hosts_of_discovery_are_known(host, is_trusted):
    assert CLOUDS["public"].trusts(f"https://{host}/modelmanagement/v1.0") is is_trusted


@pytest.mark.parametrize(
    ("asks_for", "secret"),
    [({"authEnabled": True}, "Bearer k-1"), ({"aadAuthEnabled": True, "authEnabled": False}, "Bearer t-1"), ({}, None)],
)
def test_a_service_sees_the_secret_that_it_asks_for_and_no_other(plane, drive, asks_for, secret):
    shown = {"name": "iris", "state": "Healthy", "scoringUri": f"{plane.url}/score", **asks_for}
    scripted(plane, AREA, "GET", "services/iris", Answer(body=shown))
    scripted(plane, AREA, "POST", "services/iris/listkeys", Answer(body={"primaryKey": "k-1", "secondaryKey": "k-2"}))
    scripted(plane, AREA, "POST", "services/iris/token", Answer(201, {"accessToken": "t-1", "tokenType": "Bearer"}))
    plane.answer("POST", "/score", Answer(body=[1]))
    assert drive(scoring.score(WORKSPACE, "iris", {"data": [[1]]})) == [1]
    assert plane.asked[-1].headers.get("Authorization") == secret
    assert json.loads(plane.asked[-1].body) == {"data": [[1]]}


def test_a_service_that_serves_nowhere_yet_is_said_to_be_so(plane, drive):
    scripted(plane, AREA, "GET", "services/iris", Answer(body={"name": "iris", "state": "Transitioning"}))
    with pytest.raises(ApiError, match="web service 'iris' is Transitioning and has no scoring URI"):
        drive(scoring.score(WORKSPACE, "iris", {}))


def test_a_workspace_that_is_not_there_is_no_missing_run(plane, drive):
    missing = {"error": {"code": "WorkspaceNotFound", "message": "There is no workspace"}}
    scripted(plane, "history/v1.0", "GET", "runs/r", Answer(404, missing))
    with pytest.raises(NotFound, match="There is no workspace"):
        drive(runs.find(WORKSPACE, "r"))


@pytest.mark.parametrize(("path", "delete"), [("services/iris", services.delete), ("models/iris", models.delete)])
def test_nothing_is_deleted_from_a_workspace_that_is_not_there(plane, drive, path, delete):
    missing = {"error": {"code": "WorkspaceNotFound", "message": "There is no workspace"}}
    scripted(plane, AREA, "DELETE", path, Answer(404, missing))
    with pytest.raises(NotFound, match="There is no workspace"):
        drive(delete(WORKSPACE, "iris"))


def test_a_schedule_is_put_back_as_it_was_but_disabled(plane, drive):
    kept = {"Id": "s-1", "Name": "nightly", "EntityStatus": "0", "Recurrence": {"Frequency": "Day"}}
    disabled = {**kept, "EntityStatus": "Disabled"}
    scripted(plane, "pipelines/v1.0", "GET", "Schedules/s-1", Answer(body=kept), Answer(body=disabled))
    scripted(plane, "pipelines/v1.0", "PUT", "Schedules/s-1", Answer(body=disabled))
    assert drive(pipeline_schedules.set_status(WORKSPACE, "s-1", "Disabled")) == disabled
    (sent,) = (asked for asked in plane.asked if asked.method == "PUT")
    assert json.loads(sent.body) == disabled
    before = len(plane.asked)
    drive(pipeline_schedules.set_status(WORKSPACE, "s-1", "Disabled"))
    assert {asked.method for asked in plane.asked[before:]} == {"GET"}
