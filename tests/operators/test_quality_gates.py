"""Quality gates on the emulator: where the figures come from, and what is skipped."""

from __future__ import annotations

import json
import math
import time
import uuid
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, task, task_group

from airflow_provider_azml.exceptions import NotFound, SpecError
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlQualityGateOperator
from airflow_provider_azml.rest.model_figures import candidate, made_by
from tests.airflow.running import Finished, run, run_cleared
from tests.emulator.execution import Workspace
from tests.emulator.test_serving import SCORE, deploy, make_endpoint
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

pytestmark = pytest.mark.usefixtures("azml_connection")
MARK = uuid.uuid4().hex[:8]
GOOD, BETTER = 0.9, 0.95


@pytest.fixture(scope="module")
def workspace(azml_emulator: RunningEmulator) -> Workspace:
    return Workspace(azml_emulator).ensure()


@pytest.fixture(scope="module")
def jobs(workspace: Workspace) -> dict[str, str]:
    """Jobs that have logged how good their models are."""
    names = {name: workspace.submit("mkdir -p outputs; date > outputs/model") for name in ("good", "better", "silent")}
    for name in names.values():
        workspace.until(name, ["Completed"])
    log(workspace, names["good"], {"auc": GOOD, "loss": 0.4, "odd": float("nan")})
    log(workspace, names["better"], {"auc": BETTER, "loss": 0.3})
    return names


def log(workspace: Workspace, job: str, metrics: dict[str, float]) -> None:
    logged = [
        {
            "key": key,
            "value": value if math.isfinite(value) else str(value),
            "timestamp": int(time.time() * 1000),
            "step": 0,
        }
        for key, value in metrics.items()
    ]
    path = f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow/runs/log-batch"
    workspace.call("POST", path, json={"run_id": job, "metrics": logged})


@pytest.fixture(scope="module")
def model(workspace: Workspace, jobs: dict[str, str]) -> str:
    """A model with a version of each job: 1 is good, 2 is better, 3 says nothing and 4 has a tag."""
    name = f"gated-{MARK}"
    of_job = "azureml://jobs/{}/outputs/artifacts/paths/outputs/model".format(jobs["good"])
    elsewhere = {"modelUri": workspace.data({"model": ""}, name)}
    workspace.put("model", name, "1", properties={"modelUri": of_job})
    workspace.put("model", name, "2", properties={**elsewhere, "jobName": jobs["better"]})
    workspace.put("model", name, "3", properties=elsewhere)
    workspace.put("model", name, "4", properties={**elsewhere, "tags": {"auc": "0.5"}})
    return name


@pytest.fixture(scope="module")
def endpoint(workspace: Workspace, model: str) -> str:
    """An endpoint that version 1 gets most of the traffic of."""
    name = f"gated-{MARK}"
    folder = workspace.data({"factor.txt": "2"}, f"gated-{MARK}/weights")
    served = workspace.put(
        "model",
        model,
        "served",
        properties={"modelUri": folder, "properties": {"auc": GOOD}, "modelType": "custom_model"},
    )
    make_endpoint(workspace, name)
    assert deploy(workspace, name, "blue", SCORE, served)["status"] == "Succeeded"
    make_endpoint(workspace, name, {"blue": 100})
    return name


def gated(**arguments: Any) -> Finished:
    """A run with a gate, two tasks that follow one another, and one that runs whatever becomes of them."""
    with DAG("gated", schedule=None) as dag:
        gate = AzmlQualityGateOperator(task_id="gate", **{"metric": "auc", **arguments})
        deploy_it, score = EmptyOperator(task_id="deploy"), EmptyOperator(task_id="score")
        tell = EmptyOperator(task_id="tell", trigger_rule="none_failed")
        gate >> deploy_it >> score >> tell
    return run(dag)


def told(**arguments: Any) -> dict[str, Any]:
    """What a gate tells, without what follows; its templates are not rendered."""
    with DAG("gated", schedule=None):
        gate = AzmlQualityGateOperator(task_id="gate", **{"metric": "auc", **arguments})
    gate.check_arguments()
    found: dict[str, Any] = gate.submit({"ti": Mock(map_index=-1)})
    return found


