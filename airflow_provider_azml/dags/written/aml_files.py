"""The DAG file of an AML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.dags.task_settings import refusals_of_airflow
from airflow_provider_azml.dags.written.jobs import job_file, schedule_file
from airflow_provider_azml.dags.written.pipelines import pipeline_file
from airflow_provider_azml.dags.written.python_text import NotWritten
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import unrendered
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.v1 import schedules as v1

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any


def written(path: Path, overrides: Mapping[str, Any] | None = None) -> tuple[str, Sequence[str]]:
    """A DAG file that does what the DAG of :func:`~airflow_provider_azml.dags.azml_dag` does, without the AML file.

    It is to stand beside the AML file, where the components and the code lie that it names.

    Args:
        path: A job file, a pipeline file or a schedule file.
        overrides: Values over the file's.

    Returns:
        The text of the DAG file, and what its owner has to know besides.

    Raises:
        SpecError: The file cannot be used, or something of it cannot be written out; it is named.

    Example:
        >>> text, _ = written(Path("pipeline.yml"))
        >>> Path("pipeline.py").write_text(text)
    """
    path = path.absolute()
    source = unrendered.read(path).merged(overrides or {})
    kind = inferred(source.value)
    with refusals_of_airflow(path):
        if kind == "job":
            made = (pipeline_file if source.value.get("type") == "pipeline" else job_file)(source, path)
        elif kind == "schedule" or v1.is_schedule(source):
            made = schedule_file(source, path)
        else:
            raise SpecError([source.problem((), f"is a {kind}; the DAG file of a schedule or of a job can be had")])
    try:
        return made.python(), made.remarks
    except NotWritten as error:
        raise SpecError([source.problem((), str(error))]) from error
