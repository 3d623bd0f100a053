"""A pipeline file as a plan: the nodes that run, what each takes from which, and what each writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import control_flow, node_components, pipeline_levels, templating
from airflow_provider_azml.spec.pipeline_levels import InputOf, Level, NodePath, OutputOf
from airflow_provider_azml.spec.pipeline_nodes import PIPELINE, type_of
from airflow_provider_azml.spec.rules import boolean, mapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.spec.bindings import Binding
    from airflow_provider_azml.spec.source import Source

__all__ = ["InputOf", "NodePath", "OutputOf", "PlannedNode", "PlannedOutput", "PlannedPipeline", "plan_pipeline"]

Edge: TypeAlias = tuple[NodePath, NodePath]
"""A node that runs before another, and that other."""
ENDS = ("on_init", "on_finalize")
"""Settings that name the node which runs before, and after, all others."""
_FOLDER = "uri_folder"
_MOST_NODES = 10_000
"""How many nodes a pipeline may come to; a few files that are nested in each other may come to any number."""


@dataclass(frozen=True)
class PlannedOutput:
    """What a node writes.

    Args:
        name: Its name.
        type: Its type, e.g. ``uri_folder``.
        mode: How it is written, where the file says.
        path: Where it goes, where the file says.
        asset: Name and version of the asset that is made of it, where the file names one.
        description: What it is.
    """

    name: str
    type: str = _FOLDER
    mode: str | None = None
    path: str | None = None
    asset: tuple[str, str | None] | None = None
    description: str | None = None


@dataclass(frozen=True)
class PlannedNode:
    """A node of a pipeline, or of a pipeline component that is a node of it.

    Args:
        path: Its name, after those of the nodes around it.
        type: Its type, e.g. ``command``.
        level: The pipeline that it is a node of.
        nodes: Its own nodes, by name, where it is a pipeline component whose nodes are known.
    """

    path: NodePath
    type: str
    level: Level = field(repr=False)
    nodes: Mapping[str, PlannedNode] = field(default_factory=dict)

    @property
    def dotted(self) -> str:
        """Its path with dots, which is what its task is called."""
        return ".".join(self.path)

    @property
    def source(self) -> Source:
        """The node as its file has it."""
        return self.level.graph.nodes[self.path[-1]]

    @property
    def component(self) -> Source | None:
        """The component that it brings along."""
        return self.level.graph.components[self.path[-1]]

    @cached_property
    def taken(self) -> Mapping[Binding, tuple[InputOf | OutputOf, ...]]:
        """What it refers to, and what that leads to: inputs of the whole pipeline, and outputs of other nodes."""
        return {one: tuple(self.level.leads_to(one)) for one in pipeline_levels.references_in(self.source)}

    @cached_property
    def upstream(self) -> tuple[NodePath, ...]:
        """The nodes whose outputs it takes."""
        found = (one.node for led in self.taken.values() for one in led if isinstance(one, OutputOf))
        return tuple(dict.fromkeys(found))

    @cached_property
    def outputs(self) -> Mapping[str, PlannedOutput]:
        """What it writes, by name: what its component declares, and what the file says of it."""
        component = self.component
        declared = mapping(component.value.get("outputs")) if component else {}
        given = mapping(self.source.value.get("outputs"))
        return {
            name: self._output(name, mapping(declared.get(name)), given.get(name)) for name in {**declared, **given}
        }

    def _output(self, name: str, declared: Mapping[str, object], given: object) -> PlannedOutput:
        """An output, with what the pipelines around the node say of it."""
        said = {key: value for key, value in mapping(given).items() if value is not None}
        level, target = self.level, pipeline_levels.reference(given)
        while target is not None and target.node is None:
            around = mapping(level.holder.value.get("outputs")).get(target.name)
            own = mapping(level.graph.source.value.get("outputs")).get(target.name)
            outer = pipeline_levels.reference(around)
            said = {**mapping(own), **_without_reference(said), **_without_reference(mapping(around))}
            if level.above is None or outer is None:
                break
            level, target = level.above, outer
        said = _without_reference(said)
        named = (str(said["name"]), _text(said.get("version"))) if said.get("name") else None
        kind = pipeline_levels.data_type(said.get("type") or declared.get("type"))
        mode = said.get("mode") or declared.get("mode")
        described = said.get("description") or declared.get("description")
        return PlannedOutput(name, kind, _text(mode), _text(said.get("path")), named, _text(described))


@dataclass(frozen=True)
class PlannedPipeline:
    """A pipeline file.

    Args:
        source: The job.
        nodes: Its nodes by name; none where only the service knows them.
    """

    source: Source
    nodes: Mapping[str, PlannedNode]

    @cached_property
    def leaves(self) -> Mapping[NodePath, PlannedNode]:
        """The nodes that run something, wherever they are, in the order of the file."""
        return {node.path: node for one in self.nodes.values() for node in _leaves(one)}

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Which node runs before which; those that take from each other, and the ends of the pipeline."""
        taken = [(before, node.path) for node in self.leaves.values() for before in node.upstream]
        return tuple(dict.fromkeys([*taken, *self._edges_of_control(), *self._edges_of_ends()]))

    @property
    def last(self) -> str | None:
        """The node that runs last, whatever has become of the others."""
        return _text(self._settings.get(ENDS[1]))

    @property
    def stops_at_a_failure(self) -> bool:
        """Whether the file says that no node is to begin once another has failed."""
        return not boolean(self._settings.get("continue_on_step_failure", True))

    @property
    def _settings(self) -> Mapping[str, object]:
        return mapping(self.source.value.get("settings"))

    def _edges_of_control(self) -> Iterator[Edge]:
        """From nodes that decide to those that they let run."""
        for path, node in self.leaves.items():
            for name in control_flow.led(node.source):
                led = (*path[:-1], name)
                yield from ((path, one) for one in self.leaves if one[: len(led)] == led and one != path)

    def _edges_of_ends(self) -> Iterator[Edge]:
        first, last = (str(self._settings.get(key) or "") for key in ENDS)
        beginning = [path for path in self.leaves if path[0] == first]
        end = [path for path in self.leaves if path[0] == last]
        for path in self.leaves:
            if path[0] not in {first, last}:
                yield from ((before, path) for before in beginning)
                yield from ((path, after) for after in end)


