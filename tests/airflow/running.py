"""Running a DAG in this process, as ``dag.test()`` does."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

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


class Failures:
    """A listener that keeps what tries raised; before 3.3, ``dag.test()`` does not tell a task's own callbacks."""

    def __init__(self) -> None:
        self.errors: dict[str, list[BaseException]] = defaultdict(list)

    @hookimpl
    def on_task_instance_failed(self, task_instance: RuntimeTaskInstance, error: object) -> None:
        assert isinstance(error, BaseException)
        self.errors[task_instance.task_id].append(error)


def run(dag: DAG, **options: Any) -> Finished:
    """Run a DAG to its end; retries come at once, and what tries raised is kept."""
    from tests.airflow.versions import get_listener_manager

    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    store(dag)  # dag.test() refuses a DAG that the database lacks
    failures = Failures()
    listeners = get_listener_manager()
    listeners.add_listener(failures)
    try:
        return Finished(dag.test(**options), failures.errors)
    finally:
        listeners.pm.unregister(failures)


def run_cleared(dag: DAG, before: Finished, *task_ids: str) -> Finished:
    """Clear tasks of a run that has ended, and no others, and run it to its end again as ``dag.test()`` would."""
    from airflow import settings
    from airflow.models.taskinstance import clear_task_instances
    from airflow.sdk.definitions.dag import _run_task

    from tests.airflow.versions import DagSerialization, get_listener_manager

    assert settings.Session
    session, dag_run = settings.Session(), before.dag_run
    dag_run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    cleared = [one for one in dag_run.get_task_instances(session=session) if one.task_id in task_ids]
    clear_task_instances(cleared, session)
    dag_run.set_state("running")
    session.commit()
    failures, listeners = Failures(), get_listener_manager()
    listeners.add_listener(failures)
    try:
        while dag_run.state == "running":
            session.expire_all()
            ready, _ = dag_run.update_state(session=session)
            for instance in ready:
                instance.try_number += 1
                instance.state = "scheduled"
            session.commit()
            for instance in ready:
                _run_task(ti=instance, task=dag.task_dict[instance.task_id], run_triggerer=True)
        return Finished(dag_run, failures.errors)
    finally:
        listeners.pm.unregister(failures)


def store(dag: DAG) -> None:
    """Put a DAG into Airflow's database, as the DAG processor does."""
    from tests.airflow.versions import DagBag, sync_bag_to_db

    _prepare()
    bag = DagBag(dag_folder="/dev/null", collect_dags=False)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, bundle_name=BUNDLE, bundle_version=None)


@lru_cache
def _prepare() -> None:
    """Make at first use what takes some seconds: Airflow's database and, before 3.3, the API server for its tasks."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.sdk.execution_time import supervisor
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    if not hasattr(supervisor.in_process_api_server, "cache_info"):  # it would be built anew for every try
        supervisor.in_process_api_server = lru_cache(supervisor.in_process_api_server)
    _without_waiting_for_the_disk()
    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))


def _without_waiting_for_the_disk() -> None:
    """Let no commit wait until the disk has it; the database need not outlive this process, and a task has a dozen."""
    from airflow import settings
    from sqlalchemy import event

    assert settings.engine
    assert settings.async_engine
    if settings.engine.dialect.name != "sqlite":
        return

    def connected(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.close()

    for engine in (settings.engine, settings.async_engine.sync_engine):
        event.listen(engine, "connect", connected)
    settings.engine.dispose()  # connections that are open already
