"""The three renderings of a pipeline file end with the same outputs, and a node that failed is run again alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.source import read
from tests.airflow.running import run
from tests.dags.pipeline_corpus import ORACLE
from tests.dags.written import Written
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

EXAMPLES = [
    *(f"basics/hello-pipeline{end}.yml" for end in ("", "-abc", "-io", "-io-serverless", "-settings")),
    *(f"basics/hello-pipeline-customize-output-{end}.yml" for end in ("file", "folder-serverless")),
    *(f"pipelines-with-components/basics/{name}/pipeline.yml" for name in ("3a_basic_pipeline", "5c_env_conda_file")),
    "pipelines-with-components/shakespear_sample_and_word_count_using_spark/pipeline.yml",
]
ENVIRONMENT = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
FOLDER = {"type": "uri_folder"}


@pytest.fixture
def arguments(azml_connection: str, azml_emulator: RunningEmulator) -> dict[str, Any]:
    scale = {"minNodeCount": 0, "maxNodeCount": 4}
    body = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_DS3_V2", "scaleSettings": scale}}
    Workspace(azml_emulator).put("compute", "cpu-cluster", location="local", properties=body)
    return {"azml_conn_id": azml_connection, "poll_seconds": 0.2, "deferrable": False}


@pytest.mark.shared
@pytest.mark.skipif(not ORACLE.is_dir(), reason="there is no ../shared")
@pytest.mark.filterwarnings("ignore:.*unknown key:UserWarning")
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_renderings_of_an_example_end_with_equal_outputs(name: str, arguments: dict[str, Any]) -> None:
    file = ORACLE / "corpus" / "cli" / "jobs" / name
    nodes = [node.dotted for node in plan_pipeline(read(file)).leaves.values()]
    written = []
    for render in ("tasks", "job", "watch"):
        anew = {**arguments, "settings": {"force_rerun": True}}
        finished = run(azml_dag(file, render=render, default_args=anew, dag_id=f"rendered_{render}"))
        assert set(finished.states.values()) == {"success"}, finished.states
        written.append(Written(arguments["azml_conn_id"]).of_run(finished, render, nodes))
    assert written[0] == written[1] == written[2]
    assert all(text is not None for outputs in written[0].values() for out in outputs.values() for text in out.values())


def in_a_row(counted: Path, broken: Path) -> dict[str, Any]:
    """Three nodes that note that they run; the one in the middle fails as long as a file is there."""

    def node(name: str, line: str, **inputs: str) -> dict[str, Any]:
        command = f"echo {name} >> {counted} && {line}"
        given = {key: {**FOLDER, "path": path} for key, path in inputs.items()}
        return {
            "type": "command",
            "environment": ENVIRONMENT,
            "command": command,
            "inputs": given,
            "outputs": {"o": FOLDER},
        }

    copy = "cat ${{inputs.i}}/x > ${{outputs.o}}/x && echo more >> ${{outputs.o}}/x"
    jobs = {
        "first": node("first", "echo begun > ${{outputs.o}}/x"),
        "middle": node("middle", f"test ! -e {broken} && {copy}", i="${{parent.jobs.first.outputs.o}}"),
        "last": node("last", copy, i="${{parent.jobs.middle.outputs.o}}"),
    }
    return {"type": "pipeline", "settings": {"default_compute": "azureml:serverless"}, "jobs": jobs}


@pytest.mark.parametrize("render", ["tasks", "watch"])
def test_a_failed_node_in_the_middle_is_retried_alone(render: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    counted, broken, file = tmp_path / "counted", tmp_path / "broken", tmp_path / "row.yml"
    file.write_text(yaml.safe_dump(in_a_row(counted, broken)))
    broken.touch()
    mended: list[bool] = []

    def mend(_: object) -> None:
        mended.append(True)
        broken.unlink()

    dag = azml_dag(
        file,
        render=render,  # type: ignore[arg-type]
        default_args=arguments,
        task_overrides={"middle": {"retries": 1, "on_retry_callback": mend}},
    )
    finished = run(dag)
    assert mended
    assert set(finished.states.values()) == {"success"}, finished.states
    assert (finished.tries("first"), finished.tries("middle"), finished.tries("last")) == (1, 2, 1)
    assert counted.read_text().split() == ["first", "middle", "middle", "last"]
    written = Written(arguments["azml_conn_id"]).of_run(finished, render, ["last"])
    assert written == {"last": {"o": {"/x": "begun\nmore\nmore\n"}}}


def test_another_rendering_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "row.yml"
    file.write_text(yaml.safe_dump(in_a_row(tmp_path / "counted", tmp_path / "broken")))
    with pytest.raises(SpecError, match=r"row\.yml: render is 'task'; it must be tasks, job or watch"):
        azml_dag(file, render="task")  # type: ignore[arg-type]


LOGS = """\
import json, os, urllib.request
body = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "accuracy", "value": 0.75, "timestamp": 1, "step": 0}
urllib.request.urlopen(urllib.request.Request(
    os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric",
    json.dumps(body).encode(),
    {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
))
"""


def test_the_result_of_a_node_has_the_metrics_that_it_logged(arguments: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "log.py").write_text(LOGS)
    score = {"type": "command", "environment": ENVIRONMENT, "command": "python log.py", "code": "src"}
    file = tmp_path / "scored.yml"
    settings = {"default_compute": "azureml:serverless"}
    file.write_text(yaml.safe_dump({"type": "pipeline", "settings": settings, "jobs": {"score": score}}))
    assert run(azml_dag(file, default_args=arguments)).value("score")["metrics"] == {"accuracy": 0.75}


@pytest.mark.parametrize("goes_on", [True, False, None])
def test_a_file_says_whether_others_go_on_after_a_failure(
    goes_on: bool | None, arguments: dict[str, Any], tmp_path: Path
) -> None:
    def node(line: str, **fields: Any) -> dict[str, Any]:
        return {"type": "command", "environment": ENVIRONMENT, "command": line, **fields}

    settings = {"default_compute": "azureml:serverless", "continue_on_step_failure": goes_on, "on_finalize": "end"}
    told = {key: value for key, value in settings.items() if value is not None}
    jobs = {"bad": node("exit 3"), "other": node("echo fine"), "end": node("echo over")}
    file = tmp_path / "failing.yml"
    file.write_text(yaml.safe_dump({"type": "pipeline", "settings": told, "jobs": jobs}))
    dag = azml_dag(
        file, default_args=arguments, after={"other": ["bad"]}, task_overrides={"other": {"trigger_rule": "all_done"}}
    )
    finished = run(dag)
    assert finished.states == {"bad": "failed", "other": "failed" if goes_on is False else "success", "end": "success"}
    if goes_on is False:
        assert "node 'other' is not run: bad failed, and the file says" in str(finished.errors["other"][0])
