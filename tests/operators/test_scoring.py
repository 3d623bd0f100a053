"""One payload and many records, from all places and to all places, by the operator."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from airflow.sdk import DAG, ObjectStoragePath, task

from airflow_provider_azml.exceptions import NotFound, RunFailed, SpecError
from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlScoreOperator
from tests.airflow.running import run
from tests.operators.conftest import SignedIn
from tests.rest.scoring_service import ENDPOINT, ScoringService
from tests.rest.scripted_service import Answer
from tests.rollouts.versions import deployment, folder_of_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FLOWERS = [{"petal": number, "sepal": number / 2} for number in range(250)]


class Iris(ScoringService, SignedIn):
    """An endpoint, with what a connection asks for first."""


@pytest.fixture
def iris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iris]:
    scripted = Iris(tmp_path)
    scripted.open()
    monkeypatch.setenv("AIRFLOW_CONN_AZML_DEFAULT", scripted.connection)
    scripted.script = areas
    yield scripted
    scripted.close()


def areas(body: bytes) -> Answer:
    """Area by area; a petal of 13 is more than the script can take."""
    rows = json.loads(body)["data"]
    if any(row["petal"] == 13 for row in rows):
        return Answer(424, b"Traceback", {"Content-Type": "text/plain"})
    return Answer(body={"areas": [row["petal"] * row["sepal"] for row in rows]})


def score(**arguments: Any) -> AzmlScoreOperator:
    return AzmlScoreOperator(**{"task_id": "score", "endpoint_name": "iris", **arguments})


def area(number: int) -> float:
    return number * number / 2


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_one_payload_and_many_records(iris: Iris, tmp_path: Path) -> None:
    (tmp_path / "flowers.jsonl").write_text("".join(f"{json.dumps(flower)}\n" for flower in FLOWERS))
    (tmp_path / "flowers.csv").write_text("petal,sepal\n" + "".join(f"{n},{n / 2}\n" for n in range(14, 30)))
    (tmp_path / "payload.json").write_text('{"data": [{"petal": 1, "sepal": 2}]}')
    output = tmp_path / "scored" / "areas.jsonl"
    with DAG("scoring", schedule=None, default_args={"deferrable": True, "retries": 0}) as dag:

        @task
        def flowers() -> list[dict[str, float]]:
            return FLOWERS[20:130]

        score(task_id="payload", payload={"data": [{"petal": 2, "sepal": 3}]}, deployment_name="blue")
        score(task_id="bytes", payload_bytes=b'{"data": [{"petal": 3, "sepal": 3}]}', content_type="application/json")
        score(task_id="file", payload_file=str(tmp_path / "payload.json"))
        score(task_id="xcom", records=flowers(), batch_size="25")
        score(task_id="template", records="{{ [dict(petal=1, sepal=5)] | tojson }}")
        score(task_id="csv", records=str(tmp_path / "flowers.csv"), with_records=True, output_file=str(output))
        score(
            task_id="storage",
            records=f"file://{tmp_path}/flowers.jsonl",
            output_file=f"file://{tmp_path}/there/areas.jsonl",
            max_error_ratio="0.05",
            batch_size=10,
        )
        score(task_id="none", records=[])
    finished = run(dag)
    assert finished.errors == {}
    assert finished.value("payload") == {"areas": [6]}
    assert finished.value("bytes") == {"areas": [9]}
    assert finished.value("file") == {"areas": [2]}
    xcom = finished.value("xcom")
    assert xcom["results"] == [area(number) for number in range(20, 130)]
    assert (xcom["records"], xcom["succeeded"], xcom["failed"], xcom["requests"]) == (110, 110, 0, 5)
    assert (xcom["name"], xcom["errors"], xcom["output"]) == ("iris", [], None)
    assert finished.value("template")["results"] == [5]
    assert finished.value("none")["results"] == []
    assert lines(output)[1] == {"index": 1, "record": {"petal": 15, "sepal": 7.5}, "answer": area(15)}
    assert [file.name for file in output.parent.iterdir()] == ["areas.jsonl"]
    storage = finished.value("storage")
    there = lines(tmp_path / "there" / "areas.jsonl")
    assert [line["index"] for line in there] == list(range(250))
    assert [line["index"] for line in there if "error" in line] == list(range(10, 20))
    assert {line["answer"] for line in there[20:]} == {area(number) for number in range(20, 250)}
    assert storage["failed"] == 10
    assert storage["errors"][0] == {
        "index": 10,
        "status": 424,
        "code": "Failed Dependency",
        "message": "Traceback",
    }
    assert storage["output"] == f"file://{tmp_path}/there/areas.jsonl"
    assert "results" not in storage
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["areas.jsonl"]
    assert finished.value("storage", "azml_studio_url") == storage["studio_url"]


def test_too_many_errors_put_nothing_in_place(iris: Iris, tmp_path: Path) -> None:
    output = tmp_path / "areas.jsonl"
    output.write_text("of yesterday\n")
    with DAG("failing", schedule=None, default_args={"retries": 0}) as dag:
        score(records=FLOWERS, batch_size=10, output_file=str(output))
    finished = run(dag)
    (error,) = finished.errors["score"]
    assert isinstance(error, RunFailed)
    assert "10 of them by Failed Dependency, first record 10: Traceback" in str(error)
    assert output.read_text() == "of yesterday\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["areas.jsonl", "ca.pem"]


def test_what_failed_is_told_where_the_log_cannot_be_had(iris: Iris) -> None:
    properties = {"scoringUri": iris.scoring_uri, "authMode": "Key", "traffic": {"blue": 100}}
    shown, refused = Answer(body={"name": "iris", "properties": properties}), Answer(403, {"error": {"code": "No"}})
    iris.when("GET", ENDPOINT, lambda: refused if iris.payloads else shown)
    with DAG("failing", schedule=None, default_args={"retries": 0}) as dag:
        score(task_id="one", payload={"data": [FLOWERS[13]]})
    (error,) = run(dag).errors["one"]
    assert isinstance(error, RunFailed)
    assert "Traceback" in str(error)


def test_with_idempotent_the_one_record_is_found(iris: Iris) -> None:
    operator = score(records=FLOWERS, idempotent=True)
    result = execute(operator)
    assert (result["failed"], [error["index"] for error in result["errors"]]) == (1, [13])
    assert result["results"][12:15] == [72, None, 98]


def execute(operator: AzmlScoreOperator) -> Any:
    """What the operator answers, without Airflow around it."""
    operator.check_arguments()
    ti = Mock(dag_id="scoring", run_id="today", task_id="score", map_index=-1, max_tries=0)
    context: Any = {"ti": ti, "dag_run": Mock(start_date=datetime.now(timezone.utc))}
    return operator.submit(context)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "payload: nothing is given to send; give one of payload, payload_bytes, payload_file, records"),
        ({"payload": 1, "records": [1]}, "payload: payload and records are given"),
        ({"payload": {"a": float("nan")}}, "payload: is no JSON: Out of range float"),
        ({"payload": {"a": {1, 2}}}, "payload: is no JSON: Object of type set"),
        ({"payload_bytes": b"{"}, "payload_bytes: is no JSON"),
        ({"payload_file": "there_is_none.json"}, "payload_file: cannot be read"),
        ({"records": "there_is_none.jsonl"}, "there is no such file"),
        ({"records": "records.parquet"}, "records_format: is needed, jsonl or csv"),
        ({"records": "[1, 2"}, "records: is text that is no JSON"),
        ({"records": {"a": 1}}, "records: is dict; it must be a list"),
        ({"records": "nosuch://bucket/x.csv"}, "is nothing that Airflow's object storage opens"),
        ({"records": "azml_emulator.csv", "output_file": "azureml://wrong"}, "names no file of a datastore"),
        ({"records": [1], "concurrency": "many"}, "concurrency: is 'many'"),
        ({"records": [1], "max_error_ratio": 2}, "max_error_ratio: is 2"),
        ({"records": [1], "record_key": "a.b", "body": {"a": 1}}, "body: cannot be sent with records at 'a.b'"),
        ({"records": [1], "record_key": None, "body": {"a": 1}}, "record_key: is None"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    iris: Iris, tmp_path: Path, arguments: Any, reason: str
) -> None:
    if arguments.get("records") == "azml_emulator.csv":
        (tmp_path / "azml_emulator.csv").write_text("a\n1\n")
        arguments = {**arguments, "records": str(tmp_path / "azml_emulator.csv")}
    operator = score(**arguments)
    with pytest.raises(SpecError, match=reason.replace("(", r"\(")):
        execute(operator)
    assert iris.payloads == []


def test_results_that_are_too_long_for_xcom_name_the_way_out(iris: Iris) -> None:
    iris.script = lambda body: Answer(body=["x" * 100_000 for _ in json.loads(body)["data"]])
    with pytest.raises(SpecError, match="output_file: is needed: the results of 3 records have more than 256 kB"):
        execute(score(records=FLOWERS, batch_size=1, concurrency=1))


def test_a_task_that_is_to_end_sends_nothing_more(iris: Iris, tmp_path: Path) -> None:
    operator = score(records=FLOWERS, batch_size=1, concurrency=1, output_file=str(tmp_path / "x.jsonl"))

    def script(body: bytes) -> Answer:
        if len(iris.payloads) == 5:
            operator.on_kill()
        if len(iris.payloads) >= 5:
            iris._closing.wait(0.05)
        return areas(body)

    iris.script = script
    with pytest.raises(RunFailed, match="asked to end"):
        execute(operator)
    assert len(iris.payloads) < 50
    assert [file.name for file in tmp_path.iterdir()] == ["ca.pem"]


def test_the_time_limit_of_a_task_ends_it(iris: Iris, tmp_path: Path) -> None:
    def script(body: bytes) -> Answer:
        iris._closing.wait(0.2)
        return areas(body)

    iris.script = script
    with DAG("late", schedule=None, default_args={"retries": 0}) as dag:
        limit = timedelta(seconds=1)
        score(records=FLOWERS, batch_size=1, execution_timeout=limit, output_file=str(tmp_path / "x.jsonl"))
    finished = run(dag)
    assert finished.states == {"score": "failed"}
    assert len(iris.payloads) < 100
    assert [file.name for file in tmp_path.iterdir()] == ["ca.pem"]


def test_an_endpoint_that_is_not_there_ends_the_task_for_good(iris: Iris) -> None:
    with DAG("nowhere", schedule=None, default_args={"retries": 2}) as dag:
        score(endpoint_name="nowhere", payload={"data": []})
    finished = run(dag)
    (error,) = finished.errors["score"]
    assert isinstance(error, AirflowFailException)
    assert isinstance(error.__cause__, NotFound)


@pytest.fixture
def endpoint(azml_connection: str, tmp_path: Path) -> Iterator[str]:
    """An endpoint of the emulator that doubles numbers."""
    hook, name = AzmlHook(azml_connection), f"scoring-{uuid.uuid4().hex[:8]}"
    hook.apply({"name": name, "auth_mode": "key"}, kind="online_endpoint")
    body = {**deployment(VERSION="1"), "name": "blue", "endpoint_name": name}
    hook.apply(body, kind="online_deployment", base_path=folder_of_versions(tmp_path))
    yield name
    hook.delete("online_endpoint", name)


def test_from_datastore_to_datastore(azml_connection: str, endpoint: str, tmp_path: Path) -> None:
    from airflow_provider_azml.rest import datastore_files

    hook = AzmlHook(azml_connection)
    place = f"azureml://datastores/workspaceblobstore/paths/{endpoint}"
    (tmp_path / "numbers.jsonl").write_text("".join(f"{number}\n" for number in range(1000)))
    hook.run(datastore_files.put(hook.workspace_id, hook.cloud, f"{place}/in.jsonl", tmp_path / "numbers.jsonl"))
    there = {"endpoint_name": endpoint, "deployment_name": "blue", "records": f"{place}/in.jsonl"}
    with DAG("of-datastores", schedule=None, default_args={"retries": 0}) as dag:
        first = score(task_id="first", output_file=f"{place}/out.jsonl", answer_key="answer", **there)
        again = score(task_id="again", output_file=f"{place}/out.jsonl", answer_key="answer", **there)
        wrong = score(task_id="wrong", records=f"{place}/none.jsonl", endpoint_name=endpoint)
        failing = score(task_id="failing", records=["x"], endpoint_name=endpoint, deployment_name="blue")
        first >> again >> [wrong, failing]
    finished = run(dag)
    assert set(finished.errors) == {"wrong", "failing"}
    assert isinstance(finished.errors["wrong"][0], AirflowFailException)
    assert "can't multiply" in str(finished.errors["failing"][0])
    result = finished.value("again")
    assert (result["records"], result["failed"], result["output"]) == (1000, 0, f"{place}/out.jsonl")
    fetched = hook.run(datastore_files.fetch(hook.workspace_id, hook.cloud, f"{place}/out.jsonl", tmp_path))
    assert lines(fetched) == [{"index": number, "answer": 2.0 * number} for number in range(1000)]
    assert ObjectStoragePath(f"file://{fetched}").exists()
