"""AML files of any kind in a DAG: rendered, applied once, waited for; a bad one is refused whole."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import (
    AzmlApplyOperator,
    AzmlAttachComputeOperator,
    AzmlCreateComputeOperator,
    AzmlSubmitSweepOperator,
)
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.waiting import Ticket
from tests.airflow.running import run
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

BARE = "image: local\nconda_file: {name: bare, dependencies: [python=3.11]}\n"
COMMAND = {"command": "true", "environment": "azureml:bare:1", "compute": "azureml:cpu"}


def in_a_dag(operator: type[Any], *, files: list[str] | None = None, **arguments: Any) -> Finished:
    """Run one task, mapped over files where there are some."""
    defaults = {"poll_seconds": 0.1, "retries": 2}
    with DAG("applying", schedule=None, default_args=defaults) as dag:
        if files:
            operator.partial(task_id="it", **arguments).expand(file=files)
        else:
            operator(task_id="it", **arguments)
    return run(dag)


def results(finished: Finished) -> list[dict[str, Any]]:
    """What the mapped task instances returned."""
    instances = sorted(finished.dag_run.get_task_instances(), key=lambda each: each.map_index)
    found = [each.xcom_pull(task_ids="it", map_indexes=each.map_index) for each in instances]
    assert all(json.loads(json.dumps(result)) == result for result in found)
    return found


def test_files_of_several_kinds_by_one_mapped_task(azml_connection: str, tmp_path: Path) -> None:
    mark = f"k{time.time_ns()}"
    (tmp_path / "flowers.csv").write_text("5.1,setosa\n")
    texts = {
        "environment.yml": f"$schema: x/environment.schema.json\nname: {mark}-e\n{BARE}",
        "data.yml": f"type: uri_file\nname: {mark}-d\npath: flowers.csv\n"
        "description: of {{ ds }}, ${{inputs.x}}\n",
        "model.yml": f"type: custom_model\nname: {mark}-m\npath: flowers.csv\n",
        "endpoint.yml": f"$schema: x/managedOnlineEndpoint.schema.json\nname: {mark}\nauth_mode: key\n",
        "compute.yml": f"name: c{mark[-10:]}\ntype: amlcompute\nsize: Standard_DS3_v2\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    finished = in_a_dag(AzmlApplyOperator, files=[str(tmp_path / name) for name in texts])
    assert finished.errors == {}
    environment, data, model, endpoint, compute = results(finished)
    assert (environment["name"], environment["version"], environment["status"]) == (f"{mark}-e", "1", "Succeeded")
    assert f"/environments/{mark}-e/version/1?" in environment["studio_url"]
    assert data["path"].startswith("azureml://datastores/workspaceblobstore/paths/LocalUpload/")
    assert data["type"] == "uri_file"
    assert model["path"].endswith("/flowers.csv")
    assert endpoint["scoring_uri"].startswith("https://")
    assert compute["status"] == "Succeeded"
    described = AzmlHook(azml_connection).get("data", f"{mark}-d")["properties"]["description"]
    assert described == f"of {finished.dag_run.logical_date or finished.dag_run.run_after:%Y-%m-%d}, ${{{{inputs.x}}}}"


@pytest.mark.parametrize("deferrable", [False, True])
def test_mapped_jobs_over_one_code_folder(deferrable: bool, azml_connection: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "say.py").write_text("import sys\nprint(*sys.argv)\n")
    text = (
        "type: command\ncode: src\ncommand: python say.py {{ ds }} ${{inputs.n}} {{ ti.map_index }}\n"
        f"inputs: {{n: 1}}\nenvironment:\n  {BARE.replace(chr(10), chr(10) + '  ')}\n"
    )
    files = []
    for name in ("a.yml", "b.yml") if deferrable else ("a.yml", "b.yml", "c.yml"):
        (tmp_path / name).write_text(text)
        files.append(str(tmp_path / name))
    finished = in_a_dag(AzmlApplyOperator, files=files, deferrable=deferrable)
    assert finished.errors == {}
    jobs = results(finished)
    assert len({job["name"] for job in jobs}) == len(files)
    assert {(job["status"], job["experiment_name"]) for job in jobs} == {("Completed", "applying")}
    hook = AzmlHook(azml_connection)
    bodies = [hook.get("job", job["name"])["properties"] for job in jobs]
    assert len({body["codeId"] for body in bodies}) == 1
    assert all("${{inputs.n}}" in body["command"] and "{{ ds }}" not in body["command"] for body in bodies)
    assert [hook.job_logs(job["name"]).split()[-1] for job in jobs] == [str(place) for place in range(len(files))]


@pytest.mark.parametrize(
    ("kind", "names", "said"),
    [
        ("job", ("train-1",), "train-1 is accepted"),
        ("environment", ("sklearn", "3"), "sklearn:3 is accepted"),
        ("online_deployment", ("scores", "blue"), "blue is accepted"),
    ],
)
def test_the_log_calls_what_was_sent_by_its_name(
    kind: str, names: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = AzmlApplyOperator(task_id="it", file="f.yml", wait=True)
    log = Mock()
    monkeypatch.setattr(AzmlApplyOperator, "log", log)
    monkeypatch.setattr(operator, "_show_made", lambda *_: "")
    arm_id = WorkspaceId("s", "rg", "ws").child(kind, *names)
    operator._begun({}, Ticket(arm_id))
    told, *values = log.info.call_args.args
    assert told % tuple(values) == said


@pytest.mark.parametrize(
    ("wait", "status", "times"), [(True, "Queued", 0), (True, "Completed", 1), (False, "Queued", 1)]
)
def test_what_is_waited_for_is_told_of_by_the_wait(
    wait: bool, status: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = AzmlApplyOperator(task_id="it", file="f.yml", wait=wait)
    log = Mock()
    monkeypatch.setattr(AzmlApplyOperator, "log", log)
    monkeypatch.setattr(operator, "_show_made", lambda *_: "")
    arm_id = WorkspaceId("s", "rg", "ws").child("job", "train-1")
    operator._begun({}, Ticket(arm_id, None, {"name": "train-1", "properties": {"status": status}}))
    assert log.info.call_count == times


def test_a_file_with_mistakes_is_refused_whole(service: SignedIn, tmp_path: Path) -> None:
    file = tmp_path / "job.yml"
    file.write_text("type: command\ncomand: 'true'\nenvironment: azureml:bare:1\ncompute: 5\ncode: nowhere\n")
    finished = in_a_dag(AzmlApplyOperator, file=str(file))
    (error,) = finished.errors["it"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, SpecError)
    lines = str(error).splitlines()
    assert [line.partition(f"{file}:")[2].partition(" ")[0] for line in lines] == ["1:1:", "2:1:", "4:10:", "5:7:"]
    assert service.puts() == []


@pytest.mark.parametrize("native", [False, True])
def test_a_template_that_fails_is_told_with_its_own_line(native: bool, service: SignedIn, tmp_path: Path) -> None:
    (tmp_path / "job.yml").write_text("type: command\nenvironment: azureml:bare:1\n\ncommand: say {{ dss }}\n")
    with DAG("applying", schedule=None, render_template_as_native_obj=native) as dag:
        AzmlApplyOperator(task_id="it", file=str(tmp_path / "job.yml"))
    (error,) = run(dag).errors["it"]
    assert str(error) == f"{tmp_path / 'job.yml'}:4:1: the template fails: 'dss' is undefined"
    assert service.puts() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"spec": {"name": "x"}}, "neither $schema nor type tells"),
        ({"spec": {"name": "x"}, "kind": "jobs"}, "kind='jobs' is no kind of AML file; it is one of job, "),
        ({"spec": {"name": "x"}, "file": "x.yml"}, "file and spec are both given"),
        ({"file": "nowhere.yml"}, "there is no such file"),
        ({"spec": {"type": "command", "name": "a/b", **COMMAND}, "overrides": {"name": {}}}, "name: "),
        ({"spec": {"name": "e", "image": "{{ 1 / 0 }}"}, "kind": "environment"}, "division by zero"),
    ],
)
def test_what_cannot_be_applied(arguments: dict[str, Any], said: str, service: SignedIn) -> None:
    finished = in_a_dag(AzmlApplyOperator, **arguments)
    assert said in str(finished.errors["it"][0])
    assert service.puts() == []


def test_a_job_of_another_type_is_refused_by_the_operator_of_one(service: SignedIn) -> None:
    finished = in_a_dag(AzmlSubmitSweepOperator, spec={"type": "command", **COMMAND})
    assert "type: is 'command', and AzmlSubmitSweepOperator submits 'sweep'" in str(finished.errors["it"][0])
    assert service.asked == []


def test_what_the_service_would_refuse_is_a_warning_of_apply_and_an_error_elsewhere(service: SignedIn) -> None:
    cluster = {"name": "x", "type": "amlcompute", "size": "Standard_DS3_v2"}
    refused = in_a_dag(AzmlCreateComputeOperator, spec=cluster)
    assert "name: " in str(refused.errors["it"][0])
    assert service.puts() == []
    refused = in_a_dag(AzmlApplyOperator, spec=cluster, strict=True)
    assert "name: " in str(refused.errors["it"][0])
    service.holds({f"{WS}/computes/x": {"properties": {"provisioningState": "Succeeded"}}})
    service.holds({WS: {"location": "westeurope"}})
    assert in_a_dag(AzmlApplyOperator, spec=cluster).errors == {}
    assert len(service.puts()) == 1


def test_overrides_win_over_the_file_and_templates_in_them_are_rendered(service: SignedIn, tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("name: e\nversion: '1'\nimage: a\ntags: {a: file, b: file}\n")
    overrides = {"tags": {"b": "{{ ti.task_id }}"}, "image": "b"}
    finished = in_a_dag(
        AzmlApplyOperator, file=str(tmp_path / "env.yml"), kind="{{ 'environment' }}", overrides=overrides, wait=False
    )
    assert finished.errors == {}
    ((path, body),) = service.puts()
    assert path == f"{WS}/environments/e/versions/1"
    assert body["properties"]["tags"] == {"a": "file", "b": "it"}
    assert body["properties"]["image"] == "b"
    assert finished.value("it")["version"] == "1"


def test_a_workspace_is_made_once_and_told(azml_connection: str) -> None:
    name = f"w{time.time_ns()}"
    finished = in_a_dag(AzmlApplyOperator, spec={"name": name, "location": "westeurope"}, kind="workspace")
    assert finished.errors == {}
    told = finished.value("it")
    assert (told["name"], told["status"], told["location"]) == (name, "Succeeded", "westeurope")
    assert told["id"].endswith(f"/workspaces/{name}")
    assert f"/workspaces/{name}&" in told["studio_url"]


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_batch_endpoint_and_its_deployment(deferrable: bool, service: SignedIn) -> None:
    """Of kinds that the service takes its time for: 201 and a place to ask at, then the resource."""
    endpoint, status = f"{WS}/batchEndpoints/flowers", f"{service.url}/status/1"
    shown = {"location": "westeurope", "properties": {"provisioningState": "Succeeded", "scoringUri": "https://score"}}
    creating = {**shown, "properties": {"provisioningState": "Creating"}}
    service.answer("PUT", endpoint, Answer(201, creating, {"Azure-AsyncOperation": status}))
    service.answer("GET", "/status/1", Answer(body={"status": "InProgress"}), Answer(body={"status": "Succeeded"}))
    service.holds({endpoint: shown, WS: {"location": "westeurope"}})
    finished = in_a_dag(AzmlApplyOperator, spec={"name": "flowers"}, kind="batch_endpoint", deferrable=deferrable)
    assert finished.errors == {}
    assert finished.value("it")["scoring_uri"] == "https://score"
    assert len(service.puts()) == 1


def test_a_deployment_that_fails_shows_the_end_of_its_log(service: SignedIn) -> None:
    deployment = f"{WS}/onlineEndpoints/iris/deployments/blue"
    failed = {"properties": {"provisioningState": "Failed"}}
    service.answer("PUT", deployment, Answer(201, failed))
    service.answer("POST", f"{deployment}/getLogs", Answer(body={"content": "first\nno model here"}))
    service.holds({deployment: failed, WS: {"location": "westeurope"}})
    service.holds({f"{WS}/onlineEndpoints/iris": {"location": "westeurope"}})
    described = {
        "name": "blue",
        "endpoint_name": "iris",
        "model": "azureml:iris:1",
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
    }
    finished = in_a_dag(AzmlApplyOperator, spec=described, kind="online_deployment", retries=0)
    text = str(finished.errors["it"][0])
    assert "online deployment 'blue' ended as Failed" in text
    assert "no model here" in text


def test_a_kubernetes_cluster_is_attached(service: SignedIn) -> None:
    cluster = f"{WS}/computes/k8s-flowers"
    service.holds({cluster: {"properties": {"provisioningState": "Succeeded"}}, WS: {"location": "westeurope"}})
    resource = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks"
    finished = in_a_dag(
        AzmlAttachComputeOperator,
        name="k8s-flowers",
        type="kubernetes",
        resource_id=resource,
        namespace="{{ ti.task_id }}",
    )
    assert finished.errors == {}
    ((path, body),) = service.puts()
    assert path == cluster
    assert body["properties"]["resourceId"] == resource
    assert body["properties"]["properties"]["namespace"] == "it"
