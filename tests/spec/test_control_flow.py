"""Nodes that decide which others run, and how often: what is sent for them, and what is wrong with them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, pipeline_nodes
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import read
from tests.spec import sdk_nodes
from tests.spec.pipeline_files import sent
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DECIDE = """\
type: command
outputs: {big: {type: boolean, is_control: true}, text: {type: uri_file}, all: {type: uri_folder}}
environment: azureml:e:1
command: echo ${{outputs.big}} ${{outputs.text}} ${{outputs.all}}
"""
TRAIN = """\
type: command
inputs: {n: {type: integer}, data: {type: uri_folder, optional: true}}
outputs: {model: {type: uri_folder}, more: {type: boolean}, next: {type: integer}}
environment: azureml:e:1
command: echo ${{inputs.n}} $[[${{inputs.data}}]] ${{outputs.model}} ${{outputs.more}} ${{outputs.next}}
"""
NODES: dict[str, Any] = {
    "decide": {"component": "./decide.yml"},
    "a": {"component": "./train.yml", "inputs": {"n": 1}},
    "b": {"component": "./train.yml", "inputs": {"n": 2}},
    "remote": {"component": "azureml:c:1"},
    "searched": {
        "type": "sweep",
        "trial": "./train.yml",
        "sampling_algorithm": "random",
        "search_space": {"n": {"type": "choice", "values": [1]}},
        "limits": {"max_total_trials": 1},
        "objective": {"goal": "maximize", "primary_metric": "m"},
    },
}


def node(name: str) -> str:
    return f"${{{{parent.jobs.{name}}}}}"


def if_else(condition: Any = True, **more: Any) -> dict[str, Any]:
    return {"type": "if_else", "condition": condition, **(more or {"true_block": node("a")})}


def loop(items: Any, run: str = node("a"), **more: Any) -> dict[str, Any]:
    return {"type": "parallel_for", "body": run, "items": items, **more}


def rounds(condition: Any = "more", mapping: Any = None, run: str = node("a"), most: Any = 3) -> dict[str, Any]:
    mapping = {"next": "n"} if mapping is None else mapping
    return {
        "type": "do_while",
        "body": run,
        "condition": condition,
        "mapping": mapping,
        "limits": {"max_iteration_count": most},
    }


OUTPUT = "${{parent.jobs.decide.outputs.big}}"
REMOTE = {"type": "uri_folder", "path": "azureml://datastores/s/paths/p", "mode": "download"}
SENT: dict[str, Any] = {
    "a literal": if_else(True),
    "a word": if_else("no", false_block=[node("a")]),
    "an input": if_else("${{parent.inputs.big}}"),
    "an output": if_else(OUTPUT, true_block=node("a"), false_block=[node("b"), node("remote")]),
    "a file": if_else("${{parent.jobs.decide.outputs.text}}"),
    "an empty block": if_else(false_block=[], true_block=[node("a")]),
    "a loop as block": if_else(true_block=node("searched")),
    "type in capitals": {**if_else(), "type": "IF_ELSE"},
    "keys of no use": {**if_else(), "name": "x", "comment": "y", "whatever": 3},
    "text around an input": if_else("a${{parent.inputs.big}}"),
    "an output as block": if_else(true_block="${{parent.jobs.a.outputs.model}}"),
    "twice in a block": if_else(true_block=[node("a"), node("a")]),
    "a list": loop([{"n": 1}, {"n": "2"}, {"n": True}, {"n": 1.5}], max_concurrency="2"),
    "by name": loop({"one": {"n": 1}, "two": {"n": "${{parent.inputs.k}}"}}),
    "JSON": loop('[{"n": 1, "data": {"path": "azureml://datastores/s/paths/p"}}]'),
    "data": loop([{"n": 1, "data": REMOTE}]),
    "items of an input": loop("${{parent.inputs.rows}}"),
    "items of an output": loop("${{parent.jobs.decide.outputs.text}}"),
    "empty items": loop([{}, {}]),
    "a loop over what is registered": loop([{"whatever": 1}], node("remote"), outputs={"o": "${{parent.outputs.all}}"}),
    "outputs": loop([{"n": 1}], outputs={"model": "${{parent.outputs.all}}", "nope": {"mode": "upload"}, "more": None}),
    "rounds": rounds("${{parent.jobs.a.outputs.more}}", {"next": ["n"], "model": "data"}),
    "rounds with references": rounds(mapping={"${{parent.jobs.a.outputs.next}}": "${{parent.jobs.a.inputs.n}}"}),
    "rounds without an end": {key: item for key, item in rounds(most="5").items() if key != "condition"},
}
REFUSED: dict[str, tuple[Any, str]] = {
    "no condition": ({"type": "if_else", "true_block": node("a")}, "jobs.it: 'condition' is missing"),
    "an empty condition": (if_else(""), "jobs.it.condition: is ''; it must be true, false, ${{parent.inputs.<name>}}"),
    "the older form": (if_else("${{inputs.big}}"), "jobs.it.condition: is '${{inputs.big}}'; it must be true, false"),
    "no block": (if_else(true_block=[]), "jobs.it: true_block or false_block must name a node"),
    "one node in both": (
        if_else(true_block=node("a"), false_block=[node("a")]),
        "jobs.it.false_block: 'a' is in true_block too; a node belongs to one of them",
    ),
    "a bare name": (if_else(true_block="a"), "jobs.it.true_block: is 'a'; it must be a node: ${{parent.jobs.<name>}}"),
    "a misspelt block": ({**if_else(), "true_blok": 1}, "jobs.it.true_blok: unknown key; did you mean 'true_block'?"),
    "no items": (loop([]), "jobs.it.items: must have at least one item"),
    "no JSON": (loop("nonsense"), "jobs.it.items: is neither JSON nor a reference such as ${{parent.inputs.<name>}}"),
    "no mapping": (loop('["x"]'), "jobs.it.items: item 0 is 'x'; it must be a mapping of inputs"),
    "different items": (loop([{"n": 1}, {"data": "x"}]), "jobs.it.items[1]: item 1 gives other inputs than the first"),
    "no input": (loop([{"m": 1}]), "jobs.it.items[0]: 'm' is no input of the body's component (it has n, data)"),
    "a list as value": (loop('[{"n": [1]}]'), "jobs.it.items: 'n' is a list; it must be a value, or data with a path"),
    "local data": (
        loop([{"data": {"path": "./"}}]),
        "jobs.it.items[0]: 'data' is local data, which a loop does not upload",
    ),
    "no body": (loop([{}], node("nope")), "jobs.it.body: ${{parent.jobs.nope}} is none of the nodes"),
    "a sweep as body": (loop([{}], node("searched")), "jobs.it.body: 'searched' is of type sweep; a loop runs a"),
    "no output as condition": (rounds("nope"), "jobs.it.condition: 'nope' is no output of the body (model, more, nex"),
    "data as condition": (rounds("model"), "jobs.it.condition: 'model' is data of type uri_folder; it must be a value"),
    "an output that is not there": (rounds(mapping={"x": "n"}), "jobs.it.mapping: 'x' is no output of the body"),
    "an input that is not there": (rounds(mapping={"next": "x"}), "jobs.it.mapping: 'x' is no input of the body (n, d"),
    "data as value": (rounds(mapping={"model": "n"}), "jobs.it.mapping: 'model' is data, and 'n' takes a value"),
    "two for one": (rounds(mapping={"next": "n", "more": "n"}), "jobs.it.mapping: 'n' gets both 'more' and 'next'"),
    "too many rounds": (rounds(most=1001), "jobs.it.limits.max_iteration_count: is 1001; it must be at most 1000"),
    "no limits": ({**rounds(), "limits": {}}, "jobs.it.limits: 'max_iteration_count' is missing"),
}
WARNED: dict[str, tuple[Any, str]] = {
    "text around an input": (SENT["text around an input"], "jobs.it.condition: warning: is text around a reference"),
    "a folder": (if_else("${{parent.jobs.decide.outputs.all}}"), "condition: warning: is data of type uri_folder"),
    "a file": (SENT["a file"], "jobs.it.condition: note: is data of type uri_file; a decision wants a value"),
    "an output as block": (SENT["an output as block"], "warning: names something of a node; write ${{parent.jobs.a}}"),
    "twice in a block": (SENT["twice in a block"], "jobs.it.true_block: warning: names a node twice"),
    "a key of no use": ({**if_else(), "whatever": 1}, "jobs.it.whatever: warning: unknown key; not sent"),
    "the preview": (
        if_else(),
        "jobs.it.type: note: is a private preview of Azure ML: azure-ai-ml takes it where AZURE",
    ),
}


def written(folder: Path, name: str, it: Any, **nodes: Any) -> Path:
    (folder / "decide.yml").write_text(DECIDE, encoding="utf-8")
    (folder / "train.yml").write_text(TRAIN, encoding="utf-8")
    given = {"big": True, "k": 4, "rows": "[]"}
    jobs = {"it": it, **nodes}
    # azure-ai-ml takes its time over each
    named = {key: one for key, one in NODES.items() if key == "a" or f"parent.jobs.{key}" in str(jobs)}
    job = {"type": "pipeline", "inputs": given, "outputs": {"all": None}, "jobs": {**named, **jobs}}
    file = folder / f"{name.replace(' ', '_')}.yml"
    file.write_text(yaml.safe_dump({**job, "settings": {"default_compute": "azureml:cpu"}}), encoding="utf-8")
    return file


TOLD_BY_SDK = (
    *("one node in both", "the older form", "no mapping", "different items", "no input", "local data"),
    *("a sweep as body", "data as condition", "two for one"),
)
"""Those of the refused that azure-ai-ml is asked about each time, as it takes a third of a second for each."""


@pytest.fixture(scope="module")
def by_sdk(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What azure-ai-ml sends for the nodes that it takes, and ``None`` for those that it refuses."""
    folder = tmp_path_factory.mktemp("sdk")
    # each loop has a body of its own
    own = {name: f"a{number}" for number, name in enumerate(SENT)}
    nodes = {name: json.loads(_renamed(json.dumps(it), "a", own[name])) for name, it in SENT.items()}
    together = {f"it_{own[name]}": it for name, it in nodes.items()} | dict.fromkeys(own.values(), NODES["a"])
    files = {str(written(folder, "sent", if_else(), **together)): "sent"}
    files |= {str(written(folder, name, REFUSED[name][0])): name for name in TOLD_BY_SDK}
    environment = {**os.environ, sdk_nodes.PREVIEW: "True"}
    ran = subprocess.run(
        [sys.executable, sdk_nodes.__file__, *files], env=environment, capture_output=True, text=True, check=True
    )
    told = {files[file]: nodes for file, nodes in json.loads(ran.stdout).items()}
    bodies = {name: json.dumps(told["sent"][f"it_{own[name]}"]) for name in SENT}
    found = {name: json.loads(_renamed(body, own[name], "a")) for name, body in bodies.items()}
    return {**found, **{name: told[name] for name in TOLD_BY_SDK}}


