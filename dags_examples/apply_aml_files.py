"""Apply Azure ML YAML files: compute, environment and data by one mapped task, then a job per species.

The files are in the folder ``aml_files`` beside this one, as ``az ml ... --file`` takes them; what Airflow knows
reaches them by templates such as ``{{ ds }}``.
"""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_azml.operators import AzmlApplyOperator

with DAG(
    "apply_aml_files",
    schedule=None,
    default_args={"poll_seconds": 2},  # everything here takes seconds; the default suits jobs that take hours
    tags=["azml", "example"],
    doc_md=__doc__,
) as dag:
    # [start tasks]
    prepare = AzmlApplyOperator.partial(task_id="prepare").expand(
        file=["aml_files/compute.yml", "aml_files/environment.yml", "aml_files/flowers.yml"]
    )
    summarize = AzmlApplyOperator.partial(task_id="summarize", file="aml_files/summarize.yml").expand(
        overrides=[{"inputs": {"species": species}} for species in ("setosa", "versicolor", "virginica")]
    )
    register = AzmlApplyOperator.partial(task_id="register", file="aml_files/summary.yml").expand(
        overrides=summarize.output.map(lambda job: {"path": job["outputs"]["summary"]})
    )

    prepare >> summarize >> register
    # [end tasks]
