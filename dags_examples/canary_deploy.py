"""Let a new version of a model prove itself on a growing share of the traffic.

The new deployment is made beside those that serve. It has to pass the checks of ``iris/checks.yml`` before it gets any
traffic, and goes on passing them while it has 10, 50 and then 100 percent. Where a check fails, the traffic is put back
as it was, the new deployment is deleted, and the task fails with what was wrong; where all is well, the deployments
that it replaces are deleted.

``scheduled_retraining`` registers versions of the model ``iris``; trigger this DAG with one of them.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_azml.operators import AzmlDeployModelOperator, AzmlScoreOperator

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-canary-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]  # sepal length and width, petal length and width, in cm

with DAG(
    "canary_deploy",
    schedule=None,
    max_active_runs=1,  # one change of an endpoint's traffic at a time
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
        name="iris",  # and the first of a hash, which differs from run to run
        model="azureml:iris:{{ params.version }}",
        strategy="canary",
        steps=(10, 50, 100),
        step_seconds=5,  # long enough for callers to notice: 5 minutes by default
        checks="iris/checks.yml",
        on_failure="delete",
        remove_old=True,
        retries=2,  # a try goes on from where the endpoint stands; a version that fails its checks is not tried again
    )
    score = AzmlScoreOperator(task_id="score", endpoint_name=deploy.output["name"], payload={"data": FLOWERS})
    # [end tasks]
