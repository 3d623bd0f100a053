from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest import snapshot
from airflow_provider_azml.spec import automl_jobs, kinds
from airflow_provider_azml.spec.automl_tasks import TASKS, Words, camel
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.needs import Local
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

DATA = {"path": "azureml:d:1", "type": "mltable"}
COMMON: dict[str, Any] = {"type": "automl", "target_column_name": "y", "training_data": DATA}
CLASSES: dict[str, Any] = {**COMMON, "task": "classification"}
FORECAST: dict[str, Any] = {**COMMON, "task": "forecasting"}
BOXES: dict[str, Any] = {**COMMON, "task": "image_object_detection"}
NAMES: dict[str, Any] = {**COMMON, "task": "text_ner"}
METRICS = {
    "classification": "AUCWeighted",
    "regression": "NormalizedRootMeanSquaredError",
    "forecasting": "NormalizedRootMeanSquaredError",
    "image_classification": "Accuracy",
    "image_classification_multilabel": "IOU",
    "image_object_detection": "MeanAveragePrecision",
    "image_instance_segmentation": "MeanAveragePrecision",
    "text_classification": "Accuracy",
}
DETAILS = {
    "words of the service": (
        {**CLASSES, "log_verbosity": "NotSet", "primary_metric": "norm_macro_recall"},
        {"logVerbosity": "NotSet", "primaryMetric": "NormMacroRecall"},
    ),
    "limits": (
        {**CLASSES, "limits": {"timeout_minutes": 90, "trial_timeout_minutes": 0, "max_trials": "5", "exit_score": 1}},
        {
            "limitSettings": {
                "timeout": "PT1H30M",
                "maxTrials": 5,
                "exitScore": 1.0,
                "sweepConcurrentTrials": 0,
                "sweepTrials": 0,
            }
        },
    ),
    "featurization": (
        {
            **CLASSES,
            "featurization": {
                "blocked_transformers": ["WordEmbedding", "tf_idf"],
                "transformer_params": {
                    "imputer": [{"fields": ["a"], "parameters": {"n": "3", "strategy": "mean", "none": None}}]
                },
            },
        },
        {
            "featurizationSettings": {
                "mode": "auto",
                "blockedTransformers": ["WordEmbedding", "TfIdf"],
                "transformerParams": {
                    "Imputer": [{"fields": ["a"], "parameters": {"n": 3.0, "strategy": "mean", "none": None}}]
                },
            }
        },
    ),
    "training": (
        {
            **CLASSES,
            "training": {
                "enable_stack_ensemble": "yes",
                "ensemble_model_download_timeout_minutes": 5,
                "allowed_training_algorithms": ["LightGBM", "xg_boost_classifier", "XGBoostClassifier", "SVM"],
                "stack_ensemble_settings": {"stack_meta_learner_type": "light_gbm_classifier"},
            },
        },
        {
            "trainingSettings": {
                "enableStackEnsemble": True,
                "ensembleModelDownloadTimeout": "PT5M",
                "allowedTrainingAlgorithms": ["LightGBM", "XGBoostClassifier", "XGBoostClassifier", "SVM"],
                "stackEnsembleSettings": {
                    "stackMetaLearnerType": "LightGBMClassifier",
                    "stackMetaLearnerTrainPercentage": 0.2,
                },
            }
        },
    ),
    "folds": ({**CLASSES, "n_cross_validations": "5"}, {"nCrossValidations": {"mode": "Custom", "value": 5}}),
    "one fold": ({**CLASSES, "n_cross_validations": 1}, {"nCrossValidations": 1}),
    "forecasts": (
        {
            **FORECAST,
            "forecasting": {
                "forecast_horizon": "14",
                "target_lags": [1, 2],
                "target_rolling_window_size": 0,
                "seasonality": "Auto",
                "time_series_id_column_names": "a",
                "use_stl": "SeasonTrend",
            },
        },
        {
            "forecastingSettings": {
                "forecastHorizon": {"mode": "Custom", "value": 14},
                "targetLags": {"mode": "Custom", "values": [1, 2]},
                "seasonality": {"mode": "Auto"},
                "timeSeriesIdColumnNames": ["a"],
                "useStl": "seasontrend",
            }
        },
    ),
    "a lag": (
        {**FORECAST, "forecasting": {"target_lags": 3}},
        {"forecastingSettings": {"targetLags": {"mode": "Custom", "values": [3]}}},
    ),
    "images": (
        {
            **BOXES,
            "training_parameters": {"optimizer": "adamw", "learning_rate": 1, "model_size": "ExtraLarge"},
            "search_space": [
                {
                    "model_name": {"type": "choice", "values": ["yolov5", "x"]},
                    "learning_rate": {"type": "Uniform", "min_value": 0.00001, "max_value": 1},
                    "momentum": {"type": "choice", "values": [0.5, 1]},
                    "beta1": {"type": "choice", "values": [1, 2]},
                    "beta2": 1,
                    "model_size": {"type": "choice", "values": ["small", "ExtraLarge"]},
                    "nesterov": {"type": "choice", "values": [True, False]},
                    "min_size": {"type": "choice", "values": [600, 800]},
                    "optimizer": "SGD",
                }
            ],
            "sweep": {"sampling_algorithm": "Random", "early_termination": {"type": "median_stopping"}},
        },
        {
            "modelSettings": {"optimizer": "Adamw", "learningRate": 1.0, "modelSize": "ExtraLarge"},
            "searchSpace": [
                {
                    "modelName": "choice('yolov5','x')",
                    "learningRate": "uniform(0.00001,1)",
                    "momentum": "choice(0.5,1.0)",
                    "beta1": "choice(1,2)",
                    "beta2": "1.0",
                    "modelSize": "choice('small','extra_large')",
                    "nesterov": "choice(True,False)",
                    "minSize": "choice(600,800)",
                    "optimizer": "sgd",
                }
            ],
            "sweepSettings": {
                "samplingAlgorithm": "random",
                "earlyTermination": {
                    "policyType": "MedianStopping",
                    "delayEvaluation": 0,
                    "evaluationInterval": 1,
                },
            },
        },
    ),
    "texts": (
        {**NAMES, "training_parameters": {"learning_rate_scheduler": "cosine_with_restarts"}},
        {
            "fixedParameters": {"learningRateScheduler": "CosineWithRestarts"},
            "limitSettings": {"maxTrials": 1, "maxNodes": 1},
            "primaryMetric": None,
            "targetColumnName": None,
        },
    ),
}
WRONG = {
    "task: is 'Classification'": {"task": "Classification"},
    "primary_metric: is 'iou'; it must be one of auc_weighted": {"primary_metric": "iou"},
    "limits.max_trial: unknown key; did you mean 'max_trials'?": {"limits": {"max_trial": 1}},
    "training_data: in a pipeline alone": {"training_data": "${{parent.inputs.d}}"},
    "training_data: is 'azureml:d:1'; it must be a mapping": {"training_data": "azureml:d:1"},
    "validation_data.path: 'azureml:d' lacks a version": {"validation_data": {"path": "azureml:d"}},
    "max_trials: unknown key; it belongs under 'limits'": {"max_trials": 1},
    "environment_variables.A: is 1": {"environment_variables": {"A": 1}},
    "compute: command jobs alone run on this machine": {"compute": "local"},
}


