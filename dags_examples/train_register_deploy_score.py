"""Train classifiers of iris flowers, register the best, deploy it to an endpoint, and ask the endpoint.

Sweep, environment, compute and deployment are Azure ML YAML files, as ``az ml ... --file`` takes them, in the folder
``iris`` beside this file. Where all of it happens is in the connection ``azml_default`` alone.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain, task

from airflow_provider_azml.operators import (
    AzmlCreateComputeOperator,
    AzmlCreateWorkspaceOperator,
    AzmlDeployModelOperator,
    AzmlRegisterEnvironmentOperator,
    AzmlRegisterModelOperator,
    AzmlScoreOperator,
    AzmlSubmitSweepOperator,
)
from airflow_provider_azml.sensors import AzmlWaitForServiceHealthySensor

# names of endpoints are unique in an Azure region
ENDPOINT = "iris-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]  # sepal length and width, petal length and width, in cm

with DAG(
    "train_register_deploy_score",
    schedule=None,
    default_args={"poll_seconds": 2},  # everything here takes seconds; the default suits jobs that take hours
    tags=["azml", "example"],
    doc_md=__doc__,
) as dag:
    # [start tasks]
    create_workspace = AzmlCreateWorkspaceOperator(task_id="create_workspace", location="westeurope")
    create_compute = AzmlCreateComputeOperator(task_id="create_compute", file="iris/compute.yml")
    register_environment = AzmlRegisterEnvironmentOperator(task_id="register_environment", file="iris/environment.yml")
    train = AzmlSubmitSweepOperator(task_id="train", file="iris/sweep.yml")
    register_model = AzmlRegisterModelOperator(
        task_id="register_model",
        name="iris",
        path="{{ ti.xcom_pull(task_ids='train')['best_trial']['model_output'] }}",
    )
    deploy = AzmlDeployModelOperator(
        task_id="deploy",
        file="iris/deployment.yml",
        endpoint_file="iris/endpoint.yml",
        endpoint_name=ENDPOINT,
        model=register_model.output["id"],
        traffic=100,
    )
    wait_until_healthy = AzmlWaitForServiceHealthySensor(
        task_id="wait_until_healthy", endpoint_name=deploy.output["name"]
    )
    score = AzmlScoreOperator(task_id="score", endpoint_name=deploy.output["name"], payload={"data": FLOWERS})

    @task
    def check_answer(answer: list[str]) -> None:
        """Fail unless the endpoint knows the flowers."""
        expected = ["setosa", "virginica"]
        if answer != expected:
            raise ValueError(f"the endpoint takes the flowers for {answer}, but they are {expected}")

    chain(
        create_workspace,
        [create_compute, register_environment],
        train,
        register_model,
        deploy,
        wait_until_healthy,
        score,
        check_answer(score.output),
    )
    # [end tasks]
