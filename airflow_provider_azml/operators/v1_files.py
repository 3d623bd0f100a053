"""Files of CLI v1 that operators take, with their templates rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.operators.rendering import renderer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_azml.operators.files import AzmlSpecOperator
    from airflow_provider_azml.spec.source import Source


def as_written(operator: AzmlSpecOperator, context: Context, given: str | Mapping[str, Any]) -> Source:
    """A file of CLI v1 as it is written, or its content as a mapping.

    Args:
        operator: What takes it.
        context: Context of the task.
        given: The file, relative to the DAG file, or its content, whose paths start from `base_path`.

    Raises:
        SpecError: It cannot be read.
    """
    from airflow_provider_azml.spec import plain_values
    from airflow_provider_azml.spec.opened import Opened
    from airflow_provider_azml.spec.source import MAPPING, Source
    from airflow_provider_azml.spec.source import as_written as read

    render = renderer(operator.get_template_env(), context)
    if isinstance(given, Mapping):
        opened, copied = Opened(follow_symlinks=operator.follow_symlinks), plain_values.copied(given, MAPPING)
        folder = (operator.folder / (operator.base_path or "")).absolute()
        return Source(copied, folder, render=render, opened=opened)
    return read(operator.folder / given, render=render, follow_symlinks=operator.follow_symlinks)