def test_a_better_model_goes_on(
    jobs: dict[str, str], endpoint: str, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    finished = gated(challenger={"name": jobs["better"], "metrics": {}}, endpoint_name=endpoint)
    assert finished.errors == {}
    assert set(finished.states.values()) == {"success"}
    figures = finished.value("gate")
    improvement = figures.pop("improvement")
    assert improvement == pytest.approx(BETTER - GOOD)
    assert finished.value("gate", key="passed") is True
    assert figures["passed"] is True
    assert figures["challenger"]["value"] == BETTER
    champion = figures["champion"]
    assert champion["id"].endswith(f"/models/{model}/versions/served")
    assert (champion["version"], champion["value"], champion["told_by"]) == ("served", GOOD, "its property")
    assert (champion["deployment"], champion["traffic"]) == ("blue", 100)
    output = capfd.readouterr().out
    assert f"Challenger: auc 0.95, job {jobs['better']} (by job {jobs['better']})" in output
    assert f"Champion: auc 0.9, model {model}:served (deployment blue, 100 % of the traffic; by its property)" in output
    assert "Passed: auc 0.95 is better by 0.05 than 0.9 of the champion" in output


def test_a_worse_model_does_not_and_all_but_what_runs_anyway_is_skipped(
    endpoint: str, model: str, capfd: pytest.CaptureFixture[str]
) -> None:
    finished = gated(challenger=f"azureml:{model}:4", endpoint_name=endpoint)
    assert finished.errors == {}
    assert finished.states == {"gate": "success", "deploy": "skipped", "score": "skipped", "tell": "success"}
    figures = finished.value("gate")
    assert (figures["passed"], figures["challenger"]["told_by"]) == (False, "its tag")
    assert finished.value("gate", key="reason") == "auc 0.5 is worse by 0.4 than 0.9 of the champion"
    output = capfd.readouterr().out
    assert "Challenger: auc 0.5" in output
    assert "Not passed: auc 0.5 is worse by 0.4 than 0.9 of the champion" in output


def test_what_was_skipped_stays_skipped_when_it_is_cleared(model: str) -> None:
    with DAG("gated", schedule=None) as dag:
        gate = AzmlQualityGateOperator(task_id="gate", metric="auc", challenger=f"{model}:4", min_value=0.8)
        gate >> EmptyOperator(task_id="deploy")
    finished = run(dag)
    assert finished.states == {"gate": "success", "deploy": "skipped"}
    assert run_cleared(dag, finished, "deploy").states == {"gate": "success", "deploy": "skipped"}


def test_all_that_follows_is_skipped_where_that_is_wanted(model: str) -> None:
    finished = gated(challenger=f"{model}:4", champion=f"{model}:1", ignore_downstream_trigger_rules=True)
    assert finished.states == {"gate": "success", "deploy": "skipped", "score": "skipped", "tell": "skipped"}


def test_versions_have_the_figures_of_their_jobs(model: str) -> None:
    figures = told(challenger=f"azureml:{model}:2", champion={"name": model, "version": "1"})
    assert (figures["challenger"]["value"], figures["champion"]["value"]) == (BETTER, GOOD)
    figures = told(challenger=f"{model}:1", champion=f"{model}:2", metric="loss", greater_is_better="False")
    assert (figures["passed"], figures["reason"]) == (False, "loss 0.4 is worse by 0.1 than 0.3 of the champion")


def test_the_newest_version_is_meant_by_its_label(model: str, endpoint: str) -> None:
    figures = told(challenger=f"azureml:{model}@latest", endpoint_name=endpoint)
    assert (figures["challenger"]["version"], figures["reason"]) == (
        "served",
        "auc 0.9 is as good as 0.9 of the champion",
    )


@pytest.mark.parametrize("given", [{"endpoint_name": "nobody"}, {"champion": "nobody:1"}, {"champion": "None"}, {}])
def test_without_a_champion(given: dict[str, str], model: str) -> None:
    passes = told(challenger=f"{model}:1", **given)
    assert (passes["passed"], passes["champion"]) == (True, None)
    assert told(challenger=f"{model}:1", when_no_champion="skip", **given)["passed"] is False


def test_an_endpoint_that_serves_nothing_has_no_champion(workspace: Workspace, model: str) -> None:
    make_endpoint(workspace, f"idle-{MARK}")
    assert told(challenger=f"{model}:1", endpoint_name=f"idle-{MARK}")["champion"] is None


def test_a_figure_that_is_no_number_does_not_pass(jobs: dict[str, str]) -> None:
    finished = gated(challenger=jobs["good"], metric="odd", min_value=0)
    assert finished.states["deploy"] == "skipped"
    figures = finished.value("gate")
    assert json.dumps(figures["challenger"]["value"]) == '"NaN"'


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"metric": "f1", "challenger": "{good}"}, NotFound, "has logged no metric 'f1'; it has 'auc', 'loss', 'odd'"),
        ({"challenger": "{silent}"}, NotFound, "has logged no metric 'auc'; it has none"),
        ({"challenger": "nobody"}, NotFound, "nobody"),
        ({"challenger": "{model}:3"}, NotFound, "does not say which job has made it. Give the version a tag 'auc'."),
        ({"challenger": "{good}", "champion": "{model}:3"}, NotFound, "does not say which job has made it"),
        ({"challenger": "a b"}, SpecError, "challenger: is 'a b', which names neither a job nor a version of a model"),
        ({"challenger": {}}, SpecError, "challenger: is a mapping of nothing, and has neither 'id' nor 'name'"),
        ({"challenger": "{good}", "min_value": "high"}, SpecError, "min_value: is 'high'; it must be a number"),
        ({"challenger": "{good}", "champion": "a", "endpoint_name": "b"}, SpecError, "champion: is given besides"),
        ({"challenger": "{good}", "when_no_champion": "fail"}, SpecError, "when_no_champion: is 'fail'"),
        ({"challenger": "{good}", "otherwise": ["score"]}, SpecError, "otherwise: has score, which is not right below"),
        ({"challenger": "{good}", "metric": ""}, SpecError, "metric: is empty"),
    ],
)
def test_what_cannot_be_decided_ends_the_task(
    arguments: dict[str, Any], kind: type[Exception], said: str, jobs: dict[str, str], model: str
) -> None:
    known = {**jobs, "model": model}
    given = {key: value.format(**known) if isinstance(value, str) else value for key, value in arguments.items()}
    with pytest.raises(kind) as caught:
        told(**given)
    assert said in str(caught.value)


