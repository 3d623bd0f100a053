"""What a monitor watches for: drift, bad data, bad predictions, unsafe answers, or a measure of your own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import job_io, monitored_data, references
from airflow_provider_azml.spec.rules import Rule, boolean, integer, lower, nested, number, sendable, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.monitored_data import Watched
    from airflow_provider_azml.spec.source import Source

INPUTS, OUTPUTS, TRACES = "model_inputs", "model_outputs", "app_traces"
_UNDERSCORE = re.compile(r"_([a-z])")
_NUMERICAL = (
    "jensen_shannon_distance",
    "normalized_wasserstein_distance",
    "population_stability_index",
    "two_sample_kolmogorov_smirnov_test",
)
_CATEGORICAL = ("jensen_shannon_distance", "population_stability_index", "pearsons_chi_squared_test")
_RATES = ("null_value_rate", "data_type_error_rate", "out_of_bounds_rate")
_MEASURES = {
    "classification": {"accuracy": "Accuracy", "precision": "Precision", "recall": "Recall"},
    "regression": {"mae": "MeanAbsoluteError", "mse": "MeanSquaredError", "rmse": "RootMeanSquaredError"},
}
_QUALITIES = ("groundedness", "relevance", "coherence", "fluency", "similarity")
_PERFORMANCE = "azureml.modelmonitor.model_performance_thresholds"
_SCORE = 3
"""What azure-ai-ml takes for enough where the file does not say."""
_SAMPLING_RATE = 0.1
_SEGMENT = nested((Rule("feature_name", "feature"), Rule("feature_values", "values")))
_CONNECTION = nested((
    Rule("environment_variables", "environmentVariables"),
    Rule("secret_config", "secrets"),
))
_SEGMENT_RULES = (Rule("data_segment", "dataSegment", _SEGMENT),)
DEFAULTS: Mapping[str, Json] = {
    "data-drift-signal": {
        "type": "data_drift",
        "features": "all_features",
        "metric_thresholds": {
            "numerical": {"normalized_wasserstein_distance": 0.1},
            "categorical": {"jensen_shannon_distance": 0.1},
        },
    },
    "prediction-drift-signal": {
        "type": "prediction_drift",
        "metric_thresholds": {
            "numerical": {"normalized_wasserstein_distance": 0.1},
            "categorical": {"jensen_shannon_distance": 0.1},
        },
    },
    "data-quality-signal": {
        "type": "data_quality",
        "features": "all_features",
        "metric_thresholds": {"numerical": dict.fromkeys(_RATES, 0), "categorical": dict.fromkeys(_RATES, 0)},
    },
}
"""What a monitor of a deployment watches for unless its file says. Source: azure-ai-ml 1.35.2."""
DEFAULTS_OF_ANSWERS: Mapping[str, Json] = {"token-usage-signal": {"type": "generation_token_statistics"}}
"""The same where the deployment answers questions."""


def signal(source: Source, watched: Watched) -> Json:
    """What is sent for a signal.

    Args:
        source: The signal.
        watched: What its monitor watches.
    """
    value = source.value
    name, more = _TYPES[lower(value["type"])]
    body = {
        "signalType": name,
        "mode": "Enabled" if boolean(value.get("alert_enabled", False)) else "Disabled",
        **translated(value, (Rule("properties", "properties", sendable),)),
    }
    return {**body, **more(source, watched)}


def _features(value: Any) -> Json | None:  # a list, a mapping or a word
    if isinstance(value, list):
        return {"filterType": "FeatureSubset", "features": value} if value else None
    if isinstance(value, dict):
        return {"filterType": "TopNByAttribution", "top": integer(value.get("top_n_feature_importance", 10))}
    return {"filterType": "AllFeatures"}


_FEATURE_RULES = (
    Rule("features", "features", _features),
    Rule("feature_type_override", "featureDataTypeOverride", sendable),
)


def _compared(source: Source, watched: Watched, collection: str) -> Json:
    """Two sets of data, either of which may be what the deployment collects."""
    given, context = source.value, {"dataContext": collection}
    return {
        "productionData": monitored_data.production(source.at("production_data"), watched)
        if given.get("production_data")
        else {**monitored_data.collected(source, watched, collection), **context},
        "referenceData": monitored_data.reference(source.at("reference_data"), watched)
        if given.get("reference_data")
        else {**monitored_data.collected(source, watched, collection, before=True), **context},
    }


def _data_drift(source: Source, watched: Watched) -> Json:
    return {
        **_compared(source, watched, INPUTS),
        **translated(source.value, (*_FEATURE_RULES, *_SEGMENT_RULES)),
        "metricThresholds": _drifts(source),
    }


def _data_quality(source: Source, watched: Watched) -> Json:
    thresholds = [
        {"dataType": kind.title(), **_measured(_camel(rate), given[rate])}
        for kind in ("numerical", "categorical")
        for given in (source.at("metric_thresholds", kind).value,)
        for rate in _RATES
        if given.get(rate) is not None
    ]
    features = translated(source.value, _FEATURE_RULES)
    return {**_compared(source, watched, INPUTS), **features, "metricThresholds": thresholds}


def _prediction_drift(source: Source, watched: Watched) -> Json:
    body = {**_compared(source, watched, OUTPUTS), "metricThresholds": _drifts(source)}
    return {**body, "modelType": "classification"}


def _attribution_drift(source: Source, watched: Watched) -> Json:
    given = source.value.get("production_data")
    data = [
        _lower_columns(monitored_data.production(source.at("production_data", place), watched))
        for place in range(len(given or ()))
    ]
    data = data or [
        {**monitored_data.collected(source, watched, name), "dataContext": name} for name in (INPUTS, OUTPUTS)
    ]
    gain = source.at("metric_thresholds").value.get("normalized_discounted_cumulative_gain")
    return {
        "productionData": data,
        "referenceData": monitored_data.reference(source.at("reference_data"), watched),
        "metricThreshold": {"metric": "normalizedDiscountedCumulativeGain", **(_threshold(gain) if gain else {})},
    }


def _performance(source: Source, watched: Watched) -> Json:
    """The thresholds that count are the property; the field is what the service wants to see.

    Source: azure-ai-ml 1.35.2. It takes no thresholds of regressions, because it calls them by other names than its
    own loader does.
    """
    thresholds = [
        json.dumps({"modelType": kind, "metric": name, **_threshold(given[key])}, separators=(",", ":"))
        for kind, measures in _MEASURES.items()
        for given in (source.at("metric_thresholds", kind).value,)
        for key, name in measures.items()
        if given.get(key)
    ]
    properties = sendable(source.value.get("properties") or {})
    if thresholds:
        properties[_PERFORMANCE] = f"[{', '.join(thresholds)}]"
    return {
        "productionData": [monitored_data.production(source.at("production_data"), watched)],
        "referenceData": monitored_data.reference(source.at("reference_data"), watched),
        "metricThreshold": {"metric": "Accuracy", "modelType": "Classification", **_threshold(0.9)},
        **translated(source.value, _SEGMENT_RULES),
        "properties": properties,
    }


def _custom(source: Source, watched: Watched) -> Json:
    value = source.value
    return {
        "componentId": str(value["component_id"]).removeprefix(references.PREFIX),
        "metricThresholds": [
            {**translated(item, (Rule("metric_name", "metric"),)), **_given_threshold(item.get("threshold"))}
            for item in value["metric_thresholds"]
        ],
        "inputs": job_io.inputs(source),
        "inputAssets": {
            name: monitored_data.unresolved(source.at("input_data", name), watched) for name in value["input_data"]
        },
        "workspaceConnection": _CONNECTION(value.get("connection") or {}),
    }


def _safety(source: Source, watched: Watched) -> Json:
    value, thresholds = source.value, []
    for quality in _QUALITIES:
        given = source.at("metric_thresholds", quality).value
        if given:
            score, rate = f"acceptable_{quality}_score_per_instance", f"aggregated_{quality}_pass_rate"
            thresholds += [
                _measured(_pascal(score), given.get(score, _SCORE)),
                _measured(_pascal(rate), given[rate]),
            ]
    return {
        "productionData": [
            monitored_data.production(source.at("production_data", place), watched)
            for place in range(len(value["production_data"]))
        ],
        **translated(
            value, (Rule("connection_id", "workspaceConnectionId"), Rule("sampling_rate", "samplingRate", number))
        ),
        "metricThresholds": thresholds,
    }


def _tokens(source: Source, watched: Watched) -> Json:
    value = source.value
    given = source.at("metric_thresholds", "totaltoken").value
    if "metric_thresholds" not in value:
        given = {"total_token_count": 0, "total_token_count_per_group": 0}
    thresholds = []
    if given:
        thresholds = [
            _measured("TotalTokenCount", given.get("total_token_count", _SCORE)),
            _measured("TotalTokenCountPerGroup", given["total_token_count_per_group"]),
        ]
    return {
        "productionData": monitored_data.production(source.at("production_data"), watched)
        if value.get("production_data")
        else monitored_data.collected(source, watched, TRACES),
        "metricThresholds": thresholds,
        "samplingRate": number(value.get("sampling_rate") or _SAMPLING_RATE),
    }


_TYPES: Mapping[str, tuple[str, Callable[[Source, Watched], Json]]] = {
    "data_drift": ("DataDrift", _data_drift),
    "data_quality": ("DataQuality", _data_quality),
    "prediction_drift": ("PredictionDrift", _prediction_drift),
    "feature_attribution_drift": ("FeatureAttributionDrift", _attribution_drift),
    "model_performance": ("ModelPerformance", _performance),
    "custom": ("Custom", _custom),
    "generation_safety_quality": ("GenerationSafetyQuality", _safety),
    "generation_token_statistics": ("GenerationTokenStatistics", _tokens),
}
"""Value of ``type`` -> what the service calls it, and what is sent for it besides what all signals have."""


def _drifts(source: Source) -> list[Json]:
    given = source.at("metric_thresholds").value
    return [
        {"dataType": kind.title(), **_first(source.at("metric_thresholds", kind).value, metrics)}
        for kind, metrics in (("numerical", _NUMERICAL), ("categorical", _CATEGORICAL))
        if given.get(kind) is not None
    ]


def _first(given: Json, metrics: Iterable[str]) -> Json:
    """The one metric that the service takes: the first, in azure-ai-ml's order, that is not 0."""
    return next((_measured(_camel(metric), given[metric]) for metric in metrics if given.get(metric)), {})


def _measured(metric: str, value: object) -> Json:
    return {"metric": metric, **_threshold(value)}


def _threshold(value: object) -> Json:
    return {"threshold": {"value": number(value)}}


def _given_threshold(value: object) -> Json:
    return {} if value is None else _threshold(value)


def _lower_columns(data: Json) -> Json:
    return (
        {**data, "columns": {key.lower(): name for key, name in data["columns"].items()}} if "columns" in data else data
    )


def _camel(word: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), word)


def _pascal(word: str) -> str:
    return _camel(f"_{word}")
