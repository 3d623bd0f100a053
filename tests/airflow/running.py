"""Running a DAG in this process, as ``dag.test()`` does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG, Context

BUNDLE = "tests"


@dataclass(frozen=True)
class Finished:
    """A DAG run that has ended.

    Args:
        dag_run: Airflow's own record of it.
        errors: Task id -> what each try that failed raised, oldest first.
    """

    dag_run: DagRun
    errors: Mapping[str, Sequence[BaseException]]

    @property
    def state(self) -> str:
        return str(self.dag_run.state)

    @property
    def states(self) -> dict[str, str]:
        return {instance.task_id: str(instance.state) for instance in self.dag_run.get_task_instances()}

    def tries(self, task_id: str) -> int:
        instance = self.dag_run.get_task_instance(task_id)
        assert instance
        return instance.try_number

    def value(self, task_id: str, key: str = "return_value") -> Any:
        instance = self.dag_run.get_task_instance(task_id)
        assert instance
        return instance.xcom_pull(task_ids=task_id, key=key)


def run(dag: DAG, **options: Any) -> Finished:
    """Run a DAG to its end; retries come at once, and what tries raised is kept."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    _database()
    errors: dict[str, list[BaseException]] = defaultdict(list)

    def keep(context: Context) -> None:
        error = context["exception"]
        assert isinstance(error, BaseException)
        errors[context["task"].task_id].append(error)

    for task in dag.tasks:
        task.retry_delay = timedelta(0)
        task.on_failure_callback = task.on_retry_callback = [keep]
    bag = DagBag(dag_folder="/dev/null", collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, bundle_name=BUNDLE, bundle_version=None)  # dag.test() refuses a DAG that the database lacks
    return Finished(dag.test(**options), errors)


@lru_cache
def _database() -> None:
    """Airflow's database, made at first use: it takes some seconds."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
