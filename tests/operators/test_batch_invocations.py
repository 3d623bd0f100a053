"""Invocations of batch endpoints: one job for one submission, whatever is lost or made twice."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_azml.exceptions import JobNameTaken, RunFailed, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.operators import AzmlInvokeBatchEndpointOperator
from airflow_provider_azml.rest.batch_invocations import ATTEMPT
from tests.airflow.running import run
from tests.operators.task_process import LAST_WORDS, LONGEST_SECONDS, TaskProcess
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import WS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.airflow.running import Finished
    from tests.operators.conftest import SignedIn

ENDPOINT = f"{WS}/batchEndpoints/nightly"
INVOKE = "/score/jobs"
LIST = f"/mferp/managementfrontend{ENDPOINT}/jobs"
DATA = "azureml://datastores/raw/paths/numbers/"


class Jobs:
    """A batch endpoint of a scripted service: what it was asked for is among its jobs."""

    def __init__(self, service: SignedIn) -> None:
        self.service = service
        self.status = "Completed"
        self.loses = 0
        """How many invocations are not answered though a job is made."""
        self.refuses = 0
        """How many invocations are answered with 503, and no job is made."""
        self.makes = 1
        """How many jobs are made of one invocation, as in the issue that the service made some fifty."""
        self.answers = threading.Event()
        """Whether invocations are answered already, and jobs made."""
        self.answers.set()
        self.keeps: tuple[str, ...] = ("name", "properties", "tags")
        """What of an invocation the job still has."""
        self.made: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self._known: dict[str, dict[str, Any]] = {}
        self._one_at_a_time = threading.Lock()
        properties = {"scoringUri": f"{service.url}{INVOKE}", "defaults": {"deploymentName": "first"}}
        self.endpoint: dict[str, Any] = {"name": "nightly", "properties": properties}
        service.holds({
            WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}},
            ENDPOINT: self.endpoint,
            f"{ENDPOINT}/deployments/first": {"name": "first", "properties": {}},
        })
        service.answer("GET", "/discovery", Answer(body={"api": service.url}))
        service.when("POST", INVOKE, self._invoke)
        service.when("GET", LIST, lambda: Answer(body={"value": self.made[::-1]}))

    @property
    def invocations(self) -> list[dict[str, str]]:
        """The headers of each invocation."""
        return [asked.headers for asked in self.service.asked if asked.path == INVOKE]

    @property
    def asked_for(self) -> dict[str, Any]:
        """What the last invocation asked for."""
        (*_, last) = [asked for asked in self.service.asked if asked.path == INVOKE]
        properties: dict[str, Any] = json.loads(last.body)["properties"]
        return properties

    @property
    def names(self) -> list[str]:
        return [job["name"] for job in self.made]

    def add(self, name: str, properties: dict[str, Any], created: str = "2026-11-22T06:00:00Z") -> None:
        shown = {"name": name, "properties": properties, "systemData": {"createdAt": created}}
        self.made.append(shown)
        path = f"{WS}/jobs/{name}"
        self.service.when("GET", path, lambda: Answer(body=self._job(name, properties)))
        self.service.when("POST", f"{path}/cancel", lambda: self._cancel(name))

    def _invoke(self) -> Answer:
        given, sent_as = self.asked_for, self.invocations[-1]["repeatability_request-id"]
        with self._one_at_a_time:
            self.answers.wait(LONGEST_SECONDS)
            if sent_as not in self._known and not self.refuses:
                self._known[sent_as] = self._make(given)
        if self.refuses:
            self.refuses -= 1
            return Answer(503)
        if self.loses:
            self.loses -= 1
            return Answer(503)
        return Answer(201, self._known[sent_as])

    def _make(self, given: dict[str, Any]) -> dict[str, Any]:
        kept = {key: given.get(key) for key in self.keeps}
        for _ in range(self.makes):
            number = len(self.made) + 1
            created = f"2036-01-01T00:00:{number:02}Z"
            self.add(f"batchjob-{number}", {**kept, "status": self.status}, created)
        return self.made[-self.makes]

    def _job(self, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        shown = {key: properties.get(key) or {} for key in ("properties", "tags")}
        status = "Canceled" if name in self.cancelled else self.status
        return {"id": f"{WS}/jobs/{name}", "name": name, "properties": {"status": status, **shown}}

    def _cancel(self, name: str) -> Answer:
        self.cancelled.append(name)
        return Answer(200)


@pytest.fixture
def jobs(service: SignedIn, hurried: None) -> Jobs:
    return Jobs(service)


def in_a_dag(*, retries: int = 0, **arguments: Any) -> Finished:
    with DAG("nightly", schedule=None, default_args={"poll_seconds": 0.1, "retries": retries}) as dag:
        AzmlInvokeBatchEndpointOperator(
            task_id="score",
            **{"endpoint_name": "nightly", "input": DATA, "stream_logs": False, **arguments},
        )
    return run(dag)


@pytest.mark.parametrize("deferrable", [False, True])
def test_what_is_sent_and_told(deferrable: bool, jobs: Jobs) -> None:
    finished = in_a_dag(deferrable=deferrable, deployment_name="first", mini_batch_size="5", tags={"team": "a"})
    assert finished.errors == {}
    result = finished.value("score")
    assert (result["name"], result["status"]) == ("batchjob-1", "Completed")
    assert (result["endpoint"], result["deployment"]) == ("nightly", "first")
    (headers,) = jobs.invocations
    assert headers["azureml-model-deployment"] == "first"
    assert headers["repeatability_request-id"] == headers["Repeatability-Request-ID"]
    asked = jobs.asked_for
    assert asked["inputData"] == {"input_data": {"jobInputType": "UriFolder", "uri": DATA}}
    assert asked["miniBatchSize"] == 5
    assert asked["properties"]["experimentName"] == "nightly"
    assert asked["properties"]["airflow.task_id"] == "score"
    mark = asked["properties"][ATTEMPT]
    assert asked["name"] == f"nightly-score-{mark}"
    assert asked["tags"] == {"team": "a", ATTEMPT: mark}


@pytest.mark.parametrize("kept", [("name",), ("properties",), ("tags",)])
def test_an_answer_that_was_lost_is_no_second_job(kept: tuple[str, ...], jobs: Jobs) -> None:
    """Whatever of the marks the service keeps."""
    jobs.loses, jobs.keeps = 1, kept
    finished = in_a_dag()
    assert finished.errors == {}
    assert finished.value("score")["name"] == "batchjob-1"
    assert (len(jobs.invocations), jobs.names) == (1, ["batchjob-1"])


def test_an_invocation_that_was_not_taken_is_sent_again_as_the_same(jobs: Jobs) -> None:
    jobs.refuses = 2
    assert in_a_dag().errors == {}
    assert len(jobs.invocations) == 3
    assert len({headers["repeatability_request-id"] for headers in jobs.invocations}) == 1
    assert jobs.names == ["batchjob-1"]


def test_what_the_service_made_besides_is_cancelled(jobs: Jobs) -> None:
    """Source: issue 31166 of Azure/azure-sdk-for-python."""
    jobs.status, jobs.loses, jobs.makes = "Running", 1, 4
    result = in_a_dag(wait=False).value("score")
    assert (result["name"], result["status"], result["endpoint"]) == ("batchjob-1", "Running", "nightly")
    assert jobs.cancelled == ["batchjob-2", "batchjob-3", "batchjob-4"]
    assert len(jobs.invocations) == 1


def test_a_failed_job_has_a_next_attempt_that_is_another_invocation(jobs: Jobs) -> None:
    jobs.status = "Failed"
    finished = in_a_dag(retries=1)
    assert [type(error) for error in finished.errors["score"]] == [RunFailed, RunFailed]
    assert str(finished.errors["score"][0]).startswith("job 'batchjob-1' ended as Failed")
    assert jobs.names == ["batchjob-1", "batchjob-2"]
    assert len({headers["repeatability_request-id"] for headers in jobs.invocations}) == 2


def test_a_retry_takes_up_the_job_of_a_try_that_gave_up(jobs: Jobs) -> None:
    """The list was out of reach as well, so that the first try could not know."""
    jobs.loses = 1
    lists = iter([Answer(body={"value": []}), Answer(425)])
    listed = lambda: Answer(body={"value": jobs.made[::-1]})  # noqa: E731
    jobs.service.when("GET", LIST, lambda: next(lists, None) or listed())
    finished = in_a_dag(retries=1, tolerate_errors_seconds=0)
    assert len(finished.errors["score"]) == 1
    assert finished.state == "success"
    assert jobs.names == ["batchjob-1"]


def test_a_try_may_refuse_what_an_earlier_one_started(jobs: Jobs) -> None:
    jobs.status = "Running"
    first, second = in_a_dag(retries=1, on_existing="fail", timeout_seconds=0.5, cancel_on_kill=False).errors["score"]
    assert isinstance(first, WaitTimeout)
    assert isinstance(second.__cause__, JobNameTaken)
    assert "job 'batchjob-1' is Running already, of an earlier try" in str(second)


def test_a_long_list_is_read_only_as_far_as_it_is_new(jobs: Jobs) -> None:
    older = [f"2020-01-0{day}T00:00:00Z" for day in range(9, 0, -1)]
    page = [{"name": f"old-{made}", "properties": {}, "systemData": {"createdAt": made}} for made in older]
    body = {"value": page, "nextLink": f"{jobs.service.url}{LIST}/more"}
    jobs.service.when("GET", LIST, lambda: Answer(body=body))
    jobs.service.answer("GET", f"{LIST}/more", Answer(body={"value": []}))
    assert in_a_dag().errors == {}
    assert not [asked for asked in jobs.service.asked if asked.path.endswith("/more")]
    page.reverse()  # in another order nothing can be said of what follows
    assert in_a_dag().errors == {}
    assert [asked for asked in jobs.service.asked if asked.path.endswith("/more")]


def test_an_endpoint_without_a_default_says_what_to_do(jobs: Jobs) -> None:
    jobs.endpoint["properties"]["defaults"] = None
    (error,) = in_a_dag(retries=2).errors["score"]
    assert isinstance(error, AirflowFailException)
    assert "batch endpoint 'nightly' has no default deployment" in str(error)
    assert "Give deployment_name, or deploy with set_default=True" in str(error)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [(404, "ResourceNotFound", "is gone"), (400, "ValidationError", "too many instances")],
)
def test_what_the_service_refuses_is_not_tried_again(status: int, code: str, message: str, jobs: Jobs) -> None:
    refusal = Answer(status, {"error": {"code": code, "message": message}})
    jobs.service.when("POST", INVOKE, lambda: refusal)
    (error,) = in_a_dag(retries=2).errors["score"]
    assert isinstance(error, AirflowFailException)
    assert message in str(error)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"endpoint_name": ""}, "endpoint_name: is empty"),
        ({"inputs": {"a": 1}}, "input: and inputs are both given"),
        ({"file": "job.yml"}, "file: is for what has AML files"),
        ({"input": "no/such/folder"}, "inputs.input_data.path"),
        ({"input": "azureml:numbers"}, "azureml:numbers"),
        ({"input": {"type": "uri_folder"}}, "path"),
        ({"mini_batch_size": "many"}, "mini_batch_size"),
        ({"retry_settings": {"retries": 1}}, "retries: unknown key"),
        ({"logging_level": "loud"}, "logging_level"),
        ({"output_file_name": "a/b.csv"}, "must be the name of a file"),
        ({"outputs": {"score": "scored/"}}, "outputs.score"),
        ({"input": None}, "first is a deployment of a model and takes one of them; given are none"),
        ({"input": None, "inputs": {"a": DATA, "b": DATA}}, "given are a, b"),
        ({"input": {"value": 1}}, "inputs.input_data: first is a deployment of a model and takes data"),
        ({"deployment_name": "second"}, "second"),
        ({"endpoint_name": "weekly"}, "weekly"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(arguments: dict[str, Any], reason: str, jobs: Jobs) -> None:
    (error,) = in_a_dag(retries=2, **arguments).errors["score"]
    assert isinstance(error, AirflowFailException)
    assert reason in str(error)
    assert jobs.invocations == []


@pytest.fixture
def unanswered(jobs: Jobs) -> None:
    """Until a test says so, nothing is answered, and no jobs are made."""
    jobs.answers.clear()


@pytest.fixture
def task(jobs: Jobs, tmp_path: Path) -> Iterator[TaskProcess]:
    jobs.status = "Running"
    with DAG("killing", schedule=None):
        operator = AzmlInvokeBatchEndpointOperator(
            task_id="score", endpoint_name="nightly", input=DATA, poll_seconds=0.1, stream_logs=False
        )
    begun = TaskProcess(operator, tmp_path, state="failed")
    yield begun
    begun.close()


def test_a_task_that_was_ended_takes_its_job_with_it(task: TaskProcess, jobs: Jobs) -> None:
    task.until(lambda: f"{WS}/jobs/batchjob-1" in [asked.path for asked in jobs.service.asked])
    task.terminate()
    task.until(lambda: jobs.cancelled == ["batchjob-1"])
    task.until(lambda: LAST_WORDS in task.log)
    assert "Job batchjob-1 is being cancelled" in task.log


@pytest.mark.usefixtures("unanswered")
def test_a_job_that_is_being_started_is_cancelled_once_it_is_there(task: TaskProcess, jobs: Jobs) -> None:
    task.until(lambda: len(jobs.invocations) == 1)
    task.terminate()
    task.until(lambda: "its job is not wanted any more" in task.log)
    assert not jobs.made
    jobs.answers.set()
    task.until(lambda: jobs.cancelled == ["batchjob-1"])
    task.until(lambda: LAST_WORDS in task.log)
    assert len(jobs.invocations) == 1


def test_a_try_after_one_that_was_killed_in_the_midst_sends_the_same(jobs: Jobs, tmp_path: Path) -> None:
    """The job is not in the list yet when the next try looks: the service knows the invocation all the same."""
    jobs.status = "Running"
    jobs.answers.clear()
    with DAG("killing", schedule=None):
        operator = AzmlInvokeBatchEndpointOperator(
            task_id="score", endpoint_name="nightly", input=DATA, poll_seconds=0.1, stream_logs=False, wait=False
        )
    first = TaskProcess(operator, tmp_path)
    first.until(lambda: len(jobs.invocations) == 1)
    first.close()  # by SIGKILL
    second = TaskProcess(operator, tmp_path, try_number=2)
    second.until(lambda: len(jobs.invocations) == 2)
    assert not jobs.made
    jobs.answers.set()
    second.until(lambda: LAST_WORDS in second.log)
    assert len({headers["repeatability_request-id"] for headers in jobs.invocations}) == 1
    assert (len(jobs.invocations), jobs.names) == (2, ["batchjob-1"])
    second.close()


@pytest.mark.parametrize("deferrable", [False, True])
def test_time_that_is_up_cancels_the_job(deferrable: bool, jobs: Jobs) -> None:
    jobs.status = "Running"
    (error,) = in_a_dag(deferrable=deferrable, timeout_seconds=1).errors["score"]
    assert isinstance(error, WaitTimeout)
    assert (error.kind, error.name, error.cancelled) == ("job", "batchjob-1", True)
    assert jobs.cancelled == ["batchjob-1"]
