"""Names of Airflow that tests use and that stand elsewhere in 3.1 than in 3.2 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.sdk.listener import get_listener_manager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
    from airflow.sdk.serde import serialize
    from airflow.serialization.serialized_objects import DagSerialization
else:
    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        from airflow.sdk.listener import get_listener_manager
        from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime
        from airflow.sdk.serde import serialize
        from airflow.serialization.serialized_objects import DagSerialization
    except ImportError:
        from airflow.listeners.listener import get_listener_manager
        from airflow.models.dagbag import DagBag, sync_bag_to_db
        from airflow.providers_manager import ProvidersManager as ProvidersManagerTaskRuntime
        from airflow.serialization.serialized_objects import BaseSerialization
        from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

        serialize = BaseSerialization.serialize

__all__ = [
    "DagBag",
    "DagSerialization",
    "ProvidersManagerTaskRuntime",
    "get_listener_manager",
    "serialize",
    "sync_bag_to_db",
]
