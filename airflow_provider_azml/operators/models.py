"""Operators for models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.assets import AzmlArchiveAssetOperator
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.files import AzmlSpecOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source

_MOST_ITERATIONS = 1000
"""Source: https://learn.microsoft.com/azure/machine-learning/how-to-configure-auto-train"""
_OF_RUNS = {
    "asset_path": "run_id",
    "experiment_name": "run_id",
    "metric": "automl_run_id",
    "iteration": "automl_run_id",
}
"""Arguments that go with another one."""


class AzmlRegisterModelOperator(AzmlSpecOperator):
    """Registers a version of a model: from a job's output, from a datastore, from local files, or from a run.

    From a run is what ``az ml model register --asset-path --run-id`` of CLI v1 did, be it a run of v1 or a job of
    today; of an AutoML run it takes the iteration with the best primary metric, unless it is told otherwise.

    Args:
        file: Model YAML, relative to the DAG file.
        spec: Its content as a mapping instead.
        name: Name of the model.
        version: Its version; by default the next one, and a retry never makes a second.
        path: ``azureml://jobs/<job>/outputs/<output>/paths/<path>``, as the result of an upstream job has it under
            ``outputs``; or any other location that a model YAML takes.
        type: ``custom_model``, ``mlflow_model`` or ``triton_model``.
        description: Free text.
        tags: Tags of the version.
        properties: Properties of the version.
        stage: Stage of the version.
        flavors: Flavors of the model.
        run_id: Id of a run that has left the model, instead of `path`.
        experiment_name: Experiment of that run; checked where it is given.
        asset_path: File or folder among the artifacts of the run, e.g. ``outputs/model.pkl``.
        automl_run_id: Id of an AutoML run, instead; `name` and `asset_path` may be left out then.
        metric: The metric by which its best iteration is chosen; by default its primary metric.
        iteration: The iteration that is taken, from 0, instead of the best.

    Returns:
        ``{"name", "version", "id", "status", "studio_url", "path"}``.

    Raises:
        NotFound: There is no such run or iteration, or it has left nothing at `asset_path`.

    Example:
        >>> AzmlRegisterModelOperator(
        ...     task_id="register", name="iris", path="{{ ti.xcom_pull('train')['outputs']['model'] }}"
        ... )
        >>> AzmlRegisterModelOperator(
        ...     task_id="register",
        ...     name="sklearn_mnist",
        ...     run_id="{{ ti.xcom_pull('train')['name'] }}",
        ...     asset_path="outputs/sklearn_mnist_model.pkl",
        ...     tags={"area": "mnist"},
        ... )

    Sources: https://learn.microsoft.com/azure/machine-learning/reference-yaml-model; "Register a model from an Azure ML
    training run" of "Deploy machine learning models to Azure"; ``AutoMLRun.register_model``.
    """

    kind = "model"
    template_fields: Sequence[str] = (
        *AzmlSpecOperator.template_fields,
        "run_id",
        "experiment_name",
        "asset_path",
        "automl_run_id",
        "metric",
        "iteration",
    )
    spec_fields: ClassVar[Sequence[str]] = (
        "name",
        "version",
        "path",
        "type",
        "description",
        "tags",
        "properties",
        "stage",
        "flavors",
    )

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        path: str | None = None,
        type: str | None = None,  # noqa: A002 (the key of the model YAML)
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        stage: str | None = None,
        flavors: Mapping[str, Any] | None = None,
        run_id: str | None = None,
        experiment_name: str | None = None,
        asset_path: str | None = None,
        automl_run_id: str | None = None,
        metric: str | None = None,
        iteration: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_id = run_id
        self.experiment_name = experiment_name
        self.asset_path = asset_path
        self.automl_run_id = automl_run_id
        self.metric = metric
        self.iteration = iteration
        self.keep(locals())

    def check_arguments(self) -> None:
        """Check that what is registered is said once.

        Raises:
            SpecError: It is not; what is too much or too little is named.
        """
        from airflow_provider_azml.operators.arguments import refused, whole

        super().check_arguments()
        if self.run_id and self.automl_run_id:
            raise refused("automl_run_id", "is given besides run_id; give one of them")
        if self.run_id and not self.asset_path:
            raise refused("asset_path", "is missing; say what of the run is the model, e.g. outputs/model.pkl")
        named = self.run_id or self.automl_run_id
        for name, goes_with in _OF_RUNS.items():
            if getattr(self, name) is not None and not (self.automl_run_id if goes_with == "automl_run_id" else named):
                raise refused(name, f"goes with {goes_with}, which is not given")
        if self.metric is not None and self.iteration is not None:
            raise refused("iteration", "is given besides metric; give one of them")
        if self.iteration is not None:
            self.iteration = whole("iteration", self.iteration, 0, _MOST_ITERATIONS)

    def source(self, context: Context) -> Source:
        """The model, from where a run has left it.

        Raises:
            SpecError: It cannot be read, or says besides the run where the model is.
            NotFound: There is no such run, or it has left nothing there.
        """
        source = super().source(context)
        if not self.run_id and not self.automl_run_id:
            return source
        if source.value.get("path") is not None:
            raise SpecError([source.problem(("path",), "is given besides a run; give one of them")])
        found = self.hook.run(self._of_automl() if self.automl_run_id else self._of_run())
        self.log.info("The model is %s of run %s", found["path"].rpartition("/paths/")[2], found["path"].split("/")[3])
        return source.merged({name: value for name, value in found.items() if name not in source.value})

    def _of_run(self) -> Flow[Json]:
        """What the file says of a model that a run has left."""
        from airflow_provider_azml.rest.v1 import artifacts, models, runs

        place, run_id, path = self.hook.v1.place, str(self.run_id), str(self.asset_path).strip("/")
        if self.experiment_name:
            run = yield from runs.of_experiment(place, self.experiment_name, run_id)
        else:
            run = yield from runs.get(place, run_id)
        container = str(run.get("dataContainerId") or artifacts.container_of(run_id))
        yield from models.check_asset(place, run_id, container, path)
        return {"path": _artifact(run_id, path)}

    def _of_automl(self) -> Flow[Json]:
        """What the file says of the model of an iteration of an AutoML run."""
        from airflow_provider_azml.rest.v1 import automl, runs

        place, run_id = self.hook.v1.place, str(self.automl_run_id)
        if self.experiment_name:
            yield from runs.of_experiment(place, self.experiment_name, run_id)
        iteration = None if self.iteration is None else int(self.iteration)
        chosen = yield from automl.chosen(
            place, run_id, metric=self.metric, iteration=iteration, model_path=self.asset_path
        )
        kind = {"type": "mlflow_model"} if chosen.model_path == automl.MLFLOW_MODEL else {}
        return {"name": chosen.model_name, "path": _artifact(chosen.run_id, chosen.model_path), **kind}


