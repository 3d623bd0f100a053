"""Airflow operators; each can be imported from here or from its module."""

from airflow_provider_azml.operators.compute import AzmlCreateComputeOperator
from airflow_provider_azml.operators.endpoints import AzmlDeployModelOperator, AzmlScoreOperator
from airflow_provider_azml.operators.environments import AzmlRegisterEnvironmentOperator
from airflow_provider_azml.operators.jobs import AzmlSubmitCommandJobOperator, AzmlSubmitJobOperator
from airflow_provider_azml.operators.models import AzmlRegisterModelOperator
from airflow_provider_azml.operators.workspace import AzmlCreateWorkspaceOperator

__all__ = [
    "AzmlCreateComputeOperator",
    "AzmlCreateWorkspaceOperator",
    "AzmlDeployModelOperator",
    "AzmlRegisterEnvironmentOperator",
    "AzmlRegisterModelOperator",
    "AzmlScoreOperator",
    "AzmlSubmitCommandJobOperator",
    "AzmlSubmitJobOperator",
]
