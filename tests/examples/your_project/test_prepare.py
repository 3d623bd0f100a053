from __future__ import annotations

from pathlib import Path

import pytest
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from airflow_provider_azml.hooks.azml import AzmlHook

try:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag, sync_bag_to_db

DAGS = Path(__file__).parent


@pytest.fixture(scope="session")
def airflow_database() -> None:
    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name="tests"))


def test_the_dag_makes_a_compute(airflow_database: None, azml_connection: str) -> None:
    dags = DagBag(DAGS / "prepare.py")
    sync_bag_to_db(dags, bundle_name="tests", bundle_version=None)  # dag.test() refuses a DAG that is not there

    run = dags.dags["prepare"].test()

    assert run.state == "success"
    compute = AzmlHook(azml_connection).get("compute", "cpu")
    assert compute["properties"]["properties"]["vmSize"] == "Standard_DS3_v2"
