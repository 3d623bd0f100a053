"""The trials of a simulated sweep."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.simulation.children import Child
from airflow_provider_azml.emulator.sweeps.settings import run_properties

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.emulator.jobs.records import JobFailure
    from airflow_provider_azml.emulator.simulation.plan import Plan
    from airflow_provider_azml.rest.flows import Json

_TRIALS = 4
_OF_TRIAL = ("command", "codeId", "environmentId", "environmentVariables", "distribution", "resources")
_OF_SWEEP = ("experimentName", "computeId", "outputs")


def of_sweep(properties: Json) -> Json:
    """What the service notes in the properties of a sweep's run."""
    goal, metric = _objective(properties)
    return run_properties(metric, goal)


class Sweep:
    """The trials of a sweep job: ``<sweep>_0``, ``<sweep>_1`` and so on.

    What they log is drawn by chance, the same for the same name.

    Sources: ``SweepJob`` and ``SweepJobLimits`` of the 2024-04-01 OpenAPI file; ``best_child_run_id``, which
    azure-ai-ml reads; ``HyperDriveRun.get_hyperparameters`` of azureml-train-core, which reads the parent's tags.

    Args:
        job: The sweep job.
        plan: How it goes; its trials take the time, and ``metric`` names what they log instead of the primary metric.
    """

    def __init__(self, job: Json, plan: Plan) -> None:
        self._name = str(job["name"])
        self._properties: Json = job["properties"]
        self._plan = plan
        limits = self._properties.get("limits") or {}
        self._total = int(limits.get("maxTotalTrials") or _TRIALS)
        self._concurrent = int(limits.get("maxConcurrentTrials") or self._total)
        self._begun = 0
        self._running: dict[str, Child] = {}
        self._best: tuple[float, str] | None = None

    def due(self) -> list[Child]:
        """As many as may run beside those that do."""
        free = min(self._concurrent - len(self._running), self._total - self._begun)
        found = [self._trial(self._begun + index) for index in range(free)]
        self._begun += free
        self._running |= {child.name: child for child in found}
        return found

    def ended(self, name: str, failure: JobFailure | None, metrics: Mapping[str, float]) -> Json:  # noqa: ARG002 (no matter)
        """The best trial so far, which may be one that failed or was canceled.

        Source: ``HyperDriveRun.get_best_run_by_primary_metric``, which has both by default.
        """
        del self._running[name]
        goal, metric = _objective(self._properties)
        value = metrics.get(metric)
        if value is None:
            return {}
        better = max if goal == "maximize" else min
        best = self._best = better(filter(None, (self._best, (value, name))))
        return {
            "properties": {
                "best_child_run_id": best[1],
                "score": str(best[0]),
                "best_metric_status": "Succeeded",
                "best_data_container_id": f"dcid.{best[1]}",
            }
        }

    def doomed(self) -> bool:
        """Never: a trial that fails is one trial less."""
        return False

    def outcome(self) -> JobFailure | None:
        """What the sweep itself says."""
        return self._plan.failure

    def _trial(self, number: int) -> Child:
        name = f"{self._name}_{number}"
        chance = random.Random(name)  # noqa: S311
        values = {
            key: _value(form, number, chance) for key, form in (self._properties.get("searchSpace") or {}).items()
        }
        metric = self._plan.metric or _objective(self._properties)[1]
        trial = self._properties.get("trial") or {}
        return Child(
            name=name,
            plan=replace(self._plan, queue_seconds=0, failure=None),
            properties={
                "jobType": "Command",
                **{key: self._properties[key] for key in _OF_SWEEP if key in self._properties},
                **{key: trial[key] for key in _OF_TRIAL if key in trial},
                "inputs": self._properties.get("inputs") or {},
                "displayName": name,
                "parameters": values,
                "tags": {"hyperparameters": json.dumps(values)},
            },
            run={"runType": "azureml.scriptrun"},
            metrics={metric: round(chance.random(), 6)},
            of_parent={"tags": {name: json.dumps(values)}},
        )


def _objective(properties: Json) -> tuple[str, str]:
    objective = properties.get("objective") or {}
    return str(objective.get("goal") or "maximize").lower(), str(objective.get("primaryMetric") or "")


def _value(form: object, number: int, chance: random.Random) -> object:
    """A value from a search space, e.g. ``["choice", [[1, 2]]]`` or ``["uniform", [0, 1]]``."""
    if not (isinstance(form, list) and len(form) == 2 and isinstance(form[1], list)):  # noqa: PLR2004 (a pair)
        return form
    kind, arguments = form
    if kind == "choice":
        options = arguments[0] if arguments and isinstance(arguments[0], list) else arguments
        return options[number % len(options)] if options else None
    low, high = (float(number) for number in (*arguments, 1, 1)[:2])
    return round(chance.uniform(low, high), 6)
