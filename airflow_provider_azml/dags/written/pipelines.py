"""The DAG file of a pipeline: a task for each of its nodes, without the AML file that it was written from."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.dags.assets import outlets_of
from airflow_provider_azml.dags.documentation import dag_documentation, documented, documented_group, overlaid
from airflow_provider_azml.dags.ids import legal, of_node, task_ids
from airflow_provider_azml.dags.pipeline import of_file
from airflow_provider_azml.dags.wishes import Rendering
from airflow_provider_azml.dags.written import schedules
from airflow_provider_azml.dags.written.dag_files import DagFile, Group, Task
from airflow_provider_azml.dags.written.python_text import Call, Name, imported
from airflow_provider_azml.dags.written.run_values import (
    PATH,
    PATHS,
    inputs_of,
    is_local,
    params_in,
    results_of,
    said,
)
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.pipeline_nodes import FOLDER
from airflow_provider_azml.spec import control_flow, node_components, references
from airflow_provider_azml.spec.pipeline_plans import plan_pipeline
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.single_nodes import single_node
from airflow_provider_azml.spec.v1 import foreign_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.dags.pipeline import Pipeline
    from airflow_provider_azml.dags.written.run_values import Inputs
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.pipeline_plans import NodePath, PlannedNode, PlannedPipeline
    from airflow_provider_azml.spec.source import Source

OPERATORS = "airflow_provider_azml.operators"
_NODE = imported(OPERATORS, "AzmlPipelineNodeOperator")
_PIPELINE = imported(OPERATORS, "AzmlSubmitPipelineOperator")
_OF_FILES = ("type", "$schema", "name", "display_name", "description")
"""Keys of a pipeline file that are said elsewhere in a DAG file."""
_WITH_PATHS = frozenset({
    "additional_includes", "archives", "code", "entry", "environment", "files", "jars", "py_files", "task",
})  # fmt: skip
"""Keys of nodes that may hold local paths, besides those that name components and data."""
_LONGEST_NAME = 50
_WHY_PATH = "What a run may be given as data: what lies on the service, and no file of a worker."
INSTEAD = "azml_dag() of the AML file can run it"


def pipeline_file(source: Source, path: Path) -> DagFile:
    """The DAG file of a pipeline file.

    Args:
        source: The file, read.
        path: The file; the DAG file stands beside it.

    Raises:
        SpecError: It is no valid pipeline, or something of it cannot be written out.
    """
    if source.render is not None:
        reason = "holds a template that is no text; put all templates of the file in quotation marks"
        raise SpecError([source.problem((), reason)])
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        pipeline = of_file(source, path, path.parent, Rendering("tasks"))
    refused = [node.source.problem(("type",), reason) for node in pipeline.plan.leaves.values()
               for reason in _reasons(node)]  # fmt: skip
    if refused:
        raise SpecError(refused)
    inputs = inputs_of(source)
    dag = _Written(pipeline, inputs, plan_pipeline(inputs.source), path, is_strict=not warned)
    return dag.file([str(one.message) for one in warned])


@dataclass(frozen=True)
class _Written:
    """A pipeline that is written out.

    Args:
        pipeline: The pipeline.
        inputs: Its inputs.
        plan: What it runs, with inputs that stand for what runs are given.
        path: Its file.
        is_strict: Whether there is nothing in it that the service might refuse.
    """

    pipeline: Pipeline
    inputs: Inputs
    plan: PlannedPipeline
    path: Path
    is_strict: bool

    def file(self, remarks: Sequence[str]) -> DagFile:
        """The file, with what there is to be said of it besides."""
        told = overlaid(dag_documentation(self.plan, self.path), self.pipeline.settings.for_dag({}))
        dag_id, schedule = told.pop("dag_id", legal(self.path.stem)), told.pop("schedule", None)
        description = str(told.pop("description", "")).strip()
        shared, members = self._members()
        defaults = {**told.pop("default_args"), **shared}
        arguments: dict[str, Any] = {"schedule": schedules.schedule(schedule), "catchup": False}
        if description:
            arguments["description"] = description.partition("\n")[0]
        told["doc_md"] = Name("__doc__")
        if defaults:
            arguments["default_args"] = defaults
        if self.inputs.params:
            arguments["params"] = dict(self.inputs.params)
        tags = {"tags": told.pop("tags")} if told["tags"] else {}
        told.pop("tags", None)
        dag = Call(imported("airflow.sdk", "DAG"), [dag_id], {**arguments, **told, **tags}, is_open=True)
        is_path = any(call.named.get("pattern") == Name(PATH) for call in self.inputs.params.values())
        return DagFile(
            _summary(self.plan),
            description,
            dag,
            members,
            {PATH: (_WHY_PATH, f"^({PATHS})")} if is_path else {},
            [*remarks, *(_secret(name) for name in self.inputs.secrets)],
        )

    def _members(self) -> tuple[Json, Sequence[Task | Group]]:
        """What all tasks share, and the tasks and groups."""
        if not self.plan.nodes:
            return {}, [self._whole()]
        ids = task_ids(self.plan)
        jobs = {node.path: self._job(node, ids) for node in self.plan.leaves.values()}
        first = next(iter(jobs.values())).value
        shared = {key: said(item) for key, item in first.items() if key not in {*_OF_FILES, "inputs", "jobs"} and item}
        if not self.is_strict:
            shared["strict"] = False
        is_one = len(jobs) == 1
        before: dict[NodePath, list[str]] = {path: [] for path in jobs}
        for one, after in [*self.plan.edges, *self._after()]:
            if ids[one] not in before[after]:
                before[after].append(ids[one])
        tasks = {path: Task(ids[path], self._call(self.plan.leaves[path], job, shared if is_one else {}),
                            before[path], path[0] == self.plan.last) for path, job in jobs.items()}  # fmt: skip
        return {} if is_one else shared, [self._member(node, tasks) for node in self.plan.nodes.values()]

    def _after(self) -> Iterator[tuple[NodePath, NodePath]]:
        for name, others in self.pipeline.settings.after.items():
            yield from ((tuple(other.split(".")), tuple(name.split("."))) for other in others)

    def _member(self, node: PlannedNode, tasks: Mapping[NodePath, Task]) -> Task | Group:
        if not node.nodes:
            return tasks[node.path]
        told = documented_group(node, self.path)
        told.pop("doc_md", None)
        return Group(of_node(node.path[-1]), told, [self._member(one, tasks) for one in node.nodes.values()])

    def _job(self, node: PlannedNode, ids: Mapping[NodePath, str]) -> Source:
        """The job of a node."""
        results: Any = results_of(self.plan, node, ids)
        job = single_node(self.plan, node, results, folder=self._folder)
        usual = f"{self._folder}/{'/'.join(node.path)}/${{{{name}}}}/"
        inner: Json = job.value["jobs"][node.path[-1]]
        outputs = mapping(inner.get("outputs"))
        if ids[node.path] == node.dotted:  # else its task does not tell where it is
            outputs = {name: _without_path(item, usual) for name, item in outputs.items()}
        declared = mapping(node.component.value.get("outputs")) if node.component and _is_named(node) else {}
        outputs = {name: item for name, item in outputs.items() if not _is_declared(item, declared.get(name))}
        inner = {key: item for key, item in inner.items() if key != "outputs" and item is not None}
        own = {**inner, **({"outputs": outputs} if outputs else {})}
        folder = job.base_path
        if _is_movable(own):
            folder = self.path.parent
            own = _moved(own, job.base_path, folder)
        inputs = {name: _near(item, folder) for name, item in job.value["inputs"].items()}
        value = {**job.value, "inputs": inputs, "jobs": {node.path[-1]: own}}
        return replace(job, value=value, base_path=folder)

    @property
    def _folder(self) -> str:
        given = self.pipeline.settings.for_dag({})
        return f"{FOLDER}/{given.get('dag_id', legal(self.path.stem))}"

    def _call(self, node: PlannedNode, job: Source, shared: Json) -> Call:
        """What makes the task of a node."""
        arguments: dict[str, Any] = {"task_id": of_node(node.path[-1])}
        if job.value["inputs"]:
            arguments["inputs"] = said(job.value["inputs"])
        arguments["jobs"] = said(job.value["jobs"])
        folder = _relative(job.base_path, self.path.parent)
        if folder != ".":
            arguments["base_path"] = folder
            self._check_paths(node, job)
        told = documented(node, self.path)
        told.pop("doc_md")
        component = node.component
        described = node.source.value.get("description") or (component.value.get("description") if component else None)
        if described:
            text = str(described).strip()
            told = {"doc_md": f"{text}\n" if text.endswith(".md") else text, **told}
        outlets = [schedules.asset(one) for one in outlets_of(node)]
        settings = self.pipeline.settings.for_task(node.dotted)
        more = {"outlets": outlets} if outlets else {}
        return Call(_NODE, (), {**arguments, **shared, **told, **more, **settings}, is_open=True)

    def _check_paths(self, node: PlannedNode, job: Source) -> None:
        """Refuse a local path that would start from another folder.

        Raises:
            SpecError: There is one.
        """
        data = [item["path"] for item in job.value["inputs"].values() if isinstance(item, dict)]
        names = {one.name for one in params_in(data)}
        local = [name for name in names if isinstance(self.inputs.params[name].named.get("pattern"), str)]
        if local:
            reason = f"takes {local[0]!r}, a local path, and stands in another folder; {INSTEAD}"
            raise SpecError([node.source.problem((), reason, at_key=True)])

    def _whole(self) -> Task:
        """The one task of a pipeline whose nodes the service alone knows."""
        kept = {key: said(item) for key, item in self.inputs.source.value.items() if key not in _OF_FILES}
        named = {"task_id": "job", **kept, **self.pipeline.settings.for_task("job")}
        return Task("job", Call(_PIPELINE, (), named, is_open=True))


def _reasons(node: PlannedNode) -> Iterator[str]:
    if node.type in foreign_steps.SERVICES:
        yield f"runs on {foreign_steps.SERVICES[node.type]}, which cannot be written out; {INSTEAD}"
    if control_flow.is_control_flow(node.source):
        yield f"decides what runs, which cannot be written out; {INSTEAD}"


def _summary(plan: PlannedPipeline) -> str:
    name = str(plan.source.value.get("display_name") or "")
    is_fit = name and len(name) < _LONGEST_NAME and "{" not in name and name.isprintable()
    steps = ", with a task for each of its steps" if len(plan.leaves) > 1 else ""
    return f"{f'The pipeline {name}' if is_fit else 'A pipeline'} of Azure ML{steps}."


def _secret(name: str) -> str:
    return f"{name} is a secret of the file, which is not written: give Airflow's variable {name!r} its value"


def _is_named(node: PlannedNode) -> bool:
    """Whether a node's component stays in a file of its own."""
    return any(isinstance(node.source.value.get(key), str) for key in ("component", "trial"))


