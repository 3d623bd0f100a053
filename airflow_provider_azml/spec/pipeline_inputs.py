"""The inputs of a pipeline job: what each may be given when it runs, and the job with what a run was given."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import node_components, places, references
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.input_uses import Use, uses_of
from airflow_provider_azml.spec.pipeline_graph import Graph, inputs_of, is_optional
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.templating import has_templates
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

Value: TypeAlias = "str | bool | int | float"
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
_A = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
_FOLDER = "uri_folder"
_KEYS_OF_DATA = frozenset({"type", "path", "mode", "datastore", "path_on_compute"})
_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_SECRET = re.compile(r"passw|passphrase|secret|token|credential|key$|sas$|^sas", re.IGNORECASE)
_EXPRESSION = "${{"


class _NotTaken(ValueError):
    """An input cannot be given a value; the message says why, without the value."""


@dataclass(frozen=True)
class DeclaredInput:
    """An input of a pipeline job.

    Args:
        name: Its name; with dots for a member of a group.
        type: ``string``, ``integer``, ``number`` or ``boolean``, or a type of data or model, e.g. ``uri_folder``.
        at: The file or component that declares it.
        default: What the file, or the component that the job runs, says: a value, for data a path. ``None`` where
            neither says anything, and where a template says it.
        optional: Whether it may be left out.
        description: What the component that takes it says of it.
        enum: The values that it may have; empty where any will do.
        min: Least value.
        max: Greatest value.
        template: What the file says is a template, which the task alone can render.
    """

    name: str
    type: str
    at: Source = field(repr=False, compare=False)
    default: Value | None = None
    optional: bool = False
    description: str | None = None
    enum: tuple[Value, ...] = ()
    min: float | None = None
    max: float | None = None
    template: str | None = None

    @property
    def is_data(self) -> bool:
        """Whether it is data or a model, not a value."""
        return self.type not in VALUE_TYPES

    @property
    def is_needed(self) -> bool:
        """Whether it must be given when the job runs."""
        return self.default is None and self.template is None and not self.optional

    def problem(self, reason: str) -> Problem:
        """A problem with it, at the place where it is declared."""
        return self.at.problem(("inputs", self.name), reason, at_key=True)

    def taken(self, value: object) -> Value:
        """A value as one of the input's type: text that is a number becomes one where a number is wanted.

        Args:
            value: The value; of data its path.

        Raises:
            ValueError: It cannot be taken; the message says why, and shows it unless the input is called a secret.

        Example:
            >>> declared(read(Path("pipeline.yml")))["learning_rate"].taken("0.1")
            0.1
        """
        try:
            found = _parsed(self.type, value)
        except _NotTaken:
            raise ValueError(f"is {self.shown(value)}; it must be {_A.get(self.type, 'a path')}") from None
        if self.enum and found not in self.enum:
            listed = ", ".join(str(choice) for choice in self.enum)
            raise ValueError(f"is {self.shown(value)}; it must be one of {listed}")
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            for limit, word in ((self.min, "least"), (self.max, "most")):
                if limit is not None and (found < limit if word == "least" else found > limit):
                    raise ValueError(f"is {self.shown(value)}; it must be at {word} {limit}")
        return found

    def shown(self, value: object) -> str:
        """A value of it as a message shows it; not that of a secret."""
        if isinstance(value, str) and _SECRET.search(self.name):
            return "text"
        return shown(value)


def declared(source: Source) -> Mapping[str, DeclaredInput]:
    """The inputs of a pipeline job, with what the component that it runs declares, or those that its nodes run.

    The types of inputs that are written as values are those that the components of the nodes declare where they agree,
    otherwise those of the values. An input is optional where the component says so, and where nothing but optional
    inputs of nodes take it.

    Args:
        source: The pipeline job.

    Returns:
        The inputs by their names, in the order of the file; then those that the component declares besides.

    Raises:
        SpecError: The file of a component cannot be read, or a default is not what the input takes.

    Example:
        >>> {name: one.type for name, one in declared(read(Path("pipeline.yml"))).items()}
        {'training_data': 'uri_folder', 'learning_rate': 'number'}
    """
    component = node_components.declared(source)
    written = mapping(source.value.get("inputs"))
    if component is None:
        uses = uses_of(Graph(source))
        found = {name: _of_uses(source, str(name), item, uses.get(name, ())) for name, item in written.items()}
    else:
        known = inputs_of(component)
        names = dict.fromkeys((*(name for name in written if name in known), *known))
        found = {name: _of_component(source, component, name, mapping(known[name])) for name in names}
    problems = [problem for one in found.values() for problem in _default_problems(one)]
    if problems:
        raise SpecError(problems)
    return {
        name: one if one.default is None else replace(one, default=one.taken(one.default))
        for name, one in found.items()
    }


def given(source: Source, values: Mapping[str, object]) -> Source:
    """A pipeline job with the inputs that a run was given.

    Text becomes a number, or true or false, where the input takes one; ``""`` stays text. ``None`` leaves an optional
    input out, and keeps what the file says of any other. A value that is the file's own changes nothing. Nothing in a
    value is rendered, whoever gave it: neither Jinja's expressions nor AML's. A local path stays inside the file's
    folder.

    Args:
        source: The pipeline job, as the task reads it.
        values: Values of inputs by their names; data as a path, or as a mapping like the file's.

    Returns:
        The job; its inputs still stand where they stand in the file.

    Raises:
        SpecError: There is no such input, it cannot have that value, or one that is needed has none; with the file and
            the line of each.

    Example:
        >>> given(source, {"learning_rate": "0.1"}).value["inputs"]["learning_rate"]
        0.1
    """
    known = declared(source)
    inputs = dict(mapping(source.value.get("inputs")))
    problems: list[Problem] = []
    for name, value in values.items():
        if name not in known:
            problems.append(source.problem(("inputs",), _unknown(name, known), at_key=True))
        elif value is None:
            if known[name].optional:
                inputs[name] = None
        else:
            try:
                inputs = _with(source, inputs, known[name], value)
            except ValueError as error:
                problems.append(known[name].problem(f"the run's value {error}"))
    for name, one in known.items():
        if one.is_needed and values.get(name) is None:
            problems.append(one.problem("has no value; the run must give it one"))
    if problems:
        raise SpecError(problems)
    return replace(source, value={**source.value, "inputs": inputs})


# -- what is declared --------------------------------------------------------------------------------------------


def _of_component(source: Source, component: Source, name: str, item: Json) -> DeclaredInput:
    written = mapping(source.value.get("inputs")).get(name)
    default, template = _default(item.get("default") if written is None else written)
    one = DeclaredInput(
        name=name,
        type=lower(item.get("type") or _FOLDER),
        default=default,
        template=template,
        optional=is_optional(item),
        at=component if written is None else source,
    )
    return _described(one, [item])


def _of_uses(source: Source, name: str, item: object, uses: Sequence[Use]) -> DeclaredInput:
    default, template = _default(item)
    ports = [use.port for use in uses if use.port]
    is_data = isinstance(item, dict) and "value" not in item
    kind = lower(mapping(item).get("type") or _FOLDER) if is_data else _type_of(default, ports)
    one = DeclaredInput(
        name=name,
        type=kind,
        default=default,
        template=template,
        optional=bool(uses) and all(is_optional(use.port) for use in uses),
        at=source,
    )
    return _described(one, ports)


def _described(one: DeclaredInput, ports: Sequence[Json]) -> DeclaredInput:
    """An input with what components say of it; it keeps within the limits of each."""
    said = [str(port["description"]) for port in ports if port.get("description")]
    least, most = ([_bound(port.get(key)) for port in ports] for key in ("min", "max"))
    choices = [_choices(one.type, port["enum"]) for port in ports if isinstance(port.get("enum"), list)]
    return replace(
        one,
        description=said[0] if said else None,
        enum=tuple(choice for choice in choices[0] if all(choice in others for others in choices)) if choices else (),
        min=max((bound for bound in least if bound is not None), default=None),
        max=min((bound for bound in most if bound is not None), default=None),
    )


def _choices(kind: str, written: Sequence[object]) -> list[Value]:
    """The values that a component lets an input have, which it may write as text."""
    return [_parsed(kind, choice) for choice in written if _fits(kind, choice)]


def _bound(written: object) -> float | None:
    """A bound of numbers, which may be written as text; what is none is a problem of the component's file."""
    return _any_number(written) if _fits("number", written) else None


