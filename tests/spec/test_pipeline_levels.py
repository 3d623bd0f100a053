"""Pipelines that are nested in each other: what comes through them, and files that are made to last for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.pipeline_plans import OutputOf, plan_pipeline
from airflow_provider_azml.spec.single_nodes import Value, single_node
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.spec.source import Source

PLACE = "azureml://datastores/d/paths"
NODE = "{type: command, command: echo, environment: azureml:e:1, compute: azureml:c, inputs: {%s}}"
PASSED = ("rate", "data", "part", "note", "text")
DECLARED = """\
  rate: {type: number}
  data: {type: mlflow_model}
  part: {type: uri_folder}
  note: {type: string, default: inner}
  text: {type: string}
"""
OUTER = f"""\
type: pipeline
name: outer
inputs:
{DECLARED.replace("default: inner", "optional: true")}
outputs: {{made: {{type: uri_file}}}}
jobs:
  middle:
    type: pipeline
    component: deeper/inner.yml
    inputs: {{{", ".join(f"{name}: '${{{{parent.inputs.{name}}}}}'" for name in PASSED)}}}
    outputs: {{made: "${{{{parent.outputs.made}}}}"}}
"""
INNER = f"""\
type: pipeline
name: inner
inputs:
{DECLARED}
outputs: {{made: {{type: uri_file}}}}
jobs:
  leaf:
    type: command
    component: ./leaf.yml
    inputs: {{{", ".join(f"{name}: '${{{{parent.inputs.{name}}}}}'" for name in PASSED)}}}
    outputs: {{made: "${{{{parent.outputs.made}}}}"}}
"""
LEAF = f"""\
type: command
name: leaf
command: echo {" ".join(f"${{{{inputs.{name}}}}}" for name in PASSED)} > ${{{{outputs.made}}}}
environment: azureml:env:1
inputs:
{DECLARED}
outputs: {{made: {{type: uri_file}}}}
"""
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:c}
inputs: {rate: 1, folder: may, say: {type: uri_folder, path: ./data}}
outputs: {all: {type: uri_file, name: everything, mode: upload}}
jobs:
  train: {type: command, component: azureml:trainer:1}
  run:
    type: pipeline
    component: parts/outer.yml
    inputs:
      rate: ${{parent.inputs.rate}}
      data: ${{parent.jobs.train.outputs.model}}
      part: {type: uri_folder, path: "azureml://datastores/d/paths/${{parent.inputs.folder}}/x"}
      text: day-${{parent.inputs.folder}}-${{parent.inputs.rate}}
    outputs: {made: "${{parent.outputs.all}}"}
"""


def written(folder: Path, **files: str) -> Source:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return read(folder / "pipeline.yml")


@pytest.fixture
def nested(tmp_path: Path) -> Source:
    (tmp_path / "data").mkdir()
    return written(
        tmp_path, pipeline=PIPELINE, parts__outer=OUTER, parts__deeper__inner=INNER, parts__deeper__leaf=LEAF
    )


def alone(source: Source, path: tuple[str, ...], results: dict[tuple[str, ...], Any] | None = None) -> dict[str, Any]:
    plan = plan_pipeline(source)
    made = single_node(plan, plan.leaves[path], results or {}, folder="airflow/d")
    kinds.check(made, "job")
    return made.value


def test_a_node_three_deep_is_given_what_the_pipelines_around_it_are_given(nested: Source) -> None:
    plan = plan_pipeline(nested)
    leaf = plan.leaves["run", "middle", "leaf"]
    assert (list(plan.leaves), leaf.upstream) == ([("train",), ("run", "middle", "leaf")], (("train",),))
    value = alone(nested, leaf.path, {("train",): {"model": f"{PLACE}/m/"}})
    assert value["inputs"] == {
        "rate": 1,
        "data": {"type": "mlflow_model", "path": f"{PLACE}/m/"},
        "part": {"type": "uri_folder", "path": f"{PLACE}/may/x"},
        "note": "inner",
        "text": "day-may-1",
    }
    assert str(value["inputs"]["rate"]) == "1"  # the command sees it as it is written
    assert value["jobs"]["leaf"]["outputs"]["made"] == {
        "type": "uri_file",
        "mode": "upload",
        "path": "azureml://datastores/workspaceblobstore/paths/airflow/d/run/middle/leaf/${{name}}/made",
        "name": "everything",
    }


@pytest.mark.parametrize(
    ("kind", "given"), [("integer", "abc"), ("integer", "2.5"), ("number", "1e999"), ("boolean", "maybe")]
)
def test_a_value_that_is_not_of_the_declared_type_is_left_to_the_service(tmp_path: Path, kind: str, given: str) -> None:
    component = f"type: pipeline\nname: c\ninputs: {{x: {{type: {kind}}}}}\njobs:\n  b: {NODE}"
    source = written(
        tmp_path,
        pipeline=f"type: pipeline\njobs:\n  a: {{type: pipeline, component: ./c.yml, inputs: {{x: '{given}'}}}}\n",
        c=component % 'x: "${{parent.inputs.x}}"',
    )
    assert alone(source, ("a", "b"))["inputs"] == {"x": given}