def _artifact(run_id: str, path: str) -> str:
    """The location of an artifact of a run, as a model YAML has it.

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-manage-models, "Job output" with a path.
    """
    return f"azureml://jobs/{run_id}/outputs/artifacts/paths/{path}"


class AzmlArchiveModelOperator(AzmlArchiveAssetOperator):
    """Hides a model, or a version of it, from listings; whatever refers to it still works.

    Args:
        name: Name of the model.
        version: The version; without one, the model with all its versions.
        restore: Show it again instead.

    Returns:
        ``{"name", "version", "id", "is_archived"}``.

    Example:
        >>> AzmlArchiveModelOperator(task_id="archive", name="iris", version="3")

    Source: azure-ai-ml 1.35.2, ``models.archive``.
    """

    kind = "model"


class AzmlDeleteModelOperator(AzmlOperator):
    """Deletes a version of a model; one that is gone already is no error.

    Args:
        name: Name of the model.
        version: The version.

    Returns:
        ``{"name", "version", "id", "status"}``.

    Example:
        >>> AzmlDeleteModelOperator(task_id="delete", name="iris", version="3")

    Source: ``DELETE models/{name}/versions/{version}`` of the service's OpenAPI file.
    """

    template_fields: Sequence[str] = (*AzmlOperator.template_fields, "name", "version")

    def __init__(self, *, name: str, version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.version = version

    def submit(self, context: Context) -> Ticket:
        """Delete it."""
        return self._delete(self.hook.workspace_id.child("model", self.name, str(self.version)))