def _type_of(default: Value | None, ports: Sequence[Json]) -> str:
    """The type that the components which take an input agree upon, else that of its value."""
    types = {str(port.get("type")) for port in ports}
    if len(types) == 1:
        (agreed,) = types
        if default is None or (agreed in VALUE_TYPES and _fits(agreed, default)):
            return agreed
    return _TYPES.get(type(default), "string")


def _default(item: object) -> tuple[Value | None, str | None]:
    """What a file says of an input: a value, or the path of data; or the template that says it."""
    value = item.get("value", item.get("path")) if isinstance(item, dict) else item
    if isinstance(value, str) and has_templates(value):
        return None, value
    if isinstance(value, (dt.date, dt.datetime)):
        return str(value), None  # as it is sent
    return (value, None) if isinstance(value, (str, bool, int, float)) else (None, None)


def _fits(kind: str, value: object) -> bool:
    try:
        _parsed(kind, value)
    except _NotTaken:
        return False
    return True


def _parsed(kind: str, value: object) -> Value:
    return _PARSED.get(kind, _text)(value)


def _default_problems(one: DeclaredInput) -> Iterator[Problem]:
    if one.default is None:
        return
    try:
        one.taken(one.default)
    except ValueError as error:
        yield one.problem(str(error))


# -- what is given -----------------------------------------------------------------------------------------------