def _without_path(output: Json, usual: str) -> Json:
    if usual not in str(output.get("path", "")):
        return output
    return {key: item for key, item in output.items() if key != "path"}


def _is_declared(output: Json, declared: object) -> bool:
    """Whether an output says nothing that its component does not say."""
    known = mapping(declared)
    return "path" not in output and all(known.get(key) == item for key, item in output.items())


def _near(item: object, folder: Path) -> object:
    """An input whose local path starts from a folder, instead of from the root of this machine."""
    path = item.get("path") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(path, str) or not Path(path).is_absolute():
        return item
    near = os.path.relpath(path, folder.absolute())
    return {**item, "path": near if near.startswith(".") else f"./{near}"}


def _is_movable(node: Json) -> bool:
    """Whether nothing but its component, and its data, can be a local path of a node."""
    return any(isinstance(node.get(key), str) for key in ("component", "trial")) and _WITH_PATHS.isdisjoint(node)


def _moved(node: Json, folder: Path, to: Path) -> Json:
    """A node with the local paths that start from a folder as they start from another one."""
    if folder == to:
        return node
    moved = dict(node)
    for key in ("component", "trial"):
        named = node.get(key)
        if isinstance(named, str) and not node_components.is_remote(named):
            moved[key] = _from(folder, named, to)
    inputs = mapping(node.get("inputs"))
    if inputs:
        moved["inputs"] = {name: _near(_absolute(item, folder), to) for name, item in inputs.items()}
    return moved


def _from(folder: Path, named: str, to: Path) -> str:
    """A local path that starts from a folder as it starts from another one."""
    near = os.path.relpath(folder / named.removeprefix(references.FILE), to)
    return near if near.startswith(".") else f"./{near}"


def _absolute(item: object, folder: Path) -> object:
    """An input whose path does not depend on a folder."""
    path = item.get("path") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(path, str) or not is_local(path):
        return item
    return {**item, "path": str(folder / path)}


def _relative(folder: Path, start: Path) -> str:
    return os.path.relpath(folder.absolute(), start.absolute())
