from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import distillation_jobs, fine_tuning_jobs, kinds
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import Local
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "azureml://registries/azureml-meta/models/Llama/versions/8"
CUSTOM: dict[str, Any] = {
    "type": "finetuning",
    "model_provider": "custom",
    "task": "text_completion",
    "model": {"path": MODEL, "type": "mlflow_model"},
    "training_data": "azureml:d:1",
}
OPEN_AI: dict[str, Any] = {**CUSTOM, "model_provider": "azure_open_ai", "task": "chatCompletion"}
TEACHER = {"type": "serverless", "name": "t", "endpoint": "https://t", "api_key": "k"}
DISTILLATION: dict[str, Any] = {
    "type": "distillation",
    "data_generation_type": "Label_Generation",
    "data_generation_task_type": "nlu_qa",
    "teacher_model_endpoint_connection": TEACHER,
    "student_model": MODEL,
    "training_data": "azureml:d:1",
    "validation_data": {"path": "https://x/y", "type": "uri_file"},
}
DETAILS = {
    "taskType": "textCompletion",
    "modelProvider": "Custom",
    "model": {"jobInputType": "mlflow_model", "uri": MODEL},
    "trainingData": {"jobInputType": "uri_file", "uri": f"{WS}/data/d/versions/1"},
}


def sent(service: StandIn, module: Any, given: dict[str, Any]) -> Any:
    source = from_mapping(given)
    assert all(problem.severity == "note" for problem in kinds.check(source))
    return service.run(filled(module.properties(source, "job-1"), TARGET))


def test_a_model_of_the_catalogue(service: StandIn) -> None:
    given = {
        **CUSTOM,
        "hyperparameters": {"rate": "0.1"},
        "compute": "azureml:gpu",
        "resources": {"instance_types": ["a", "b"]},
        "queue_settings": {"job_tier": "spot"},
        "outputs": {"registered_model": {"type": "mlflow_model", "name": "mine"}},
    }
    body = sent(service, fine_tuning_jobs, given)
    assert body["jobType"] == "FineTuning"
    assert body["fineTuningDetails"] == {**DETAILS, "hyperParameters": {"rate": "0.1"}}
    assert body["computeId"] == "gpu"
    assert body["resources"] == {"instanceTypes": ["a", "b"]}
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["outputs"] == {"registered_model": {"jobOutputType": "mlflow_model", "assetName": "mine"}}


def test_a_model_of_azure_openai(service: StandIn) -> None:
    given = {**OPEN_AI, "hyperparameters": {"n_epochs": "3"}, "compute": "gpu", "queue_settings": {"job_tier": "spot"}}
    body = sent(service, fine_tuning_jobs, given)
    provider = {"taskType": "chatCompletion", "modelProvider": "AzureOpenAI", "hyperParameters": {"nEpochs": 3}}
    assert body["fineTuningDetails"] == {**DETAILS, **provider}
    assert not body.keys() & {"computeId", "queueSettings"}


def test_data_is_found_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text("{}", encoding="utf-8")
    source = from_mapping({**CUSTOM, "training_data": "./train.jsonl"}, base_path=tmp_path)
    assert not kinds.check(source)
    details = fine_tuning_jobs.properties(source, "j")["fineTuningDetails"]
    assert details["trainingData"]["uri"] == Local(snapshot.take(tmp_path / "train.jsonl"))


def test_a_student_learns_from_a_teacher(service: StandIn) -> None:
    given = {
        **DISTILLATION,
        "teacher_model_settings": {
            "inference_parameters": {"temperature": 0.1, "flag": True},
            "endpoint_request_settings": {"request_batch_size": "10", "min_endpoint_success_ratio": 1},
        },
        "prompt_settings": {"enable_chain_of_thought": True},
        "resources": {"instance_type": "Standard_D2_v2"},
        "hyperparameters": {"n_epochs": "5"},
        "properties": {"mine": "x"},
    }
    body = sent(service, distillation_jobs, given)
    told = dict(body["properties"])
    assert json.loads(told.pop("azureml.connection_information")) == {
        "name": "t",
        "tags": {},
        "type": "serverless",
        "target": "https://t",
        "credentials": {"type": "api_key", "key": "k"},
        "is_shared": True,
        "metadata": {},
        "api_key": "k",
        "endpoint": "https://t",
    }
    assert told == {
        "mine": "x",
        "azureml.enable_distillation": "True",
        "azureml.data_generation_type": "label_generation",
        "azureml.data_generation_task_type": "NLU_QA",
        "azureml.teacher_model.endpoint_name": "t",
        "azureml.teacher_model.temperature": "0.1",
        "azureml.teacher_model.flag": "True",
        "azureml.request_batch_size": "10",
        "azureml.min_endpoint_success_ratio": "1.0",
        "azureml.enable_chain_of_thought": "True",
        "azureml.enable_chain_of_density": "False",
        "azureml.instance_type.data_generation": "Standard_D2_v2",
    }
    assert body["fineTuningDetails"] == {
        **DETAILS,
        "taskType": "ChatCompletion",
        "validationData": {"jobInputType": "uri_file", "uri": "https://x/y"},
        "hyperParameters": {"n_epochs": "5"},
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({**CUSTOM, "model_provider": "Custom"}, "model_provider: is 'Custom'"),
        ({**CUSTOM, "task": "Text_Completion"}, "task: is 'Text_Completion'"),
        ({**CUSTOM, "hyperparameters": {"a": 1}}, "hyperparameters.a: is 1; it must be text"),
        ({**CUSTOM, "model": {"path": "azureml:m"}}, "model.path: 'azureml:m' lacks a version"),
        ({**CUSTOM, "training_data": "nowhere.jsonl"}, "training_data: there is no such file or folder"),
        ({**CUSTOM, "identity": {"type": "user_identity"}}, "identity: the service has no identities"),
        (
            {**OPEN_AI, "hyperparameters": {"epochs": 1}},
            "hyperparameters.epochs: unknown key; did you mean 'n_epochs'?",
        ),
        ({**DISTILLATION, "validation_data": None}, "'validation_data' is missing; label_generation needs it"),
        ({**DISTILLATION, "student_model": "azureml:m"}, "student_model: 'azureml:m' lacks a version"),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str, tmp_path: Path) -> None:
    kept = {key: value for key, value in given.items() if value is not None}
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping(kept, base_path=tmp_path))
    assert reason in str(caught.value)
