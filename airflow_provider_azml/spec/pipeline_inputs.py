"""The inputs of a pipeline job: what each may be given when it runs, and the job with what a run was given."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import bindings, node_components, places, references, templating
from airflow_provider_azml.spec import source as sources
from airflow_provider_azml.spec.component_io import VALUE_TYPES
from airflow_provider_azml.spec.input_uses import uses_of
from airflow_provider_azml.spec.input_values import TEXT, DeclaredInput, Value, fits, number, parsed
from airflow_provider_azml.spec.pipeline_graph import Graph, inputs_of, is_optional
from airflow_provider_azml.spec.pipeline_levels import data_type
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.wording import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.input_uses import Use
    from airflow_provider_azml.spec.source import Source

__all__ = ["DeclaredInput", "declared", "given", "stood_in"]

_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}
_KEYS_OF_DATA = frozenset({"type", "path", "mode", "datastore", "path_on_compute"})
_EXPRESSION = "${{"
_MARK = "azml_template"
"""What a template is replaced by to see where it stands; no file will hold it."""
_STAND_INS: Mapping[str, Value] = {"boolean": False, "integer": 0, "number": 0, TEXT: "-"}
_ANY_DATA = "azureml:any:1"


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
    templates = _templates(source)
    if component is None:
        uses = uses_of(Graph.of(source))
        found = [_of_uses(source, name, templates.get(name), uses.get(name, ())) for name in written]
    else:
        known = inputs_of(component)
        others = _templates(component)
        names = dict.fromkeys((*(name for name in written if name in known), *known))
        of_component = partial(_of_component, source, component)
        found = [of_component(name, templates.get(name) or others.get(name)) for name in names]
    problems = [problem for one in found for problem in _default_problems(one)]
    if problems:
        raise SpecError(problems)
    return {one.name: one if one.default is None else replace(one, default=one.taken(one.default)) for one in found}


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
    problems = [source.problem(("inputs",), _unknown(name, known), at_key=True) for name in values if name not in known]
    left_out = set()
    for name, one in known.items():
        value = values.get(name)
        try:
            if value is not None:
                inputs = _with(source, inputs, one, value)
            elif one.is_needed and _is_blank(inputs.get(name)):
                problems.append(one.problem("has no value; the run must give it one"))
            elif one.optional and (name in values or inputs.get(name, one) is None):
                left_out.add(name)
        except ValueError as error:
            problems.append(one.problem(f"the value that the run was given {error}"))
    if problems:
        raise SpecError(problems)
    left_out -= {name for name in left_out if _is_kept_back(source, name)}
    return _without(replace(source, value={**source.value, "inputs": inputs}), left_out)


def stood_in(source: Source) -> Source:
    """A pipeline job that can be checked before a run gives what it needs: something stands in for each such input.

    Example:
        >>> pipeline_jobs.problems(stood_in(read(Path("pipeline.yml"))))
    """
    written = mapping(source.value.get("inputs"))
    try:
        known = declared(source)
    except SpecError:  # the check will tell, and whatever else is wrong
        return source
    inputs = {
        **written,
        **{name: _stand_in(one) for name, one in known.items() if one.is_needed and _is_blank(written.get(name))},
    }
    absent = {name for name, one in known.items() if one.optional and name in inputs and inputs[name] is None}
    return _without(replace(source, value={**source.value, "inputs": inputs}), absent) if inputs else source


def _is_blank(item: object) -> bool:
    """Whether the file leaves an input to the run; what is no input at all is told of as it stands there."""
    return item is None or (isinstance(item, dict) and data_type(item.get("type")) not in VALUE_TYPES)


def _stand_in(one: DeclaredInput) -> Json | Value:
    if one.is_data:
        return {"type": one.type, "path": _ANY_DATA}
    if one.enum:
        return one.enum[0]
    least = one.min if one.min is not None else one.max
    return _STAND_INS[one.type] if least is None else parsed(one.type, least)


# -- what is declared --------------------------------------------------------------------------------------------


def _of_component(source: Source, component: Source, name: str, template: str | None) -> DeclaredInput:
    item = mapping(inputs_of(component).get(name))
    written = mapping(source.value.get("inputs")).get(name)
    one = DeclaredInput(
        name=name,
        type=data_type(item.get("type")),
        at=component if written is None else source,
        default=None if template else _said(item.get("default") if written is None else written),
        optional=is_optional(item),
        template=template,
    )
    return _described(one, [item])


def _of_uses(source: Source, name: str, template: str | None, uses: Sequence[Use]) -> DeclaredInput:
    item = source.value["inputs"][name]
    default = None if template else _said(item)
    ports = [use.port for use in uses if use.port]
    is_data = isinstance(item, dict) and "value" not in item
    one = DeclaredInput(
        name=name,
        type=data_type(item.get("type")) if is_data else _type_of(default, ports),
        at=source,
        default=default,
        optional=bool(uses) and all(is_optional(use.port) for use in uses),
        template=template,
    )
    return _described(one, ports)


def _type_of(default: Value | None, ports: Sequence[Json]) -> str:
    """The type that the components which take an input agree upon, else that of its value."""
    types = {data_type(port["type"]) for port in ports if port.get("type")}
    if len(types) == 1:
        (agreed,) = types
        if default is None or (agreed in VALUE_TYPES and fits(agreed, default)):
            return agreed
    return _TYPES.get(type(default), TEXT)


def _said(item: object) -> Value | None:
    """What a file says of an input: a value, or the path of data."""
    value = item.get("value", item.get("path")) if isinstance(item, dict) else item
    return value if isinstance(value, (str, bool, int, float)) else None


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
    return [parsed(kind, choice) for choice in written if fits(kind, choice)]


def _bound(written: object) -> float | None:
    """A bound of numbers, which may be written as text; what is none is a problem of the component's file."""
    return number(written) if fits("number", written) else None