def _renamed(text: str, old: str, new: str) -> str:
    """A text that refers to another node instead."""
    return re.sub(rf"parent\.jobs\.{old}(?=[.}}])", f"parent.jobs.{new}", text)


def ours(service: StandIn, file: Path) -> Any:
    source = read(file)
    kinds.check(source, "job")
    service.holds({f"{WS}/computes/cpu": {"id": "/computes/cpu"}})
    return service.run(filled({"jobs": pipeline_nodes.jobs(source)}, TARGET))["jobs"]["it"]


def with_items_read(body: Any) -> Any:
    items = body.get("items", "")
    return {**body, "items": items if "${{" in items[:3] else json.loads(items or "null")}


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_is_what_azure_ai_ml_sends(
    service: StandIn, tmp_path: Path, by_sdk: Mapping[str, Any], name: str
) -> None:
    assert by_sdk[name], "azure-ai-ml refuses it"
    assert with_items_read(ours(service, written(tmp_path, name, SENT[name]))) == with_items_read(by_sdk[name])


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, (_, expected) in REFUSED.items()])
def test_what_azure_ai_ml_refuses_is_refused_with_its_place(
    tmp_path: Path, by_sdk: Mapping[str, Any], name: str, expected: str
) -> None:
    assert by_sdk.get(name) is None
    file = written(tmp_path, name, REFUSED[name][0])
    with pytest.raises(SpecError) as refused:
        kinds.check(read(file), "job")
    assert expected in str(refused.value)
    assert all(problem.line for problem in refused.value.problems)