def plan_pipeline(source: Source) -> PlannedPipeline:
    """What a pipeline job runs.

    Args:
        source: The job, checked.

    Raises:
        SpecError: A component cannot be read.

    Example:
        >>> list(plan_pipeline(read(Path("pipeline.yml"))).leaves)
        [('prep',), ('train_group', 'train'), ('train_group', 'score')]
    """
    outermost = pipeline_levels.of_job(source)
    return PlannedPipeline(source, {} if outermost is None else _nodes(outermost, count()))


def _nodes(level: Level, counted: Iterator[int]) -> dict[str, PlannedNode]:
    for name, found in level.graph.found.items():
        if isinstance(found, SpecError) and not _is_known_later(level.graph.nodes[name]):
            raise found
    return {name: _node(level, name, counted) for name in level.graph.nodes}


def _node(level: Level, name: str, counted: Iterator[int]) -> PlannedNode:
    node = level.graph.nodes[name]
    if next(counted) == _MOST_NODES:
        reason = f"the pipeline comes to more than {_MOST_NODES:,} nodes, with those of its components"
        raise SpecError([node.problem((), reason, at_key=True)])
    inner = level.inner.get(name)
    return PlannedNode((*level.path, name), type_of(node), level, _nodes(inner, counted) if inner else {})


def _is_known_later(node: Source) -> bool:
    """Whether a run alone knows which component a node has, which is one task whatever it is."""
    return type_of(node) != PIPELINE and templating.has_templates(node.value.get(node_components.key_of(node)))


def _leaves(node: PlannedNode) -> Iterator[PlannedNode]:
    if not node.nodes:
        yield node
    for inner in node.nodes.values():
        yield from _leaves(inner)


def _without_reference(value: Mapping[str, object]) -> dict[str, object]:
    return {key: item for key, item in value.items() if key != "path" or pipeline_levels.reference(value) is None}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
