"""YAML text to values and positions, by the rules of PyYAML's ``safe_load`` (YAML 1.1), with limits.

Values are what JSON has, plus the dates that YAML 1.1 makes of ``2024-01-02``. An alias shares the value of its anchor;
how much a file amounts to once its aliases are written out is bounded.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

Event: TypeAlias = Any
"""An event of PyYAML's, whose stubs leave out what the events hold."""

MAX_DEPTH = 100
MAX_VALUES = 200_000
MAX_PROBLEMS = 100
MAX_TEXT = 100_000
"""Characters of a value: what is looked for in a text may take the square of its length."""
_CHARACTERS_OF_A_VALUE = 100
"""Text counts as one value for every so many characters, lest a long one be written out by many aliases."""
_LONGEST_NUMBER = 100
"""No number or date has more characters; what YAML 1.1 would do with one of a million takes hours."""
_TAG = "tag:yaml.org,2002:"
_PLAIN_COLLECTIONS = frozenset({None, "!", f"{_TAG}map", f"{_TAG}seq"})


def parse(text: str, file: str) -> tuple[object, Marks]:
    """The value of a YAML document, and where its parts stand.

    Args:
        text: The document.
        file: What to call it in messages.

    Raises:
        SpecError: It is not YAML, holds more than one document, a key twice, a tag that is not plain data, or too much.
            It lists all of these that can be told without guessing what was meant.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    reader = _Reader(file)
    try:
        found = reader.document(iter(loader(text).get_event, None))
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise SpecError([*reader.problems, _not_yaml(error, text, file)]) from error
    if reader.problems:
        raise SpecError(reader.problems)
    return found


class _Reader:
    """Builds values from the events of one document, and notes what is wrong with them."""

    def __init__(self, file: str) -> None:
        import yaml

        self.problems: list[Problem] = []
        self._yaml = yaml
        self._kinds = yaml.events
        self._events: Iterator[Event] = iter(())
        self._file = file
        self._scalars: Any = yaml.SafeLoader("")  # knows YAML 1.1's plain values; its stubs are partial
        self._anchors: dict[str, tuple[object, Marks, int]] = {}
        self._values = 0

    def document(self, events: Iterator[Event]) -> tuple[object, Marks]:
        self._events, kinds = events, self._yaml.events
        for event in events:
            if isinstance(event, kinds.NodeEvent):
                value, marks, _ = self._node(event, 0)
                break
        else:
            return None, Marks(self._file, 1, 1)
        for event in events:
            if isinstance(event, kinds.DocumentStartEvent):
                raise self._fatal(event, "a second document begins here; an AML file holds one")
        return value, marks

    def _node(self, event: Event, depth: int, key: tuple[int, int] | None = None) -> tuple[object, Marks, int]:
        """A value, its marks with the place of its key, and how many values it amounts to."""
        if depth > MAX_DEPTH:
            raise self._fatal(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, self._kinds.AliasEvent):
            value, marks, size = self._alias(event)
            return value, marks._replace(key=key), size
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        found: tuple[object, Marks, int]
        if isinstance(event, self._kinds.ScalarEvent):
            value, size = self._text(event)
            found = value, Marks(self._file, *self._place(event), key), size
        else:
            self._count(event, 1)
            found = (
                self._mapping(event, depth, key)
                if isinstance(event, self._kinds.MappingStartEvent)
                else self._sequence(event, depth, key)
            )
        if event.anchor:
            self._anchors[event.anchor] = found
        return found

    def _text(self, event: Event) -> tuple[object, int]:
        """What a text stands for, and how many values it amounts to."""
        size = 1 + len(event.value) // _CHARACTERS_OF_A_VALUE
        self._count(event, size)
        if len(event.value) > MAX_TEXT:
            self._note(event, f"has more than {MAX_TEXT:,} characters; put it into a file of its own")
        return self._scalar(event), size

    def _alias(self, event: Event) -> tuple[object, Marks, int]:
        if event.anchor not in self._anchors:
            self._note(event, f"the alias *{event.anchor} stands for nothing before it")
            return None, Marks(self._file, *self._place(event)), 1
        value, marks, size = self._anchors[event.anchor]
        self._count(event, size)
        return value, marks, size

    def _count(self, event: Event, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._fatal(event, f"amounts to more than {MAX_VALUES:,} values, with all aliases written out")

    def _mapping(self, event: Event, depth: int, place: tuple[int, int] | None) -> tuple[object, Marks, int]:
        self._plain(event)
        own: dict[str, object] = {}
        inside: dict[str | int, Marks] = {}
        merged: list[tuple[object, Marks]] = []
        size = 1
        for key_event in self._events:
            if isinstance(key_event, self._kinds.MappingEndEvent):
                break
            key = self._key(key_event)
            at = None if key is None else self._place(key_event)
            value, marks, values = self._node(next(self._events), depth + 1, at)
            size += values + 1
            if key is None:
                merged.append((value, marks))
                continue
            if key in own:
                first = (inside[key].key or (0, 0))[0]
                self._note(key_event, f"the key {key!r:.80} stands in line {first} already; keep one of the two")
                continue
            own[key] = value
            inside[key] = marks
        if merged:
            own, inside = self._with_merged(event, own, inside, merged)
        return own, Marks(self._file, *self._place(event), place, inside), size

    def _with_merged(
        self,
        event: Event,
        own: dict[str, object],
        inside: dict[str | int, Marks],
        merged: list[tuple[object, Marks]],
    ) -> tuple[dict[str, object], dict[str | int, Marks]]:
        """A mapping with what its ``<<`` keys bring, under what it says itself."""
        bases: list[tuple[object, Marks]] = []
        for value, marks in merged:
            if isinstance(value, list):  # of two in a list that bring a key the first one counts, of two << the last
                items = [(item, marks.at((place,))) for place, item in enumerate(value)]
                bases.extend(reversed(items))
            else:
                bases.append((value, marks))
        values: dict[str, object] = {}
        places: dict[str | int, Marks] = {}
        for value, marks in bases:
            if isinstance(value, dict):
                values.update(value)
                places.update(marks.inside)
            else:
                self._note(event, "<< takes a mapping, or a list of them")
        return {**values, **own}, {**places, **inside}

    def _sequence(self, event: Event, depth: int, place: tuple[int, int] | None) -> tuple[object, Marks, int]:
        self._plain(event)
        items: list[object] = []
        inside: dict[str | int, Marks] = {}
        size = 1
        for item_event in self._events:
            if isinstance(item_event, self._kinds.SequenceEndEvent):
                break
            value, marks, values = self._node(item_event, depth + 1)
            inside[len(items)] = marks
            items.append(value)
            size += values
        return items, Marks(self._file, *self._place(event), place, inside), size

    def _key(self, event: Event) -> str | None:
        """A key as text, as JSON would write it; ``None`` for ``<<``."""
        value: object
        if isinstance(event, self._kinds.ScalarEvent):
            if event.tag is None and event.implicit[0] and event.value == "<<":
                return None
            value = self._node(event, 0)[0] if event.anchor else self._text(event)[0]
        elif isinstance(event, self._kinds.AliasEvent):
            value = self._alias(event)[0]
        else:
            raise self._fatal(event, "a key must be a plain value")
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, int, float)) or value is None:
            return json.dumps(value)
        self._note(event, f"a key must be text; quote {value}")
        return str(value)

    def _scalar(self, event: Event) -> Any:  # whatever YAML makes of it
        tag = event.tag
        if tag is None and not event.implicit[0]:  # in quotation marks
            return event.value
        nodes = self._yaml.nodes
        if tag in {None, "!"}:  # PyYAML takes "!" for no tag at all
            implicit = event.implicit if tag is None else (True, False)
            resolve = _kept_tag if len(event.value) <= _LONGEST_NUMBER else _tag
            tag = resolve(event.value, implicit)
        if tag == f"{_TAG}str":
            return event.value
        construct = self._scalars.yaml_constructors.get(tag)
        if construct is None or not tag.startswith(_TAG) or tag == f"{_TAG}binary":
            self._note(event, f"the tag {event.tag} is not plain data" if event.tag else _meaning(event.value))
            return None
        kind = _KINDS.get(tag[len(_TAG) :], "no text")
        doubt = f"{event.value[:40]!r} looks like {kind} but is none; quote it"
        if len(event.value) > _LONGEST_NUMBER:
            self._note(event, doubt)
            return None
        try:
            value = construct(self._scalars, nodes.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        except (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, self._yaml.YAMLError):
            self._note(event, doubt)
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._note(event, f"{event.value!r} is no number that the service can be sent; quote it")
        elif value is not None and not isinstance(value, (str, bool, int, float, dt.date)):
            self._note(event, f"the tag {event.tag} is not plain data")
        return value

    def _plain(self, event: Event) -> None:
        if event.tag not in _PLAIN_COLLECTIONS:
            self._note(event, f"the tag {event.tag} is not plain data")

    def _place(self, event: Event) -> tuple[int, int]:
        mark = event.start_mark
        return mark.line + 1, mark.column + 1

    def _note(self, event: Event, reason: str) -> None:
        self.problems.append(Problem(self._file, *self._place(event), "", reason))
        if len(self.problems) >= MAX_PROBLEMS:
            raise SpecError(self.problems)

    def _fatal(self, event: Event, reason: str) -> SpecError:
        """What makes the rest of the file unreadable, with what was noted before."""
        return SpecError([*self.problems, Problem(self._file, *self._place(event), "", reason)])


def _tag(text: str, implicit: tuple[bool, bool]) -> str:
    """What a text without a tag is."""
    import yaml

    resolver: Any = yaml.SafeLoader("")  # untyped
    return str(resolver.resolve(yaml.nodes.ScalarNode, text, implicit))


_kept_tag = lru_cache(maxsize=4096)(_tag)
"""The same; files of a sort have the same keys and words."""

_KINDS = {"int": "a number", "float": "a number", "timestamp": "a date", "bool": "true or false", "null": "empty"}


def _meaning(text: str) -> str:
    return f"{text!r} has a meaning of its own in YAML; quote it"


def _not_yaml(error: Exception, text: str, file: str) -> Problem:
    """Why YAML's parser stopped, and where."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        said = getattr(error, "problem", None) or str(error)
        quote = getattr(error, "context_mark", None)
        if quote is not None and getattr(error, "context", None) == _IN_QUOTES and mark.index >= len(text):
            mark, said = quote, "the quote that begins here does not end"
        cure = _CURES.get(said) or _cure(text, mark.line)
        return Problem(file, mark.line + 1, mark.column + 1, "", f"not YAML: {said}{cure}")
    odd = _ODD.search(text)
    if odd is None:
        return Problem(file, 0, 0, "", f"not YAML: {getattr(error, 'reason', None) or error}")
    line, column = text.count("\n", 0, odd.start()) + 1, odd.start() - text.rfind("\n", 0, odd.start())
    return Problem(file, line, column, "", f"not YAML: it takes no character {odd[0]!r}")


_IN_QUOTES = "while scanning a quoted scalar"
_CURES = {
    "mapping values are not allowed in this context": "; quote a text that holds ': ', or mend the indentation",
}
"""What PyYAML and libyaml say -> what to do."""

_ODD = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML does not take. Source: YAML 1.1, section 5.1."""


def _cure(text: str, line: int) -> str:
    lines = text.splitlines()
    here = lines[line] if line < len(lines) else ""
    indent = here[: len(here) - len(here.lstrip())]
    return "; indent with blanks, not with tabs" if "\t" in indent else ""