def test_what_cannot_be_decided_is_not_tried_again(jobs: dict[str, str]) -> None:
    (error,) = gated(challenger=jobs["silent"], retries=2).errors["gate"]
    assert isinstance(error.__cause__, NotFound)


def test_it_branches(jobs: dict[str, str]) -> None:
    for job, followed in (("better", {"deploy", "join"}), ("good", {"retrain.tune", "retrain.train", "join"})):
        with DAG("branches", schedule=None) as dag:
            gate = AzmlQualityGateOperator(
                task_id="gate", metric="auc", challenger=jobs[job], min_value=0.92, otherwise="retrain"
            )
            join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
            with TaskGroup("retrain") as retrain:
                EmptyOperator(task_id="tune") >> EmptyOperator(task_id="train")
            gate >> [EmptyOperator(task_id="deploy"), retrain] >> join
        finished = run(dag)
        assert finished.errors == {}
        assert {name for name, state in finished.states.items() if state == "success"} - {"gate"} == followed
        assert finished.value("gate")["passed"] is (job == "better")


@pytest.mark.parametrize("is_known_before", [True, False])
def test_a_mapped_group_goes_on_with_those_that_pass(is_known_before: bool, jobs: dict[str, str]) -> None:
    given = [jobs["good"], jobs["better"]]
    with DAG("mapped", schedule=None) as dag:

        @task_group
        def one(job: str) -> None:
            gate = AzmlQualityGateOperator(task_id="gate", metric="auc", challenger=job, min_value=0.92)
            gate >> EmptyOperator(task_id="deploy")

        @task
        def trained() -> list[str]:
            return given

        one.expand(job=given if is_known_before else trained())
    finished = run(dag)
    assert finished.errors == {}
    instances = finished.dag_run.get_task_instances()
    states = {(each.task_id, each.map_index): str(each.state) for each in instances if "." in each.task_id}
    assert states == {
        ("one.gate", 0): "skipped",
        ("one.gate", 1): "success",
        ("one.deploy", 0): "skipped",
        ("one.deploy", 1): "success",
    }


