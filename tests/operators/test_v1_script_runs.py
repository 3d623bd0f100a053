"""Script runs by the service of CLI v1: started once, found again, waited for and cancelled as v1 does."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import JobNameTaken, RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import v1_script_runs
from airflow_provider_azml.operators.submission import TI_ID, Terms
from airflow_provider_azml.operators.v1_runs import AzmlSubmitScriptRunOperator
from airflow_provider_azml.rest.v1.multipart import Pieces
from airflow_provider_azml.spec.target import SUBMISSION
from tests.airflow.running import run
from tests.operators.task_process import LAST_WORDS, LONGEST_SECONDS, TaskProcess
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

RUNCONFIG = {"script": "train.py", "target": "cpu", "environment": {"python": {"userManagedDependencies": True}}}
STARTRUN = f"/execution/v1.0{WS}/experiments/iris/startrun"
HISTORY = f"/history/v1.0{WS}/runs"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text("print('trained')\n")
    (folder / ".amlignore").write_text("*.log\n")
    (folder / "old.log").write_text("not code\n")
    return folder


def in_a_dag(project: Path, *, dag_id: str = "v1", retries: int = 0, **arguments: Any) -> Finished:
    with DAG(dag_id, schedule=None, default_args={"poll_seconds": 0.1, "retries": retries}) as dag:
        AzmlSubmitScriptRunOperator(
            task_id="it",
            **{
                "runconfig": RUNCONFIG,
                "source_directory": str(project),
                "experiment_name": "iris",
                "generation": "v1",
                **arguments,
            },
        )
    return run(dag)


class Runs:
    """The execution service and run history of a scripted service: what was started is there."""

    def __init__(self, service: SignedIn) -> None:
        self.service = service
        self.status = "Completed"
        self.loses = 0
        """How many starts are not answered though the run is begun."""
        self.refuses = 0
        """How many starts are refused without a run being begun."""
        self.answers = threading.Event()
        """Whether starts are answered already, and runs begun."""
        self.answers.set()
        self.properties: dict[str, str] = {}
        service.holds({WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}}})
        service.answer("GET", "/discovery", Answer(body={"api": service.url}))
        service.when("POST", STARTRUN, self._start)
        metrics = {"run": {"data": {"metrics": [{"key": "accuracy", "value": 0.5}]}}}
        service.answer("GET", f"/mlflow/v2.0{WS}/api/2.0/mlflow/runs/get", Answer(body=metrics))
        self.begun: list[str] = []

    @property
    def starts(self) -> int:
        return sum(asked.path == STARTRUN for asked in self.service.asked)

    def _start(self) -> Answer:
        self.answers.wait(LONGEST_SECONDS)
        if self.refuses:
            self.refuses -= 1
            return Answer(503)
        (run_id,) = [name for name in self.names if name not in self.begun][:1]
        self.begun.append(run_id)
        self.service.when("GET", f"{HISTORY}/{run_id}", lambda: Answer(body=self.shown(run_id)))
        self.service.answer("GET", f"{HISTORY}/{run_id}/children", Answer(body={"value": []}))
        self.service.answer("GET", f"{HISTORY}/{run_id}/details", Answer(body=self.shown(run_id)))
        patch = f"/history/v1.0{WS}/experiments/iris/runs/{run_id}"
        self.service.when("PATCH", patch, self._amended)
        cancel = f"/execution/v1.0{WS}/experiments/iris/runId/{run_id}/cancel"
        self.service.when("POST", cancel, self._cancelled)
        if self.loses:
            self.loses -= 1
            return Answer(503)
        return Answer(body={"runId": run_id})

    @property
    def names(self) -> list[str]:
        """The ids of runs that were looked for."""
        asked = [each.path for each in self.service.asked if each.path.startswith(f"{HISTORY}/")]
        return list(dict.fromkeys(path.removeprefix(f"{HISTORY}/").partition("/")[0] for path in asked))

    def shown(self, run_id: str) -> dict[str, Any]:
        return {"runId": run_id, "status": self.status, "properties": self.properties}

    def _amended(self) -> Answer:
        self.properties.update(json.loads(self.service.asked[-1].body)["properties"])
        return Answer(body={})

    def _cancelled(self) -> Answer:
        self.status = "Canceled"
        return Answer(body={"runId": "it"})


@pytest.fixture
def runs(service: SignedIn) -> Runs:
    return Runs(service)


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_run_is_started_once_and_told_of_as_a_job(deferrable: bool, runs: Runs, project: Path) -> None:
    finished = in_a_dag(project, deferrable=deferrable)
    assert finished.errors == {}
    result = finished.value("it")
    (run_id,) = runs.begun
    assert run_id.startswith("v1-it-")
    assert run_id.endswith("-1")
    assert (result["name"], result["status"], result["experiment_name"]) == (run_id, "Completed", "iris")
    assert result["id"] == f"{WS}/jobs/{run_id}"
    assert result["outputs"] == {"default": f"azureml://jobs/{run_id}/outputs/artifacts/paths/"}
    assert result["metrics"] == {"accuracy": 0.5}
    assert runs.properties["airflow.dag_id"] == "v1"
    assert runs.starts == 1


def test_what_v1_is_sent_is_not_told_to_be_left_out(
    runs: Runs, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_a_dag(project, runconfig={**RUNCONFIG, "autoPrepareEnvironment": True}).errors == {}
    (start,) = [asked for asked in runs.service.asked if asked.path == STARTRUN]
    assert b'"autoPrepareEnvironment": true' in start.body
    assert "not sent" not in capsys.readouterr().out


def test_a_run_need_not_be_waited_for(runs: Runs, project: Path) -> None:
    runs.status = "Running"
    result = in_a_dag(project, wait=False).value("it")
    assert (result["name"], result["status"]) == (runs.begun[0], "Running")


def test_a_start_whose_answer_was_lost_is_found_and_not_sent_again(runs: Runs, project: Path) -> None:
    runs.loses = 1
    finished = in_a_dag(project)
    assert finished.errors == {}
    assert (runs.starts, len(runs.begun)) == (1, 1)
    assert runs.properties["airflow.task_id"] == "it"


@pytest.mark.usefixtures("hurried")
def test_a_start_that_the_service_did_not_take_is_sent_again_once_it_is_sure(runs: Runs, project: Path) -> None:
    runs.refuses = 1
    assert in_a_dag(project).errors == {}
    assert (runs.starts, len(runs.begun)) == (2, 1)


def test_a_run_that_failed_has_a_next_attempt(runs: Runs, project: Path) -> None:
    runs.status = "Failed"
    finished = in_a_dag(project, retries=1)
    assert [type(error) for error in finished.errors["it"]] == [RunFailed, RunFailed]
    assert str(finished.errors["it"][0]).startswith(f"run {runs.begun[0]!r} ended as Failed")
    assert [name.rpartition("-")[2] for name in runs.begun] == ["1", "2"]


def test_what_the_service_refuses_is_not_tried_again(runs: Runs, service: SignedIn, project: Path) -> None:
    refusal = Answer(400, {"error": {"code": "UserError", "message": "there is no compute cpu"}})
    service.when("POST", STARTRUN, lambda: refusal)
    (error,) = in_a_dag(project, retries=2).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert "there is no compute cpu" in str(error)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"inputs": {"a": 1}}, "inputs: is of jobs of today"),
        ({"name": "my-run"}, "name: is of jobs of today"),
        ({"runconfig": {**RUNCONFIG, "target": "local"}}, "target: is this machine in v1"),
        ({"runconfig": {**RUNCONFIG, "script": "missing.py"}}, "there is no file 'missing.py'"),
        ({"generation": "v3"}, "generation"),
    ],
)
def test_what_cannot_be_sent_is_refused_before(
    arguments: dict[str, Any], reason: str, runs: Runs, project: Path
) -> None:
    (error,) = in_a_dag(project, retries=2, **arguments).errors["it"]
    assert isinstance(error, AirflowFailException)
    assert reason in str(error)
    assert runs.starts == 0


@pytest.fixture
def unanswered(runs: Runs) -> None:
    """Until a test says so, nothing is answered, and no runs are begun."""
    runs.answers.clear()


@pytest.fixture
def task(runs: Runs, project: Path, tmp_path: Path) -> Iterator[TaskProcess]:
    runs.status = "Running"
    with DAG("killing", schedule=None):
        operator = AzmlSubmitScriptRunOperator(
            task_id="it",
            runconfig=RUNCONFIG,
            source_directory=str(project),
            experiment_name="iris",
            generation="v1",
            poll_seconds=0.1,
            stream_logs=False,
        )
    begun = TaskProcess(operator, tmp_path, state="failed")
    yield begun
    begun.close()


def test_a_task_that_was_ended_takes_its_run_with_it(task: TaskProcess, runs: Runs) -> None:
    task.until(lambda: bool(runs.begun) and bool(runs.properties))
    task.terminate()
    task.until(lambda: runs.status == "Canceled")
    task.until(lambda: LAST_WORDS in task.log)
    (run_id,) = runs.begun
    assert f"Run {run_id} is being cancelled" in task.log
    assert not any("/jobs/" in asked.path for asked in runs.service.asked if asked.method == "POST")


@pytest.mark.usefixtures("unanswered")
def test_a_run_that_is_being_started_is_cancelled_once_it_is_there(task: TaskProcess, runs: Runs) -> None:
    task.until(lambda: runs.starts == 1)
    task.terminate()
    task.until(lambda: "its job is not wanted any more" in task.log)
    assert not runs.begun
    runs.answers.set()
    task.until(lambda: runs.status == "Canceled")
    task.until(lambda: LAST_WORDS in task.log)
    assert runs.starts == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_time_that_is_up_cancels_the_run(deferrable: bool, runs: Runs, project: Path) -> None:
    runs.status = "Running"
    (error,) = in_a_dag(project, deferrable=deferrable, timeout_seconds=1).errors["it"]
    assert isinstance(error, WaitTimeout)
    assert (error.kind, error.cancelled, runs.status) == ("run", True, "Canceled")
    assert "was still Running when timeout_seconds ran out, and was cancelled" in str(error)


class Started:
    """What a driver of flows needs to submit a run; see :class:`Runs`."""

    def __init__(self, runs: Runs) -> None:
        self.hook = AzmlHook()
        self.owner = {SUBMISSION: "abc", TI_ID: "1", "airflow.task_id": "it"}
        said = v1_script_runs.Said("it")
        self.run = v1_script_runs.ScriptRun("iris", {"Configuration": {}}, Pieces(b""), said, 5)
        self.runs = runs

    def submit(self, **terms: Any) -> str:
        plane, base = self.hook.v1.place, "v1-it-abc"
        ticket = self.hook.run(v1_script_runs.submit(plane, self.run, base, self.owner, Terms(**terms)))
        return ticket.arm_id.rpartition("/")[2]


def test_a_try_takes_up_what_one_started_that_died_before_it_could_say_so(runs: Runs) -> None:
    started = Started(runs)
    assert started.submit() == "v1-it-abc-1"
    runs.properties.clear()
    runs.status = "Running"
    assert started.submit() == "v1-it-abc-1"
    assert runs.starts == 1
    assert runs.properties == started.owner


def test_a_try_may_refuse_what_an_earlier_one_started(runs: Runs) -> None:
    started = Started(runs)
    runs.status = "Running"
    started.submit()
    started.owner = {**started.owner, TI_ID: "2"}
    with pytest.raises(JobNameTaken, match="run 'v1-it-abc-1' is Running already, of an earlier try"):
        started.submit(on_existing="fail")


def test_a_run_that_does_not_respond_is_cancelled_before_the_next_attempt(runs: Runs) -> None:
    started = Started(runs)
    runs.status = "NotResponding"
    started.submit()
    assert started.submit() == "v1-it-abc-2"
    assert runs.status == "Canceled"


@pytest.fixture
def compute(azml_connection: str) -> str:
    AzmlHook(azml_connection).apply({"name": "cpu", "type": "amlcompute", "size": "Standard_DS3_v2"}, kind="compute")
    return azml_connection


def test_a_script_that_fails_is_told_with_the_end_of_its_log(compute: str, project: Path) -> None:
    (project / "train.py").write_text("print('about to fail'); raise SystemExit('no such data')\n")
    (error,) = in_a_dag(project, dag_id=f"v1-{time.time_ns()}", deferrable=True).errors["it"]
    assert isinstance(error, RunFailed)
    assert (error.kind, error.status, error.error_class) == ("run", "Failed", "user_error")
    assert {"about to fail", "no such data"} <= set(error.log_tail)
    assert compute


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_folder_really_runs(deferrable: bool, compute: str, project: Path) -> None:
    (project / "train.py").write_text("import sys; print('trained', *sys.argv[1:])\n")
    finished = in_a_dag(
        project, dag_id=f"v1-{time.time_ns()}", arguments=["--day", "{{ ds_nodash }}"], deferrable=deferrable
    )
    assert finished.errors == {}
    hook = AzmlHook(compute)
    result = finished.value("it")
    assert result["status"] == "Completed"
    assert hook.job_logs(result["name"]).startswith("trained --day 2")
    found = hook.v1.run(result["name"])
    assert found["properties"]["airflow.task_id"] == "it"
    assert result["name"] in {each["runId"] for each in hook.v1.runs("iris")}
