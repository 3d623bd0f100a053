from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

COMPUTE = {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"}
DEPLOYMENT = f"{WS}/onlineEndpoints/scores/deployments/blue"
DAILY = {"type": "recurrence", "frequency": "day", "interval": 2}
PRODUCTION = {"input_data": {"path": "azureml:p:1"}, "data_context": "model_inputs"}
REFERENCE = {"input_data": {"path": "azureml:r:2", "type": "mltable"}, "data_context": "training"}
SENT_PRODUCTION = {
    "dataContext": "model_inputs",
    "jobInputType": "uri_folder",
    "uri": f"{WS}/data/p/versions/1",
    "inputDataType": "Trailing",
    "windowSize": "P2D",
    "windowOffset": "P0D",
}
SENT_REFERENCE = {
    "dataContext": "training",
    "jobInputType": "mltable",
    "uri": f"{WS}/data/r/versions/2",
    "inputDataType": "Fixed",
}
DATA = {"production_data": PRODUCTION, "reference_data": REFERENCE}
SENT_DATA = {"productionData": SENT_PRODUCTION, "referenceData": SENT_REFERENCE}
DRIFT = {"type": "data_drift", **DATA}


def threshold(metric: str, value: float, **more: str) -> dict[str, Any]:
    return {"metric": metric, "threshold": {"value": value}, **more}


def monitor(trigger: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    return {"name": "watch", "trigger": trigger or DAILY, "create_monitor": {"compute": COMPUTE, **given}}


def sent(service: StandIn, given: dict[str, Any]) -> dict[str, Any]:
    service.run(kinds.apply(from_mapping(given), "schedule", TARGET))
    action = service.sent[-1][1]["properties"]["action"]
    assert action["actionType"] == "CreateMonitor"
    definition: dict[str, Any] = action["monitorDefinition"]
    return definition


def signal(service: StandIn, given: dict[str, Any], trigger: dict[str, Any] | None = None) -> dict[str, Any]:
    signals = sent(service, monitor(trigger, monitoring_signals={"s": given}))["signals"]
    found: dict[str, Any] = signals["s"]
    return found


@pytest.fixture
def deployed(service: StandIn) -> StandIn:
    names = ("model_inputs", "model_outputs", "app_traces")
    collections = {name: {"dataCollectionMode": "Enabled", "dataId": f"{WS}/data/{name}/versions/3"} for name in names}
    collections["off"] = {"dataCollectionMode": "Disabled", "dataId": "x"}
    types = {f"{WS}/data/{name}/versions/3": {"properties": {"dataType": "uri_folder"}} for name in names}
    return service.holds({DEPLOYMENT: {"properties": {"dataCollector": {"collections": collections}}}, **types})


SIGNALS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "data drift": (
        {
            **DRIFT,
            "alert_enabled": True,
            "features": {"top_n_feature_importance": 5},
            "feature_type_override": {"a": "numerical"},
            "data_segment": {"feature_name": "f", "feature_values": ["x"]},
            "metric_thresholds": {
                "numerical": {"population_stability_index": 0.2, "jensen_shannon_distance": 0},
                "categorical": {"pearsons_chi_squared_test": 1},
            },
        },
        {
            "signalType": "DataDrift",
            "mode": "Enabled",
            **SENT_DATA,
            "features": {"filterType": "TopNByAttribution", "top": 5},
            "featureDataTypeOverride": {"a": "numerical"},
            "dataSegment": {"feature": "f", "values": ["x"]},
            "metricThresholds": [
                threshold("populationStabilityIndex", 0.2, dataType="Numerical"),
                threshold("pearsonsChiSquaredTest", 1.0, dataType="Categorical"),
            ],
        },
    ),
    "data quality": (
        {
            **DATA,
            "type": "Data_Quality",
            "features": ["a", "b"],
            "metric_thresholds": {"categorical": {"out_of_bounds_rate": 0.1, "null_value_rate": 0}},
        },
        {
            "signalType": "DataQuality",
            "mode": "Disabled",
            **SENT_DATA,
            "features": {"filterType": "FeatureSubset", "features": ["a", "b"]},
            "metricThresholds": [
                threshold("nullValueRate", 0.0, dataType="Categorical"),
                threshold("outOfBoundsRate", 0.1, dataType="Categorical"),
            ],
        },
    ),
    "prediction drift": (
        {**DATA, "type": "prediction_drift", "metric_thresholds": {}, "properties": {"a": "b"}},
        {
            "signalType": "PredictionDrift",
            "mode": "Disabled",
            **SENT_DATA,
            "metricThresholds": [],
            "modelType": "classification",
            "properties": {"a": "b"},
        },
    ),
    "attribution drift": (
        {
            "type": "feature_attribution_drift",
            "production_data": [{**PRODUCTION, "data_column_names": {"Prediction": "p"}}],
            "reference_data": REFERENCE,
            "metric_thresholds": {"normalized_discounted_cumulative_gain": 0.9},
        },
        {
            "signalType": "FeatureAttributionDrift",
            "mode": "Disabled",
            "productionData": [{**SENT_PRODUCTION, "columns": {"prediction": "p"}}],
            "referenceData": SENT_REFERENCE,
            "metricThreshold": threshold("normalizedDiscountedCumulativeGain", 0.9),
        },
    ),
    "performance": (
        {
            **DATA,
            "type": "model_performance",
            "metric_thresholds": {"classification": {"accuracy": 0.9}, "regression": {"rmse": 1}},
        },
        {
            "signalType": "ModelPerformance",
            "mode": "Disabled",
            "productionData": [SENT_PRODUCTION],
            "referenceData": SENT_REFERENCE,
            "metricThreshold": threshold("Accuracy", 0.9, modelType="Classification"),
            "properties": {
                "azureml.modelmonitor.model_performance_thresholds": (
                    '[{"modelType":"classification","metric":"Accuracy","threshold":{"value":0.9}}, '
                    '{"modelType":"regression","metric":"RootMeanSquaredError","threshold":{"value":1.0}}]'
                )
            },
        },
    ),
    "custom": (
        {
            "type": "custom",
            "component_id": "azureml:mine:1",
            "metric_thresholds": [{"metric_name": "m", "threshold": 2}, {"metric_name": "n"}],
            "input_data": {"a": REFERENCE, "b": {"input_data": {"path": "https://x"}}},
            "inputs": {"c": {"path": "https://y", "mode": "direct"}},
            "connection": {"secret_config": {"k": "v"}},
        },
        {
            "signalType": "Custom",
            "mode": "Disabled",
            "componentId": "mine:1",
            "metricThresholds": [threshold("m", 2.0), {"metric": "n"}],
            "inputAssets": {
                "a": {**SENT_REFERENCE, "uri": "r:2"},
                "b": {"jobInputType": "uri_folder", "uri": "https://x", "inputDataType": "Fixed"},
            },
            "inputs": {"c": {"jobInputType": "uri_folder", "uri": "https://y", "mode": "Direct"}},
            "workspaceConnection": {"secrets": {"k": "v"}},
        },
    ),
    "safety": (
        {
            "type": "generation_safety_quality",
            "production_data": [{"input_data": {"path": "azureml:p:1"}, "data_column_names": {"prompt": "q"}}],
            "connection_id": "c",
            "sampling_rate": 1,
            "metric_thresholds": {"fluency": {"aggregated_fluency_pass_rate": 0.5}},
        },
        {
            "signalType": "GenerationSafetyQuality",
            "mode": "Disabled",
            "productionData": [
                {**{key: SENT_PRODUCTION[key] for key in SENT_PRODUCTION if key != "dataContext"}}
                | {"columns": {"prompt": "q"}}
            ],
            "workspaceConnectionId": "c",
            "samplingRate": 1.0,
            "metricThresholds": [
                threshold("AcceptableFluencyScorePerInstance", 3.0),
                threshold("AggregatedFluencyPassRate", 0.5),
            ],
        },
    ),
    "tokens": (
        {
            "type": "generation_token_statistics",
            "production_data": {"input_data": {"path": "https://x"}},
            "metric_thresholds": {"totaltoken": {"total_token_count_per_group": 6}},
        },
        {
            "signalType": "GenerationTokenStatistics",
            "mode": "Disabled",
            "productionData": {
                "jobInputType": "uri_folder",
                "uri": "https://x",
                "inputDataType": "Trailing",
                "windowSize": "P2D",
                "windowOffset": "P0D",
            },
            "samplingRate": 0.1,
            "metricThresholds": [threshold("TotalTokenCount", 3.0), threshold("TotalTokenCountPerGroup", 6.0)],
        },
    ),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_signals(service: StandIn, name: str) -> None:
    given, expected = SIGNALS[name]
    assert signal(service, given) == expected


@pytest.mark.parametrize(
    ("trigger", "size", "baseline"),
    [
        ({"frequency": "minute", "interval": 3}, "P1D", "P2D"),
        ({"frequency": "hour", "interval": 3}, "P1D", "P2D"),
        ({"frequency": "day", "interval": 3}, "P3D", "P6D"),
        ({"frequency": "Week", "interval": "3"}, "P21D", "P42D"),
        ({"frequency": "month", "interval": 3}, "P90D", "P180D"),
        ({"type": "cron", "expression": "0 9 * * *"}, "P7D", "P14D"),
    ],
)
def test_the_window_is_as_long_as_the_time_between_two_runs(
    service: StandIn, trigger: dict[str, Any], size: str, baseline: str
) -> None:
    window = {"lookback_window_size": "default", "lookback_window_offset": "default"}
    given = {**DRIFT, "reference_data": {**REFERENCE, "data_window": window}}
    found = signal(service, given, {"type": "recurrence", **trigger})
    assert (found["productionData"]["windowSize"], found["productionData"]["windowOffset"]) == (size, "P0D")
    assert (found["referenceData"]["windowSize"], found["referenceData"]["windowOffset"]) == (baseline, size)


def test_a_baseline_of_some_days(service: StandIn) -> None:
    window = {"window_start": "2026-01-01", "window_end": "2026-01-31"}
    reference = {**REFERENCE, "data_window": window, "pre_processing_component": "azureml:c:1"}
    assert signal(service, {**DRIFT, "reference_data": reference})["referenceData"] == {
        **SENT_REFERENCE,
        "inputDataType": "Static",
        "windowStart": "2026-01-01T00:00:00.000Z",
        "windowEnd": "2026-01-31T00:00:00.000Z",
        "preprocessingComponentId": f"{WS}/components/c/versions/1",
    }


def test_what_a_deployment_is_watched_for_by_default(deployed: StandIn) -> None:
    found = sent(deployed, monitor(monitoring_target={"endpoint_deployment_id": "azureml:scores:blue"}))
    assert found["monitoringTarget"] == {"taskType": "classification", "deploymentId": DEPLOYMENT}
    assert list(found["signals"]) == ["data-drift-signal", "prediction-drift-signal", "data-quality-signal"]
    drift = found["signals"]["data-drift-signal"]
    assert drift["productionData"] == {
        **SENT_PRODUCTION,
        "uri": f"{WS}/data/model_inputs/versions/3",
    }
    assert drift["referenceData"] == {**drift["productionData"], "windowSize": "P4D", "windowOffset": "P2D"}
    assert drift["features"] == {"filterType": "AllFeatures"}
    assert found["signals"]["prediction-drift-signal"]["productionData"]["dataContext"] == "model_outputs"
    looked_up = [path for path, _ in deployed.sent if path.startswith("GET")]
    assert len(looked_up) == len(set(looked_up))


def test_answers_are_watched_for_tokens(deployed: StandIn) -> None:
    target = {"endpoint_deployment_id": DEPLOYMENT, "ml_task": "QuestionAnswering"}
    (found,) = sent(deployed, monitor(monitoring_target=target))["signals"].values()
    assert found["signalType"] == "GenerationTokenStatistics"
    assert found["productionData"]["uri"] == f"{WS}/data/app_traces/versions/3"


def test_older_deployments_say_in_tags_what_they_collect(service: StandIn) -> None:
    about = "data_collector.collections.model_inputs"
    tags = {f"{about}.enabled": "true", f"{about}.data.name": "old", f"{about}.data.version": "4"}
    service.holds({DEPLOYMENT: {"tags": tags}, f"{WS}/data/old/versions/4": {"properties": {"dataType": "mltable"}}})
    target = {"endpoint_deployment_id": "scores:blue"}
    given = monitor(monitoring_target=target, monitoring_signals={"s": {"type": "data_drift"}})
    found = sent(service, given)["signals"]["s"]["productionData"]
    assert (found["uri"], found["jobInputType"]) == (f"{WS}/data/old/versions/4", "mltable")


def test_a_deployment_that_collects_nothing(service: StandIn) -> None:
    service.holds({DEPLOYMENT: {"properties": {}}})
    with pytest.raises(SpecError, match="the deployment does not collect model_inputs"):
        sent(service, monitor(monitoring_target={"endpoint_deployment_id": "azureml:scores:blue"}))
    assert service.puts() == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("AzMonitoring", {"alertNotificationType": "AzureMonitor"}),
        (
            {"emails": ["a@b"]},
            {
                "alertNotificationType": "Email",
                "emailNotificationSetting": {"emailOn": ["JobFailed", "JobCompleted"], "emails": ["a@b"]},
            },
        ),
    ],
)
def test_who_is_told(service: StandIn, given: Any, expected: dict[str, Any]) -> None:
    found = sent(service, monitor(monitoring_signals={"s": DRIFT}, alert_notification=given))
    assert found["alertNotificationSetting"] == expected


