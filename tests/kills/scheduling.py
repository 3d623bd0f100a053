"""What Airflow's scheduler does with a task, for one task after another and without a process of its own."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecuteTask
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk.api.client import Client
    from airflow.triggers.base import BaseTrigger
    from fastapi import FastAPI
    from sqlalchemy.orm import Session

DAG_ID = "killed"
BUNDLE = "dags-folder"
DAGS = Path(__file__).with_name("dags")
_NEEDED = (
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow_provider_azml.hooks.azml",
    "airflow_provider_azml.operators.submission",
    "airflow_provider_azml.spec.kinds",
    "airflow_provider_azml.triggers.wait",
    "azure.core.pipeline.transport._aiohttp",
    "azure.core.pipeline.transport._requests_basic",
    "azure.identity",
    "azure.storage.blob",
)


@lru_cache
def prepare() -> None:
    """Make Airflow's database, with the DAG, and import all that processes need which are forked from this one.

    Airflow's own supervisor forks too, from a worker that has imported what tasks need.
    """
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(DAGS)
    for name in _NEEDED:
        import_module(name)
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name=BUNDLE))
    bag = DagBag(dag_folder=DAGS)
    assert not bag.import_errors, bag.import_errors
    sync_bag_to_db(bag, bundle_name=BUNDLE, bundle_version=None)
    _api_server()


def api_client() -> Client:
    """A client of an API server for tasks, in this process."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from airflow.sdk.api.client import Client

    transport = InProcessExecutionAPI(app=_api_server()).transport
    client = Client(base_url=None, token="", dry_run=True, transport=transport)
    client.base_url = "http://in-process.invalid./"  # type: ignore[assignment]
    return client


@lru_cache
def _api_server() -> FastAPI:
    """The API server; its first answer takes seconds, so that it is given here, once for all who are forked."""
    from airflow.api_fastapi.execution_api.app import InProcessExecutionAPI
    from httpx import ASGITransport, AsyncClient

    app: FastAPI = InProcessExecutionAPI().app

    async def first_answer() -> None:
        transport = ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=transport, base_url="http://in-process.invalid") as client,
        ):
            await client.get("/health")

    asyncio.run(first_answer())
    return app


def use_a_copy_of_the_database(file: Path) -> None:
    """Give this process a database of its own, as it is now."""
    from airflow import settings

    original = settings.engine.url.database
    assert original
    with closing(sqlite3.connect(original)) as of_all, closing(sqlite3.connect(file)) as own:
        of_all.backup(own)
    os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{file}"
    forget_connections()
    settings.configure_vars()
    settings.configure_orm()


def forget_connections() -> None:
    """Leave the connections to the database to the process that this one was forked from."""
    from airflow import settings

    settings.engine.dispose(close=False)


@dataclass(frozen=True)
class Scheduled:
    """A task of a DAG run of its own, as the scheduler sees it.

    Args:
        run_id: The run.
        task_id: The task.
    """

    run_id: str
    task_id: str

    @classmethod
    def begin(cls, run_id: str, task_id: str) -> Scheduled:
        """Begin a run of which one task is to be executed."""
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.utils.session import create_session
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType
        from pendulum import now

        with create_session() as session:
            dag = SerializedDagModel.get_dag(DAG_ID, session=session)
            assert dag
            dag.create_dagrun(
                run_id=run_id,
                run_after=now("UTC"),
                start_date=now("UTC"),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                session=session,
            )
        return cls(run_id, task_id)

    @property
    def state(self) -> str:
        from airflow.utils.session import create_session

        with create_session() as session:
            return str(self._instance(session).state)

    @property
    def try_number(self) -> int:
        from airflow.utils.session import create_session

        with create_session() as session:
            return self._instance(session).try_number

    def queue(self) -> ExecuteTask:
        """Send it to a worker: for its first try, its next one, or to go on after it was deferred."""
        from airflow.executors.workloads import ExecuteTask
        from airflow.utils.session import create_session
        from airflow.utils.state import TaskInstanceState

        with create_session() as session:
            instance = self._instance(session)
            if instance.state != TaskInstanceState.SCHEDULED:
                instance.get_dagrun(session=session).schedule_tis([instance], session=session)
                session.refresh(instance)
            instance.state = TaskInstanceState.QUEUED
            session.flush()
            return ExecuteTask.make(instance)

    def heartbeats_stopped(self) -> None:
        """Have it tried again, as when its worker is not heard of any more."""
        from airflow.utils.session import create_session

        with create_session() as session:
            self._instance(session).handle_failure("Task did not emit heartbeats within time limit", session=session)

    def trigger(self) -> BaseTrigger:
        """The trigger that it waits for."""
        from airflow.models.trigger import Trigger
        from airflow.sdk._shared.module_loading import import_string
        from airflow.utils.session import create_session

        with create_session() as session:
            found = session.get(Trigger, self._instance(session).trigger_id)
            assert found
            made: BaseTrigger = import_string(found.classpath)(**found.kwargs)
            return made

    def fire(self, payload: Any) -> None:
        """Let it go on with the event of its trigger."""
        from airflow.models.trigger import Trigger
        from airflow.triggers.base import TriggerEvent
        from airflow.utils.session import create_session

        with create_session() as session:
            Trigger.submit_event(self._instance(session).trigger_id, TriggerEvent(payload), session=session)

    def value(self) -> Any:
        """What it returned."""
        from airflow.utils.session import create_session

        with create_session() as session:
            return self._instance(session).xcom_pull(task_ids=self.task_id, session=session)

    def _instance(self, session: Session) -> TaskInstance:
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.models.taskinstance import TaskInstance
        from sqlalchemy import select

        where = (TaskInstance.run_id == self.run_id, TaskInstance.task_id == self.task_id)
        instance = session.scalars(select(TaskInstance).where(*where)).one()
        dag = SerializedDagModel.get_dag(DAG_ID, session=session)
        assert dag
        instance.task = dag.get_task(self.task_id)
        return instance
