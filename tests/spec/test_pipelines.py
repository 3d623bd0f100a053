"""What is sent for pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, pipeline_components, pipeline_jobs
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import from_mapping, read
from tests.spec.pipeline_files import ENVIRONMENT_ID, command, literal, node_of, pipeline, sent
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

TYPES: dict[str, tuple[Any, Any]] = {
    "a whole number": (7, {"type": "integer", "default": "7"}),
    "a number": (0.5, {"type": "number", "default": "0.5"}),
    "true or false": (True, {"type": "boolean", "default": "True"}),
    "text": ("a", {"type": "string", "default": "a"}),
    "text with a reference": ("a${{parent.inputs.n}}", {"type": "string", "default": "a${{parent.inputs.n}}"}),
    "a value as mapping": ({"value": "a"}, {"type": "string", "default": "a"}),
    "data": ({"path": "azureml:d:1", "mode": "direct"}, {"type": "uri_folder", "mode": "direct"}),
    "a number of the pipeline": ("${{parent.inputs.n}}", {"type": "integer"}),
    "data of the pipeline": ("${{parent.inputs.data}}", {"type": "uri_file", "mode": "download"}),
    "what another node writes": ("${{parent.jobs.late.outputs.b}}", {"type": "mltable"}),
    "what a component writes": ("${{parent.jobs.known.outputs.model}}", {"type": "mlflow_model"}),
    "what only the service knows": ("${{parent.jobs.remote.outputs.o}}", {"type": "uri_folder"}),
    "what AutoML writes": ("${{parent.jobs.auto.outputs.o}}", {"type": "mltable"}),
}
OTHERS = {
    "late": command(outputs={"b": "${{parent.outputs.best}}"}),
    "known": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1}},
    "remote": {"component": "azureml:c:1"},
    "auto": {
        "type": "automl",
        "task": "regression",
        "training_data": "${{parent.inputs.data}}",
        "target_column_name": "y",
    },
}


@pytest.mark.parametrize(("given", "expected"), TYPES.values(), ids=TYPES.keys())
def test_a_job_becomes_a_component_whose_inputs_are_of_the_types_of_their_values(
    service: StandIn, tmp_path: Path, given: Any, expected: Any
) -> None:
    source = pipeline(tmp_path, {"it": command(inputs={"a": given}), **OTHERS})
    sent(service, source)
    specs = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    assert [spec["inputs"] for spec in specs if "a" in spec.get("inputs", ())] == [{"a": expected}]


def test_the_component_of_a_job_says_what_runs(service: StandIn, tmp_path: Path) -> None:
    node = command(command="echo {inputs.a}", inputs={"a": 1}, outputs={"b": None}, description="d", limits={})
    _, spec = node_of(service, tmp_path, node)
    assert {key: spec[key] for key in spec if key != "version"} == {
        "name": "azureml_anonymous",
        "type": "command",
        "command": "echo ${{inputs.a}}",
        "environment": ENVIRONMENT_ID,
        "description": "d",
        "is_deterministic": True,
        "inputs": {"a": {"type": "integer", "default": "1"}},
        "outputs": {"b": {"type": "uri_folder"}},
        "_source": "YAML.JOB",
    }


def test_a_file_that_many_nodes_run_becomes_one_component_and_its_tags_text(service: StandIn, tmp_path: Path) -> None:
    given = {"inputs": {"x": "${{parent.inputs.data}}", "z": 1}}
    nodes = {"a": {"component": "./train.yml", **given}, "b": {"component": "file:train.yml", **given}}
    body = sent(service, pipeline(tmp_path, nodes))
    assert body["jobs"]["a"]["componentId"] == body["jobs"]["b"]["componentId"]
    ((_, made),) = service.puts()
    assert made["properties"]["componentSpec"]["tags"] == {"a": "1"}


def test_components_inside_components_are_made_first(service: StandIn, tmp_path: Path) -> None:
    node = {"type": "pipeline", "component": "./inner.yml", "inputs": {"x": "${{parent.inputs.data}}"}}
    body = sent(service, pipeline(tmp_path, {"it": node}))
    first, second = (body["properties"]["componentSpec"] for _, body in service.puts())
    assert (first["type"], second["type"], second["inputs"]["z"]) == (
        "command",
        "pipeline",
        {"type": "number", "default": "0.5"},
    )
    assert second["jobs"]["train"]["componentId"].endswith(first["version"])
    assert body["jobs"]["it"]["componentId"].endswith(second["version"])


def test_a_pipeline(service: StandIn, tmp_path: Path) -> None:
    settings = {
        "default_compute": "azureml:cpu",
        "default_datastore": "azureml:store",
        "force_rerun": "yes",
        "strange": 1,
    }
    source = pipeline(tmp_path, {}, settings=settings, inputs={"n": 3, "text": ""}, compute="serverless")
    assert sent(service, source) == {
        "jobType": "Pipeline",
        "displayName": "job-1",
        "experimentName": pipeline_jobs.properties(source, "x")["experimentName"],
        "isArchived": False,
        "tags": {},
        "properties": pipeline_jobs.properties(source, "x")["properties"],
        "computeId": f"{WS}/computes/serverless",
        "inputs": {"n": {"jobInputType": "literal", "value": "3"}},
        "outputs": {"best": {"jobOutputType": "mltable"}},
        "settings": {
            "_source": "YAML.JOB",
            "default_compute": "/computes/cpu",
            "default_datastore": f"{WS}/datastores/store",
            "force_rerun": True,
            "strange": 1,
        },
        "jobs": {},
    }


def test_a_pipeline_inside_a_schedule_gets_no_names(tmp_path: Path) -> None:
    body = pipeline_jobs.properties(pipeline(tmp_path, {}), None)
    assert not {"displayName", "experimentName"} & set(body)


def test_a_job_that_is_a_component_takes_over_its_names_defaults_and_outputs(service: StandIn, tmp_path: Path) -> None:
    source = pipeline(tmp_path, {})
    value = {key: item for key, item in source.value.items() if key != "jobs"}
    value |= {"component": "./inner.yml", "outputs": {}, "inputs": {"x": {"path": "azureml:d:1"}}}
    body = sent(service, from_mapping(value, base_path=tmp_path))
    assert body["componentId"].startswith(f"{WS}/components/azureml_anonymous/versions/")
    assert body["inputs"]["z"] == {"jobInputType": "literal", "value": "0.5"}
    assert body["outputs"] == {"model": {"jobOutputType": "mlflow_model"}}


def test_a_pipeline_component(service: StandIn, tmp_path: Path) -> None:
    pipeline(tmp_path, {})
    source = read(tmp_path / "inner.yml")
    kinds.check(source, "component")
    spec = service.run(filled(pipeline_components.spec(source), TARGET))
    assert (spec["name"], spec["type"], spec["_source"], list(spec["jobs"])) == (
        "inner",
        "pipeline",
        "YAML.COMPONENT",
        ["train"],
    )
    assert "is_deterministic" not in spec


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("azureml:d:1", {"job_input_type": "uri_folder", "uri": f"{WS}/data/d/versions/1"}),
        ({"value": "https://a.b/c"}, {"job_input_type": "uri_folder", "uri": "https://a.b/c"}),
        ("${{ parent.inputs.data }}", literal("${{ parent.inputs.data }}")),
        ({"path": "${{ parent.inputs.data }}"}, literal("${{ parent.inputs.data }}")),
        ("${{parent.inputs.data}}/part", literal("${{parent.inputs.data}}/part")),
    ],
)
def test_a_text_for_what_a_component_reads_is_a_path(
    service: StandIn, tmp_path: Path, given: Any, expected: Any
) -> None:
    node = {"component": "./train.yml", "inputs": {"x": given, "z": 1}}
    body, _ = node_of(service, tmp_path, node)
    assert body["inputs"]["x"] == expected


def test_of_the_types_of_what_a_component_writes_files_alone_count(service: StandIn, tmp_path: Path) -> None:
    ports = "outputs: {model: {type: mlflow_model}, file: {type: uri_file}}"
    (tmp_path / "out.yml").write_text(f"name: out\ncommand: echo\nenvironment: azureml:e:1\n{ports}", encoding="utf-8")
    given = {"component": "./out.yml", "outputs": {"model": {"mode": "upload"}, "file": {"type": "mltable"}}}
    body, _ = node_of(service, tmp_path, given)
    assert body["outputs"] == {
        "model": {"job_output_type": "uri_folder", "mode": "Upload"},
        "file": {"job_output_type": "uri_file"},
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (3, "is 3; the component takes a uri_folder there: write a path"),
        ("", "is empty"),
        ("./nowhere", "there is no such file or folder"),
    ],
)
def test_what_is_no_path_is_refused_where_a_component_reads(tmp_path: Path, given: Any, reason: str) -> None:
    source = pipeline(
        tmp_path, {"it": {"component": "./train.yml", "inputs": {"x": given, "z": 1, "w": {"path": "?"}}}}
    )
    with pytest.raises(SpecError, match=rf"jobs\.it\.inputs\.x: {reason}") as caught:
        kinds.check(source, "job")
    assert "inputs.w.path" not in str(caught.value)


OPEN = "command: echo\nenvironment: azureml:e:1\ninputs: {a: {type: string, optional: true}}\n"
NEEDY = "command: echo\nenvironment: azureml:e:1\ninputs: {a: {type: string}}\n"
TAKING = {"a": "${{parent.inputs.it}}"}
OPTIONAL: dict[str, tuple[Any, Any, Any]] = {
    "taken by what can do without": ({}, {"n": {"component": "./open.yml", "inputs": TAKING}}, True),
    "in a mapping": ({}, {"n": {"component": "./open.yml", "inputs": {"a": {"path": TAKING["a"]}}}}, True),
    "as a part of a text": ({}, {"n": {"component": "./open.yml", "inputs": {"a": f"x{TAKING['a']}"}}}, None),
    "said otherwise": ({"optional": False}, {"n": {"component": "./open.yml", "inputs": TAKING}}, False),
    "needed last": (
        {},
        {"n": {"component": "./open.yml", "inputs": TAKING}, "m": {"component": "./needy.yml", "inputs": TAKING}},
        None,
    ),
    "needed first": (
        {},
        {"m": {"component": "./needy.yml", "inputs": TAKING}, "n": {"component": "./open.yml", "inputs": TAKING}},
        True,
    ),
    "taken by a component elsewhere": (
        {},
        {"n": {"component": "./open.yml", "inputs": TAKING}, "m": {"component": "azureml:c:1", "inputs": TAKING}},
        True,
    ),
    "taken by a job": (
        {},
        {"n": {"component": "./open.yml", "inputs": TAKING}, "m": command(inputs=TAKING)},
        None,
    ),
    "taken by a pipeline": ({}, {"n": {"type": "pipeline", "component": "./nested.yml", "inputs": TAKING}}, True),
    "not taken": ({}, {"n": {"component": "./open.yml"}}, None),
}
NESTED = """\
name: nested
type: pipeline
inputs: {a: {type: string}}
jobs: {n: {component: ./open.yml, inputs: {a: "${{parent.inputs.a}}"}}}
"""


@pytest.mark.parametrize(("declared", "jobs", "expected"), OPTIONAL.values(), ids=OPTIONAL.keys())
def test_an_input_that_nobody_needs_is_optional(
    service: StandIn, tmp_path: Path, declared: Any, jobs: Any, expected: Any
) -> None:
    for name, text in (("open", OPEN), ("needy", NEEDY), ("nested", NESTED)):
        (tmp_path / f"{name}.yml").write_text(f"name: {name}\n{text}" if text != NESTED else text, encoding="utf-8")
    value = {"name": "p", "type": "pipeline", "inputs": {"it": {"type": "string", **declared}}, "jobs": jobs}
    source = from_mapping(value, base_path=tmp_path)
    kinds.check(source, "component")
    spec = service.run(filled(pipeline_components.spec(source), TARGET))
    assert spec["inputs"]["it"].get("optional") == expected


def test_keys_that_azure_ai_ml_takes_for_its_own_are_not_sent(service: StandIn, tmp_path: Path) -> None:
    given = {"component": "azureml:c:1", "id": "i", "is_deterministic": False, "retry_settings": {}, "tags": None}
    body, _ = node_of(service, tmp_path, given)
    assert not {"id", "is_deterministic", "tags"} & set(body)
    assert body["retry_settings"] == {}


COMPUTES = {
    "azureml:cpu": "/computes/cpu",
    "Serverless": f"{WS}/computes/serverless",
    f"azureml:{WS}/computes/other": f"{WS}/computes/other",
}


@pytest.mark.parametrize(("given", "expected"), COMPUTES.items(), ids=COMPUTES)
def test_the_compute_of_a_whole_pipeline(service: StandIn, tmp_path: Path, given: str, expected: str) -> None:
    source = pipeline(tmp_path, {}, settings={"default_compute": given})
    assert sent(service, source)["settings"]["default_compute"] == expected


def test_the_compute_of_a_whole_pipeline_is_named_in_full(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="must be azureml:<name> of a compute, or serverless"):
        kinds.check(pipeline(tmp_path, {}, settings={"default_compute": "cpu"}), "job")
