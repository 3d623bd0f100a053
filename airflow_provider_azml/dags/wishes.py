"""What whoever asks for DAGs of AML files says besides the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_azml.dags.changes import Per
    from airflow_provider_azml.dags.pipeline import Render
    from airflow_provider_azml.operators.takeover import Takeover
    from airflow_provider_azml.spec.cron import CronFields


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a DAG besides what its file says.

    Args:
        fileloc: The DAG file.
        job: What a schedule of CLI v1 submits.
        cron_fields: Which fields of cron expressions count.
        dag_kwargs: What the DAG is given besides what its file says, or instead.
        takeover: What becomes of the same schedule on the service: ``check`` or ``disable``.
        twin: How that schedule is called there, where it is not called as in the file.
        per: For a schedule of changes, what a job is for: each ``blob``, or all that a ``poll`` finds.
        render: What becomes of a pipeline: a task for each of its nodes, or one for all.
    """

    fileloc: Path
    job: str | None = None
    cron_fields: CronFields | None = None
    dag_kwargs: Mapping[str, Any] = field(default_factory=dict)
    takeover: Takeover | None = None
    twin: str | None = None
    per: Per = "blob"
    render: Render | None = None
