"""The params of a pipeline's DAG: its inputs, and which of its nodes run.

What the form for starting a run shows, and how Airflow 3.3 reads it: a param that is not nullable has to be filled in,
and ``""`` does not count as filled in; of several types besides ``null`` the form takes JSON, or text where it is none;
it asks for a list of strings line by line unless there are ``examples``, which are then all that can be chosen.

Source: https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/params.html, and the UI of Airflow 3.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.input_values import TEXT
from airflow_provider_azml.spec.node_selection import FORCE_RERUN, ONLY, SKIP
from airflow_provider_azml.spec.pipeline_inputs import declared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow.sdk import DAG

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.input_values import DeclaredInput
    from airflow_provider_azml.spec.source import Source

SECTION = "Azure ML"
_MOST_LISTED = 20
_COMMENT = "$comment"
_OF_THE_DAG = ", with a default of the DAG's own"
_LARGEST_IN_A_FORM = 2**53 - 1
"""The largest whole number that a browser keeps as it is."""
_PATTERNS = "a node, a pattern such as tr*, +train for all upstream of it too, or train+ for all downstream"
_CHOICES: Mapping[str, tuple[str, str]] = {
    ONLY: ("Run only", "Nodes that run, one a line; what they take from others is that of the last good run."),
    SKIP: ("Leave out", "Nodes that do not run, one a line; what others take of them is that of the last good run."),
    FORCE_RERUN: ("Run again", "Nodes that run even if Azure ML has run the same before, one a line."),
}


def params_of(source: Source) -> dict[str, Param]:
    """A param for each input of a pipeline: of its type, with its default and its limits.

    An input without a value is a param that a run must be given; one that may be left out may be null. Data are a path,
    or a mapping. Where the file has a template, null stands for it; one that reads ``params`` is a matter of whoever
    defines those. Text whose name says that it is secret is not shown; null stands for what the file says.

    Args:
        source: The pipeline job, as the DAG's file finds it.

    Returns:
        The params by the names of the inputs, in the order of the file.

    Raises:
        SpecError: An input has the name of a param that is there anyhow, or a default that it cannot have.

    Example:
        >>> params_of(read(Path("pipeline.yml")))["learning_rate"].schema["type"]
        'number'
    """
    return _params(declared(source))


def _params(known: Mapping[str, DeclaredInput]) -> dict[str, Param]:
    reserved = [one.problem(_reserved(one.name)) for one in known.values() if one.name in _CHOICES]
    if reserved:
        raise SpecError(reserved)
    return {name: _param(one) for name, one in known.items() if "params" not in (one.template or "")}


def choices(nodes: Iterable[str]) -> dict[str, Param]:
    """The params that say which nodes of a pipeline run.

    Args:
        nodes: The nodes, nested ones with dots.

    Returns:
        ``azml_only``, ``azml_skip`` and ``azml_force_rerun``: each ``None``, or a list of nodes and patterns.
    """
    names = list(nodes)
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    listed = f"Each is {_PATTERNS}. There are {', '.join(names[:_MOST_LISTED])}{more}."
    return {
        name: Param(
            None,
            description=f"{what} {listed}",
            type=["array", "null"],
            items={"type": "string"},
            section=SECTION,
            title=title,
        )
        for name, (title, what) in _CHOICES.items()
    }


def dag_params(
    source: Source,
    nodes: Iterable[str] | None,
    own: Mapping[str, Any] | None = None,
    *,
    schedule: object = None,
    given: Collection[str] = (),
) -> dict[str, Param]:
    """All params of the DAG of a pipeline.

    Args:
        source: The pipeline job, as the DAG's file finds it.
        nodes: Its nodes, nested ones with dots; ``None`` where a run cannot choose among them.
        own: Params that the author of the DAG adds; for an input a param, or a default of the input's type.
        schedule: When the DAG runs by itself; ``None`` if it does not.
        given: The inputs that the DAG itself gives values, and that are no params therefore.

    Returns:
        The params by their names: the inputs first, then the author's, then which nodes run.

    Raises:
        SpecError: As :func:`params_of`, or a default is none that an input can have, or an input has no value and the
            DAG has a schedule.
    """
    known = {name: one for name, one in declared(source).items() if name not in given}
    mine = dict(own or {})
    problems = [problem for name in known if name in mine for problem in _own_problems(known[name], mine[name])]
    if problems:
        raise SpecError(problems)
    params = _params(known)
    for name, value in mine.items():
        params[name] = _with_default(params.get(name), value)
    lacking = [one for name, one in known.items() if name in params and _has_no_value(params[name])]
    if schedule is not None and lacking:
        reason = (
            "has no value, and the DAG has a schedule, whose runs nobody gives one; "
            "write one in the file, give the DAG one among its params, or leave the schedule out"
        )
        raise SpecError([one.problem(reason) for one in lacking])
    more = {} if nodes is None else choices(nodes)
    return params | {name: param for name, param in more.items() if name not in mine}


def add_params(dag: DAG, source: Source, nodes: Iterable[str] | None, *, given: Collection[str] = ()) -> None:
    """Give a DAG that somebody else made the params of a pipeline which is a part of it.

    Params that the DAG has under these names stay, its author's and those of another part; of an input, one that does
    not say what it may be is of the input's type. Inputs of two parts are one param if they have one name, so that they
    cannot be of two types, or have two defaults.

    Args:
        dag: The DAG.
        source: The pipeline job, as the DAG's file finds it.
        nodes: Its nodes, nested ones with dots; ``None`` where a run cannot choose among them.
        given: The inputs that the DAG itself gives values.

    Raises:
        SpecError: As :func:`dag_params`, or an input of another part has the name of one and is another.
    """
    there = {name: dag.params.get_param(name) for name in dag.params}
    own = {name: param for name, param in there.items() if param.schema.get("section") != SECTION}
    if nodes is not None and own.keys() != there.keys():  # another pipeline's choices, which go for this one too
        others = (str(getattr(task, "node", "") or "") for task in dag.tasks)
        nodes = dict.fromkeys(name for name in (*others, *nodes) if name)
    known = [one for name, one in declared(source).items() if name in own and name not in given] if own else []
    clashes = [problem for one in known for problem in _clashes(one, own[one.name])]
    if clashes:
        raise SpecError(clashes)
    found = dag_params(source, nodes, own, schedule=dag.schedule, given=given)
    for name, param in found.items():
        dag.params[name] = param


def _param(one: DeclaredInput) -> Param:
    schema, description = _schema(one), _description(one)
    if one.is_needed:
        return Param(description=description, **schema)
    default = None if one.is_kept_back else str(one.default) if _is_too_large(one) else one.default
    return Param(default, description=description, **schema)


def _schema(one: DeclaredInput) -> dict[str, Any]:
    """The JSON schema of an input's param; its comment is part of what Airflow says where it refuses a value."""
    types = [TEXT, "object"] if one.is_data else [one.type]
    schema: dict[str, Any] = {}
    # the form takes "" for nothing at all, so that a run could not be started with it
    nullable = one.optional or one.is_kept_back or one.default == ""
    limits = {"minimum": one.min, "maximum": one.max}
    schema |= {key: limit for key, limit in limits.items() if limit is not None}
    if _is_too_large(one):
        types, schema = [TEXT], {"pattern": "^[+-]?[0-9]+$"}
    if one.enum:
        schema["enum"] = [*one.enum, *([None] if nullable else [])]
    if one.is_secret:
        schema["format"] = "password"
    elif "\n" in str(one.default):
        schema["format"] = "multiline"
    types = [*types, *(["null"] if nullable else [])]
    return {**_place(one), "type": types if len(types) > 1 else types[0], **schema}


