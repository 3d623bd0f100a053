"""The operator that submits Spark jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_azml.operators.jobs import AzmlSubmitJobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class AzmlSubmitSparkJobOperator(AzmlSubmitJobOperator):
    """Submits a Spark job and waits for its end; never twice, whatever happens to worker or triggerer.

    Everything that :class:`AzmlSubmitJobOperator` takes and promises, and a Spark job's own keys.

    Args:
        code: Folder that is uploaded, relative to the DAG file (in a file: to that file).
        entry: What runs: ``{"file": ...}`` or ``{"class_name": ...}``.
        args: Its arguments, with ``${{inputs.x}}`` and ``${{outputs.x}}``.
        py_files: Python files and archives for the executors.
        jars: Jars for driver and executors.
        files: Files for the executors' working folders.
        archives: Archives that are unpacked there.
        conf: Spark properties, e.g. ``{"spark.driver.cores": 1}``.
        environment: ``azureml:name:version``, or a mapping that describes one.
        resources: ``instance_type`` and ``runtime_version`` of serverless Spark.

    Example:
        >>> AzmlSubmitSparkJobOperator(task_id="wrangle", file="spark.yml", conf={"spark.executor.instances": 4})

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-spark
    """

    job_type = "spark"
    spec_fields: ClassVar[Sequence[str]] = (
        "code",
        "entry",
        "args",
        "py_files",
        "jars",
        "files",
        "archives",
        "conf",
        "environment",
        "resources",
    )
    attributes: ClassVar[Mapping[str, str]] = {"resources": "job_resources"}  # BaseOperator has resources of its own

    def __init__(
        self,
        *,
        code: str | None = None,
        entry: Mapping[str, str] | None = None,
        args: str | None = None,
        py_files: Sequence[str] | None = None,
        jars: Sequence[str] | None = None,
        files: Sequence[str] | None = None,
        archives: Sequence[str] | None = None,
        conf: Mapping[str, Any] | None = None,
        environment: str | Mapping[str, Any] | None = None,
        resources: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keep(locals())
