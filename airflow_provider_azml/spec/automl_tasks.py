"""THE table of AutoML tasks: what each sends, and under which words the service knows what a file says.

Source: azure-ai-ml 1.35.2, ``_schema.automl`` (keys, words) and ``entities._job.automl`` (what is sent for them).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec.bindings import unless_bound
from airflow_provider_azml.spec.rules import (
    Rule,
    as_is,
    boolean,
    each,
    integer,
    lower,
    nested,
    number,
    sendable,
    snake,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.rules import Rules


class Words:
    """Words of the service that a file writes in snake_case.

    Args:
        words: The service's words, with blanks between them.
    """

    def __init__(self, words: str) -> None:
        self._table = {snake(word): word for word in words.split()}

    def __call__(self, value: object) -> str:
        """The word of the service."""
        return self._table.get(self.written(value), str(value))

    def written(self, value: object) -> str:
        """The word of the file, in the case that azure-ai-ml gives it."""
        word = lower(value)
        return word if word in self._table else snake(str(value))


@dataclass(frozen=True)
class Both:
    """What becomes of a value in a job, and what in a node of a pipeline, which has the keys and words of the file."""

    sent: Callable[[Any], Any]
    written: Callable[[Any], Any]

    def __call__(self, value: Any) -> Any:
        """The value as a job has it."""
        return self.sent(value)


def in_words(rules: Rules) -> tuple[Rule, ...]:
    """The rules for a node of a pipeline; what is bound to something of the pipeline stays as it is."""
    return tuple(Rule(rule.key, rule.key, unless_bound(written(rule.convert)), rule.default) for rule in rules)


def written(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What becomes of a value in a node, where it differs from a job."""
    return getattr(convert, "written", convert)


def _each(convert: Callable[[Any], Any]) -> Both:
    return Both(each(convert), each(unless_bound(written(convert))))


def _nested(rules: Rules) -> Both:
    return Both(nested(rules), nested(in_words(rules)))


VERBOSITY = Words("NotSet Debug Info Warning Error Critical")
METRICS = Words(
    "AUCWeighted Accuracy NormMacroRecall AveragePrecisionScoreWeighted PrecisionScoreWeighted IOU SpearmanCorrelation"
    " NormalizedRootMeanSquaredError R2Score NormalizedMeanAbsoluteError MeanAveragePrecision"
)
ALGORITHMS = Words(
    "LogisticRegression SGD MultinomialNaiveBayes BernoulliNaiveBayes SVM LinearSVM KNN DecisionTree RandomForest"
    " ExtremeRandomTrees LightGBM GradientBoosting XGBoostClassifier AutoArima Prophet Naive SeasonalNaive Average"
    " SeasonalAverage ExponentialSmoothing Arimax TCNForecaster ElasticNet LassoLars XGBoostRegressor"
)
_META_LEARNERS = Words(
    "None LogisticRegression LogisticRegressionCV LightGBMClassifier ElasticNet ElasticNetCV LightGBMRegressor"
    " LinearRegression"
)
_TRAINING_MODES = Words("Auto Distributed NonDistributed")
_TRANSFORMERS = Words(
    "TextTargetEncoder OneHotEncoder CatTargetEncoder TfIdf WoETargetEncoder LabelEncoder WordEmbedding NaiveBayes"
    " CountVectorizer HashOneHotEncoder"
)
_PARAMETERISED = Words("Imputer TfIdf HashOneHotEncoder")
_IMAGE_SCHEDULERS = Words("None WarmupCosine Step")
_TEXT_SCHEDULERS = Words("None Linear Cosine CosineWithRestarts Polynomial Constant ConstantWithWarmup")
_OPTIMIZERS = Words("None Sgd Adam Adamw")
_SIZES = Words("None Small Medium Large ExtraLarge")
_VALIDATION_METRICS = Words("None Coco Voc CocoVoc")


def camel(key: str) -> str:
    """A key of the file as the service writes it.

    Example:
        >>> camel("step_lr_gamma")
        'stepLRGamma'
    """
    first, *others = key.split("_")
    return first + "".join("LR" if other == "lr" else other.capitalize() for other in others)


def _fields(convert: Callable[[Any], Any], keys: str) -> tuple[Rule, ...]:
    return tuple(Rule(key, camel(key), convert) for key in keys.split())


def _duration(value: object) -> str | None:
    """Minutes as an ISO 8601 duration; none at all for 0."""
    import isodate  # type: ignore[import-untyped]

    given = integer(value)
    return str(isodate.duration_isoformat(dt.timedelta(minutes=given))) if given else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _auto_or_number(value: Any) -> Any:  # auto, a number or a list of numbers
    if lower(value) == "auto":
        return lower(value)
    return [integer(item) for item in value] if isinstance(value, list) else integer(value)


