"""Runs of v1; answers are shaped as the examples of the 2019-09-30 OpenAPI files."""

from __future__ import annotations

import json
import zipfile
from email import message_from_bytes
from email.policy import HTTP
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from airflow_provider_azml.exceptions import ApiError, Conflict, SpecError
from airflow_provider_azml.rest import waiting
from airflow_provider_azml.rest.client import Client
from airflow_provider_azml.rest.credentials import TokenCache
from airflow_provider_azml.rest.snapshot import take
from airflow_provider_azml.rest.v1 import project_archives, runs, tickets
from airflow_provider_azml.rest.v1.multipart import Pieces
from airflow_provider_azml.rest.v1.project_archives import ProjectArchive
from tests.rest.scripted_service import Answer
from tests.rest.v1.conftest import WORKSPACE, scripted

if TYPE_CHECKING:
    from pathlib import Path

STARTRUN = "experiments/demo_experiment/startrun"
RUN = "demorun_15501234342_0"


def parts(asked) -> dict[str, tuple[str | None, bytes]]:
    """Field -> name and content of its file."""
    form = message_from_bytes(
        b"Content-Type: " + asked.headers["Content-Type"].encode() + b"\r\n\r\n" + asked.body, policy=HTTP
    )
    return {
        part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
        for part in form.iter_parts()
    }


@pytest.fixture
def client(plane, credential):
    with Client(plane.cloud, TokenCache(credential), ca_bundle=plane.ca_bundle) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "hello.py").write_text('print("Hello, REST!")\n')
    (folder / "notes.txt").write_text("not code\n")
    (folder / ".amlignore").write_text("notes.txt\n")
    return folder


def test_a_folder_is_started_with_its_definition(plane, client, project):
    scripted(plane, "execution/v1.0", "POST", STARTRUN, Answer(body={"runId": RUN}))
    configuration = {"script": "hello.py", "target": "cpu", "arguments": ["234"]}
    with ProjectArchive(take(project)) as archive:
        started = client.run(
            runs.start(WORKSPACE, "demo_experiment", runs.definition(configuration), archive, run_id=RUN)
        )
    assert started == RUN
    asked = plane.asked[-1]
    assert asked.query == f"runId={RUN}"
    assert int(asked.headers["Content-Length"]) == len(asked.body)
    sent = parts(asked)
    assert sent["runDefinitionFile"][0] == "definition.json"
    assert json.loads(sent["runDefinitionFile"][1]) == {"Configuration": configuration}
    name, archived = sent["projectZipFile"]
    assert name == "project.zip"
    with zipfile.ZipFile(BytesIO(archived)) as unpacked:
        assert sorted(unpacked.namelist()) == [".amlignore", "hello.py"]
        assert unpacked.read("hello.py") == b'print("Hello, REST!")\n'


def test_a_project_is_larger_than_what_is_held_of_it(plane, client, tmp_path, monkeypatch):
    monkeypatch.setattr(project_archives, "CHUNK", 1000)
    noise = bytes(range(256)) * 400
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.bin").write_bytes(noise)
    scripted(plane, "execution/v1.0", "POST", STARTRUN, Answer(body={"runId": RUN}))
    with ProjectArchive(take(tmp_path / "src")) as archive:
        pieces = list(archive)
        assert max(map(len, pieces)) == 1000 or len(pieces) == 1
        client.run(runs.start(WORKSPACE, "demo_experiment", runs.definition({}), archive))
    with zipfile.ZipFile(BytesIO(parts(plane.asked[-1])["projectZipFile"][1])) as unpacked:
        assert unpacked.read("a.bin") == noise


def test_a_project_that_v1_does_not_take_is_refused_with_what_makes_it_large(project, monkeypatch):
    monkeypatch.setattr(project_archives, "MOST_BYTES", 10)
    with pytest.raises(SpecError, match=r"hello\.py"):
        ProjectArchive(take(project))


def test_a_start_that_is_not_answered_is_not_sent_again(plane, client):
    scripted(
        plane, "execution/v1.0", "POST", STARTRUN, Answer(503, {"error": {"code": "ServiceError", "message": "no"}})
    )
    with pytest.raises(ApiError):
        client.run(runs.start(WORKSPACE, "demo_experiment", runs.definition({}), Pieces(b"")))
    assert sum(asked.path.endswith("startrun") for asked in plane.asked) == 1


def test_a_run_id_that_is_taken_is_a_conflict(plane, drive):
    taken = {"error": {"code": "UserError", "message": f"Run {RUN} already exists"}}
    scripted(plane, "execution/v1.0", "POST", "experiments/demo_experiment/snapshotrun", Answer(409, taken))
    with pytest.raises(Conflict, match="already exists"):
        drive(runs.start_snapshot(WORKSPACE, "demo_experiment", {"SnapshotId": "0"}, run_id=RUN))


def test_requests_carry_a_token_for_resource_manager(plane, drive, credential):
    scripted(
        plane, "execution/v1.0", "POST", f"experiments/demo_experiment/runId/{RUN}/cancel", Answer(body={"runId": RUN})
    )
    drive(runs.cancel(WORKSPACE, "demo_experiment", RUN))
    assert plane.asked[-1].headers["Authorization"] == "Bearer token-1"
    assert credential.asked == [(f"{plane.url}/.default",)]


def test_metrics_are_all_rows_over_all_pages(plane, drive):
    pages = [
        {"value": [{"name": "loss", "cells": [{"loss": 2}, {"loss": 1}]}], "continuationToken": "next"},
        {"value": [{"name": "loss", "cells": [{"loss": 0.5}]}, {"name": "acc", "cells": None}]},
    ]
    scripted(plane, "history/v1.0", "POST", "experiments/e/metrics:query", *(Answer(body=page) for page in pages))
    assert drive(runs.metrics(WORKSPACE, "e", RUN)) == {"loss": [{"loss": 2}, {"loss": 1}, {"loss": 0.5}], "acc": []}
    assert json.loads(plane.asked[-1].body) == {"filter": f"RunId eq {RUN}", "continuationToken": "next"}


def test_an_experiment_that_is_not_there_is_made_without_a_body(plane, drive):
    missing = {"error": {"code": "UserError", "message": "Experiment e was not found"}}
    scripted(plane, "history/v1.0", "GET", "experiments/e", Answer(404, missing))
    scripted(plane, "history/v1.0", "POST", "experiments/e", Answer(body={"name": "e", "experimentId": "1"}))
    assert drive(runs.experiment(WORKSPACE, "e"))["experimentId"] == "1"
    assert plane.asked[-1].body == b""


@pytest.mark.parametrize(("status", "succeeded"), [("Completed", True), ("Failed", False), ("Canceled", False)])
def test_the_end_of_a_run_is_waited_for_by_run_history(plane, drive, status, succeeded):
    states = [Answer(body={"runId": RUN, "status": word}) for word in ("Queued", "Running", status)]
    scripted(plane, "history/v1.0", "GET", f"runs/{RUN}", *states)
    scripted(plane, "history/v1.0", "GET", f"runs/{RUN}/children", Answer(body={"value": []}))
    outcome = drive(waiting.settle(tickets.run(WORKSPACE, "e", RUN), poll_seconds=0.01))
    assert (outcome.status, outcome.succeeded) == (status, succeeded)
    assert succeeded or str(outcome.failure()).startswith(f"run '{RUN}' ended as {status}")
    assert not any("/jobs/" in asked.path for asked in plane.asked)
