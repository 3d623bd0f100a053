"""A DAG whose second task fails, and whose third never runs."""

from __future__ import annotations

from airflow.sdk import dag, task


@dag(schedule=None)
def broken() -> None:
    @task
    def whole() -> str:
        return "as expected"

    @task
    def falls_apart(value: str) -> None:
        raise RuntimeError(f"not {value}\n  in two lines") from ValueError("within")

    @task
    def never() -> None: ...

    falls_apart(whole()) >> never()


broken()
