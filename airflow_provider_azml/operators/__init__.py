"""Airflow operators; each can be imported from here or from its module, and costs a DAG file its own module alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.operators.apply import AzmlApplyOperator
    from airflow_provider_azml.operators.compute import AzmlAttachComputeOperator, AzmlCreateComputeOperator
    from airflow_provider_azml.operators.control_flow import (
        AzmlIfElseOperator,
        AzmlLoopBodyOperator,
        AzmlLoopItemsOperator,
        AzmlLoopOutputsOperator,
    )
    from airflow_provider_azml.operators.data import (
        AzmlArchiveDataOperator,
        AzmlCreateDatastoreOperator,
        AzmlRegisterDataOperator,
        AzmlUploadToDatastoreOperator,
    )
    from airflow_provider_azml.operators.endpoints import AzmlDeployModelOperator, AzmlScoreOperator
    from airflow_provider_azml.operators.environments import AzmlRegisterEnvironmentOperator
    from airflow_provider_azml.operators.jobs import (
        AzmlRunJobAgainOperator,
        AzmlSubmitCommandJobOperator,
        AzmlSubmitJobOperator,
        AzmlSubmitPipelineOperator,
    )
    from airflow_provider_azml.operators.models import (
        AzmlArchiveModelOperator,
        AzmlDeleteModelOperator,
        AzmlRegisterModelOperator,
    )
    from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
    from airflow_provider_azml.operators.schedules import (
        AzmlCreateScheduleOperator,
        AzmlDeleteScheduleOperator,
        AzmlDisableScheduleOperator,
        AzmlEnableScheduleOperator,
    )
    from airflow_provider_azml.operators.spark import AzmlSubmitSparkJobOperator
    from airflow_provider_azml.operators.sweeps import AzmlSubmitAutoMLOperator, AzmlSubmitSweepOperator
    from airflow_provider_azml.operators.takeover import AzmlTakeOverScheduleOperator
    from airflow_provider_azml.operators.watched_pipelines import (
        AzmlWatchPipelineNodeOperator,
        AzmlWatchPipelineOperator,
    )
    from airflow_provider_azml.operators.workspace import AzmlCreateWorkspaceOperator

__all__ = [
    "AzmlApplyOperator",
    "AzmlArchiveDataOperator",
    "AzmlArchiveModelOperator",
    "AzmlAttachComputeOperator",
    "AzmlCreateComputeOperator",
    "AzmlCreateDatastoreOperator",
    "AzmlCreateScheduleOperator",
    "AzmlCreateWorkspaceOperator",
    "AzmlDeleteModelOperator",
    "AzmlDeleteScheduleOperator",
    "AzmlDeployModelOperator",
    "AzmlDisableScheduleOperator",
    "AzmlEnableScheduleOperator",
    "AzmlIfElseOperator",
    "AzmlLoopBodyOperator",
    "AzmlLoopItemsOperator",
    "AzmlLoopOutputsOperator",
    "AzmlPipelineNodeOperator",
    "AzmlRegisterDataOperator",
    "AzmlRegisterEnvironmentOperator",
    "AzmlRegisterModelOperator",
    "AzmlRunJobAgainOperator",
    "AzmlScoreOperator",
    "AzmlSubmitAutoMLOperator",
    "AzmlSubmitCommandJobOperator",
    "AzmlSubmitJobOperator",
    "AzmlSubmitPipelineOperator",
    "AzmlSubmitSparkJobOperator",
    "AzmlSubmitSweepOperator",
    "AzmlTakeOverScheduleOperator",
    "AzmlUploadToDatastoreOperator",
    "AzmlWatchPipelineNodeOperator",
    "AzmlWatchPipelineOperator",
]

_MODULE_OF = {
    "AzmlApplyOperator": "apply",
    "AzmlArchiveDataOperator": "data",
    "AzmlArchiveModelOperator": "models",
    "AzmlAttachComputeOperator": "compute",
    "AzmlCreateComputeOperator": "compute",
    "AzmlCreateDatastoreOperator": "data",
    "AzmlCreateScheduleOperator": "schedules",
    "AzmlCreateWorkspaceOperator": "workspace",
    "AzmlDeleteModelOperator": "models",
    "AzmlDeleteScheduleOperator": "schedules",
    "AzmlDeployModelOperator": "endpoints",
    "AzmlDisableScheduleOperator": "schedules",
    "AzmlEnableScheduleOperator": "schedules",
    "AzmlIfElseOperator": "control_flow",
    "AzmlLoopBodyOperator": "control_flow",
    "AzmlLoopItemsOperator": "control_flow",
    "AzmlLoopOutputsOperator": "control_flow",
    "AzmlPipelineNodeOperator": "pipeline_nodes",
    "AzmlRegisterDataOperator": "data",
    "AzmlRegisterEnvironmentOperator": "environments",
    "AzmlRegisterModelOperator": "models",
    "AzmlRunJobAgainOperator": "jobs",
    "AzmlScoreOperator": "endpoints",
    "AzmlSubmitAutoMLOperator": "sweeps",
    "AzmlSubmitCommandJobOperator": "jobs",
    "AzmlSubmitJobOperator": "jobs",
    "AzmlSubmitPipelineOperator": "jobs",
    "AzmlSubmitSparkJobOperator": "spark",
    "AzmlSubmitSweepOperator": "sweeps",
    "AzmlTakeOverScheduleOperator": "takeover",
    "AzmlUploadToDatastoreOperator": "data",
    "AzmlWatchPipelineNodeOperator": "watched_pipelines",
    "AzmlWatchPipelineOperator": "watched_pipelines",
}


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found
