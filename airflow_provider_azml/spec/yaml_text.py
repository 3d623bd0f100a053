"""YAML text to values and positions, by the rules of PyYAML's ``safe_load`` (YAML 1.1), with limits.

Values are what JSON has, plus the dates that YAML 1.1 makes of ``2024-01-02``. An alias shares the value of its anchor;
how much a file amounts to once its aliases are written out is bounded.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

Event: TypeAlias = Any
"""An event of PyYAML's, whose stubs leave out what the events hold."""

MAX_DEPTH = 100
MAX_VALUES = 200_000
_TAG = "tag:yaml.org,2002:"
_PLAIN_COLLECTIONS = frozenset({None, "!", f"{_TAG}map", f"{_TAG}seq"})


def parse(text: str, file: str) -> tuple[object, Marks]:
    """The value of a YAML document, and where its parts stand.

    Args:
        text: The document.
        file: What to call it in messages.

    Raises:
        SpecError: It is not YAML, holds more than one document, a key twice, a tag that is not plain data, or too much.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(yaml.parse(text, Loader=loader), file).document()
    except yaml.YAMLError as error:
        raise SpecError([_of_yaml(error, file)]) from error


class _Reader:
    """Builds values from the events of one document."""

    def __init__(self, events: Iterator[Event], file: str) -> None:
        import yaml

        self._yaml = yaml
        self._events = events
        self._file = file
        self._scalars: Any = yaml.SafeLoader("")  # knows YAML 1.1's plain values; its stubs are partial
        self._anchors: dict[str, tuple[object, Marks, int]] = {}
        self._values = 0

    def document(self) -> tuple[object, Marks]:
        events = self._yaml.events
        for event in self._events:
            if isinstance(event, events.NodeEvent):
                value, marks, _ = self._node(event, 0)
                break
        else:
            return None, Marks(self._file, 1, 1)
        for event in self._events:
            if isinstance(event, events.DocumentStartEvent):
                raise self._error(event, "a second document begins here; an AML file holds one")
        return value, marks

    def _node(self, event: Event, depth: int) -> tuple[object, Marks, int]:
        """A value, its marks, and how many values it amounts to."""
        events = self._yaml.events
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, events.AliasEvent):
            return self._alias(event)
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        if isinstance(event, events.MappingStartEvent):
            found = self._mapping(event, depth)
        elif isinstance(event, events.SequenceStartEvent):
            found = self._sequence(event, depth)
        else:
            found = self._scalar(event), self._mark(event), 1
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = found
        return found

    def _alias(self, event: Event) -> tuple[object, Marks, int]:
        if event.anchor not in self._anchors:
            raise self._error(event, f"the alias *{event.anchor} stands for nothing before it")
        value, marks, size = self._anchors[event.anchor]
        self._count(event, size)
        return value, marks, size

    def _count(self, event: Event, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._error(event, f"more than {MAX_VALUES:,} values, with all aliases written out")

    def _mapping(self, event: Event, depth: int) -> tuple[object, Marks, int]:
        self._plain(event)
        own: dict[str, object] = {}
        inside: dict[str | int, Marks] = {}
        merged: list[tuple[object, Marks]] = []
        size = 1
        for key_event in self._events:
            if isinstance(key_event, self._yaml.events.MappingEndEvent):
                break
            key = self._key(key_event)
            value, marks, values = self._node(next(self._events), depth + 1)
            size += values + 1
            if key is None:
                merged.append((value, marks))
                continue
            place = self._place(key_event)
            if key in own:
                first = (inside[key].key or (0, 0))[0]
                raise self._error(key_event, f"the key {key!r} stands in line {first} already; keep one of the two")
            own[key] = value
            inside[key] = Marks(self._file, marks.line, marks.column, place, marks.inside)
        return self._with_merged(event, own, inside, merged, size)

    def _with_merged(
        self,
        event: Event,
        own: dict[str, object],
        inside: dict[str | int, Marks],
        merged: list[tuple[object, Marks]],
        size: int,
    ) -> tuple[object, Marks, int]:
        """A mapping with what its ``<<`` keys bring, under what it says itself."""
        bases: list[tuple[object, Marks]] = []
        for value, marks in merged:
            if isinstance(value, list):
                bases.extend((item, marks.at((place,))) for place, item in enumerate(value))
            else:
                bases.append((value, marks))
        for value, marks in bases:
            if not isinstance(value, dict):
                raise self._error(event, "<< takes a mapping, or a list of them")
            own = {**value, **own}
            inside = {**marks.inside, **inside}
        mark = self._mark(event)
        return own, Marks(self._file, mark.line, mark.column, None, inside), size

    def _sequence(self, event: Event, depth: int) -> tuple[object, Marks, int]:
        self._plain(event)
        items: list[object] = []
        inside: dict[str | int, Marks] = {}
        size = 1
        for item_event in self._events:
            if isinstance(item_event, self._yaml.events.SequenceEndEvent):
                break
            value, marks, values = self._node(item_event, depth + 1)
            inside[len(items)] = marks
            items.append(value)
            size += values
        mark = self._mark(event)
        return items, Marks(self._file, mark.line, mark.column, None, inside), size

    def _key(self, event: Event) -> str | None:
        """A key as text, as JSON would write it; ``None`` for ``<<``."""
        if isinstance(event, self._yaml.events.AliasEvent):
            value = self._alias(event)[0]
        elif isinstance(event, self._yaml.events.ScalarEvent):
            if event.implicit[0] and event.value == "<<":
                return None
            value = self._scalar(event)
        else:
            raise self._error(event, "a key must be a plain value")
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, int, float)) or value is None:
            return json.dumps(value)
        raise self._error(event, f"a key must be text; quote {value}")

    def _scalar(self, event: Event) -> Any:  # whatever YAML makes of it
        nodes = self._yaml.nodes
        tag = event.tag
        if tag in {None, "!"}:
            tag = self._scalars.resolve(nodes.ScalarNode, event.value, event.implicit)
        construct = self._scalars.yaml_constructors.get(tag)
        if construct is None or not tag.startswith(_TAG) or tag == f"{_TAG}binary":
            raise self._error(event, f"the tag {event.tag} is not plain data")
        try:
            value = construct(self._scalars, nodes.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (ValueError, LookupError, OverflowError, AttributeError) as error:
            raise self._error(
                event, f"{event.value[:80]!r} looks like {tag[len(_TAG) :]} but is none; quote it"
            ) from error
        if isinstance(value, float) and not math.isfinite(value):
            raise self._error(event, f"{event.value!r} is no number that the service can be sent; quote it")
        if value is not None and not isinstance(value, (str, bool, int, float, dt.date)):
            raise self._error(event, f"the tag {event.tag} is not plain data")
        return value

    def _plain(self, event: Event) -> None:
        if event.tag not in _PLAIN_COLLECTIONS:
            raise self._error(event, f"the tag {event.tag} is not plain data")

    def _place(self, event: Event) -> tuple[int, int]:
        return event.start_mark.line + 1, event.start_mark.column + 1

    def _mark(self, event: Event) -> Marks:
        return Marks(self._file, *self._place(event))

    def _error(self, event: Event, reason: str) -> SpecError:
        return SpecError([Problem(self._file, *self._place(event), "", reason)])


def _of_yaml(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    return Problem(file, line, column, "", f"not YAML: {said}")