@pytest.mark.parametrize(("it", "expected"), WARNED.values(), ids=WARNED.keys())
def test_what_the_service_would_not_bear_is_told(tmp_path: Path, it: Any, expected: str) -> None:
    assert any(expected in str(told) for told in kinds.check(read(written(tmp_path, "it", it)), "job"))


TANGLED: dict[str, tuple[dict[str, Any], str]] = {
    "a decision that waits for what it lets run": (
        {"it": if_else("${{parent.jobs.a.outputs.more}}")},
        "the nodes wait for each other: ",
    ),
    "items of the body's own": (
        {"it": loop("${{parent.jobs.a.outputs.next}}")},
        "the nodes wait for each other: ",
    ),
    "one body of two loops": (
        {"it": loop([{"n": 1}]), "that": loop([{"n": 1}])},
        "jobs.that.body: 'a' is the body of 'it' already",
    ),
    "a command without a component": (
        {"it": loop([{"n": 1}], node("c")), "c": {"command": "echo", "environment": "azureml:e:1"}},
        "jobs.it.body: 'c' must run a component; put its command into the file of one",
    ),
    "what a decision does not write": (
        {"it": if_else(), "c": {"component": "./train.yml", "inputs": {"n": "${{parent.jobs.it.outputs.n}}"}}},
        "jobs.c.inputs.n: ${{parent.jobs.it.outputs.n}} is not among the outputs of node 'it' (none)",
    ),
    "what a loop does not gather": (
        {"it": loop([{}]), "c": {"component": "./train.yml", "inputs": {"n": "${{parent.jobs.it.outputs.n}}"}}},
        "jobs.c.inputs.n: ${{parent.jobs.it.outputs.n}} is not among the outputs of node 'it' (model, more, next)",
    ),
    "a condition of nothing": (
        {"it": if_else("${{parent.jobs.nope.outputs.x}}")},
        "jobs.it.condition: ${{parent.jobs.nope...}} is none of the nodes",
    ),
}


