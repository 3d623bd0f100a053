"""What goes wrong with a user's first DAG: each ends in words that name the thing and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, chain

from airflow_provider_azml.exceptions import (
    ApiError,
    AuthError,
    AzmlError,
    ConnectionIncomplete,
    NotFound,
    RunFailed,
    SpecError,
)
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.operators import (
    AzmlCreateComputeOperator,
    AzmlDeployModelOperator,
    AzmlRegisterModelOperator,
    AzmlSubmitCommandJobOperator,
)
from tests.airflow.running import run

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished

EXAMPLE = Path(__file__).parents[2] / "dags_examples" / "iris"
NO_PACKAGES = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
CLUSTER = {"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}


def in_a_dag(*operators: tuple[type[BaseOperator], dict[str, Any]], retries: int = 2) -> Finished:
    """Run operators one after the other; a retry would come at once."""
    defaults = {"retries": retries, "retry_delay": timedelta(0), "poll_seconds": 0.5}
    with DAG("bad_input", schedule=None, default_args=defaults) as dag:
        tasks = [operator(**{"task_id": "it", **arguments}) for operator, arguments in operators]
    if len(tasks) > 1:
        chain(*tasks)
    return run(dag)


def refusal(finished: Finished, cause: type[AzmlError], task_id: str = "it") -> str:
    """The text of the one error of a task that was not tried again."""
    assert finished.state == "failed"
    assert finished.tries(task_id) == 1
    (error,) = finished.errors[task_id]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, cause)
    assert str(error) == str(error.__cause__)
    return str(error)


def creating_compute(**arguments: Any) -> Finished:
    return in_a_dag((AzmlCreateComputeOperator, {"spec": CLUSTER, **arguments}))


def connection(emulator: RunningEmulator, **changes: Any) -> str:
    """The emulator's connection with some fields changed, as the value of an ``AIRFLOW_CONN_`` variable."""
    fields = json.loads(emulator.environment["AIRFLOW_CONN_AZML_DEFAULT"])
    extra = fields.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    for name, value in changes.items():
        place = fields if name in ("login", "password") else extra
        place[name] = value
    return json.dumps({**fields, "extra": {name: value for name, value in extra.items() if value is not None}})


def test_a_missing_connection(azml_connection: str) -> None:
    text = refusal(creating_compute(azml_conn_id="nowhere"), ConnectionIncomplete)
    assert "'nowhere'" in text
    assert "Admin > Connections" in text