def test_a_model_is_watched(service: StandIn) -> None:
    target = {"model_id": "azureml:m:1", "ml_task": "Regression"}
    found = sent(service, monitor(monitoring_target=target, monitoring_signals={"s": DRIFT}))
    assert found["monitoringTarget"] == {"taskType": "regression", "modelId": f"{WS}/models/m/versions/1"}
    assert found["computeConfiguration"] == {
        "computeType": "ServerlessSpark",
        "computeIdentity": {"computeIdentityType": "AmlToken"},
        "instanceType": "standard_e4s_v3",
        "runtimeVersion": "3.4",
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "create_monitor: needs monitoring_signals, or the endpoint_deployment_id"),
        ({"compute": {**COMPUTE, "runtime_version": "3.3"}}, "is '3.3'; it must be one of 3.4, 3.5"),
        ({"monitoring_target": {"endpoint_deployment_id": "scores"}}, "must be azureml:<endpoint>:<deployment>"),
        ({"monitoring_signals": {"s": {"type": "drift"}}}, "type: is 'drift'; it must be one of data_drift"),
        ({"monitoring_signals": {"s": {"type": "data_drift"}}}, "'production_data' is missing: there is no"),
        ({"monitoring_signals": {"s": {**DRIFT, "metric": 1}}}, "metric: unknown key"),
        (
            {
                "monitoring_signals": {
                    "s": {**DRIFT, "production_data": {**PRODUCTION, "input_data": {"path": "nowhere"}}}
                }
            },
            "production_data.input_data.path: there is no such file or folder",
        ),
        (
            {
                "monitoring_signals": {
                    "s": {**DRIFT, "production_data": {**PRODUCTION, "pre_processing_component": "c"}}
                }
            },
            "pre_processing_component: 'c' is no reference",
        ),
        (
            {
                "monitoring_signals": {
                    "s": {**DRIFT, "production_data": {**PRODUCTION, "data_window": {"window_start": "2026-01-01"}}}
                }
            },
            "window_start: is for data to compare with",
        ),
        (
            {
                "monitoring_signals": {
                    "s": {**DRIFT, "reference_data": {**REFERENCE, "data_window": {"window_start": "January"}}}
                }
            },
            "'January' is no day",
        ),
    ],
)
def test_what_is_wrong(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping(monitor(**given)), "schedule")


def test_thresholds_are_written_as_azure_ai_ml_writes_them(service: StandIn) -> None:
    given = {**DATA, "type": "model_performance", "metric_thresholds": {"classification": {"recall": 1}}}
    text = signal(service, given)["properties"]["azureml.modelmonitor.model_performance_thresholds"]
    assert json.loads(text) == [{"modelType": "classification", "metric": "Recall", "threshold": {"value": 1.0}}]
