"""What is sent for pipelines, and what is wrong with those that cannot be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, pipeline_components, pipeline_jobs
from airflow_provider_azml.spec.needs import filled
from airflow_provider_azml.spec.source import Source, from_mapping, read
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = "azureml:e:1"
ENVIRONMENT_ID = f"azureml:{WS}/environments/e/versions/1"
INPUTS = {"data": {"type": "uri_file", "path": "azureml:d:1", "mode": "download"}, "n": 3, "rate": 0.5, "flag": True}
TASK = {"type": "run_function", "code": ".", "entry_script": "a.py", "environment": ENVIRONMENT}
OBJECTIVE = {"objective": {"goal": "Minimize", "primary_metric": "loss"}, "limits": {"max_total_trials": 9}}
DATABASE = {"type": "database", "connection": "azureml:c", "query": "select 1"}
SPARK_CONF = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
    "spark.dynamicAllocation.enabled": True,
    "spark.dynamicAllocation.minExecutors": 2,
    "spark.dynamicAllocation.maxExecutors": 4,
}
SPARK = {"type": "spark", "entry": {"file": "a.py"}, "compute": "azureml:gpu", "conf": SPARK_CONF}
TRAIN = """\
name: train-it
type: command
tags: {a: 1}
inputs:
  x: {type: uri_folder}
  y: {type: integer, default: 3, optional: true}
  z: {type: number}
outputs:
  model: {type: mlflow_model}
environment: azureml:e:1
command: echo ${{inputs.x}} ${{inputs.z}} ${{outputs.model}}
resources: {instance_count: 2}
distribution: {type: mpi, process_count_per_instance: 1}
"""
INNER = """\
name: inner
type: pipeline
inputs:
  x: {type: uri_folder}
  z: {type: number, default: 0.5}
outputs:
  model: {type: mlflow_model}
jobs:
  train:
    component: ./train.yml
    inputs: {x: "${{parent.inputs.x}}", z: "${{parent.inputs.z}}"}
    outputs: {model: "${{parent.outputs.model}}"}
