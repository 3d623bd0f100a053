"""What parsing pipeline files costs, and what it leaves alone: in processes of their own, as Airflow parses.

Costs are ratios to tasks that do nothing, made in the same process: other work on the machine slows both down.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES, NODES = 100, 20
BIG = 500
MOST_OF_FOLDER = 9.0
"""Times what bare tasks cost, of which an idle machine makes 4,000 in 0.3 s, as many as 200 such files have."""
MOST_OF_BIG = 10.0
"""The same of one pipeline; 0.5 s where 500 bare tasks take 0.05 s."""
COMPONENT = """\
type: command
name: fit
inputs: {day: {type: string}, prev: {type: uri_folder, optional: true}}
outputs: {model: {type: uri_folder}}
code: ./src
environment: azureml:env:1
command: python x.py --day ${{inputs.day}} --out ${{outputs.model}} $[[--prev ${{inputs.prev}}]]
"""
HEAD = """\
type: pipeline
display_name: train
inputs: {day: "2026-01-01", lr: 0.1}
settings: {default_compute: azureml:cpu}
tags: {b: x, a: y, c: z}
jobs:
"""
INLINE = """\
    command: python x.py --day ${{inputs.day}} --out ${{outputs.model}}
    environment: azureml:env:1
    code: ./src
"""
NODE = """\
  node_{0}:
    type: command
{1}    inputs:
      day: ${{{{parent.inputs.day}}}}
{2}    outputs:
      model: {{type: uri_folder}}
"""
PREVIOUS = "      {0}: {{type: uri_folder, path: '${{{{parent.jobs.node_{1}.outputs.model}}}}'}}\n"
GROUP = "  group_{0}: {{type: pipeline, component: ./group.yml, inputs: {{day: '${{{{parent.inputs.day}}}}'}}}}\n"
PARSE = """
import json, os, sys, time, warnings
from pathlib import Path
from airflow.sdk import DAG, BaseOperator
from airflow_provider_azml.dags import azml_dag, azml_dags

opened = set()

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise AssertionError(f"parsing used the network: {event} {arguments}")
    if event == "open":
        opened.add(os.path.basename(str(arguments[0])))

class Bare(BaseOperator):
    def execute(self, context): pass

def bare(dags, tasks):
    for number in range(dags):
        with DAG(f"bare_{number}", schedule=None):
            last = None
            for place in range(tasks):
                task = Bare(task_id=f"task_{place}")
                if last is not None:
                    last >> task
                last = task

def cpu(times, act, *arguments, **named):
    took = []
    for _ in range(times):
        began = time.process_time()
        made = act(*arguments, **named)
        took.append(time.process_time() - began)
    return min(took), made

warnings.simplefilter("ignore")
sys.addaudithook(watch)
folder, others = Path(sys.argv[1]), Path(sys.argv[2])
files, nodes, big, times = map(int, sys.argv[3:])
azml_dag(others / "big.yml")
opened.clear()
seconds, dags = cpu(times, azml_dags, folder)
read = sorted(opened)
told = {"ids": sorted(dags), "made": sum(len(dag.tasks) for dag in dags.values()), "read": read}
if files:
    from airflow.models.serialized_dag import SerializedDagModel
    from tests.airflow.versions import DagSerialization

    told["folder"] = seconds / cpu(times, bare, files, nodes)[0]
    few = cpu(times + 1, bare, 1, big)[0]
    dags = {name: dags[name] for name in told["ids"][::20]}
    for render in ("tasks", "job", "watch"):
        seconds, dag = cpu(times, azml_dag, others / "big.yml", render=render)
        told[render] = seconds / few
        dags[f"big {render}"] = dag
    dags["nested"] = azml_dag(others / "nested.yml")
    told["hashes"] = {name: SerializedDagModel.hash(DagSerialization.to_dict(dag)) for name, dag in dags.items()}
print(json.dumps(told))
"""


def pipeline(nodes: int, body: str = INLINE, data: str = "prev") -> str:
    """A pipeline whose nodes run one after the other."""
    named = (NODE.format(number, body, PREVIOUS.format(data, number - 1) if number else "") for number in range(nodes))
    return HEAD + "".join(named)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of many pipeline files, and one with other sorts of them."""
    folder, others = tmp_path_factory.mktemp("many"), tmp_path_factory.mktemp("others")
    for one in (folder, others):
        (one / "src").mkdir()
        (one / "src" / "x.py").write_text("")
    for number in range(FILES):
        (folder / f"p{number}.yml").write_text(pipeline(NODES))
    (others / "big.yml").write_text(pipeline(BIG))
    (others / "fit.yml").write_text(COMPONENT)
    group = pipeline(5, "    component: ./fit.yml\n").replace("type: pipeline\n", "type: pipeline\nname: group\n", 1)
    group = group.replace('{day: "2026-01-01", lr: 0.1}', "{day: {type: string}}").replace("settings: {", "tags: {")
    (others / "group.yml").write_text(group.replace("tags: {b: x, a: y, c: z}\n", ""))
    (others / "nested.yml").write_text(HEAD + "".join(map(GROUP.format, range(4))))
    return folder, others


def parse(folders: tuple[Path, Path], *sizes: int, **environment: str) -> Any:
    """What parsing costs, and what comes of it."""
    command = [sys.executable, "-c", PARSE, *map(str, (*folders, *sizes))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_many_pipelines_parse_at_once_without_network_and_the_same_each_time(
    folders: tuple[Path, Path], record_property: Callable[[str, object], None]
) -> None:
    first, second = (parse(folders, FILES, NODES, BIG, times, PYTHONHASHSEED=str(times)) for times in (2, 1))
    assert (len(first["ids"]), first["made"]) == (FILES, FILES * NODES)
    assert len(first["hashes"]) == FILES / 20 + 4
    assert first["hashes"] == second["hashes"]
    ratios = {name: min(first[name], second[name]) for name in ("folder", "tasks", "job", "watch")}
    for name, ratio in ratios.items():
        record_property(name, ratio)
    assert ratios.pop("folder") <= MOST_OF_FOLDER
    assert max(ratios.values()) <= MOST_OF_BIG, ratios


def test_a_task_builds_its_own_dag_alone(tmp_path: Path) -> None:
    (tmp_path / "components").mkdir()
    for number in range(3):
        component = f"components/fit_{number}.yml"
        (tmp_path / f"p{number}.yml").write_text(pipeline(2, f"    component: {component}\n"))
        (tmp_path / component).write_text(COMPONENT.replace("code: ./src\n", ""))
    (tmp_path / "big.yml").write_text(pipeline(1, "    component: azureml:fit:1\n"))
    told = parse((tmp_path, tmp_path), 0, 0, 0, 1, _AIRFLOW_PARSING_CONTEXT_DAG_ID="p1")
    assert (told["ids"], told["made"]) == (["p1"], 2)
    assert [name for name in told["read"] if name.startswith("fit_")] == ["fit_1.yml"]
