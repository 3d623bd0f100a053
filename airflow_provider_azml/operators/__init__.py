"""Airflow operators; each can be imported from here or from its module."""

from airflow_provider_azml.operators.apply import AzmlApplyOperator
from airflow_provider_azml.operators.compute import AzmlAttachComputeOperator, AzmlCreateComputeOperator
from airflow_provider_azml.operators.data import (
    AzmlArchiveDataOperator,
    AzmlCreateDatastoreOperator,
    AzmlRegisterDataOperator,
    AzmlUploadToDatastoreOperator,
)
from airflow_provider_azml.operators.endpoints import AzmlDeployModelOperator, AzmlScoreOperator
from airflow_provider_azml.operators.environments import AzmlRegisterEnvironmentOperator
from airflow_provider_azml.operators.jobs import (
    AzmlSubmitCommandJobOperator,
    AzmlSubmitJobOperator,
    AzmlSubmitPipelineOperator,
    AzmlSubmitSparkJobOperator,
)
from airflow_provider_azml.operators.models import (
    AzmlArchiveModelOperator,
    AzmlDeleteModelOperator,
    AzmlRegisterModelOperator,
)
from airflow_provider_azml.operators.schedules import (
    AzmlCreateScheduleOperator,
    AzmlDeleteScheduleOperator,
    AzmlDisableScheduleOperator,
    AzmlEnableScheduleOperator,
)
from airflow_provider_azml.operators.sweeps import AzmlSubmitAutoMLOperator, AzmlSubmitSweepOperator
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
    "AzmlRegisterDataOperator",
    "AzmlRegisterEnvironmentOperator",
    "AzmlRegisterModelOperator",
    "AzmlScoreOperator",
    "AzmlSubmitAutoMLOperator",
    "AzmlSubmitCommandJobOperator",
    "AzmlSubmitJobOperator",
    "AzmlSubmitPipelineOperator",
    "AzmlSubmitSparkJobOperator",
    "AzmlSubmitSweepOperator",
    "AzmlUploadToDatastoreOperator",
]
