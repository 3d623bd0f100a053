"""What parsing schedule files costs, and what it leaves alone: in processes of their own, as Airflow parses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.shared_sources import SHARED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = 200
CPU_SECONDS = 1.0
PIPELINE = """\
type: pipeline
settings: {default_compute: azureml:serverless}
inputs: {day: "${{creation_context.trigger_time}}"}
jobs:
  fit:
    command: echo ${{inputs.day}}
    environment: azureml:env:1
    inputs: {day: "${{parent.inputs.day}}"}
"""
TRIGGERS = (
    '{type: cron, expression: "30 3 * * *", time_zone: Europe/Berlin}',
    "{type: recurrence, frequency: hour, interval: 6}",
    "{type: recurrence, frequency: week, interval: 2, schedule: {week_days: [monday, friday], hours: [9, 17]}}",
    '{type: recurrence, frequency: month, interval: 1, start_time: "2026-01-31T00:00:00", time_zone: UTC}',
)
SCHEDULE = """\
name: schedule_{0}
tags: {{b: x, a: y, c: z}}
trigger: {1}
create_job: {{job: pipeline.yml, inputs: {{day: now}}}}
"""
PARSE = """
import json, sys, time, warnings
from pathlib import Path
from airflow.models.serialized_dag import SerializedDagModel
from airflow_provider_azml.dags import azml_dag, azml_dags
from tests.airflow.versions import DagSerialization

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise AssertionError(f"parsing used the network: {event} {arguments}")

warnings.simplefilter("ignore")
sys.addaudithook(refuse)
folder, corpus = Path(sys.argv[1]), sys.argv[2:]
azml_dag(folder / "schedule_0.yml")
began = time.process_time()
dags = azml_dags(folder)
cpu_seconds = time.process_time() - began
dags.update({file: azml_dag(file) for file in corpus})
hashes = {name: SerializedDagModel.hash(DagSerialization.to_dict(dag)) for name, dag in dags.items()}
print(json.dumps({"cpu_seconds": cpu_seconds, "hashes": hashes}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of many schedule files."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "pipeline.yml").write_text(PIPELINE)
    for number in range(FILES):
        trigger = TRIGGERS[number % len(TRIGGERS)]
        (folder / f"schedule_{number}.yml").write_text(SCHEDULE.format(number, trigger))
    return folder


def parse(folder: Path, *corpus: Path, **environment: str) -> Any:
    """The DAGs of a folder and of other files, as hashes of what Airflow stores of them."""
    command = [sys.executable, "-c", PARSE, str(folder), *map(str, corpus)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_many_files_parse_at_once_without_network_and_the_same_each_time(
    folder: Path, record_property: Callable[[str, object], None]
) -> None:
    corpus = []
    if SHARED.exists():
        corpus = sorted((SHARED / "oracle" / "corpus" / "cli" / "schedules").glob("*-schedule.yml"))
    first, second = (parse(folder, *corpus, PYTHONHASHSEED=seed) for seed in "12")
    assert len(first["hashes"]) == FILES + len(corpus)
    assert first["hashes"] == second["hashes"]
    record_property("cpu_seconds", first["cpu_seconds"])
    assert min(first["cpu_seconds"], second["cpu_seconds"]) <= 3 * CPU_SECONDS  # the budget is for an idle machine