def test_what_only_the_service_knows_of_is_of_the_type_that_is_wanted(tmp_path: Path) -> None:
    taker = (
        "type: command\nname: t\ncommand: echo ${{inputs.m}}\nenvironment: azureml:e:1\ninputs: {m: {type: mltable}}\n"
    )
    source = written(
        tmp_path,
        taker=taker,
        pipeline="""\
type: pipeline
settings: {default_compute: azureml:c}
jobs:
  train: {type: command, component: azureml:trainer:1, outputs: {said: {type: custom_model}}}
  take: {type: command, component: ./taker.yml, inputs: {m: "${{parent.jobs.train.outputs.table}}"}}
  keep: {type: command, component: ./taker.yml, inputs: {m: "${{parent.jobs.train.outputs.said}}"}}
  pass: {type: command, component: azureml:other:1, inputs: {m: "${{parent.jobs.train.outputs.table}}"}}
""",
    )
    results = {("train",): {"table": f"{PLACE}/t/", "said": f"{PLACE}/s/"}}
    types = {
        name: next(iter(alone(source, (name,), results)["inputs"].values()))["type"]
        for name in ("take", "keep", "pass")
    }
    assert types == {"take": "mltable", "keep": "custom_model", "pass": "uri_folder"}


def test_inputs_that_are_given_by_each_other_are_a_circle(tmp_path: Path) -> None:
    b, c = '"p${{parent.jobs.b.inputs.x}}"', '"${{parent.jobs.a.inputs.x}}"'
    source = written(tmp_path, pipeline=f"type: pipeline\njobs:\n  a: {NODE % f'x: {b}'}\n  b: {NODE % f'x: {c}'}\n")
    with pytest.raises(SpecError, match=r"yml:3:\d+: jobs\.a\.inputs\.x: .* a\.x -> b\.x -> a\.x"):
        kinds.check(source, "job")
    plan = plan_pipeline(source)
    assert plan.edges == ()
    with pytest.raises(SpecError, match=r"parent\.jobs\.b\.inputs\.x}} is not to be had: it leads to itself"):
        single_node(plan, plan.leaves["a",], {}, folder="f")


def test_a_reference_that_leads_to_one_output_in_countless_ways_is_followed_once(tmp_path: Path) -> None:
    twice = "${{parent.jobs.n%d.inputs.x}}" * 2
    nodes = [NODE % f"x: '{twice % (place, place)}'" for place in range(59)]
    lines = [f"  n{place}: {node}" for place, node in enumerate(nodes, start=1)]
    first = NODE % 'x: "${{parent.jobs.start.outputs.o}}"'
    start = NODE.replace("inputs: {%s}", "outputs: {o: {type: string}}")
    text = "\n".join(["type: pipeline", "jobs:", f"  start: {start}", f"  n0: {first}", *lines])
    plan = plan_pipeline(written(tmp_path, pipeline=text))
    last = plan.leaves["n59",]
    assert next(iter(last.taken.values())) == (OutputOf(("start",), "o"),)
    with pytest.raises(SpecError, match=r"jobs\.n59: .* more than 100,000 characters"):
        single_node(plan, last, {("start",): {"o": Value("lol")}}, folder="f")


def test_a_chain_of_inputs_that_is_too_long_is_told(tmp_path: Path) -> None:
    given = ["'1'", *(f"'${{{{parent.jobs.n{place}.inputs.x}}}}'" for place in range(1000))]
    lines = [f"  n{place}: {NODE % f'x: {value}'}" for place, value in enumerate(given)]
    plan = plan_pipeline(written(tmp_path, pipeline="\n".join(["type: pipeline", "jobs:", *lines])))
    with pytest.raises(SpecError, match=r"jobs\.n1000: what it is given leads through too many inputs"):
        single_node(plan, plan.leaves["n1000",], {}, folder="f")


def test_components_that_double_themselves_are_refused_in_time(tmp_path: Path) -> None:
    one = "{type: pipeline, component: ./c%d.yml}"
    both = f"type: pipeline\nname: c\njobs:\n  left: {one}\n  right: {one}\n"
    files = {f"c{place}": both % ((place + 1,) * 2) for place in range(30)}
    end = f"type: pipeline\nname: c\njobs:\n  n: {NODE % ''}\n"
    pipeline = "type: pipeline\njobs:\n  n: {type: pipeline, component: ./c0.yml}\n"
    with pytest.raises(SpecError, match=r"\.yml:\d:3: jobs\.\w+: .* more than 10,000 nodes"):
        plan_pipeline(written(tmp_path, pipeline=pipeline, c30=end, **files))


def test_components_are_found_from_a_folder_that_is_a_link(tmp_path: Path) -> None:
    for folder in ("real/dags", "real/parts", "parts"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "dags").symlink_to(tmp_path / "real" / "dags")
    component = "type: pipeline\nname: c\njobs:\n  %s: " + NODE % ""
    pipeline = "type: pipeline\njobs:\n  a: {type: pipeline, component: ./parts/c.yml}\n"
    files = {"real__pipeline": pipeline, "real__parts__c": component % "meant", "parts__c": component % "other"}
    written(tmp_path, pipeline=pipeline, **files)
    plan = plan_pipeline(read(tmp_path / "dags" / ".." / "pipeline.yml"))
    assert list(plan.leaves) == [("a", "meant")]
