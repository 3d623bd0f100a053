"""What whoever asks for DAGs of AML files says besides the files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_azml.exceptions import Problem, SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.dags.changes import Per
    from airflow_provider_azml.operators.takeover import Takeover
    from airflow_provider_azml.spec.cron import CronFields


Render = Literal["tasks", "job", "watch"]
Labels = Literal["run", "parse"]


@dataclass(frozen=True)
class Rendering:
    """What becomes of a pipeline.

    Args:
        render: ``tasks`` for a task per node, ``job`` for one that submits the whole, ``watch`` for that and a task per
            node that shows what becomes of it; by default a task per node, but one for the pipeline of a schedule.
        task_overrides: Node, pattern or ``kind:<type>`` -> keyword arguments of the operators of their tasks.
        after: Node -> the nodes that it comes after, besides those that it takes something from.
        labels: When labels such as ``@latest`` are looked up: when the ``run`` begins, or at ``parse`` time.

    Raises:
        SpecError: `labels` is something else.
    """

    render: Render | None = None
    task_overrides: Mapping[str, Mapping[str, Any]] | None = None
    after: Mapping[str, Sequence[str]] | None = None
    labels: Labels = "run"

    def __post_init__(self) -> None:
        if self.labels not in get_args(Labels):
            reason = f"is {self.labels!r:.80}; it must be {' or '.join(get_args(Labels))}"
            raise SpecError([Problem("<arguments>", 0, 0, "labels", reason)])


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
        rendering: What becomes of a pipeline.
    """

    fileloc: Path
    job: str | None = None
    cron_fields: CronFields | None = None
    dag_kwargs: Mapping[str, Any] = field(default_factory=dict)
    takeover: Takeover | None = None
    twin: str | None = None
    per: Per = "blob"
    rendering: Rendering = field(default_factory=Rendering)
