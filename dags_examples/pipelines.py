"""A pipeline file of Azure ML as a DAG in which each of its nodes is a task, and what follows once it has made a model.

``flowers`` has the tasks ``split``, ``training.fit``, ``training.score`` and ``card``, as the file has nodes, and the
file's inputs are its params. ``compare_flowers`` runs the same training inside of a DAG that has other tasks, whenever
``flowers`` has registered a model.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_azml.dags import azml_asset, azml_dag, azml_task_group

flowers = azml_dag(
    "pipelines/flowers.yml",
    tags=["azml", "example"],
    task_overrides={"*": {"retries": 2, "retry_delay": timedelta(minutes=1)}, "card": {"retries": 0}},
)

with DAG(
    "compare_flowers",
    schedule=[azml_asset("pipelines/flowers.yml", "training.fit", "model")],
    catchup=False,
    tags=["azml", "example"],
):

    @task
    def share_of_test() -> float:
        """Half of the flowers, so that the accuracy of a smaller sample can be told."""
        return 0.5

    @task
    def tell() -> str:
        """Say where the figures are."""
        scored = get_current_context()["ti"].xcom_pull(task_ids="again.training.score")
        return str(scored["outputs"]["figures"])

    trained = azml_task_group("pipelines/flowers.yml", "again", inputs={"share": share_of_test()})
    trained >> tell()
