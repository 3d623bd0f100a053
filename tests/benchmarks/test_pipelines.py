"""What a large pipeline costs: read, checked and translated, up to its first request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import yaml

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds, source
from tests.spec.stand_in import TARGET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from airflow_provider_azml.spec.source import Source

HEAD = """\
$schema: https://azuremlschemas.azureedge.net/latest/pipelineJob.schema.json
type: pipeline
settings: {default_compute: azureml:cpu}
inputs:
  data: {type: uri_folder, path: azureml:d:1}
jobs:
"""
NODE = """\
  step_%(place)d:
    type: command
    component: ./components/step_%(place)d.yml
    inputs:
      data: %(data)s
      rate: 0.5
    outputs:
      result:
"""
COMPONENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: step_%d
version: 1
type: command
inputs:
  data: {type: uri_folder}
  rate: {type: number, default: 0.1}
outputs:
  result: {type: uri_folder}
code: ../src
environment: azureml:env:1
command: >-
  python step.py --data ${{inputs.data}} --rate ${{inputs.rate}} --out ${{outputs.result}}
"""


def pipeline_of(nodes: int, folder: Path) -> Path:
    """A chain of nodes, each with a component file of its own."""
    (folder / "components").mkdir(parents=True)
    (folder / "src").mkdir()
    (folder / "src" / "step.py").write_text("print()\n", encoding="utf-8")
    text = HEAD
    for place in range(nodes):
        (folder / "components" / f"step_{place}.yml").write_text(COMPONENT % place, encoding="utf-8")
        before = f"${{{{parent.jobs.step_{place - 1}.outputs.result}}}}" if place else "${{parent.inputs.data}}"
        text += NODE % {"place": place, "data": before}
    file = folder / "pipeline.yml"
    file.write_text(text, encoding="utf-8")
    return file


def translated(file: Path) -> Source:
    read = source.read(file)
    next(kinds.apply(read, "job", TARGET))
    return read


def seconds(act: Callable[[], object], rounds: int) -> float:
    """The best of a few rounds, in time of this process: the machine may have more to do."""
    took = []
    for _ in range(rounds):
        started = time.process_time()
        act()
        took.append(time.process_time() - started)
    return min(took)


@pytest.mark.benchmark(timer=time.process_time)
def test_500_nodes_cost_less_than_reading_their_files_with_pyyaml(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    file = pipeline_of(500, tmp_path)
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.yml")]
    benchmark.pedantic(translated, [file], rounds=2, warmup_rounds=1)
    assert benchmark.stats.stats.min < seconds(lambda: [yaml.safe_load(text) for text in texts], 1)


def test_cost_grows_as_the_nodes_do(tmp_path: Path) -> None:
    # each file is new, as what was parsed of a file is kept
    few = [pipeline_of(60, tmp_path / f"few_{place}") for place in range(8)]
    many = [pipeline_of(600, tmp_path / f"many_{place}") for place in range(3)]
    translated(few.pop())
    assert seconds(lambda: translated(many.pop()), 3) <= 20 * seconds(lambda: translated(few.pop()), 7)


def test_pipelines_in_each_other_are_looked_at_once(tmp_path: Path) -> None:
    """Eight pipelines in each other, each run ten times by the one around it, are no hundred million nodes."""
    inner = "type: command\nname: level_0\ncommand: echo\nenvironment: azureml:env:1\n"
    (tmp_path / "level_0.yml").write_text(inner, encoding="utf-8")
    for level in range(1, 9):
        kind = "command" if level == 1 else "pipeline"
        nodes = [f"  n{place}: {{type: {kind}, component: ./level_{level - 1}.yml}}\n" for place in range(10)]
        top = "settings: {default_compute: azureml:cpu}" if level == 8 else f"name: level_{level}"
        text = f"type: pipeline\n{top}\njobs:\n{''.join(nodes)}"
        (tmp_path / f"level_{level}.yml").write_text(text, encoding="utf-8")
    assert seconds(lambda: translated(tmp_path / "level_8.yml"), 1) < 5
    (tmp_path / "level_0.yml").write_text(inner.replace("echo", "echo ${{inputs.no}}"), encoding="utf-8")
    started = time.process_time()
    with pytest.raises(SpecError) as caught:
        translated(tmp_path / "level_8.yml")
    assert time.process_time() - started < 5
    assert len(caught.value.problems) == 1
