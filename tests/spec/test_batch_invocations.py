"""Invocations of batch endpoints: what is sent for what was given, as azure-ai-ml sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import awaited_defaults, default_deployments, waiting
from airflow_provider_azml.spec.batch_invocations import body, check
from airflow_provider_azml.spec.references import made_by_task
from airflow_provider_azml.spec.source import from_mapping
from tests.rest.scripted_service import Answer
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENDPOINT = f"{WS}/batchEndpoints/nightly"
SHORT = "azureml://datastores/raw/paths"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path)
    yield stand_in
    stand_in.close()


def sent(service: StandIn, given: dict[str, Any], base_path: Path | None = None) -> dict[str, Any]:
    source = from_mapping(given, base_path=base_path) if base_path else from_mapping(given)
    check(source)
    found: dict[str, Any] = service.run(body(source, TARGET))["properties"]
    return found


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        (f"{SHORT}/numbers/", "UriFolder", f"{SHORT}/numbers/"),
        (f"{SHORT}/numbers", "UriFolder", f"{SHORT}/numbers"),
        (f"{SHORT}/numbers.csv", "UriFile", f"{SHORT}/numbers.csv"),
        ({"path": f"{SHORT}/no-ending", "type": "URI_FILE"}, "UriFile", f"{SHORT}/no-ending"),
        ({"path": f"{SHORT}/t/", "type": "mltable"}, "MLTable", f"{SHORT}/t/"),
        ({"path": "azureml:iris:1", "type": "mlflow_model"}, "MLFlowModel", f"{WS}/models/iris/versions/1"),
        ("azureml:numbers:2", "UriFile", f"{WS}/data/numbers/versions/2"),
        (f"{WS}/data/numbers/versions/2", "UriFile", f"{WS}/data/numbers/versions/2"),
        ("append", "Literal", "append"),
        ({"value": f"{SHORT}/numbers/"}, "Literal", f"{SHORT}/numbers/"),
        (0.5, "Literal", 0.5),
        (True, "Literal", True),
    ],
)
def test_an_input_becomes_what_it_is(given: Any, kind: str, value: object, service: StandIn) -> None:
    service.holds({f"{WS}/data/numbers/versions/2": {"properties": {"dataType": "uri_file"}}})
    told = sent(service, {"inputs": {"x": given}})["inputData"]["x"]
    assert told == {"jobInputType": kind, "value" if kind == "Literal" else "uri": value}


@pytest.mark.parametrize(
    ("uri", "kind", "path"),
    [
        ("azureml://jobs/train-1/outputs/out/paths/", "UriFolder", "runs/1/out/"),
        ("azureml://jobs/train-1/outputs/table", "UriFile", "runs/1/t.csv"),
        ("azureml://jobs/train-1/outputs/out/paths/part.csv", "UriFile", "runs/1/out/part.csv"),
    ],
)
def test_an_output_of_a_job_becomes_its_place(uri: str, kind: str, path: str, service: StandIn) -> None:
    outputs = {"out": {"assetId": "1"}, "table": {"assetId": "2"}}
    declared = {"out": {"jobOutputType": "uri_folder"}, "table": {"jobOutputType": "uri_file"}}
    service.holds({
        WS: {"properties": {"discoveryUrl": f"{service.url}/discovery"}},
        "/discovery": {"api": service.url},
        f"{WS}/jobs/train-1": {"properties": {"outputs": declared}},
        f"/history/v1.0{WS}/runs/train-1": {"runId": "train-1", "status": "Completed"},
    })
    service.answer("POST", f"/history/v1.0{WS}/rundata", Answer(body={"runMetadata": {"outputs": outputs}}))
    places = {"1": {"uri": f"{SHORT}/runs/1/out"}, "2": {"uri": f"{SHORT}/runs/1/t.csv"}}
    service.answer("POST", f"/data/v1.0{WS}/dataversion/batchGetResolvedUris", Answer(body={"values": places}))
    found = sent(service, {"inputs": {"x": uri}})["inputData"]["x"]
    assert found == {"jobInputType": kind, "uri": f"{SHORT}/{path}"}


@pytest.mark.sdk
def test_the_rest_is_what_azure_ai_ml_sends(service: StandIn) -> None:
    from azure.ai.ml import Input, Output
    from azure.ai.ml._schema._deployment.batch.batch_job import BatchJobSchema
    from azure.ai.ml.constants._common import BASE_PATH_CONTEXT_KEY, PARAMS_OVERRIDE_KEY

    place = f"{SHORT}/scored/today.csv"
    overrides = [
        {"input_data": {"n": Input(type="uri_folder", path=SHORT), "t": Input(type="mltable", path=f"{SHORT}/t/")}},
        {"output_data": {"score": Output(type="uri_file", path=place, mode="rw_mount")}},
        {"mini_batch_size": 5},
        {"error_threshold": 3},
        {"output_file_name": "mine.csv"},
        {"retry_settings.max_retries": 2},
        {"retry_settings.timeout": 90},
        {"compute.instance_count": 3},
        {"properties": {"experimentName": "nightly"}},
    ]
    context = {BASE_PATH_CONTEXT_KEY: ".", PARAMS_OVERRIDE_KEY: overrides}
    theirs = BatchJobSchema(context=context).load(data={})
    theirs["outputData"]["score"]["mode"] = "ReadWriteMount"  # the SDK sends the word of the file, which is no mode
    ours = sent(
        service,
        {
            "inputs": {"n": SHORT, "t": {"path": f"{SHORT}/t/", "type": "mltable"}},
            "outputs": {"score": {"path": place, "mode": "rw_mount"}},
            "mini_batch_size": "5",
            "error_threshold": 3,
            "output_file_name": "mine.csv",
            "retry_settings": {"max_retries": 2, "timeout": 90},
            "instance_count": 3,
            "experiment_name": "nightly",
        },
    )
    assert ours == {**theirs, "tags": {}}


def test_local_data_is_uploaded_once_it_is_known_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers/1.txt").write_text("1")
    check(from_mapping({"inputs": {"a": "numbers", "b": "numbers/1.txt"}}, base_path=tmp_path))
    wrong = {"inputs": {"a": "./nothing", "b": {"path": "azureml:x"}, "c": {}}, "mini_batch_size": 0, "what": 1}
    with pytest.raises(SpecError) as refused:
        check(from_mapping(wrong, base_path=tmp_path))
    told = str(refused.value)
    assert all(place in told for place in ("inputs.a", "inputs.b.path", "inputs.c", "mini_batch_size", "what: unknown"))


@pytest.mark.parametrize(
    ("given", "reference"),
    [
        (
            {"name": "iris", "version": "3", "id": "/subscriptions/s/x", "path": "azureml://p"},
            "azureml:/subscriptions/s/x",
        ),
        ({"name": "iris", "version": "3", "status": "Succeeded"}, "azureml:iris:3"),
        ("/subscriptions/s/x", "azureml:/subscriptions/s/x"),
        ("azureml:iris:3", None),
        ({"name": "iris", "version": "3", "path": "weights"}, None),
        (None, None),
    ],
)
def test_what_a_task_made_is_referred_to(given: object, reference: str | None) -> None:
    assert made_by_task(given) == reference


def endpoint(state: str, default: str | None) -> dict[str, Any]:
    properties = {"authMode": "AADToken", "scoringUri": "https://x", "defaults": {"deploymentName": default}}
    return {"name": "nightly", "location": "here", "properties": {**properties, "provisioningState": state}}


def test_the_default_is_set_and_nothing_else(service: StandIn) -> None:
    service.holds({ENDPOINT: endpoint("Succeeded", "first")})
    assert service.run(default_deployments.set_default(ENDPOINT, "first")) is None
    ticket = service.run(default_deployments.set_default(ENDPOINT, "second"))
    ((_, put),) = service.puts()
    assert put == {
        "location": "here",
        "properties": {"authMode": "AADToken", "defaults": {"deploymentName": "second"}},
    }
    assert ticket.wanted == {"deployment": "second", "former": "first"}
    service.forget()
    looks = [("Updating", "first"), ("Succeeded", "first"), ("Succeeded", "second")]
    service.answer("GET", ENDPOINT, *(Answer(body=endpoint(*look)) for look in looks))
    assert service.run(waiting.settle(ticket, poll_seconds=0.01)).succeeded
    service.forget()
    service.holds({ENDPOINT: endpoint("Succeeded", "third")})
    outcome = service.run(waiting.settle(ticket, poll_seconds=0.01))
    assert (outcome.succeeded, outcome.code) == (False, awaited_defaults.CHANGED)
    assert "goes to third by default, and not to second: somebody else set it" in str(outcome.failure())
