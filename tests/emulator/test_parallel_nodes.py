# ruff: noqa: F811 (the arguments of tests are fixtures that are imported)
"""Parallel nodes of pipelines: mini-batches of files, in processes that are ended and replaced when they fail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.pipelines import client, pipelines, script_folder  # noqa: F401 (fixtures)

if TYPE_CHECKING:
    from tests.emulator.pipelines import Pipelines

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]


@dataclass
class Parallel:
    """Parallel nodes over five files, ``1.txt`` to ``5.txt``, that hold their numbers."""

    pipelines: Pipelines
    files: str

    def node(self, script: str, **fields: Any) -> dict[str, Any]:
        """A parallel node, in the keys of its file; its script has the number in ``path`` in ``number(path)``."""
        intro = "import os, pathlib, sys, time\n\ndef number(path):\n    return int(pathlib.Path(path).read_text())\n"
        return {
            "type": "parallel",
            "inputs": {"files": {"type": "uri_folder", "path": self.files}, "factor": 10},
            "outputs": {"rows": {"type": "uri_file"}},
            "input_data": "${{inputs.files}}",
            "mini_batch_size": "2",
            "max_concurrency_per_instance": 2,
            "resources": {"instance_count": 1},
            "mini_batch_error_threshold": -1,
            "retry_settings": {"max_retries": 1, "timeout": 60},
            "task": {
                "type": "run_function",
                "code": str(script_folder(self.pipelines.folder, intro + script)),
                "entry_script": "train.py",
                "environment": "azureml:shared:1",
                "program_arguments": "--factor ${{inputs.factor}}",
                "append_row_to": "${{outputs.rows}}",
            },
            **fields,
        }

    def rows(self, name: str, key: str = "score") -> list[str]:
        """The rows that a node has written."""
        uri = f"azureml://jobs/{self.pipelines.children(name)[key]['runId']}/outputs/rows"
        workspace = self.pipelines.workspace
        job = workspace.run("cat ${{inputs.rows}}", inputs={"rows": {"jobInputType": "uri_file", "uri": uri}})
        return workspace.log(job).splitlines()


@pytest.fixture
def parallel(pipelines: Pipelines) -> Parallel:
    files = {f"{number}.txt": str(number) for number in range(1, 6)}
    return Parallel(pipelines, pipelines.workspace.data(files, f"numbers-{uuid.uuid4().hex[:8]}"))


def test_parallel_nodes_run_over_mini_batches(parallel: Parallel) -> None:
    pipelines, workspace = parallel.pipelines, parallel.pipelines.workspace
    script = """
def init():
    global factor
    factor = int(sys.argv[2])
    print("ready", os.getpid())

def run(files):
    print("batch of", len(files))
    return [number(path) * factor for path in files]
"""
    listed = {"MLTable": "paths:\n- file: ./b/2.txt\n- pattern: ./**/1.*", "a/1.txt": "1", "b/2.txt": "2", "3": ""}
    table = workspace.data(listed, f"table-{uuid.uuid4().hex[:8]}")
    inputs = {"files": {"type": "mltable", "path": table, "mode": "eval_mount"}, "factor": 100}
    name = pipelines.run({"score": parallel.node(script), "listed": parallel.node(script, inputs=inputs)})
    assert parallel.rows(name) == ["10", "20", "30", "40", "50"]
    assert parallel.rows(name, "listed") == ["100", "200"]
    run = pipelines.children(name)["score"]["runId"]
    assert "Scheduled 3 mini-batches for 2 processes." in workspace.log(run)
    logs = [path for path in workspace.artifacts(run) if path.startswith("logs/user/stdout/0/")]
    assert logs == ["logs/user/stdout/0/process000.stdout.txt", "logs/user/stdout/0/process001.stdout.txt"]
    printed = "".join(workspace.artifact(run, path) for path in logs)
    assert (printed.count("ready"), printed.count("batch of 2"), printed.count("batch of 1")) == (2, 2, 1)
    assert workspace.artifact(run, "logs/job_result.txt") == "The job completed."


def test_mini_batches_that_fail_are_tried_again(parallel: Parallel) -> None:
    script = """
def init():
    pass

def run(files):
    mark = pathlib.Path(os.environ["MARKS"], pathlib.Path(files[0]).name)
    first = not mark.exists()
    mark.touch()
    if first and number(files[0]) == 1:
        raise ValueError("once")
    if number(files[0]) == 3:
        time.sleep(0 if not first else 60)
    if number(files[0]) == 5:
        os._exit(1)
    return files
"""
    variables = {"MARKS": str(parallel.pipelines.folder)}
    retries = {"max_retries": 1, "timeout": 6}
    node = parallel.node(script, environment_variables=variables, retry_settings=retries, mini_batch_error_threshold=1)
    name = parallel.pipelines.run({"score": node})
    assert [row.rpartition("/")[2] for row in parallel.rows(name)] == ["1.txt", "2.txt", "3.txt", "4.txt"]
    log = parallel.pipelines.log(name, "score")
    assert "Mini-batch 2 failed: the process ended by itself" in log
    assert "Processed 3 of 3 mini-batches, of which 1 failed." in log


def test_too_many_failures_fail_the_node(parallel: Parallel) -> None:
    expected = {
        "batches": "mini-batches, 1, is above the error threshold of 0",
        "items": "failed items, 2, is above the error threshold of 1",
        "broken": "name 'nothing' is not defined",
    }
    start = "def init():\n    pass\n\ndef run(files):\n    "
    retries = {"max_retries": 0, "timeout": 60}
    nodes = {
        "batches": parallel.node(f"{start}raise ValueError", retry_settings=retries, mini_batch_error_threshold=0),
        "items": parallel.node(f"{start}return files[1:]", retry_settings=retries, error_threshold=1),
        "broken": parallel.node("def init():\n    nothing", retry_settings=retries),
    }
    name = parallel.pipelines.submit(nodes, {"continue_on_step_failure": True})
    assert "Failed nodes:" in parallel.pipelines.workspace.error(name)["message"]
    for key, run in parallel.pipelines.children(name).items():
        message = run["error"]["error"]["message"]
        assert "exited with status code 42" in message
        assert expected[key] in message
