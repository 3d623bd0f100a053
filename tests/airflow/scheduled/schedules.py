"""DAGs of the schedule files of this folder; their jobs only take time."""

from __future__ import annotations

from airflow_provider_azml.dags import azml_dags

azml_dags(
    ".",
    jobs={"changes.yml": "takes_data.yml"},
    cron_fields="standard",
    default_args={"poll_seconds": 0.5},
)
