"""Operators for jobs that try many settings and find the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.jobs import AzmlSubmitJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AzmlSubmitSweepOperator(AzmlSubmitJobOperator):
    """Submits a sweep and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and a sweep's own keys. The result has
    ``best_trial``: its ``name``, the ``parameters`` that it tried, the best value of the primary metric that it logged
    (``metric``), its ``outputs`` and, of these, the one that is a model (``model_output``), by type or else by name.

    Args:
        trial: The job that is tried: a mapping with ``command``, ``code``, ``environment``, or a component.
        search_space: What is tried: a distribution or choice for each input.
        sampling_algorithm: ``random``, ``grid``, ``bayesian``, or a mapping with ``type``.
        objective: ``{"goal": "minimize" | "maximize", "primary_metric": ...}``.
        early_termination: When hopeless trials are ended.
        limits: ``max_total_trials``, ``max_concurrent_trials``, ``timeout``, ``trial_timeout``.
        resources: ``instance_count``, ``instance_type``... of each trial.
        queue_settings: ``job_tier`` and ``priority``.

    Example:
        >>> tune = AzmlSubmitSweepOperator(task_id="tune", file="sweep.yml", limits={"max_total_trials": 20})
        >>> path = "{{ ti.xcom_pull(task_ids='tune')['best_trial']['model_output'] }}"
        >>> tune >> AzmlRegisterModelOperator(task_id="register", name="iris", path=path, type="mlflow_model")

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep
    """

    job_type = "sweep"
    spec_fields: ClassVar[Sequence[str]] = (
        "trial",
        "search_space",
        "sampling_algorithm",
        "objective",
        "early_termination",
        "limits",
        "resources",
        "queue_settings",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "job_resources"}  # BaseOperator has resources of its own

    def __init__(
        self,
        *,
        trial: str | Mapping[str, Any] | None = None,
        search_space: Mapping[str, Any] | None = None,
        sampling_algorithm: str | Mapping[str, Any] | None = None,
        objective: Mapping[str, str] | None = None,
        early_termination: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        resources: dict[str, Any] | None = None,
        queue_settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())


class AzmlSubmitAutoMLOperator(AzmlSubmitJobOperator):
    """Submits an AutoML job and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and the keys of AutoML jobs; which of them a task
    has, its schema says. The result has ``best_trial``, the job that made the best model: its ``name``, the primary
    metric that it reached (``metric``), its ``outputs`` and the model (``model_output``).

    Args:
        task: ``classification``, ``regression``, ``forecasting``, ``image_classification``, ``text_ner``...
        primary_metric: What is optimized.
        target_column_name: What is predicted.
        training_data: Data to learn from.
        validation_data: Data to choose models by.
        test_data: Data to test the best model with.
        featurization: How columns are made into features.
        forecasting: Time column, horizon and the like.
        training: Which algorithms are allowed, whether models are stacked and the like.
        training_parameters: Parameters of an image model or text model.
        search_space: What is tried, for image and text models.
        sweep: How it is tried, for image and text models.
        limits: ``max_trials``, ``timeout_minutes``...
        n_cross_validations: Number of folds.
        resources: ``instance_count``, ``instance_type``...
        queue_settings: ``job_tier`` and ``priority``.

    Example:
        >>> AzmlSubmitAutoMLOperator(task_id="automl", file="classification.yml", limits={"max_trials": 5})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-automated-ml-yaml
    """

    job_type = "automl"
    spec_fields: ClassVar[Sequence[str]] = (
        "task",
        "primary_metric",
        "target_column_name",
        "training_data",
        "validation_data",
        "test_data",
        "featurization",
        "forecasting",
        "training",
        "training_parameters",
        "search_space",
        "sweep",
        "limits",
        "n_cross_validations",
        "resources",
        "queue_settings",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "job_resources"}  # BaseOperator has resources of its own

    def __init__(
        self,
        *,
        task: str | None = None,
        primary_metric: str | None = None,
        target_column_name: str | None = None,
        training_data: Mapping[str, Any] | None = None,
        validation_data: Mapping[str, Any] | None = None,
        test_data: Mapping[str, Any] | None = None,
        featurization: Mapping[str, Any] | None = None,
        forecasting: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        training_parameters: Mapping[str, Any] | None = None,
        search_space: Sequence[Mapping[str, Any]] | None = None,
        sweep: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        n_cross_validations: str | int | None = None,
        resources: dict[str, Any] | None = None,
        queue_settings: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())
