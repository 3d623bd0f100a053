"""The DAGs that readers copy: each loads, and runs against the emulator."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from airflow_provider_azml.exceptions import RunFailed
from airflow_provider_azml.hooks.azml import AzmlHook
from tests.airflow.running import run

if TYPE_CHECKING:
    from airflow.sdk import DAG

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.airflow.running import Finished

pytestmark = pytest.mark.timeout(900)

REPOSITORY = Path(__file__).parents[2]
DAGS = REPOSITORY / "dags_examples"


SEVERAL = {"deployment_window", "pipelines", "schedules"}
"""What makes several DAGs."""


def load(name: str) -> DAG:
    return load_all(name)[name]


def load_all(name: str) -> dict[str, DAG]:
    from tests.airflow.versions import DagBag

    bag = DagBag(DAGS / f"{name}.py")
    assert bag.import_errors == {}
    dags: dict[str, DAG] = bag.dags
    return dags


@pytest.mark.parametrize("name", sorted({path.stem for path in DAGS.glob("*.py")} - SEVERAL))
def test_it_loads_and_its_id_is_the_name_of_its_file(name: str) -> None:
    assert load(name).dag_id == name


def test_the_whole_folder_holds_no_other_dag_files() -> None:
    from tests.airflow.versions import DagBag

    bag = DagBag(DAGS)
    assert bag.import_errors == {}
    assert {Path(dag.fileloc).parent for dag in bag.dags.values()} == {DAGS}


def test_cancel_orphaned_jobs(azml_connection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__AZML__DEPLOYMENT", "examples")
    finished = run(load("cancel_orphaned_jobs"))
    assert finished.errors == {}
    assert finished.value("cancel") == {"cancelled": [], "left": []}


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore")  # azure-ai-ml warns about itself
def test_train_register_deploy_score(azml_connection: str, azml_emulator: RunningEmulator) -> None:
    finished = run(load("train_register_deploy_score"))
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    assert finished.value("train")["status"] == "Completed"
    best = finished.value("train")["best_trial"]
    assert best["parameters"]["regularization"] in (0.1, 1, 10, 100)
    assert 0.9 < best["metric"] <= 1
    assert best["name"] in finished.value("register_model")["path"]
    assert finished.value("deploy")["traffic"] == {"blue": 100}
    assert finished.value("score") == ["setosa", "virginica"]
    read_back_with_microsofts_client(azml_emulator, finished)
    show_why_a_payload_was_not_understood(finished.value("deploy")["name"])


def show_why_a_payload_was_not_understood(endpoint: str) -> None:
    from airflow_provider_azml.operators import AzmlScoreOperator

    score = AzmlScoreOperator(task_id="score", endpoint_name=endpoint, payload={"wrong": []})
    with pytest.raises(RunFailed) as caught:
        score.submit({"ti": Mock()})
    assert "KeyError: 'data'" in "\n".join(caught.value.log_tail)
    assert endpoint in str(caught.value)
    assert caught.value.studio_url


def read_back_with_microsofts_client(emulator: RunningEmulator, finished: Finished) -> None:
    """What the service holds of the run, by azure-ai-ml: not what the operators say of it."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    job, model, deployed = (finished.value(task) for task in ("train", "register_model", "deploy"))
    client = MLClient(
        DefaultAzureCredential(),
        emulator.subscription_id,
        emulator.resource_group,
        emulator.workspace,
        enable_telemetry=False,
    )
    assert client.workspaces.get(emulator.workspace).id == finished.value("create_workspace")["id"]
    assert client.compute.get("cpu-cluster").provisioning_state == "Succeeded"
    environment = finished.value("register_environment")
    assert client.environments.get(environment["name"], environment["version"]).conda_file
    trained = client.jobs.get(job["name"])
    assert (trained.status, trained.experiment_name) == ("Completed", "train_register_deploy_score")
    trials = {trial.name: trial.status for trial in client.jobs.list(parent_job_name=job["name"])}
    assert trials == {f"{job['name']}_{number}": "Completed" for number in range(4)}
    assert job["best_trial"]["name"] in trials
    assert client.models.get("iris", model["version"]).path == model["path"]
    endpoint = client.online_endpoints.get(deployed["name"])
    assert (endpoint.traffic, endpoint.scoring_uri) == ({"blue": 100}, deployed["scoring_uri"])
    deployment = client.online_deployments.get("blue", deployed["name"])
    assert deployment.model.lower() == model["id"].lower()