@pytest.mark.parametrize(("nodes", "expected"), TANGLED.values(), ids=TANGLED.keys())
def test_nodes_that_do_not_fit_each_other_are_refused(tmp_path: Path, nodes: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpecError) as refused:
        kinds.check(read(written(tmp_path, "it", **nodes)), "job")
    assert expected in str(refused.value)


def test_registered_data_of_an_item_is_looked_up(service: StandIn, tmp_path: Path) -> None:
    it = loop([{"n": 1, "data": {"path": "azureml:d:1"}}, {"n": {"value": 2}, "data": {"path": "azureml:d@latest"}}])
    newest = f"{WS}/data/d/versions"
    service.holds({newest: {"value": [{"name": "7", "id": f"{newest}/7"}]}})
    items = json.loads(ours(service, written(tmp_path, "it", it))["items"])
    assert [item["data"]["uri"] for item in items] == [f"{newest}/1", f"{newest}/7"]
    assert [item["n"] for item in items] == [1, 2]


def test_a_job_takes_what_a_loop_gathers_as_a_table(service: StandIn, tmp_path: Path) -> None:
    taking = {"t": "${{parent.jobs.it.outputs.model}}", "v": "${{parent.jobs.it.outputs.next}}"}
    job = {"command": "echo", "environment": "azureml:e:1", "inputs": taking}
    service.holds({f"{WS}/computes/cpu": {"id": "/computes/cpu"}})
    sent(service, read(written(tmp_path, "it", loop([{"n": 1}]), job=job)))
    specs = [body["properties"]["componentSpec"] for path, body in service.puts() if "/components/" in path]
    assert [spec["inputs"] for spec in specs if "t" in spec.get("inputs", ())] == [
        {"t": {"type": "mltable"}, "v": {"type": "string"}}
    ]


def test_the_body_of_a_loop_needs_no_inputs_that_the_loop_gives(tmp_path: Path) -> None:
    body = {"component": "./train.yml"}
    kinds.check(read(written(tmp_path, "it", loop([{"n": 1}], node("body")), body=body)), "job", strict=True)
    with pytest.raises(SpecError, match="'n' is missing: the component needs it"):
        kinds.check(read(written(tmp_path, "it", loop([{"data": "x"}], node("body")), body=body)), "job")


def test_nodes_of_this_sort_need_no_compute(tmp_path: Path) -> None:
    file = written(tmp_path, "it", if_else())
    value = {key: item for key, item in yaml.safe_load(file.read_text()).items() if key != "settings"}
    value["jobs"] = {"a": {**NODES["a"], "compute": "azureml:cpu"}, "it": if_else()}
    file.write_text(yaml.safe_dump(value))
    kinds.check(read(file), "job")


@pytest.mark.parametrize("end", ["on_init", "on_finalize"])
def test_a_pipeline_neither_begins_nor_ends_with_a_decision(tmp_path: Path, end: str) -> None:
    file = written(tmp_path, "it", if_else())
    value = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**value, "settings": {**value["settings"], end: "it"}}))
    with pytest.raises(SpecError, match=f"settings.{end}: 'it' only decides what others do"):
        kinds.check(read(file), "job")
