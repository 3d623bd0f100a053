"""Serve a model during office hours alone: its deployment is deleted in the evening, and made again in the morning.

A deployment costs money while it is there, an endpoint does not. The endpoint stays, and with it its URL and its keys,
so that callers need not be told anything; at night they are answered that nothing serves. ``deployment_window_opens``
deploys the newest version of the model ``iris``, which ``scheduled_retraining`` registers.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, chain

from airflow_provider_azml.operators import AzmlDeleteDeploymentOperator, AzmlDeployModelOperator
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor
from airflow_provider_azml.timetables.recurrence import AzmlRecurrenceTimetable

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-by-day-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"
DEPLOYMENT = "office-hours"
START = datetime(2026, 1, 5, tzinfo=timezone.utc)
ARGUMENTS = {
    "poll_seconds": 2,  # everything here takes seconds; the default suits what takes minutes
    "retries": 3,  # a try goes on from where the endpoint stands
    "retry_delay": timedelta(minutes=5),
}


def each_working_day(hour: int) -> AzmlRecurrenceTimetable:
    """Mondays to Fridays at an hour, as clocks show it in Amsterdam, in summer and in winter."""
    days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
    return AzmlRecurrenceTimetable(
        frequency="week", week_days=days, hours=[hour], minutes=[0], time_zone="W. Europe Standard Time"
    )


# [start tasks]
with DAG(
    "deployment_window_opens",
    schedule=each_working_day(7),
    start_date=START,
    catchup=False,
    default_args=ARGUMENTS,
    tags=["azml", "example"],
    doc_md=__doc__,
):
    deploy = AzmlDeployModelOperator(
        task_id="deploy",
        file="iris/deployment.yml",
        endpoint_file="iris/endpoint.yml",
        endpoint_name=ENDPOINT,
        name=DEPLOYMENT,
        model="azureml:iris@latest",
    )
    healthy = AzmlWaitForServiceHealthySensor(task_id="healthy", endpoint_name=ENDPOINT, checks="iris/checks.yml")
    chain(deploy, healthy)

with DAG(
    "deployment_window_closes",
    schedule=each_working_day(19),
    start_date=START,
    catchup=False,
    default_args=ARGUMENTS,
    tags=["azml", "example"],
    doc_md=__doc__,
):
    delete = AzmlDeleteDeploymentOperator(
        task_id="delete", endpoint_name=ENDPOINT, deployment_name=DEPLOYMENT, stop_serving=True
    )
# [end tasks]
