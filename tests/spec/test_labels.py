from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import NotFound
from airflow_provider_azml.spec import kinds, pipeline_jobs
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.labelled import Curated, DefaultVersion, Newest, OfRegistry, Pin
from airflow_provider_azml.spec.labels import labels_in, pins
from airflow_provider_azml.spec.source import from_mapping
from tests.rest.scripted_service import Answer
from tests.spec.pipeline_files import command, pipeline
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

REGISTRY = "azureml://registries/shared/environments/sklearn/labels/latest"
STARTED = datetime(2026, 11, 21, 10, tzinfo=timezone.utc)
CREATED = "2026-11-21T09:00:00.1234567+00:00"
LATER = "2026-11-21T11:00:00Z"
DATA = {"type": "uri_file", "path": "azureml:numbers@latest"}
MODEL = {"type": "custom_model", "path": "azureml://registries/shared/models/iris/labels/latest"}


@pytest.fixture
def job(tmp_path: Path) -> Source:
    """A pipeline with labels at its top, in nodes, and in the files of nested components."""
    jobs = {
        "inline": command(environment="azureml:AzureML-sklearn@latest"),
        "shared": command(environment=REGISTRY),
        "own": {"component": "azureml:prep@default"},
        "newest": {"component": "azureml:prep@latest"},
        "nested": {"type": "pipeline", "component": "./inner.yml", "inputs": {"x": "${{parent.inputs.data}}"}},
        "again": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1}},
    }
    made = pipeline(tmp_path, jobs, inputs={"data": DATA, "model": MODEL})
    train = tmp_path / "train.yml"
    train.write_text(train.read_text().replace("azureml:e:1", "azureml:e@latest"))
    kinds.check(made, "job")
    return made


def body_of(job: Source, service: StandIn, target: Target = TARGET) -> Any:
    return service.run(filled(pipeline_jobs.properties(job, "job-1"), target))


def versions(name: str, created: str = CREATED) -> dict[str, Any]:
    return {"value": [{"name": name, "properties": {}, "systemData": {"createdAt": created}}]}


def test_the_labels_of_a_job_are_those_of_all_that_it_pulls_in(job: Source) -> None:
    assert set(labels_in(job)) == {
        Newest("data", "numbers"),
        Newest("environment", "e"),
        Newest("component", "prep"),
        DefaultVersion("prep"),
        Curated("AzureML-sklearn"),
        OfRegistry("shared", "environments", "sklearn"),
        OfRegistry("shared", "models", "iris"),
    }
    assert {one.label for one in labels_in(job)} == {
        "data numbers@latest",
        "environment e@latest",
        "component prep@latest",
        "component prep@default",
        "environment AzureML-sklearn@latest",
        REGISTRY,
        MODEL["path"],
    }


@pytest.mark.parametrize("kind", ["automl", "command", "spark", "sweep"])
def test_labels_are_found_in_jobs_of_other_types(kind: str) -> None:
    given = {"command": "echo", "environment": "azureml:e@latest"}
    bodies = {
        "command": given,
        "sweep": {"trial": given, "search_space": {}, "objective": {}},
        "spark": {"entry": {"file": "x.py"}, "environment": "azureml:e@latest", "code": None},
        "automl": {"task": "regression", "training_data": {"type": "mltable", "path": "azureml:e@latest"}},
    }
    (label,) = labels_in(from_mapping({"type": kind, **bodies[kind]}))
    assert label == Newest("data" if kind == "automl" else "environment", "e")