def sent(service: StandIn, given: dict[str, Any]) -> Any:
    source = from_mapping(given)
    assert all(problem.severity == "note" for problem in kinds.check(source))
    return service.run(filled(automl_jobs.properties(source, "automl-1"), TARGET))


@pytest.mark.parametrize("task", TASKS)
def test_every_task(service: StandIn, task: str) -> None:
    body = sent(service, {**COMMON, "task": task, "validation_data": {"path": "https://x"}, "compute": "azureml:c"})
    details = body["taskDetails"]
    assert (body["jobType"], body["computeId"]) == ("AutoML", f"{WS}/computes/c")
    assert details["taskType"].lower() == task.replace("_", "")
    assert details.get("primaryMetric") == METRICS.get(task)
    assert details["logVerbosity"] == "Info"
    assert details["trainingData"] == {"jobInputType": "mltable", "uri": f"{WS}/data/d/versions/1"}
    assert details["validationData"] == {"jobInputType": "mltable", "uri": "https://x"}


@pytest.mark.parametrize("name", DETAILS)
def test_what_a_task_says(service: StandIn, name: str) -> None:
    given, expected = DETAILS[name]
    details = sent(service, given)["taskDetails"]
    assert {key: details.get(key) for key in expected} == expected


def test_what_azure_ai_ml_sends_in_its_own_words_is_sent_in_the_service_s(service: StandIn) -> None:
    given = {"resources": {"instance_count": 2}, "queue_settings": {"job_tier": "spot"}}
    body = sent(service, {**CLASSES, **given, "outputs": {"best_model": {"type": "mlflow_model"}}})
    assert body["resources"] == {"instanceCount": 2, "properties": {}}
    assert body["queueSettings"] == {"jobTier": "Spot"}
    assert body["outputs"] == {"best_model": {"jobOutputType": "mlflow_model"}}


