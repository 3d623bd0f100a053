from __future__ import annotations

import itertools

from airflow.sdk import DAG, BaseOperator

from airflow_provider_azml.hooks.airflow_versions import AirflowFailException
from tests.airflow.running import run
from tests.airflow.toys import PauseOperator


class Refuse(BaseOperator):
    def execute(self, context: object) -> None:
        raise AirflowFailException("never") from ValueError("for good reasons")


class FailOnce(BaseOperator):
    tries = itertools.count()

    def execute(self, context: object) -> str:
        if next(self.tries) == 0:
            raise RuntimeError("not yet")
        return "done"


def test_tasks_run_and_defer_and_what_they_raise_is_kept() -> None:
    with DAG("toys", schedule=None) as dag:
        PauseOperator(task_id="pause", seconds=0)
        Refuse(task_id="refuse", retries=2)
        FailOnce(task_id="fail_once", retries=1)
    finished = run(dag)
    assert finished.states == {"pause": "success", "refuse": "failed", "fail_once": "success"}
    assert finished.value("pause") == 0
    assert finished.value("fail_once") == "done"
    assert (finished.tries("refuse"), finished.tries("fail_once")) == (1, 2)
    assert [str(error.__cause__) for error in finished.errors["refuse"]] == ["for good reasons"]
    assert [str(error) for error in finished.errors["fail_once"]] == ["not yet"]