def _horizon(value: Any) -> Json | None:
    """The service's mapping for ``auto`` or a number of the user's; none for 0."""
    given = _auto_or_number(value)
    return {"mode": "Auto"} if given == "auto" else {"mode": "Custom", "value": given} if given else None


def _lags(value: Any) -> Json | None:
    given = _auto_or_number(value)
    return {"mode": "Auto"} if given == "auto" else {"mode": "Custom", "values": _listed(given)} if given else None


def _folds(value: Any) -> Json | int | None:
    """Cross validations: the number itself for less than two."""
    given = _auto_or_number(value)
    return _horizon(given) if given == "auto" or given > 1 else int(given)


def _parameter(value: Any) -> Any:  # a number or a text
    try:
        return value if value is None else float(value)
    except ValueError:
        return value


_TRANSFORMER_RULES = (
    Rule("fields", "fields"),
    Rule("parameters", "parameters", each(_parameter)),
)


def _transformers(name: Callable[[Any], str]) -> Callable[[Mapping[str, Any]], Json]:
    one = nested(_TRANSFORMER_RULES)
    return lambda value: {name(key): [one(item) for item in items] for key, items in value.items()}


_MINUTES = Both(_duration, integer)
_NUMBER = Both(_horizon, _auto_or_number)
_TEXTS = Both(_listed, as_is)
_TRANSFORMATIONS = Both(_transformers(_PARAMETERISED), _transformers(_PARAMETERISED.written))
TABLE_LIMITS = (
    *_fields(boolean, "enable_early_termination"),
    *_fields(number, "exit_score"),
    *_fields(integer, "max_concurrent_trials max_cores_per_trial max_nodes max_trials"),
    Rule("timeout_minutes", "timeout", _MINUTES),
    Rule("trial_timeout_minutes", "trialTimeout", _MINUTES),
)
IMAGE_LIMITS = (
    *_fields(integer, "max_concurrent_trials max_trials"),
    Rule("timeout_minutes", "timeout", _MINUTES),
)
TEXT_LIMITS = (
    *_fields(integer, "max_concurrent_trials"),
    Rule("max_trials", "maxTrials", integer, default=1),
    Rule("max_nodes", "maxNodes", integer, default=1),
    Rule("timeout_minutes", "timeout", _MINUTES),
    Rule("trial_timeout_minutes", "trialTimeout", _MINUTES),
)
FEATURIZATION = (
    Rule("mode", "mode", lower, default="auto"),
    *_fields(_each(_TRANSFORMERS), "blocked_transformers"),
    *_fields(as_is, "column_name_and_types dataset_language"),
    *_fields(_TRANSFORMATIONS, "transformer_params"),
    *_fields(boolean, "enable_dnn_featurization"),
)
TEXT_FEATURIZATION = _fields(as_is, "dataset_language")
STACKING = (
    Rule("stack_meta_learner_kwargs", "stackMetaLearnerKWargs", sendable),
    Rule("stack_meta_learner_train_percentage", "stackMetaLearnerTrainPercentage", number, default=0.2),
    *_fields(_META_LEARNERS, "stack_meta_learner_type"),
)
TRAINING = (
    *_fields(
        boolean,
        "enable_dnn_training enable_model_explainability enable_onnx_compatible_models enable_stack_ensemble"
        " enable_vote_ensemble",
    ),
    Rule("ensemble_model_download_timeout_minutes", "ensembleModelDownloadTimeout", _MINUTES),
    *_fields(_nested(STACKING), "stack_ensemble_settings"),
    *_fields(_TRAINING_MODES, "training_mode"),
    *_fields(_each(ALGORITHMS), "allowed_training_algorithms blocked_training_algorithms"),
)
FORECASTING = (
    *_fields(as_is, "country_or_region_for_holidays time_column_name frequency"),
    *_fields(integer, "cv_step_size"),
    *_fields(_NUMBER, "forecast_horizon target_rolling_window_size seasonality"),
    *_fields(Both(_lags, _auto_or_number), "target_lags"),
    *_fields(_TEXTS, "time_series_id_column_names features_unknown_at_forecast_time"),
    *_fields(lower, "feature_lags short_series_handling_config use_stl target_aggregate_function"),
)
_IMAGE_PARAMETERS = (
    *_fields(boolean, "ams_gradient distributed early_stopping enable_onnx_normalization nesterov"),
    *_fields(as_is, "advanced_settings checkpoint_run_id model_name"),
    *_fields(
        number,
        "beta1 beta2 learning_rate momentum step_lr_gamma warmup_cosine_lr_cycles weight_decay",
    ),
    *_fields(
        integer,
        "checkpoint_frequency early_stopping_delay early_stopping_patience evaluation_frequency"
        " gradient_accumulation_step layers_to_freeze number_of_epochs number_of_workers random_seed step_lr_step_size"
        " training_batch_size validation_batch_size warmup_cosine_lr_warmup_epochs",
    ),
    *_fields(_IMAGE_SCHEDULERS, "learning_rate_scheduler"),
    *_fields(_OPTIMIZERS, "optimizer"),
)
CLASSIFICATION_PARAMETERS = (
    *_IMAGE_PARAMETERS,
    *_fields(integer, "training_crop_size validation_crop_size validation_resize_size weighted_loss"),
)
DETECTION_PARAMETERS = (
    *_IMAGE_PARAMETERS,
    *_fields(integer, "box_detections_per_image image_size max_size min_size"),
    *_fields(
        number,
        "box_score_threshold nms_iou_threshold tile_overlap_ratio tile_predictions_nms_threshold"
        " validation_iou_threshold",
    ),
    *_fields(boolean, "multi_scale"),
    *_fields(as_is, "tile_grid_size"),
    *_fields(Words("Enable Disable"), "log_training_metrics log_validation_loss"),
    *_fields(_SIZES, "model_size"),
    *_fields(_VALIDATION_METRICS, "validation_metric_type"),
)
TEXT_PARAMETERS = (
    *_fields(integer, "gradient_accumulation_steps number_of_epochs training_batch_size validation_batch_size"),
    *_fields(number, "learning_rate warmup_ratio weight_decay"),
    *_fields(_TEXT_SCHEDULERS, "learning_rate_scheduler"),
    *_fields(as_is, "model_name"),
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a task sends.

    Args:
        type: What the service calls it.
        metric: Metric that is optimised by default; ``None`` where the service takes none.
        is_table: Whether it is about a table, rather than images or text.
        limits: Rules of ``limits``.
        parameters: Rules of ``training_parameters``.
        parameters_field: What the service calls those.
        plain: Further keys of the file, that are sent as they are or under words of the service.
    """

    type: str
    metric: str | None
    is_table: bool = False
    limits: Rules = TABLE_LIMITS
    parameters: Rules = ()
    parameters_field: str = "modelSettings"
    plain: Rules = ()


_TARGET = _fields(as_is, "target_column_name")
_OF_TABLES = (
    *_TARGET,
    *_fields(as_is, "cv_split_column_names weight_column_name"),
    *_fields(Both(_folds, _auto_or_number), "n_cross_validations"),
    *_fields(number, "validation_data_size test_data_size"),
    Rule("featurization", "featurizationSettings", _nested(FEATURIZATION)),
    Rule("training", "trainingSettings", _nested(TRAINING)),
)
_OF_IMAGES = (*_TARGET, *_fields(number, "validation_data_size"))
_OF_TEXT = (Rule("featurization", "featurizationSettings", _nested(TEXT_FEATURIZATION)),)


def _image(type_: str, metric: str, parameters: Sequence[Rule]) -> Task:
    return Task(type=type_, metric=metric, limits=IMAGE_LIMITS, parameters=parameters, plain=_OF_IMAGES)


def _text(type_: str, metric: str | None, *plain: Rule) -> Task:
    return Task(
        type=type_,
        metric=metric,
        limits=TEXT_LIMITS,
        parameters=TEXT_PARAMETERS,
        parameters_field="fixedParameters",
        plain=(*_OF_TEXT, *plain),
    )


TASKS: Mapping[str, Task] = {
    "classification": Task(
        type="Classification",
        metric="AUCWeighted",
        is_table=True,
        plain=(*_OF_TABLES, *_fields(as_is, "positive_label")),
    ),
    "regression": Task(type="Regression", metric="NormalizedRootMeanSquaredError", is_table=True, plain=_OF_TABLES),
    "forecasting": Task(
        type="Forecasting",
        metric="NormalizedRootMeanSquaredError",
        is_table=True,
        plain=(*_OF_TABLES, Rule("forecasting", "forecastingSettings", _nested(FORECASTING))),
    ),
    "image_classification": _image("ImageClassification", "Accuracy", CLASSIFICATION_PARAMETERS),
    "image_classification_multilabel": _image("ImageClassificationMultilabel", "IOU", CLASSIFICATION_PARAMETERS),
    "image_object_detection": _image("ImageObjectDetection", "MeanAveragePrecision", DETECTION_PARAMETERS),
    "image_instance_segmentation": _image("ImageInstanceSegmentation", "MeanAveragePrecision", DETECTION_PARAMETERS),
    "text_classification": _text("TextClassification", "Accuracy", *_TARGET),
    "text_classification_multilabel": _text("TextClassificationMultilabel", None, *_TARGET),
    "text_ner": _text("TextNER", None),
}
