"""Deploy a version of a model beside the one that serves, and switch to it once somebody has approved of it.

The new deployment gets no traffic until then. Who is asked sees what it answers, and may try it himself: requests with
the header ``azureml-model-deployment`` reach it. Approved of, it gets all traffic; rejected, it is deleted. The other
deployments stay, so that there is something to go back to (``AzmlSetTrafficOperator(..., rollback=True)``).

``scheduled_retraining`` registers versions of the model ``iris``; trigger this DAG with one of them.
"""

from __future__ import annotations

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, chain

from airflow_provider_azml.operators import (
    AzmlDeleteDeploymentOperator,
    AzmlDeployModelOperator,
    AzmlScoreOperator,
    AzmlSetTrafficOperator,
)

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-approved-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"
DEPLOYMENT = "iris-v{{ params.version }}"
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]  # sepal length and width, petal length and width, in cm

with DAG(
    "approval_before_switch",
    schedule=None,
    params={"version": Param("1", type="string", description="Version of the model iris")},
    default_args={"poll_seconds": 2},  # everything here takes seconds; the default suits what takes minutes
    tags=["azml", "example"],
    doc_md=__doc__,
):
    # [start tasks]
    deploy = AzmlDeployModelOperator(
        task_id="deploy",
        file="iris/deployment.yml",
        endpoint_file="iris/endpoint.yml",
        endpoint_name=ENDPOINT,
        name=DEPLOYMENT,
        model="azureml:iris:{{ params.version }}",
        traffic=0,
    )
    try_it = AzmlScoreOperator(
        task_id="try_it", endpoint_name=ENDPOINT, deployment_name=DEPLOYMENT, payload={"data": FLOWERS}
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject="Shall version {{ params.version }} of iris get all requests?",
        body="It takes the flowers for {{ ti.xcom_pull(task_ids='try_it') | join(' and ') }}; "
        "they are setosa and virginica. Traffic now: {{ ti.xcom_pull(task_ids='deploy')['traffic'] or 'none' }}.",
    )
    switch = AzmlSetTrafficOperator(
        task_id="switch",
        endpoint_name=ENDPOINT,
        traffic=f"{DEPLOYMENT}=100",
        expected_traffic=deploy.output["traffic"],  # what has changed since then was not approved of
    )
    delete = AzmlDeleteDeploymentOperator(
        task_id="delete",
        endpoint_name=ENDPOINT,
        deployment_name=DEPLOYMENT,
        trigger_rule="all_skipped",  # rejected
    )

    chain(deploy, try_it, approve, switch, delete)
    # [end tasks]