@pytest.mark.parametrize("field", ["tenant_id", "subscription_id", "resource_group", "workspace", "password"])
def test_a_half_filled_connection(
    field: str, azml_connection: str, azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HALF", connection(azml_emulator, **{field: None}))
    text = refusal(creating_compute(azml_conn_id="half"), ConnectionIncomplete)
    assert "'half'" in text
    assert field in text


def test_a_wrong_secret(azml_connection: str, azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WRONG", connection(azml_emulator, password="guessed"))
    text = refusal(creating_compute(azml_conn_id="wrong"), AuthError)
    assert "AADSTS7000215" in text
    assert "password" in text
    assert "guessed" not in text


def test_a_cloud_out_of_reach_may_answer_another_try(
    azml_connection: str, azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", connection(azml_emulator, cloud="https://localhost:1"))
    finished = in_a_dag((AzmlCreateComputeOperator, {"spec": CLUSTER, "azml_conn_id": "away"}), retries=1)
    assert finished.tries("it") == 2
    assert all(isinstance(error, ApiError) and "localhost:1" in str(error) for error in finished.errors["it"])


def test_a_cloud_that_is_none(
    azml_connection: str, azml_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_NONE", connection(azml_emulator, cloud=f"{azml_emulator.https_url}/nothing"))
    text = refusal(creating_compute(azml_conn_id="none"), ConnectionIncomplete)
    assert "'none' cannot be used: there is no cloud at https://localhost" in text


def test_a_subscription_that_does_not_exist(azml_connection: str) -> None:
    nobodys = "99999999-9999-9999-9999-999999999999"
    text = refusal(creating_compute(subscription_id=nobodys), NotFound)
    assert "SubscriptionNotFound" in text
    assert nobodys in text
    assert "Check subscription_id" in text


def test_a_resource_group_that_does_not_exist(azml_connection: str) -> None:
    text = refusal(creating_compute(resource_group="elsewhere"), NotFound)
    assert "ResourceGroupNotFound" in text
    assert "'elsewhere'" in text
    assert "resource_group" in text


def test_a_workspace_that_does_not_exist(azml_connection: str) -> None:
    text = refusal(creating_compute(workspace="elsewhere"), NotFound)
    assert "ResourceNotFound" in text
    assert "workspaces/elsewhere" in text
    assert "workspace of the connection" in text


def test_a_compute_that_does_not_exist(azml_connection: str) -> None:
    job = {"command": "true", "environment": NO_PACKAGES, "compute": "azureml:no-such-cluster"}
    text = refusal(in_a_dag((AzmlSubmitCommandJobOperator, job)), ApiError)
    assert "no-such-cluster" in text
    assert "ompute" in text


def test_a_file_with_mistakes(azml_connection: str, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("type: command\ncomand: 'true'\nenvironment: azureml:bare:1\ncompute: 5\n")
    text = refusal(in_a_dag((AzmlSubmitCommandJobOperator, {"file": str(tmp_path / "job.yml")})), SpecError)
    assert "job.yml:2:1: comand: unknown key; did you mean 'command'?" in text
    assert "job.yml:4:10: compute: " in text


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_training_script_that_fails(deferrable: bool, azml_connection: str, tmp_path: Path) -> None:
    script = "for n in range(30):\n    print('line', n)\nraise SystemExit('no flowers were found')\n"
    (tmp_path / "train.py").write_text(script)
    job = {"command": "python train.py", "code": str(tmp_path), "environment": NO_PACKAGES, "compute": "azureml:cpu"}
    finished = in_a_dag(
        (AzmlCreateComputeOperator, {"task_id": "compute", "spec": CLUSTER}),
        (AzmlSubmitCommandJobOperator, {**job, "deferrable": deferrable}),
        retries=1,
    )
    assert finished.state == "failed"
    first, second = finished.errors["it"]  # a script that failed may do better next time
    assert isinstance(first, RunFailed)
    assert isinstance(second, RunFailed)
    assert first.name != second.name
    assert first.log_tail[-1] == "no flowers were found"
    assert len(first.log_tail) == 20
    text = str(first)
    assert f"job '{first.name}' ended as Failed" in text
    assert first.code
    assert first.code in text
    assert f"/runs/{first.name}?wsid=/subscriptions/" in text
    assert "line 29" in text
    assert "line 5\n" not in text


@pytest.mark.parametrize(
    ("path", "named"),
    [("outputs/metrics/paths/", "has no output 'metrics'"), ("outputs/model/paths/model.pkl", "model.pkl")],
)
def test_a_model_path_that_was_never_written(path: str, named: str, azml_connection: str) -> None:
    outputs = {"model": {"type": "uri_folder"}}
    job = {"command": "true", "environment": NO_PACKAGES, "compute": "azureml:cpu", "outputs": outputs}
    job_name = "{{ ti.xcom_pull('job')['name'] }}"
    finished = in_a_dag(
        (AzmlCreateComputeOperator, {"task_id": "compute", "spec": CLUSTER}),
        (AzmlSubmitCommandJobOperator, {"task_id": "job", **job}),
        (AzmlRegisterModelOperator, {"name": "ghost", "path": f"azureml://jobs/{job_name}/{path}"}),
    )
    text = refusal(finished, ApiError)
    assert "models/ghost" in text
    assert finished.value("job")["name"] in text
    assert named in text


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_scoring_script_that_raises_in_init(deferrable: bool, azml_connection: str, tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("def init():\n    raise RuntimeError('no model here')\n\ndef run(data): ...\n")
    deployment = {
        "name": "blue",
        "endpoint_name": f"broken-{int(deferrable)}",
        "code_configuration": {"code": str(tmp_path), "scoring_script": "score.py"},
        "environment": {"image": "local", "conda_file": f"{EXAMPLE}/serving-conda.yml"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "deferrable": deferrable,
    }
    finished = in_a_dag((AzmlDeployModelOperator, deployment), retries=0)
    assert finished.state == "failed"
    (error,) = finished.errors["it"]
    assert isinstance(error, RunFailed)
    assert error.code
    assert 0 < len(error.log_tail) <= 20
    assert any("no model here" in line for line in error.log_tail)
    text = str(error)
    assert "online deployment 'blue' ended as Failed" in text
    assert "its process ended with status 3" in text
    assert error.code in text
    assert f"/endpoints/realtime/{deployment['endpoint_name']}/detail?wsid=" in text


@pytest.mark.parametrize("option", ["--http-port", "--https-port"])
def test_a_port_that_is_taken(option: str, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"--http-port": "0", "--https-port": "0", option: port}
        command = [sys.executable, "-m", "airflow_provider_azml.emulator", "--home", str(tmp_path)]
        for name, value in ports.items():
            command += [name, value]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("azml emulator: ")]
    assert port in line
    assert option in line
    assert "Traceback" not in done.stderr
