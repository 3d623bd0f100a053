"""Files of CLI v1 as they are: run a script, tune it, register the model of the best run, serve it, and ask it.

The folder ``cli_v1`` beside this file is as ``az ml folder attach`` leaves one: a run configuration with its conda file
in ``.azureml``; beside it a HyperDrive configuration, an inference and a deployment configuration. Above each task
stands the command that it replaces.
"""

from __future__ import annotations

from airflow.sdk import DAG, chain

from airflow_provider_azml.operators import (
    AzmlCreateComputeOperator,
    AzmlDeleteWebserviceOperator,
    AzmlDeployWebserviceOperator,
    AzmlRegisterModelOperator,
    AzmlScoreOperator,
    AzmlSubmitHyperDriveOperator,
    AzmlSubmitScriptRunOperator,
)

# names of endpoints are unique in an Azure region
SERVICE = "iris-v1-{{ conn.azml_default.extra_dejson['subscription_id'][:8] }}"

with DAG(
    "cli_v1",
    schedule=None,
    default_args={"poll_seconds": 2},  # everything here takes seconds; the default suits jobs that take hours
    tags=["azml", "example"],
    doc_md=__doc__,
):
    # az ml computetarget create amlcompute -n cpu-cluster -s STANDARD_DS3_V2 --max-nodes 3
    create_compute = AzmlCreateComputeOperator(
        task_id="create_compute", name="cpu-cluster", type="amlcompute", size="STANDARD_DS3_V2", max_instances=3
    )
    # az ml run submit-script -c flowers -e iris train.py
    train = AzmlSubmitScriptRunOperator(
        task_id="train", base_path="cli_v1", runconfig="flowers", script="train.py", experiment_name="iris"
    )
    # az ml run submit-hyperdrive -c flowers -e iris --hyperdrive-configuration-name hdconfig.yml train.py
    tune = AzmlSubmitHyperDriveOperator(
        task_id="tune",
        base_path="cli_v1",
        hdconfig="hdconfig.yml",
        runconfig="flowers",
        script="train.py",
        experiment_name="iris",
    )
    # az ml model register -n iris-v1 --asset-path outputs/iris.json --experiment-name iris --run-id <best run>
    register_model = AzmlRegisterModelOperator(
        task_id="register_model",
        name="iris-v1",
        asset_path="outputs/iris.json",
        experiment_name="iris",
        run_id="{{ ti.xcom_pull(task_ids='tune')['best_trial']['name'] }}",
    )
    # az ml model deploy -n iris-v1 -m iris-v1:1 --ic inferenceconfig.json --dc deploymentconfig.json
    deploy = AzmlDeployWebserviceOperator(
        task_id="deploy",
        name=SERVICE,
        models=[register_model.output["id"]],
        inference_config="cli_v1/inferenceconfig.json",
        deployment_config="cli_v1/deploymentconfig.json",
        overwrite=True,
    )
    # az ml service run -n iris-v1 -d '{"data": [[5.1, 3.5, 1.4, 0.2]]}'
    score = AzmlScoreOperator(task_id="score", endpoint_name=SERVICE, payload={"data": [[5.1, 3.5, 1.4, 0.2]]})
    # az ml service delete -n iris-v1
    delete = AzmlDeleteWebserviceOperator(task_id="delete", name=SERVICE)

    chain(create_compute, train, tune, register_model, deploy, score, delete)