"""


def pipeline(folder: Path, jobs: Any, **more: Any) -> Source:
    (folder / "train.yml").write_text(TRAIN, encoding="utf-8")
    (folder / "inner.yml").write_text(INNER, encoding="utf-8")
    value = {"type": "pipeline", "inputs": INPUTS, "outputs": {"best": {"type": "mltable"}}, "jobs": jobs, **more}
    return from_mapping({"settings": {"default_compute": "serverless"}, **value}, base_path=folder)


def command(**more: Any) -> Any:
    return {"command": "echo", "environment": ENVIRONMENT, **more}


def sent(service: StandIn, source: Source) -> Any:
    kinds.check(source, "job")
    service.holds({f"{WS}/computes/{name}": {"id": f"/computes/{name}"} for name in ("cpu", "gpu")})
    return service.run(filled(pipeline_jobs.properties(source, "job-1"), TARGET))


def node_of(service: StandIn, folder: Path, node: Any) -> tuple[Any, Any]:
    """What is sent for a node, and the component that is made for it."""
    body = sent(service, pipeline(folder, {"it": node}))["jobs"]["it"]
    made = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    return body, made[0] if made else None


def literal(value: str, **more: str) -> Any:
    return {"job_input_type": "literal", "value": value, **more}


NODES: dict[str, tuple[Any, Any]] = {
    "defaults": (command(), {"name": "it", "type": "command", "_source": "YAML.JOB", "inputs": {}, "outputs": {}}),
    "keys of jobs in snake case": (
        command(
            display_name="A",
            tags={"a": "b"},
            compute="azureml:gpu",
            resources={"instance_count": "2", "docker_args": ["-a"], "properties": {"aB": 1}},
            distribution={"type": "TensorFlow"},
            limits={"timeout": 90},
            identity={"type": "managed", "client_id": "c"},
            queue_settings={"job_tier": "Spot", "priority": "high"},
            services={"s": {"type": "ssh", "nodes": "all", "ssh_public_keys": "k"}},
        ),
        {
            "display_name": "A",
            "tags": {"a": "b"},
            "computeId": "/computes/gpu",
            "resources": {"instance_count": 2, "docker_args_list": ["-a"], "properties": {"aB": 1}},
            "distribution": {"distribution_type": "TensorFlow", "parameter_server_count": 0},
            "limits": {"job_limits_type": "Command", "timeout": "PT1M30S"},
            "identity": {"identity_type": "Managed", "client_id": "c"},
            "queue_settings": {"job_tier": "Spot", "priority": 3},
            "services": {
                "s": {
                    "job_service_type": "SSH",
                    "nodes": {"nodes_value_type": "All"},
                    "properties": {"sshPublicKeys": "k"},
                }
            },
        },
    ),
    "what it reads": (
        command(
            inputs={
                "a": "${{parent.inputs.data}}",
                "b": {"path": "${{parent.inputs.data}}", "type": "uri_file", "mode": "ro_mount"},
                "c": 7,
                "D": {"path": "azureml:d:2"},
            }
        ),
        {
            "inputs": {
                "a": literal("${{parent.inputs.data}}"),
                "b": literal("${{parent.inputs.data}}", mode="ReadOnlyMount"),
                "c": literal("7"),
                "D": {"job_input_type": "uri_folder", "uri": f"{WS}/data/d/versions/2"},
            }
        },
    ),
    "what it writes": (
        command(
            outputs={
                "a": None,
                "b": "${{parent.outputs.best}}",
                "c": {"path": "${{parent.outputs.best}}", "mode": "upload", "name": "n", "version": 1},
                "d": {"mode": "upload", "name": "n"},
            }
        ),
        {
            "outputs": {
                "b": {"type": "literal", "value": "${{parent.outputs.best}}"},
                "c": {
                    "type": "literal",
                    "value": "${{parent.outputs.best}}",
                    "mode": "Upload",
                    "name": "n",
                    "version": "1",
                },
                "d": {"job_output_type": "uri_folder", "mode": "Upload", "name": "n"},
            }
        },
    ),
    "a component of the workspace": (
        {"component": "azureml:c:2", "comment": "hi", "inputs": {"any": 1}, "strange": 1},
        {
            "componentId": f"{WS}/components/c/versions/2",
            "_source": "REMOTE.WORKSPACE.COMPONENT",
            "comment": "hi",
            "inputs": {"any": literal("1")},
            "strange": 1,
        },
    ),
    "a component by its default version": (
        {"component": "azureml:c@default"},
        {"componentId": f"{WS}/components/c/labels/default"},
    ),
    "a component of a registry": (
        {"component": "azureml://registries/r/components/c/versions/1", "compute": "${{parent.inputs.n}}"},
        {"_source": "REMOTE.REGISTRY", "computeId": "${{parent.inputs.n}}"},
    ),
    "a component file": (
        {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1}, "outputs": {"model": {}}},
        {
            "_source": "YAML.COMPONENT",
            "resources": {"instance_count": 2, "properties": {}},
            "distribution": {"distribution_type": "Mpi", "process_count_per_instance": 1},
            "outputs": {"model": {"job_output_type": "mlflow_model"}},
        },
    ),
    "references as settings": (
        {
            "component": "file:./train.yml",
            "inputs": {"x": "${{parent.inputs.data}}", "z": 1, "other": 2},
            "resources": {"instance_count": "${{parent.inputs.n}}"},
            "limits": {"timeout": "${{parent.inputs.n}}"},
        },
        {
            "_source": "YAML.JOB",
            "resources": {"instance_count": "${{parent.inputs.n}}", "properties": {}},
            "limits": {"job_limits_type": "Command", "timeout": "${{parent.inputs.n}}"},
            "inputs": {"x": literal("${{parent.inputs.data}}"), "z": literal("1")},
        },
    ),
    "a search": (
        {
            "type": "sweep",
            "trial": "azureml:c:1",
            "search_space": {"y": {"type": "Choice", "values": [1, 2]}},
            "sampling_algorithm": "Random",
            "early_termination": {"type": "bandit", "slack_factor": 0.1, "evaluation_interval": 2},
            "objective": {"goal": "Minimize", "primary_metric": "loss"},
            "limits": {"max_total_trials": "9", "timeout": 30},
        },
        {
            "trial": {"componentId": f"{WS}/components/c/versions/1"},
            "componentId": None,
            "search_space": {"y": {"type": "choice", "values": [1, 2]}},
            "sampling_algorithm": "random",
            "early_termination": {
                "policy_type": "Bandit",
                "slack_factor": 0.1,
                "evaluation_interval": 2,
                "delay_evaluation": 0,
            },
            "objective": {"goal": "minimize", "primary_metric": "loss"},
            "limits": {"max_total_trials": 9, "timeout": 60},
        },
    ),
    "batches": (
        {"type": "parallel", "task": TASK | {"code": "azureml:/subscriptions/c"}, "mini_batch_size": "1kb", "tags": {}},
        {
            "task": {
                "type": "run_function",
                "code": "azureml:/subscriptions/c",
                "entry_script": "a.py",
                "environment": ENVIRONMENT_ID,
            },
            "mini_batch_size": 1024,
            "tags": None,
        },
    ),
    "Spark": (
        {
            "type": "spark",
            "code": "azureml:/subscriptions/c",
            "entry": {"file": "a.py"},
            "conf": {**SPARK_CONF, "spark.x": "y"},
            "resources": {"instance_type": "Standard_E8S_V3", "runtime_version": "3.4"},
        },
        {
            "entry": {"file": "a.py", "spark_job_entry_type": "SparkJobPythonEntry"},
            "identity": {"identity_type": "UserIdentity"},
            "resources": {"instance_type": "standard_e8s_v3", "runtime_version": "3.4"},
            "conf": {**SPARK_CONF, "spark.executor.instances": 2, "spark.x": "y"},
        },
    ),
    "a copy": (
        {
            "type": "data_transfer",
            "task": "copy_data",
            "data_copy_mode": "merge_with_overwrite",
            "inputs": {"a": {"type": "uri_folder", "path": "azureml:d:1"}},
            "outputs": {"b": {"type": "uri_folder"}},
        },
        {"task": "copy_data", "data_copy_mode": "merge_with_overwrite", "_source": "YAML.JOB"},
    ),
    "an import": (
        {"type": "data_transfer", "task": "import_data", "source": DATABASE, "outputs": {"sink": {"type": "mltable"}}},
        {
            "componentId": "azureml://registries/azureml/components/import_data_database/versions/0.0.1",
            "_source": "BUILTIN",
            "source": DATABASE,
            "outputs": {"sink": {"job_output_type": "mltable"}},
        },
    ),
    "AutoML": (
        {
            "type": "automl",
            "task": "classification",
            "compute": "azureml:gpu",
            "training_data": "${{parent.inputs.data}}",
            "target_column_name": "y",
            "outputs": {"best_model": {"type": "mlflow_model"}},
        },
        {
            "task": "classification",
            "compute": "azureml:/computes/gpu",
            "training_data": "${{parent.inputs.data}}",
            "outputs": {"best_model": {"job_output_type": "mlflow_model"}},
        },
    ),
}


@pytest.mark.parametrize(("node", "expected"), NODES.values(), ids=NODES.keys())
def test_a_node(service: StandIn, tmp_path: Path, node: Any, expected: Any) -> None:
    body, _ = node_of(service, tmp_path, node)
    assert {key: body.get(key) for key in expected} == expected


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


PROBLEMS: dict[str, tuple[Any, str]] = {
    "an input that is not there": (
        {"a": command(inputs={"x": "${{parent.inputs.nope}}"})},
        "jobs.a.inputs.x: ${{parent.inputs.nope}} is not among the inputs of the pipeline (data, n, rate, flag)",
    ),
    "an output that is not there": (
        {"a": {"component": "azureml:c:1", "outputs": {"x": "${{parent.outputs.nope}}"}}},
        "jobs.a.outputs.x: ${{parent.outputs.nope}} is not among the outputs of the pipeline (best)",
    ),
    "a node that is not there": (
        {"a": command(inputs={"x": "${{parent.jobs.nope.outputs.o}}"})},
        "jobs.a.inputs.x: ${{parent.jobs.nope...}} is none of the nodes (a)",
    ),
    "an output that another node lacks": (
        {"a": command(inputs={"x": "${{parent.jobs.b.outputs.o}}"}), "b": command(outputs={"p": None})},
        "jobs.a.inputs.x: ${{parent.jobs.b.outputs.o}} is not among the outputs of node 'b' (p)",
    ),
    "an input that the command lacks": (
        {"a": command(command="echo ${{inputs.x}}")},
        "jobs.a.command: ${{inputs.x}} names nothing that the component has (inputs: none; outputs: none)",
    ),
    "the older form": (
        {"a": command(inputs={"x": "${{inputs.n}}"})},
        "jobs.a.inputs.x: is in a form that the service no longer takes; write ${{parent.inputs.n}}",
    ),
    "a circle": (
        {
            "a": {"component": "azureml:c:1", "inputs": {"x": "${{parent.jobs.b.outputs.o}}"}},
            "b": {"component": "azureml:c:1", "inputs": {"x": "${{parent.jobs.a.outputs.o}}"}},
        },
        "jobs.a: the nodes wait for each other: a -> b -> a",
    ),
    "a node that waits for itself": (
        {"a": command(inputs={"x": "${{parent.jobs.a.outputs.o}}"}, outputs={"o": None})},
        "jobs.a: the nodes wait for each other: a -> a",
    ),
    "an unknown type": (
        {"a": {"type": "if_else"}},
        "jobs.a.type: is 'if_else'; it must be one of command, sweep, parallel, pipeline, spark, automl, data_transfer",
    ),
    "a misspelt key of a job": (
        {"a": command(limit={"timeout": 1})},
        "jobs.a.limit: unknown key; did you mean 'limits'?",
    ),
    "a misspelt key of a component's node": (
        {"a": {"component": "azureml:c:1", "input": {}}},
        "jobs.a.input: unknown key; did you mean 'inputs'?",
    ),
    "neither job nor component": ({"a": {}}, "jobs.a: 'command' is missing"),
    "a bad name": (
        {"B-1": command()},
        "jobs: is 'B-1'; it must be of lower case letters, digits and underscores, not beginning with a digit",
    ),
    "no version": (
        {"a": {"component": "azureml:c"}},
        "jobs.a.component: 'azureml:c' lacks a version; write azureml:<name>:<version> or azureml:<name>@latest",
    ),
    "another type of component": (
        {"a": {"type": "parallel", "component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1}}},
        "jobs.a.component: is a component of type command, and the node is of type parallel",
    ),
    "an input that the component needs": (
        {"a": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}"}}},
        "jobs.a.inputs: 'z' is missing: the component needs it",
    ),
    "local data that is not there": (
        {"a": {"component": "azureml:c:1", "inputs": {"x": {"path": "./nope"}}}},
        "jobs.a.inputs.x.path: there is no such file or folder: {folder}/nope",
    ),
    "Spark on nothing": (
        {"a": {**SPARK, "compute": None}},
        "jobs.a: a Spark node needs either compute or resources, and not both",
    ),
    "Spark without its settings": ({"a": {**SPARK, "conf": {}}}, "jobs.a.conf: 'spark.driver.cores' is missing"),
    "data that Spark cannot read": (
        {"a": {**SPARK, "inputs": {"x": {"path": "azureml:d:1", "mode": "download"}}}},
        "jobs.a.inputs.x: Spark takes data directly; write mode: direct",
    ),
    "arguments that Spark does not have": (
        {"a": {**SPARK, "args": "--x ${{inputs.x}}"}},
        "jobs.a.args: ${{inputs.x}} is not among the inputs of the job (none)",
    ),
    "a class for Spark": (
        {"a": {**SPARK, "entry": {"class_name": "a.B"}}},
        "jobs.a.entry: the service starts files alone; name one as file",
    ),
    "an import of the wrong type": (
        {"a": {"type": "data_transfer", "task": "import_data", "source": DATABASE, "outputs": {"sink": {}}}},
        "jobs.a.outputs.sink: is of type uri_folder; with a database it must be mltable",
    ),
    "an export to files": (
        {
            "a": {
                "type": "data_transfer",
                "task": "export_data",
                "sink": {"type": "file_system", "connection": "azureml:c"},
                "inputs": {"source": "${{parent.inputs.data}}"},
            }
        },
        "jobs.a.sink.type: is file_system; data can be brought to a database alone",
    ),
    "an unknown task of AutoML": (
        {"a": {"type": "automl", "task": "clustering"}},
        "jobs.a.task: is 'clustering'; it must be one of",
    ),
}


def told(source: Source, kind: str = "job") -> list[str]:
    with pytest.raises(SpecError) as refused:
        kinds.check(source, kind)
    return [f"{problem.path}: {problem.reason}" for problem in refused.value.problems if not problem.warning]


@pytest.mark.parametrize(("jobs", "expected"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_a_problem_of_a_node(tmp_path: Path, jobs: Any, expected: str) -> None:
    wanted = expected.replace("{folder}", str(tmp_path))
    assert any(reason.startswith(wanted) for reason in told(pipeline(tmp_path, jobs)))


def test_every_node_needs_a_compute_nested_ones_too(tmp_path: Path) -> None:
    nested = {"type": "pipeline", "component": "./inner.yml", "inputs": {"x": "${{parent.inputs.data}}"}}
    found = told(pipeline(tmp_path, {"a": command(), "b": nested}, settings={}))
    reason = "'compute' is missing; give the node one, or the pipeline settings.default_compute"
    assert sorted(found) == [f"jobs.a: {reason}", f"jobs.train: {reason}"]


def test_the_first_and_the_last_node_are_nodes(tmp_path: Path) -> None:
    settings = {"default_compute": "serverless", "on_init": "a", "on_finalize": "z"}
    assert told(pipeline(tmp_path, {"a": command(), "b": command()}, settings=settings)) == [
        "settings.on_finalize: 'z' is none of the nodes (a, b)"
    ]


def test_all_problems_of_all_files_are_told_with_their_places(tmp_path: Path) -> None:
    pipeline(tmp_path, {})
    (tmp_path / "train.yml").write_text(TRAIN.replace("inputs.z", "inputs.q"), encoding="utf-8")
    file = tmp_path / "pipeline.yml"
    file.write_text(
        "type: pipeline\n"
        "settings: {default_compute: serverless}\n"
        "inputs: {n: 1}\n"
        "jobs:\n"
        "  a: {type: pipeline, component: inner.yml, inputs: {x: '${{parent.inputs.x}}'}}\n"
        "  b: {component: gone.yml}\n"
        "  c: {component: train.yml, inputs: {x: '${{parent.inputs.n}}', z: 1}}\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as refused:
        kinds.check(read(file))
    where = [(problem.file.rpartition("/")[2], problem.line, problem.path) for problem in refused.value.problems]
    assert where == [
        ("pipeline.yml", 5, "jobs.a.inputs.x"),
        ("pipeline.yml", 6, "jobs.b.component"),
        ("train.yml", 11, "command"),
    ]


def test_files_that_pull_each_other_in_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "name: a\ntype: pipeline\njobs:\n  n: {type: pipeline, component: ./a.yml}\n", encoding="utf-8"
    )
    with pytest.raises(SpecError, match=r"in a circle: a\.yml -> a\.yml"):
        kinds.check(read(tmp_path / "a.yml"), "component")


def test_an_optional_input_cannot_be_handed_to_a_component_that_needs_it(tmp_path: Path) -> None:
    pipeline(tmp_path, {})
    file = tmp_path / "inner.yml"
    file.write_text(INNER.replace("type: uri_folder}", "type: uri_folder, optional: true}"), encoding="utf-8")
    assert told(read(file), "component") == [
        "jobs.train.inputs.x: 'x' may be left out of the pipeline, but the component needs 'x'"
    ]


def test_what_a_component_does_not_have_is_a_warning(tmp_path: Path) -> None:
    node = {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": 1, "zz": 2}}
    (warning,) = kinds.check(pipeline(tmp_path, {"a": node}), "job")
    assert (warning.path, warning.reason) == (
        "jobs.a.inputs.zz",
        "not sent: the component has no such input; it has x, y, z",
    )


def test_jobs_or_a_component(tmp_path: Path) -> None:
    found = told(pipeline(tmp_path, {"a": command()}, component="azureml:c:1"))
    assert found == ["jobs: goes with no component; give one of both"]


@pytest.mark.parametrize("odd", [None, 3, "x", [1], {"a": [None]}, {"a": 3}, [{"a": "b"}], 0.5, True])
@pytest.mark.parametrize("key", ["jobs", "inputs", "outputs", "settings", "component", "compute"])
def test_anything_may_stand_anywhere(tmp_path: Path, key: str, odd: Any) -> None:
    list(pipeline_jobs.problems(pipeline(tmp_path, **{"jobs": {"a": command()}, key: odd})))
    for kind in ("command", "sweep", "parallel", "pipeline", "spark", "automl", "data_transfer"):
        for inner in ("component", "trial", "inputs", "outputs", "task", "search_space", "resources", "conf", key):
            list(pipeline_jobs.problems(pipeline(tmp_path, {"a": {"type": kind, inner: odd}})))