def test_data_is_found_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "MLTable").write_text("paths: []", encoding="utf-8")
    source = from_mapping({**CLASSES, "training_data": {"path": "./table", "type": "mltable"}}, base_path=tmp_path)
    assert not kinds.check(source)
    details = automl_jobs.properties(source, "j")["taskDetails"]
    assert details["trainingData"]["uri"] == Local(snapshot.take(tmp_path / "table"))


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_with_an_automl_job(reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping({**CLASSES, **WRONG[reason]}))
    assert reason in str(caught.value)


def test_tables_alone_are_tested(service: StandIn) -> None:
    tested = {"test_data": {"path": "https://x"}}
    assert "testData" in sent(service, {**CLASSES, **tested})["taskDetails"]
    [note] = kinds.check(from_mapping({**BOXES, **tested}))
    assert note.reason == "not sent: only models for tables are tested"
    with pytest.raises(SpecError, match="only models for tables are tested"):
        kinds.check(from_mapping({**BOXES, "test_data_size": 0.1}))


def test_a_node_of_a_pipeline_has_the_words_of_the_file() -> None:
    node = automl_jobs.node(
        from_mapping({
            **BOXES,
            "training_data": "${{parent.inputs.d}}",
            "primary_metric": "MeanAveragePrecision",
            "limits": {"max_trials": "${{parent.inputs.n}}", "timeout_minutes": "60"},
            "search_space": [{"learning_rate": {"type": "uniform", "min_value": 0.1, "max_value": 1}}],
            "sweep": {"sampling_algorithm": "Random", "early_termination": {"type": "Bandit", "slack_factor": 0.2}},
            "training_parameters": {"optimizer": "AdamW"},
            "identity": {"type": "managed"},
        })
    )
    assert node == {
        "type": "automl",
        "task": "image_object_detection",
        "log_verbosity": "info",
        "target_column_name": "y",
        "training_data": "${{parent.inputs.d}}",
        "primary_metric": "mean_average_precision",
        "limits": {"max_trials": "${{parent.inputs.n}}", "timeout_minutes": 60},
        "search_space": [{"learning_rate": "uniform(0.1,1)"}],
        "sweep": {
            "sampling_algorithm": "random",
            "early_termination": {
                "type": "bandit",
                "delay_evaluation": 0,
                "evaluation_interval": 0,
                "slack_amount": 0,
                "slack_factor": 0.2,
            },
        },
        "training_parameters": {"optimizer": "adamw"},
        "identity": {"type": "managed_identity"},
    }


def test_words() -> None:
    words = Words("AUCWeighted R2Score XGBoostClassifier")
    assert [words(word) for word in ("auc_weighted", "AUC_WEIGHTED", "R2Score", "other")] == [
        "AUCWeighted",
        "AUCWeighted",
        "R2Score",
        "other",
    ]
    assert words.written("XGBoostClassifier") == "xg_boost_classifier"
    assert [camel(key) for key in ("max_trials", "warmup_cosine_lr_cycles")] == ["maxTrials", "warmupCosineLRCycles"]