def test_pins_stand_in_the_body_in_place_of_labels(job: Source, service: StandIn) -> None:
    known = {one.label: str(number) for number, one in enumerate(labels_in(job), 1)}
    body = body_of(job, service, replace(TARGET, pins=known))
    assert not [name for name, _ in service.sent if name.startswith("GET")]
    assert body["inputs"]["data"]["uri"] == f"{WS}/data/numbers/versions/{known['data numbers@latest']}"
    shared = "azureml://registries/shared"
    assert body["inputs"]["model"]["uri"] == f"{shared}/models/iris/versions/{known[MODEL['path']]}"
    prep = f"{WS}/components/prep/versions"
    assert body["jobs"]["own"]["componentId"] == f"{prep}/{known['component prep@default']}"
    assert body["jobs"]["newest"]["componentId"] == f"{prep}/{known['component prep@latest']}"
    made = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    assert {spec["environment"] for spec in made if "environment" in spec} == {
        f"azureml:AzureML-sklearn:{known['environment AzureML-sklearn@latest']}",
        f"{shared}/environments/sklearn/versions/{known[REGISTRY]}",
        f"azureml:{WS}/environments/e/versions/{known['environment e@latest']}",
    }


def test_without_pins_the_body_is_what_azure_ai_ml_sends(job: Source, service: StandIn) -> None:
    places = ("data/numbers", "environments/e", "components/prep")
    service.holds({f"{WS}/{place}/versions": versions("12") for place in places})
    body = body_of(job, service)
    assert body["inputs"]["data"]["uri"] == f"{WS}/data/numbers/versions/12"
    assert body["inputs"]["model"]["uri"] == MODEL["path"]
    assert body["jobs"]["own"]["componentId"] == f"{WS}/components/prep/labels/default"
    made = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    assert {spec["environment"] for spec in made if "environment" in spec} == {
        "azureml:AzureML-sklearn@latest",
        REGISTRY,
        f"azureml:{WS}/environments/e/versions/12",
    }


def test_what_labels_stand_for_at_a_moment(service: StandIn) -> None:
    service.holds({
        f"{WS}/environments/AzureML-x/versions": versions("3"),
        f"{WS}/data/new/versions": versions("1", LATER),
    })
    default = {"name": "azureml_default", "properties": {"componentSpec": {"version": "5"}}}
    service.holds({f"{WS}/components/prep/versions/azureml_default": default})
    labels = [Curated("AzureML-x"), Newest("data", "new"), DefaultVersion("prep")]
    found = service.run(pins(labels, TARGET, STARTED))
    assert found == {
        "environment AzureML-x@latest": Pin("3", "the newest of 2026-11-21T10:00:00+00:00"),
        "data new@latest": Pin(
            "1",
            "the first there is, made at 2026-11-21T11:00:00+00:00; there was none by 2026-11-21T10:00:00+00:00",
        ),
        "component prep@default": Pin("5", "the default version now"),
    }


def test_what_labels_stand_for_now(service: StandIn) -> None:
    service.holds({f"{WS}/data/d/versions": versions("2")})
    assert service.run(pins([Newest("data", "d")], TARGET)) == {"data d@latest": Pin("2", "the newest now")}


def test_what_cannot_be_found_out_is_left_to_azure_ml_where_that_looks_it_up(service: StandIn) -> None:
    service.holds({f"{WS}/environments/AzureML-x/versions": {"value": []}})
    unnamed = {"name": "azureml_default", "properties": {"componentSpec": {"version": "azureml_default"}}}
    service.holds({f"{WS}/components/odd/versions/azureml_default": unnamed})
    service.answer("GET", "/registrymanagement/v1.0/registries/shared/discovery", Answer(503))
    target = replace(TARGET, cloud=service.cloud)
    labels = [Curated("AzureML-x"), DefaultVersion("odd"), DefaultVersion("none"), OfRegistry("shared", "models", "m")]
    found = service.run(pins(labels, target))
    assert {pin.version for pin in found.values()} == {None}
    assert "has no version" in found["environment AzureML-x@latest"].why
    assert "does not tell" in found["component odd@default"].why
    service.holds({f"{WS}/data/d/versions": {"value": []}})
    with pytest.raises(NotFound, match="data 'd' has no version"):
        service.run(pins([Newest("data", "d")], TARGET))