@pytest.mark.parametrize("deferrable", [False, True])
def test_apply_aml_files(deferrable: bool, azml_connection: str) -> None:
    dag = load("apply_aml_files")
    for task in dag.tasks:
        task.partial_kwargs["deferrable"] = deferrable
    finished = run(dag)
    assert finished.errors == {}
    jobs = results(finished, "summarize")
    assert len({job["name"] for job in jobs}) == 3
    assert {job["status"] for job in jobs} == {"Completed"}
    day = f"{finished.dag_run.logical_date:%Y-%m-%d}"
    hook = AzmlHook(azml_connection)
    log = hook.job_logs(jobs[2]["name"])
    assert "4 flowers of virginica: {'sepal_length': 6.38, 'sepal_width': 2.98" in log
    for job, version in zip(jobs, results(finished, "register"), strict=True):
        assert version["path"] == job["outputs"]["summary"]
        body = hook.get("data", "flowers-summary", version=version["version"])
        assert body["properties"]["tags"]["day"] == day
    display_names = {hook.get("job", job["name"])["properties"]["displayName"] for job in jobs}
    assert display_names == {f"flowers of {day}"}


def test_wait_for_training(azml_connection: str, capfd: pytest.CaptureFixture[str]) -> None:
    finished = run(load("wait_for_training"))
    assert finished.errors == {}
    submitted, waited_for = finished.value("submit"), finished.value("wait")
    assert finished.value("train")["status"] == waited_for["status"] == "Completed"
    assert submitted["name"] == waited_for["name"] != finished.value("train")["name"]
    told = capfd.readouterr().out
    assert "epoch 3 of 3: loss 0.333" in told
    assert "epoch 2 of 2: loss 0.500" in told


def test_schedules(azml_connection: str) -> None:
    dags = load_all("schedules")
    assert sorted(dags) == ["report_nightly", "report_weekly"]
    assert dags["report_weekly"].tags == {"azml", "example", "team:reports"}
    due = datetime(2026, 3, 2, 5, 30, tzinfo=timezone.utc)
    finished = run(dags["report_weekly"], logical_date=due)
    assert finished.errors == {}
    job = finished.value("job")
    assert job["status"] == "Completed"
    after = finished.dag_run.run_after
    told = AzmlHook(azml_connection).get("job", job["name"])["properties"]
    assert told["displayName"] == f"report_weekly-{after:%Y%m%dT%H%M%SZ}"
    assert told["inputs"]["due"]["value"] == f"{after:%Y-%m-%dT%H:%M:%SZ}"


def test_pipelines(azml_connection: str) -> None:
    dags = load_all("pipelines")
    assert sorted(dags) == ["compare_flowers", "flowers"]
    flowers, compare = dags["flowers"], dags["compare_flowers"]
    for task in (*flowers.tasks, *compare.tasks):
        task.poll_seconds = 0.2
    assert [task.task_id for task in flowers.tasks] == ["split", "training.fit", "training.score", "card"]
    finished = run(flowers, run_conf={"share": 0.2})
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    hook = AzmlHook(azml_connection)
    assert "30 of 150 flowers are kept for the test" in hook.job_logs(finished.value("split")["child"])
    fit = finished.value("training.fit")
    assert hook.get("model", "flowers-model", version=fit["assets"]["model"]["version"])

    only = run(flowers, run_conf={"share": 0.2, "azml_only": ["card"]})
    assert only.value("training.fit")["from_run"] == finished.dag_run.run_id
    assert only.value("card")["reused_from"] == finished.value("card")["child"]

    compared = run(compare)
    assert compared.errors == {}
    assert "75 of 150" in hook.job_logs(compared.value("again.split")["child"])
    assert compared.value("tell") == compared.value("again.training.score")["outputs"]["figures"]


def test_cli_v1(azml_connection: str) -> None:
    dag = load("cli_v1")
    for task in dag.tasks:
        task.poll_seconds = 0.2
    finished = run(dag)
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    best = finished.value("tune")["best_trial"]
    assert best["parameters"]["neighbours"] in (1, 5, 25)
    assert best["name"] in finished.value("register_model")["path"]
    log = AzmlHook(azml_connection).job_logs(finished.value("train")["name"])
    assert f"3 neighbours: {round(75 * finished.value('train')['metrics']['Accuracy'])} of 75 flowers" in log
    assert finished.value("score") == ["setosa"]
    assert finished.value("delete")["status"] == "Deleted"


def results(finished: Finished, task_id: str) -> list[dict[str, Any]]:
    """What the instances of a mapped task returned, in order."""
    instances = [each for each in finished.dag_run.get_task_instances() if each.task_id == task_id]
    instances.sort(key=lambda each: each.map_index)
    return [each.xcom_pull(task_ids=task_id, map_indexes=each.map_index) for each in instances]


def test_nothing_in_the_examples_is_specific_to_the_emulator() -> None:
    texts = {path: path.read_text() for path in DAGS.rglob("*") if path.suffix in {".py", ".yml"}}
    assert not [word for word in ("emulator", "localhost", "127.0.0.1") if word in "".join(texts.values())]
    # only where it is the point; elsewhere the deployment's own configuration decides
    assert [path.stem for path, text in texts.items() if "deferrable" in text] == ["wait_for_training"]


def test_the_readme_shows_the_example_as_it_is() -> None:
    shown = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)[0]
    example = (DAGS / "train_register_deploy_score.py").read_text()
    assert "".join(shown.split()) in "".join(example.split())  # less indented, lines break elsewhere