def _is_too_large(one: DeclaredInput) -> bool:
    """Whether a form would round what the file says, because browsers have no larger whole numbers."""
    return isinstance(one.default, int) and abs(one.default) > _LARGEST_IN_A_FORM


def _place(one: DeclaredInput) -> dict[str, str]:
    problem = one.problem("")  # without the folder: that may be another one for each version of the DAG
    return {_COMMENT: f"{Path(problem.file).name}:{problem.line}"} if problem.line else {}


def _description(one: DeclaredInput) -> str | None:
    said = (one.description or "").strip()
    parts = []
    if one.is_data:
        parts.append(f"A {one.type}: a path, azureml:<name>:<version>, or a mapping with path, type and mode.")
    if one.template is not None:
        parts.append(f"By default {one.template}, filled in when it runs.")
    elif one.is_kept_back:
        parts.append("By default what the file says.")
    stop = "." if said and parts and said[-1].isalnum() else ""
    return " ".join([f"{said}{stop}", *parts]).strip() or None


def _with_default(param: Param | None, value: object) -> Param:
    """The param of an input with another default; the author's own where that says what it may be, or is no input's."""
    own = value if isinstance(value, Param) else Param(value)
    if param is None or own.schema:
        return own
    if not (own.has_value or _is_nullable(param)):
        return param
    default = own.value if own.has_value else None
    place = {_COMMENT: f"{param.schema[_COMMENT]}{_OF_THE_DAG}"} if _COMMENT in param.schema else {}
    return Param(default, description=own.description or param.description, **{**param.schema, **place})


def _own_problems(one: DeclaredInput, value: object) -> Iterator[Problem]:
    default = value.value if isinstance(value, Param) and value.has_value else value
    if one.is_data or default is None or isinstance(default, Param):
        return
    try:
        one.taken(default)
    except ValueError as error:
        yield one.problem(f"the default among the DAG's own params {error}")


def _clashes(one: DeclaredInput, other: Param) -> Iterator[Problem]:
    """Why an input cannot share a param with that of another pipeline; what the DAG's author says holds for both."""
    place = str(other.schema.get(_COMMENT, _OF_THE_DAG))
    if place.endswith(_OF_THE_DAG):
        return
    mine = _param(one)
    (kind, types), (other_kind, other_types) = _types(mine), _types(other)
    if types != other_types:
        differ = f"is of type {kind} here, and of type {other_kind} at {place}"
    elif mine.value != other.value and all(param.has_value and param.value is not None for param in (mine, other)):
        differ = f"is {one.shown(mine.value)} here, and {one.shown(other.value)} at {place}"
    else:
        return
    yield one.problem(
        f"{differ}, and the DAG has one param of that name for both pipelines; write the same, call one otherwise, "
        "give one its value by inputs={...}, or give the DAG a param of that name, which then holds for both"
    )


def _types(param: Param) -> tuple[str, frozenset[str]]:
    """What a param takes, in words and as a set that is the same where one takes what the other does."""
    types = param.schema.get("type", ())
    found = [one for one in ([types] if isinstance(types, str) else types) if one != "null"]
    numbers = {"integer": "number"}
    return " or ".join(found), frozenset(numbers.get(one, one) for one in found)


def _has_no_value(param: Param) -> bool:
    return not (param.has_value or _is_nullable(param))


def _is_nullable(param: Param) -> bool:
    return "null" in param.schema.get("type", ("null",))


def _reserved(name: str) -> str:
    return f"{name} is a param of the DAG itself, which says which nodes run; call the input otherwise"
