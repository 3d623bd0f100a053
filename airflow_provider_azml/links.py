"""Links in the Airflow UI: from a task to what it made on Azure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class AzmlStudioLink(BaseOperatorLink):
    """Opens the job, model or endpoint of the task in Azure ML studio."""

    name = "Azure ML studio"

    @property
    def xcom_key(self) -> str:
        """Where operators leave the URL, as soon as they know it."""
        return "azml_studio_url"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """The URL; empty while the task has made nothing."""
        return _stored(self.xcom_key, ti_key)


class AzmlEndpointLink(BaseOperatorLink):
    """Opens the scoring URL of the endpoint that the task deployed to."""

    name = "Scoring URL"

    @property
    def xcom_key(self) -> str:
        """Where operators leave the URL, as soon as they know it."""
        return "azml_scoring_url"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 (Airflow's signature)
        """The URL; empty while there is none."""
        return _stored(self.xcom_key, ti_key)


def _stored(key: str, ti_key: TaskInstanceKey) -> str:
    from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415 (DAG files load the links, workers follow them)

    value = XCom.get_value(ti_key=ti_key, key=key)
    return value if isinstance(value, str) else ""
