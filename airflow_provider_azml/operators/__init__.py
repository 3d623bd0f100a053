"""Airflow operators; each can be imported from here or from its module, and costs a DAG file its own module alone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_azml.operators.apply import AzmlApplyOperator
    from airflow_provider_azml.operators.batch_deployments import AzmlDeployBatchModelOperator
    from airflow_provider_azml.operators.batch_endpoints import AzmlInvokeBatchEndpointOperator
    from airflow_provider_azml.operators.compute import AzmlAttachComputeOperator, AzmlCreateComputeOperator
    from airflow_provider_azml.operators.compute_acts import (
        AzmlDeleteComputeOperator,
        AzmlRestartComputeOperator,
        AzmlStartComputeOperator,
        AzmlStopComputeOperator,
        AzmlUpdateComputeOperator,
    )
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
    from airflow_provider_azml.operators.deployments import AzmlDeployModelOperator
    from airflow_provider_azml.operators.endpoint_acts import (
        AzmlDeleteDeploymentOperator,
        AzmlDeleteEndpointOperator,
        AzmlRegenerateEndpointKeysOperator,
    )
    from airflow_provider_azml.operators.environments import AzmlRegisterEnvironmentOperator
    from airflow_provider_azml.operators.job_acts import (
        AzmlCancelJobOperator,
        AzmlDownloadJobOutputsOperator,
        AzmlDownloadModelOperator,
    )
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
    from airflow_provider_azml.operators.orphaned_jobs import AzmlCancelOrphanedJobsOperator
    from airflow_provider_azml.operators.pipeline_nodes import AzmlPipelineNodeOperator
    from airflow_provider_azml.operators.profiling import AzmlProfileModelOperator
    from airflow_provider_azml.operators.quality_gates import AzmlQualityGateOperator
    from airflow_provider_azml.operators.resource_groups import (
        AzmlCreatePrivateEndpointOperator,
        AzmlCreateResourceGroupOperator,
        AzmlDeleteResourceGroupOperator,
        AzmlRegisterResourceProvidersOperator,
    )
    from airflow_provider_azml.operators.schedules import (
        AzmlCreateScheduleOperator,
        AzmlDeleteScheduleOperator,
        AzmlDisableScheduleOperator,
        AzmlEnableScheduleOperator,
    )
    from airflow_provider_azml.operators.scoring import AzmlScoreOperator
    from airflow_provider_azml.operators.spark import AzmlSubmitSparkJobOperator
    from airflow_provider_azml.operators.sweeps import AzmlSubmitAutoMLOperator, AzmlSubmitSweepOperator
    from airflow_provider_azml.operators.takeover import AzmlTakeOverScheduleOperator
    from airflow_provider_azml.operators.traffic import AzmlSetTrafficOperator
    from airflow_provider_azml.operators.v1_runs import AzmlSubmitHyperDriveOperator, AzmlSubmitScriptRunOperator
    from airflow_provider_azml.operators.watched_pipelines import (
        AzmlWatchPipelineNodeOperator,
        AzmlWatchPipelineOperator,
    )
    from airflow_provider_azml.operators.webservices import AzmlDeleteWebserviceOperator, AzmlDeployWebserviceOperator
    from airflow_provider_azml.operators.workspace import AzmlCreateWorkspaceOperator
    from airflow_provider_azml.operators.workspace_acts import (
        AzmlDeleteWorkspaceOperator,
        AzmlDiagnoseWorkspaceOperator,
        AzmlSyncWorkspaceKeysOperator,
        AzmlUpdateWorkspaceOperator,
    )

__all__ = [
    "AzmlApplyOperator",
    "AzmlArchiveDataOperator",
    "AzmlArchiveModelOperator",
    "AzmlAttachComputeOperator",
    "AzmlCancelJobOperator",
    "AzmlCancelOrphanedJobsOperator",
    "AzmlCreateComputeOperator",
    "AzmlCreateDatastoreOperator",
    "AzmlCreatePrivateEndpointOperator",
    "AzmlCreateResourceGroupOperator",
    "AzmlCreateScheduleOperator",
    "AzmlCreateWorkspaceOperator",
    "AzmlDeleteComputeOperator",
    "AzmlDeleteDeploymentOperator",
    "AzmlDeleteEndpointOperator",
    "AzmlDeleteModelOperator",
    "AzmlDeleteResourceGroupOperator",
    "AzmlDeleteScheduleOperator",
    "AzmlDeleteWebserviceOperator",
    "AzmlDeleteWorkspaceOperator",
    "AzmlDeployBatchModelOperator",
    "AzmlDeployModelOperator",
    "AzmlDeployWebserviceOperator",
    "AzmlDiagnoseWorkspaceOperator",
    "AzmlDisableScheduleOperator",
    "AzmlDownloadJobOutputsOperator",
    "AzmlDownloadModelOperator",
    "AzmlEnableScheduleOperator",
    "AzmlIfElseOperator",
    "AzmlInvokeBatchEndpointOperator",
    "AzmlLoopBodyOperator",
    "AzmlLoopItemsOperator",
    "AzmlLoopOutputsOperator",
    "AzmlPipelineNodeOperator",
    "AzmlProfileModelOperator",
    "AzmlQualityGateOperator",
    "AzmlRegenerateEndpointKeysOperator",
    "AzmlRegisterDataOperator",
    "AzmlRegisterEnvironmentOperator",
    "AzmlRegisterModelOperator",
    "AzmlRegisterResourceProvidersOperator",
    "AzmlRestartComputeOperator",
    "AzmlRunJobAgainOperator",
    "AzmlScoreOperator",
    "AzmlSetTrafficOperator",
    "AzmlStartComputeOperator",
    "AzmlStopComputeOperator",
    "AzmlSubmitAutoMLOperator",
    "AzmlSubmitCommandJobOperator",
    "AzmlSubmitHyperDriveOperator",
    "AzmlSubmitJobOperator",
    "AzmlSubmitPipelineOperator",
    "AzmlSubmitScriptRunOperator",
    "AzmlSubmitSparkJobOperator",
    "AzmlSubmitSweepOperator",
    "AzmlSyncWorkspaceKeysOperator",
    "AzmlTakeOverScheduleOperator",
    "AzmlUpdateComputeOperator",
    "AzmlUpdateWorkspaceOperator",
    "AzmlUploadToDatastoreOperator",
    "AzmlWatchPipelineNodeOperator",
    "AzmlWatchPipelineOperator",
]

_MODULE_OF = {
    "AzmlApplyOperator": "apply",
    "AzmlArchiveDataOperator": "data",
    "AzmlArchiveModelOperator": "models",
    "AzmlAttachComputeOperator": "compute",
    "AzmlCancelJobOperator": "job_acts",
    "AzmlCancelOrphanedJobsOperator": "orphaned_jobs",
    "AzmlCreateComputeOperator": "compute",
    "AzmlCreateDatastoreOperator": "data",
    "AzmlCreatePrivateEndpointOperator": "resource_groups",
    "AzmlCreateResourceGroupOperator": "resource_groups",
    "AzmlCreateScheduleOperator": "schedules",
    "AzmlCreateWorkspaceOperator": "workspace",
    "AzmlDeleteComputeOperator": "compute_acts",
    "AzmlDeleteDeploymentOperator": "endpoint_acts",
    "AzmlDeleteEndpointOperator": "endpoint_acts",
    "AzmlDeleteModelOperator": "models",
    "AzmlDeleteResourceGroupOperator": "resource_groups",
    "AzmlDeleteScheduleOperator": "schedules",
    "AzmlDeleteWebserviceOperator": "webservices",
    "AzmlDeleteWorkspaceOperator": "workspace_acts",
    "AzmlDeployBatchModelOperator": "batch_deployments",
    "AzmlDeployModelOperator": "deployments",
    "AzmlDeployWebserviceOperator": "webservices",
    "AzmlDiagnoseWorkspaceOperator": "workspace_acts",
    "AzmlDisableScheduleOperator": "schedules",
    "AzmlDownloadJobOutputsOperator": "job_acts",
    "AzmlDownloadModelOperator": "job_acts",
    "AzmlEnableScheduleOperator": "schedules",
    "AzmlIfElseOperator": "control_flow",
    "AzmlInvokeBatchEndpointOperator": "batch_endpoints",
    "AzmlLoopBodyOperator": "control_flow",
    "AzmlLoopItemsOperator": "control_flow",
    "AzmlLoopOutputsOperator": "control_flow",
    "AzmlPipelineNodeOperator": "pipeline_nodes",
    "AzmlProfileModelOperator": "profiling",
    "AzmlQualityGateOperator": "quality_gates",
    "AzmlRegenerateEndpointKeysOperator": "endpoint_acts",
    "AzmlRegisterDataOperator": "data",
    "AzmlRegisterEnvironmentOperator": "environments",
    "AzmlRegisterModelOperator": "models",
    "AzmlRegisterResourceProvidersOperator": "resource_groups",
    "AzmlRestartComputeOperator": "compute_acts",
    "AzmlRunJobAgainOperator": "jobs",
    "AzmlScoreOperator": "scoring",
    "AzmlSetTrafficOperator": "traffic",
    "AzmlStartComputeOperator": "compute_acts",
    "AzmlStopComputeOperator": "compute_acts",
    "AzmlSubmitAutoMLOperator": "sweeps",
    "AzmlSubmitCommandJobOperator": "jobs",
    "AzmlSubmitHyperDriveOperator": "v1_runs",
    "AzmlSubmitJobOperator": "jobs",
    "AzmlSubmitPipelineOperator": "jobs",
    "AzmlSubmitScriptRunOperator": "v1_runs",
    "AzmlSubmitSparkJobOperator": "spark",
    "AzmlSubmitSweepOperator": "sweeps",
    "AzmlSyncWorkspaceKeysOperator": "workspace_acts",
    "AzmlTakeOverScheduleOperator": "takeover",
    "AzmlUpdateComputeOperator": "compute_acts",
    "AzmlUpdateWorkspaceOperator": "workspace_acts",
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
