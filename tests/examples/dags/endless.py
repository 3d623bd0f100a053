"""A DAG that has to be stopped."""

from __future__ import annotations

import subprocess

from airflow.sdk import dag, task


@dag(schedule=None)
def endless() -> None:
    @task
    def sleeps() -> None:
        subprocess.run(["sleep", "600"], check=True)

    sleeps()


endless()
