"""How a sweep goes: how many trials are done, which is the best so far, and whether they log what it looks at."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError
from airflow_provider_azml.rest import families, history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.history import DataPlane
    from airflow_provider_azml.rest.waiting import Glance

_READ_AT_ONCE = 8
_RUNNING = frozenset({"Running", "Finalizing", "CancelRequested"})
_COUNTED = {
    "Completed": "done",
    "Failed": "failed",
    "NotResponding": "failed",
    "Canceled": "canceled",
}


class Trials:
    """Tells of the trials of a sweep or an AutoML job as a whole, a line for each change.

    The best trial is the one that the parent names; while it names none, the metrics of trials that have completed are
    read, each once.

    Args:
        tell: Called with a level of :mod:`logging` and a line.
    """

    __slots__ = ("_best", "_checked", "_said", "_tell", "_troubled", "_unread")

    def __init__(self, tell: Callable[[int, str], None]) -> None:
        self._tell = tell
        self._said = ""
        self._best: tuple[float, str] | None = None
        self._checked = False
        self._troubled = False
        self._unread: list[tuple[str, str]] = []

    def look(self, plane: DataPlane, glance: Glance, changed: Sequence[Json], counts: Mapping[str, int]) -> Flow[None]:
        """Tell what has changed.

        Args:
            plane: Where the workspace is.
            glance: What the last look at the parent showed.
            changed: The trials whose status has changed since the last time.
            counts: How many trials there are by status.
        """
        named = _named_best(glance)
        metric, goal = _objective(glance)
        self._unread += [(str(run["runId"]), families.called(run)) for run in changed if run["status"] == "Completed"]
        if named:
            self._unread, self._checked = [], True
        for _ in range(_READ_AT_ONCE):
            if not self._unread or not metric:
                break
            yield from self._read(plane, metric, goal)
        best = named or self._best
        said = _summary(counts) + (f", best {best[0]:.6g} ({best[1]})" if best else "")
        if said and said != self._said:
            self._said = said
            self._tell(logging.INFO, f"trials: {said}")

    def _read(self, plane: DataPlane, metric: str, goal: str) -> Flow[None]:
        """Take note of the metric of a trial that has completed."""
        trial, called = self._unread.pop(0)
        try:
            logged = yield from history.metrics(plane, trial)
        except ApiError as error:
            level = logging.DEBUG if self._troubled else logging.WARNING
            self._troubled = True
            self._tell(level, f"the metrics of {called} cannot be read: {error}")
            return
        value = logged.get(metric)
        if isinstance(value, float | int):
            better = min if goal == "minimize" else max
            found = (float(value), called)
            self._best = better(found, self._best or found, key=lambda best: best[0])
        elif value is None and not self._checked:
            self._tell(logging.WARNING, _never_logged(called, metric, sorted(logged)))
        self._checked = True


def _never_logged(called: str, metric: str, logged: Sequence[str]) -> str:
    names = ", ".join(f"'{name}'" for name in logged)
    said = f"it logged {names}" if names else "it logged no metric at all"
    return (
        f"{called} has completed and never logged the primary metric '{metric}', so the sweep cannot rank its trials; "
        f"{said}. Log '{metric}', or name another in objective.primary_metric"
    )


def _summary(counts: Mapping[str, int]) -> str:
    told = {"done": 0, "failed": 0, "canceled": 0, "running": 0, "waiting": 0}
    for status, count in counts.items():
        told[_COUNTED.get(status) or ("running" if status in _RUNNING else "waiting")] += count
    return ", ".join(f"{count} {how}" for how, count in told.items() if count)


def _named_best(glance: Glance) -> tuple[float, str] | None:
    """The best trial by the parent's own properties.

    Source: ``best_child_run_id``, which azure-ai-ml 1.35.2 reads, and ``score``, in printed details of sweeps' runs.
    """
    properties = _run_properties(glance)
    trial, score = properties.get("best_child_run_id"), properties.get("score")
    try:
        return (float(score or ""), f"trial '{trial}'") if trial else None
    except ValueError:
        return None


def _objective(glance: Glance) -> tuple[str, str]:
    """The primary metric of a sweep, and which way it is to go.

    Sources: ``Objective`` of the 2024-04-01 OpenAPI file; ``primary_metric_config`` in printed details of sweeps' runs.
    """
    objective = (glance.body.get("properties") or {}).get("objective")
    if isinstance(objective, dict):
        return str(objective.get("primaryMetric") or ""), str(objective.get("goal") or "").lower()
    try:
        config = json.loads(_run_properties(glance).get("primary_metric_config") or "{}")
    except ValueError:
        config = {}
    return str(config.get("name") or ""), str(config.get("goal") or "").lower()


def _run_properties(glance: Glance) -> Json:
    held = glance.run or glance.body.get("properties") or {}
    return held.get("properties") or {}
