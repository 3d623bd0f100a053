"""Cancel, once an hour, the jobs of this Airflow that go on although their task has ended.

Tasks cancel their own jobs when they are ended. This is for those that no process was left to cancel. ``[azml]
deployment`` has to be set (``AIRFLOW__AZML__DEPLOYMENT``), to another word in each Airflow that uses the workspace.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlCancelOrphanedJobsOperator

# [start tasks]
with DAG(
    "cancel_orphaned_jobs",
    schedule="@hourly",
    start_date=datetime(2026, 1, 5, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    tags=["azml", "example"],
    doc_md=__doc__,
):
    AzmlCancelOrphanedJobsOperator(
        task_id="cancel",
        grace_seconds=600,  # which is the default
        retries=2,
        retry_delay=timedelta(minutes=5),
    )
# [end tasks]