def _default_problems(one: DeclaredInput) -> Iterator[Problem]:
    if one.default is None:
        return
    try:
        one.taken(one.default)
    except ValueError as error:
        yield one.problem(str(error))


def _templates(source: Source) -> Mapping[str, str]:
    """The inputs that a file gives templates, where they are not rendered yet, and the templates."""
    if source.render is None or source.file is None:
        return dict(_with_text(source, templating.has_templates) if source.render is None else ())
    if source.render is not templating.blanked:
        return {}
    marked = sources.read(source.file, render=partial(templating.blanked, stand_in=_MARK))
    written = mapping(source.value.get("inputs"))
    own = {name for name in written if source.marks.at(("inputs", name)).file != sources.OVERRIDES}
    return {name: "{{ ... }}" for name, _ in _with_text(marked, lambda text: _MARK in text) if name in own}


def _with_text(source: Source, is_meant: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """The inputs of which the file says a text of some kind: as value, path or default."""
    for name, item in mapping(source.value.get("inputs")).items():
        said = item.get("default", _said(item)) if isinstance(item, dict) else item
        if isinstance(said, str) and is_meant(said):
            yield name, said


def _is_kept_back(source: Source, name: str) -> bool:
    """Whether a run that was given nothing for an optional input could not know what the file says of it."""
    if source.file is None:
        return False
    try:
        written = sources.read(source.file)
    except SpecError:  # templates keep it from being YAML
        written = sources.read(source.file, render=templating.blanked)
    one = declared(written).get(name)
    return one is not None and one.is_kept_back


# -- what is given -----------------------------------------------------------------------------------------------


def _with(source: Source, inputs: Json, one: DeclaredInput, value: object) -> Json:
    """The inputs with one of them as a run was given it.

    Raises:
        ValueError: It cannot have that value; the message says why.
    """
    if one.is_data:
        if value in (one.default, {"path": one.default}):
            return inputs
        return {**inputs, one.name: _data(source, mapping(inputs.get(one.name)), one, value)}
    new = one.taken(value)
    if isinstance(new, bool) == isinstance(one.default, bool) and new == one.default:
        return inputs  # a form that knows no difference between 1 and 1.0 may have sent what the file says
    if isinstance(new, str) and _EXPRESSION in new:
        raise ValueError(f"holds {_EXPRESSION}, the beginning of an expression of AML's, which only the file may hold")
    return {**inputs, one.name: new}


def _data(source: Source, written: Json, one: DeclaredInput, value: object) -> Json:
    new = {"path": value} if isinstance(value, str) else mapping(value)
    path = new.get("path")
    if not isinstance(path, str) or not path:
        raise ValueError(f"is {one.shown(value)}; it must be a path, or a mapping with one")
    strange = [str(key) for key in new if key not in _KEYS_OF_DATA]
    if strange:
        raise ValueError(f"has the key {strange[0]!r}; {', '.join(sorted(_KEYS_OF_DATA))} may be there")
    if lower(new.get("type") or one.type) != one.type:
        raise ValueError(f"is of type {shown(new['type'])}; the input takes a {one.type}")
    if path != one.default:
        _check_path(source, path)
        written = {key: item for key, item in written.items() if key not in {"value", "datastore"}}
    return {"type": one.type, **written, **new}


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
        reason = "leads out of the folder of the AML file, which only the file may do; give a path inside of it"
        raise ValueError(f"{reason}, azureml:<name>:<version> or a URI")


def _without(source: Source, names: set[str]) -> Source:
    """A pipeline job without some inputs, which nothing but optional inputs of its nodes take."""
    if not names:
        return source
    value = {**source.value, "inputs": {key: it for key, it in source.value["inputs"].items() if key not in names}}
    if isinstance(value.get("jobs"), dict):
        value["jobs"] = {name: _not_taking(node, names) for name, node in value["jobs"].items()}
    return replace(source, value=value)


def _not_taking(node: object, names: set[str]) -> object:
    if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
        return node
    return {**node, "inputs": {port: it for port, it in node["inputs"].items() if not _takes(it, names)}}


def _takes(item: object, names: set[str]) -> bool:
    text = item.get("path") if isinstance(item, dict) else item
    found = bindings.found(text) if isinstance(text, str) and bindings.is_whole(text) else ()
    return any(one.node is None and one.place == "inputs" and one.name in names for one in found)


def _unknown(name: str, known: Mapping[str, DeclaredInput]) -> str:
    close = places.closest(name, known)
    return f"has no {name!r}; " + (f"did you mean {close!r}?" if close else f"it has {', '.join(known) or 'none'}")
