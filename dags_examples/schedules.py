"""A folder of schedule files of Azure ML: each is a DAG that runs when the file says.

``report_weekly.yml`` gives the DAG ``report_weekly``, and so on. The pipeline that they submit, ``report.yml``, has no
DAG of its own.
"""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_azml.dags import azml_dags

azml_dags(
    "schedules",
    tags=["azml", "example"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
)
