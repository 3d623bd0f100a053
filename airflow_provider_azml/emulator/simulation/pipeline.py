"""The nodes of a simulated pipeline."""

from __future__ import annotations

import json
import re
import uuid
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.pipelines.graph import CONTROL_FLOW
from airflow_provider_azml.emulator.pipelines.runs import STEP_RUN, step_failed, step_properties, step_tags
from airflow_provider_azml.emulator.simulation.children import Child
from airflow_provider_azml.emulator.simulation.plan import PlanError, plan_of
from airflow_provider_azml.spec import sweep_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.emulator.jobs.records import JobFailure
    from airflow_provider_azml.emulator.simulation.plan import Plan
    from airflow_provider_azml.rest.flows import Json

_BINDING = re.compile(r"\$\{\{\s*parent\.jobs\.([^.}\s]+)\.outputs\b")
_JOB_TYPES = {"automl": "AutoML", "pipeline": "Pipeline", "spark": "Spark", "sweep": "Sweep"}


def nodes_of_pipeline(properties: Json, find: Callable[[str], Json | None]) -> dict[str, Json]:
    """The nodes of a pipeline job by name, its own or those of the component that it is made of.

    Args:
        properties: Its ``properties``.
        find: Finds the component.
    """
    jobs = properties.get("jobs") or _spec(properties, find).get("jobs") or {}
    return {name: node or {} for name, node in jobs.items()}


def check_nodes(nodes: dict[str, Json], seconds: float) -> None:
    """Check what the nodes of a pipeline say of themselves.

    Args:
        nodes: They, by name.
        seconds: How long a node runs that does not say.

    Raises:
        PlanError: They wait for each other, or one says something that cannot be.
    """
    try:
        TopologicalSorter(_graph(nodes)).prepare()
    except CycleError as error:
        raise PlanError(f"its jobs wait for each other: {' -> '.join(error.args[1])}") from error
    for name, node in nodes.items():
        if node.get("type") in CONTROL_FLOW:
            raise PlanError(f"its job '{name}' is of type '{node['type']}': the emulator does not decide or repeat")
        try:
            plan_of(node.get("properties") or {}, seconds)
        except PlanError as error:
            raise PlanError(f"in its job '{name}', {error}") from error


class Pipeline:
    """The nodes of a pipeline job, each a child job, in the order of their bindings.

    Sources: ``PipelineJob`` of the 2024-04-01 OpenAPI file; "whether to continue execution of other steps in the
    PipelineRun if a step fails", not if nothing is said (azureml.pipeline.core).

    Args:
        job: The pipeline job.
        nodes: Its nodes, by name.
        plan: How it goes; its nodes take the time, each as long as this says unless it says otherwise.
        find: Finds the components of its nodes.
    """

    def __init__(self, job: Json, nodes: dict[str, Json], plan: Plan, find: Callable[[str], Json | None]) -> None:
        self._name = str(job["name"])
        self._properties: Json = job["properties"]
        self._plan = plan
        self._find = find
        self._nodes = nodes
        settings = self._properties.get("settings") or {}
        self._default_compute = str(settings.get("default_compute") or "").removeprefix("azureml:")
        self._continues = bool(settings.get("continue_on_step_failure"))
        self._order = TopologicalSorter(_graph(self._nodes))
        self._order.prepare()
        self._running: dict[str, str] = {}
        self._failed: list[str] = []

    def due(self) -> list[Child]:
        """The nodes for which all that they wait for has completed."""
        if self.doomed() or not self._order.is_active():
            return []
        found = {key: self._node(key, self._nodes[key]) for key in self._order.get_ready()}
        self._running |= {child.name: key for key, child in found.items()}
        return [*found.values()]

    def ended(self, name: str, failure: JobFailure | None, metrics: Mapping[str, float]) -> Json:  # noqa: ARG002 (of trials)
        """Nothing is told of a node in the pipeline's own run."""
        key = self._running.pop(name)
        if failure is None:
            self._order.done(key)
        else:
            self._failed.append(key)
        return {}

    def doomed(self) -> bool:
        """Whether a node has failed, and the pipeline does not go on in spite of it."""
        return bool(self._failed) and not self._continues

    def outcome(self) -> JobFailure | None:
        """That a node has failed, else what the pipeline itself says."""
        if not self._failed:
            return self._plan.failure
        return step_failed(self._failed)

    def _node(self, key: str, node: Json) -> Child:
        name, node_id = str(uuid.uuid4()), uuid.uuid4().hex[:8]
        given = node.get("properties") or {}
        return Child(
            name=name,
            plan=plan_of(given, self._plan.seconds),
            properties={
                **self._job_of(node),
                "componentId": str(node.get("componentId") or "") or None,
                "computeId": str(node.get("computeId") or self._default_compute),
                "experimentName": self._properties.get("experimentName"),
                "displayName": node.get("display_name") or node.get("displayName") or key,
                "inputs": node.get("inputs") or {},
                "outputs": node.get("outputs") or {},
                "tags": {**(node.get("tags") or {}), **step_tags(node_id, self._name)},
                "properties": {**given, **step_properties(key, node_id, self._name)},
            },
            run={"runType": STEP_RUN},
        )

    def _job_of(self, node: Json) -> Json:
        """What kind of job a node is, with what that kind needs; keys in a node are those of AML files."""
        kind = _JOB_TYPES.get(str(node.get("type")), "Command")
        spec = _spec(node, self._find)
        if kind == "Pipeline":
            return {"jobType": kind, "jobs": node.get("jobs") or {}, "settings": node.get("settings") or {}}
        if kind == "Sweep":
            limits, objective = node.get("limits") or {}, node.get("objective") or {}
            return {
                "jobType": kind,
                "limits": {"jobLimitsType": kind, **{_wire_name(name): value for name, value in limits.items()}},
                "objective": {_wire_name(name): value for name, value in objective.items()},
                "searchSpace": {
                    name: sweep_parts.distribution(values) for name, values in (node.get("search_space") or {}).items()
                },
                "samplingAlgorithm": {"samplingAlgorithmType": "Random"},
                "trial": {"command": "", "environmentId": ""},
            }
        return {
            "jobType": kind,
            "command": str(spec.get("command") or ""),
            "environmentId": str(spec.get("environment") or "").removeprefix("azureml:"),
        }


def _spec(holder: Json, find: Callable[[str], Json | None]) -> Json:
    """The specification of the component that a job or node names; empty when it names none that there is."""
    component = str(holder.get("componentId") or "").removeprefix("azureml:")
    found = find(component) if component.startswith("/") else None
    spec: Json = (found or {}).get("properties", {}).get("componentSpec") or {}
    return spec


def _graph(nodes: dict[str, Json]) -> dict[str, set[str]]:
    """Each node with those whose outputs it takes."""
    return {name: set(_BINDING.findall(json.dumps(node))) & set(nodes) for name, node in nodes.items()}


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