def test_what_follows_a_mapped_gate_runs_if_all_pass(jobs: dict[str, str]) -> None:
    for given, state in ((["good", "better"], "skipped"), (["better", "better"], "success")):
        with DAG("mapped", schedule=None) as dag:
            gates = AzmlQualityGateOperator.partial(task_id="gate", metric="auc", min_value=0.92)
            gates.expand(challenger=[jobs[name] for name in given]) >> EmptyOperator(task_id="deploy")
        finished = run(dag)
        assert finished.errors == {}
        assert finished.states["deploy"] == state


def test_a_mapped_gate_does_not_branch(jobs: dict[str, str]) -> None:
    with DAG("mapped", schedule=None) as dag:
        gates = AzmlQualityGateOperator.partial(task_id="gate", metric="auc", otherwise="tell")
        gates.expand(challenger=[jobs["good"]]) >> EmptyOperator(task_id="tell")
    (error,) = run(dag).errors["gate"]
    assert "otherwise: has no effect on what is mapped" in str(error)


def test_the_step_that_has_logged_it_tells_of_a_pipeline(workspace: Workspace) -> None:
    environment = f"azureml:{workspace.shared_environment()}"
    step = {"type": "command", "command": "true", "environment": environment}
    settings = {"default_compute": "azureml:serverless"}
    pipeline = {"type": "pipeline", "settings": settings, "jobs": {"train": step, "evaluate": step}}
    name = AzmlHook().apply({"experiment_name": "tests", **pipeline}, kind="job", wait=False)["name"]
    workspace.until(name, ["Completed"])
    steps = {run["displayName"]: run["runId"] for run in workspace.history(f"runs/{name}/children")["value"]}
    log(workspace, steps["evaluate"], {"auc": BETTER})
    for job in (name, steps["train"]):
        figures = told(challenger=job)["challenger"]
        assert (figures["value"], figures["told_by"]) == (BETTER, f"job {steps['evaluate']}, a step of {name}")
    log(workspace, steps["train"], {"auc": GOOD})
    with pytest.raises(NotFound, match=f"several steps of pipeline {name!r} have logged 'auc'"):
        told(challenger=name)
    log(workspace, name, {"auc": 0.93})
    assert told(challenger=name)["challenger"]["value"] == 0.93


def test_a_job_that_runs_has_no_figure_yet(workspace: Workspace) -> None:
    job = workspace.submit("sleep 600")
    workspace.until(job, ["Running"])
    log(workspace, job, {"auc": 1})
    with pytest.raises(NotFound, match=r"is Running\. Its figures count once it is Completed\."):
        told(challenger=job)
    workspace.call("POST", workspace.id.child("job", job) + "/cancel")


@pytest.mark.parametrize(
    ("uri", "job"),
    [
        ("azureml://jobs/train_3/outputs/model/paths/", "train_3"),
        ("azureml://subscriptions/s/resourceGroups/g/workspaces/w/jobs/j/outputs/artifacts/paths/m/", "j"),
        (
            "azureml://subscriptions/s/workspaces/w/datastores/workspaceartifactstore/paths/ExperimentRun/dcid.train-1/a",
            "train-1",
        ),
        ("azureml://datastores/workspaceblobstore/paths/azureml/train-1/model/", "train-1"),
        ("azureml://datastores/workspaceblobstore/paths/LocalUpload/abc/model/", None),
        ("runs:/abc/model", None),
    ],
)
def test_places_that_say_which_job_has_made_them(uri: str, job: str | None) -> None:
    assert made_by({"properties": {"modelUri": uri, "jobName": None}}) == job


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("train-1", "job train-1"),
        ("azureml:iris:3", "model iris:3"),
        ("iris@latest", "model iris@latest"),
        (f"azureml:{WS}/jobs/j", "job j"),
        ({"id": f"{WS}/models/m/versions/1"}, "model m:1"),
        ({"name": "iris", "version": 3}, "model iris:3"),
    ],
)
def test_names_of_jobs_and_versions(given: object, named: str) -> None:
    assert str(candidate(given)) == named


@pytest.mark.parametrize(
    "given", [None, 3, "", "azureml://registries/r/models/m/versions/1", "/subscriptions/s", {"id": 3}]
)
def test_what_names_neither(given: object) -> None:
    with pytest.raises(ValueError, match=r"neither|ARM id"):
        candidate(given)
