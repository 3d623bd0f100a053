"""DAGs of AML files: ``azml_dag`` of one, ``azml_dags`` of a folder, ``azml_task_group`` as a part of another DAG."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.dags.assets import azml_asset
    from airflow_provider_azml.dags.files import azml_dag
    from airflow_provider_azml.dags.folder import azml_dags
    from airflow_provider_azml.dags.task_groups import azml_task_group

__all__ = ["azml_asset", "azml_dag", "azml_dags", "azml_task_group"]

_MODULE_OF = {"azml_asset": "assets", "azml_dag": "files", "azml_dags": "folder", "azml_task_group": "task_groups"}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found
