"""What is wrong with pipelines that cannot be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, pipeline_jobs
from airflow_provider_azml.spec.source import read
from tests.spec.pipeline_files import DATABASE, INNER, SPARK_CONF, TRAIN, command, pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source

_B_O = "${{parent.jobs.b.outputs.o}}"
SPARK = {"type": "spark", "entry": {"file": "a.py"}, "compute": "azureml:gpu", "conf": SPARK_CONF}

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
    "a node that is nearly there": (
        {"a": command(inputs={"x": "${{parent.jobs.tran.outputs.o}}"}), "train": command(outputs={"o": None})},
        "jobs.a.inputs.x: ${{parent.jobs.tran...}} is none of the nodes; did you mean 'train'?",
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
        {"a": {"type": "unless"}},
        "jobs.a.type: is 'unless'; it must be one of command, sweep, parallel, pipeline, spark, automl, data_transfer",
    ),
    "a misspelt key of a job": (
        {"a": command(limit={"timeout": 1})},
        "jobs.a.limit: unknown key; did you mean 'limits'?",
    ),
    "a misspelt key of a component's node": (
        {"a": {"component": "azureml:c:1", "input": {}}},
        "jobs.a.input: unknown key; did you mean 'inputs'?",
    ),
    "a misspelt component": (
        {"a": {"componentt": "./c.yml"}},
        "jobs.a.componentt: unknown key; did you mean 'component'?",
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
    "data for a number": (
        {
            "a": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": _B_O}},
            "b": command(outputs={"o": {"type": "uri_file"}}),
        },
        f"jobs.a.inputs.z: {_B_O} is data of type uri_file, and the component's input takes a value of type number",
    ),
    "data of the pipeline for a number": (
        {
            "a": {
                "component": "./train.yml",
                "inputs": {"x": "${{parent.inputs.data}}", "z": "${{parent.inputs.data}}"},
            },
        },
        "jobs.a.inputs.z: ${{parent.inputs.data}} is data of type uri_file, and the component's input takes a value",
    ),
    "a number for data": (
        {"a": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.n}}", "z": 1}}},
        "jobs.a.inputs.x: ${{parent.inputs.n}} is 3, and the component's input takes data of type uri_folder",
    ),
    "text for a number": (
        {"a": {"component": "./train.yml", "inputs": {"x": "${{parent.inputs.data}}", "z": "three"}}},
        "jobs.a.inputs.z: is 'three', and the component's input takes a value of type number",
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
    return [f"{problem.path}: {problem.reason}" for problem in refused.value.problems if problem.severity == "error"]


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
        ("pipeline.yml", 7, "jobs.c.inputs.x"),
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