def _with(source: Source, inputs: Json, one: DeclaredInput, value: object) -> Json:
    """The inputs with one of them as a run was given it.

    Raises:
        ValueError: It cannot have that value; the message says why.
    """
    if one.is_data:
        return {**inputs, one.name: _data(source, mapping(inputs.get(one.name)), one, value)}
    new = one.taken(value)
    if _is_same(new, one.default):
        return inputs
    if isinstance(new, str) and _EXPRESSION in new:
        raise ValueError(f"holds {_EXPRESSION}, the beginning of an expression of AML's, which only the file may hold")
    return {**inputs, one.name: new}


def _is_same(new: object, default: object) -> bool:
    """Whether a value is the file's own, which a form that knows no difference between 1 and 1.0 may have sent."""
    return isinstance(new, bool) == isinstance(default, bool) and new == default


def _data(source: Source, written: Json, one: DeclaredInput, value: object) -> Json:
    if isinstance(value, str):
        value = {"path": value}
    if not isinstance(value, dict) or not isinstance(value.get("path"), str) or not value["path"]:
        raise ValueError(f"is {one.shown(value)}; it must be a path, or a mapping with one")
    strange = [str(key) for key in value if key not in _KEYS_OF_DATA]
    if strange:
        raise ValueError(f"has the key {strange[0]!r}; {', '.join(sorted(_KEYS_OF_DATA))} may be there")
    if lower(value.get("type") or one.type) != one.type:
        raise ValueError(f"is of type {shown(value['type'])}; the input takes a {one.type}")
    path = value["path"]
    if path != one.default:
        _check_path(source, path)
    base = {key: item for key, item in written.items() if key not in {"value", "datastore"}} or {"type": one.type}
    return {**base, **value}


def _check_path(source: Source, path: str) -> None:
    """Whoever starts a run names data of the service, or what lies beside the file; not any file of the worker.

    Raises:
        ValueError: The path leads elsewhere.
    """
    if _EXPRESSION in path:
        raise ValueError(f"holds {_EXPRESSION}, the beginning of an expression of AML's, which only the file may hold")
    if references.is_registered(path) or references.is_remote(path):
        return
    folder = source.opened.real(source.base_path)
    if not source.local(path.removeprefix(references.FILE)).is_relative_to(folder):
        reason = "is a path outside of the folder of the AML file, which only the file may name; give one inside of it"
        raise ValueError(f"{reason}, azureml:<name>:<version> or a URI")


def _unknown(name: str, known: Mapping[str, DeclaredInput]) -> str:
    close = places.closest(name, known)
    return f"has no {name!r}; " + (f"did you mean {close!r}?" if close else f"it has {', '.join(known) or 'none'}")


# -- values of types ---------------------------------------------------------------------------------------------


def _integer(value: object) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    found = _float(value)
    if found.is_integer():
        return value if isinstance(value, int) else int(found)
    raise _NotTaken


def _any_number(value: object) -> int | float:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else _float(value)


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _NotTaken
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise _NotTaken from None
    if not math.isfinite(found):
        raise _NotTaken
    return found


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in ("true", "false"):
        raise _NotTaken
    return word == "true"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _NotTaken
    return value


_PARSED: Mapping[str, Callable[[object], Value]] = {
    "integer": _integer,
    "number": _any_number,
    "boolean": _truth,
    "string": _text,
}
"""Type of an input -> what makes a value of that type of what was given."""
