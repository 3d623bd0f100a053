"""DAG files in Python: the module that makes a DAG of some tasks."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_azml.dags.written.python_text import (
    STEP,
    WIDTH,
    Call,
    Name,
    flattened,
    imported,
    imports_of,
    laid_out,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_OWN = "airflow_provider_azml"
_NO_NAME = re.compile(r"\W+")
_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "dag"})


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        id: Its id, with those of the groups around it.
        operator: What makes it.
        upstream: Ids of the tasks that it comes after.
        is_last: Whether it runs whatever has become of the others.
    """

    id: str
    operator: Call
    upstream: Sequence[str] = ()
    is_last: bool = False


@dataclass(frozen=True)
class Group:
    """A task group.

    Args:
        id: Its own id, without those of the groups around it.
        arguments: Keyword arguments of the group.
        members: What is in it.
    """

    id: str
    arguments: Mapping[str, object]
    members: Sequence[Task | Group]

    @property
    def call(self) -> Call:
        """What makes it."""
        return Call(imported("airflow.sdk", "TaskGroup"), [self.id], self.arguments)


@dataclass(frozen=True)
class DagFile:
    """A DAG file.

    Args:
        summary: What it is, in a sentence.
        text: What else there is to say of it; may be empty.
        dag: What makes the DAG.
        members: Its tasks and groups.
        constants: Values that stand before the DAG, by their names, each after what it is for.
        remarks: What its new owner has to know or to do.
    """

    summary: str
    text: str
    dag: Call
    members: Sequence[Task | Group]
    constants: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    def python(self) -> str:
        """The file.

        Raises:
            NotWritten: There is something in it that Python cannot be written for.
        """
        tasks = list(_tasks(self.members))
        ids = {before for task in tasks for before in task.upstream} | {task.id for task in tasks if task.upstream}
        needed = sorted({one for one in self._imports(tasks) if one[0] != "builtins"}, key=_place_of_import)
        taken = _RESERVED | {name or module for module, name in needed} | self.constants.keys()
        names = _names([task for task in tasks if task.id in ids or task.is_last], taken)
        named = {task.id: names.get(task.id) for task in tasks}
        after = [*_order(tasks, names), *(f"{' ' * STEP}{names[one.id]}.as_teardown()" for one in tasks if one.is_last)]
        body = [*_lines_of(self.members, named, STEP), *after]
        constants = "".join(
            f"# {why}\n{name} = {laid_out(one, before=len(name) + 3)}\n" for name, (why, one) in self.constants.items()
        )
        parts = [_docstring(self.summary, self.text), _imports(needed), *([constants] if constants else [])]
        written = "\n".join(body) + "\n"
        alias = " as dag" if "dag." in written else ""
        if (
            len(self.members) == 1 and isinstance(self.members[0], Group) and not after
        ):  # one statement for several, as linters ask for
            return "\n".join([*parts, _joined(self.dag, alias, self.members[0], named)])
        opened = f"with {laid_out(self.dag, before=5, after=len(alias) + 1)}{alias}:\n"
        return "\n".join([*parts, opened]) + written

    def _imports(self, tasks: Iterable[Task]) -> Iterator[tuple[str, str | None]]:
        groups = [imported("airflow.sdk", "TaskGroup")] if any(isinstance(one, Group) for one in self.members) else []
        arguments = [group.arguments for group in _groups(self.members)]
        operators = [task.operator for task in tasks]
        return imports_of([self.dag, *groups, *arguments, *operators, *(one for _, one in self.constants.values())])


def identifier(text: str) -> str:
    """A text as a name of Python.

    Example:
        >>> identifier("train-group.score")
        'train_group_score'
    """
    name = _NO_NAME.sub("_", text)
    return f"_{name}" if name[:1].isdigit() else name


def _tasks(members: Iterable[Task | Group]) -> Iterator[Task]:
    for one in members:
        if isinstance(one, Task):
            yield one
        else:
            yield from _tasks(one.members)


def _groups(members: Iterable[Task | Group]) -> Iterator[Group]:
    for one in members:
        if isinstance(one, Group):
            yield one
            yield from _groups(one.members)


def _names(tasks: Sequence[Task], taken: Iterable[str]) -> dict[str, str]:
    """Names of variables: the last part of the task's id, and the whole where several end alike."""
    ends = [identifier(task.id.rpartition(".")[2]) for task in tasks]
    names: dict[str, str] = {}
    used = set(taken)
    for task, end in zip(tasks, ends, strict=True):
        name = end if ends.count(end) == 1 else identifier(task.id)
        while name in used:
            name += "_"
        used.add(name)
        names[task.id] = name
    return names


def _lines_of(members: Iterable[Task | Group], names: Mapping[str, str | None], indent: int) -> Iterator[str]:
    space = " " * indent
    for one in members:
        if isinstance(one, Task):
            begin = f"{names[one.id]} = " if names[one.id] else ""
            yield f"{space}{begin}{laid_out(one.operator, indent=indent, before=indent + len(begin))}"
        else:
            groups = _nested(one)
            made = [group.call for group in groups]
            opened = laid_out(made[0], indent=indent, before=indent + len("with "), after=1)
            yield f"{space}with {opened if len(made) == 1 else _several([(call, '') for call in made], indent)}:"
            yield from _lines_of(groups[-1].members, names, indent + STEP)


def _nested(group: Group) -> list[Group]:
    """A group, and those in it that are all that is in the one around them."""
    inner = group.members[0]
    return [group, *(_nested(inner) if len(group.members) == 1 and isinstance(inner, Group) else [])]


def _several(made: Sequence[tuple[Call, str]], indent: int) -> str:
    """What one statement opens, in lines of their own."""
    inner = indent + STEP
    lines = [f"{' ' * inner}{laid_out(call, indent=inner, before=inner, after=len(alias) + 1)}{alias},"
             for call, alias in made]  # fmt: skip
    return "\n".join(["(", *lines, f"{' ' * indent})"])


def _joined(dag: Call, alias: str, group: Group, names: Mapping[str, str | None]) -> str:
    """A DAG with one group, which are opened together."""
    groups = _nested(group)
    opened = _several([(dag, alias), *((one.call, "") for one in groups)], 0)
    body = _lines_of(groups[-1].members, names, STEP)
    return "\n".join([f"with {opened}:", *body, ""])


def _order(tasks: Sequence[Task], names: Mapping[str, str]) -> Iterator[str]:
    """Which task comes before which: tasks with one before them in chains, others behind a list."""
    chains: list[list[str]] = []
    for task in tasks:
        before = [Name(names[one]) for one in task.upstream]
        if not before:
            continue
        name, first = names[task.id], before[0].text if len(before) == 1 else flattened(before)
        ended = next((chain for chain in chains if chain[-1] == first), None)
        if ended and len(" >> ".join([*ended, name])) + STEP <= WIDTH:
            ended.append(name)
        else:
            chains.append([first, name])
    if chains:
        yield ""
    for chain in chains:
        line = f"{' ' * STEP}{' >> '.join(chain)}"
        if len(line) <= WIDTH:
            yield line
        else:
            task = next(one for one in tasks if names.get(one.id) == chain[-1])
            listed = laid_out([Name(names[one]) for one in task.upstream], indent=STEP, before=WIDTH)
            yield f"{' ' * STEP}{listed} >> {chain[-1]}"


def _docstring(summary: str, text: str) -> str:
    told = text.strip().replace('"""', "'''")
    if not told:
        return f'"""{summary}"""\n'
    lines = [
        piece
        for line in told.splitlines()
        for piece in (textwrap.wrap(line, WIDTH, break_on_hyphens=False) if len(line) > WIDTH else [line.rstrip()])
    ]
    raw = "r" if "\\" in told else ""
    return "\n".join([f'{raw}"""{summary}', "", *lines, '"""', ""])


def _imports(needed: Sequence[tuple[str, str | None]]) -> str:
    """The lines of imports, in the order and the blocks of isort."""
    blocks: dict[int, list[str]] = {}
    for module in dict.fromkeys(module for module, _ in needed):
        names = sorted((name for one, name in needed if one == module and name), key=_place_of_name)
        block = blocks.setdefault(_block(module), [])
        if (module, None) in needed:
            block.append(f"import {module}")
        if not names:
            continue
        line = f"from {module} import {', '.join(names)}"
        listed = "".join(f"{' ' * STEP}{name},\n" for name in names)
        block.append(line if len(line) <= WIDTH else f"from {module} import (\n{listed})")
    ordered = (
        "\n".join(sorted(blocks[one], key=lambda line: not line.startswith("import "))) for one in sorted(blocks)
    )
    return "\n\n".join(ordered) + "\n"


def _block(module: str) -> int:
    root = module.partition(".")[0]
    return 0 if root in sys.stdlib_module_names else 2 if root == _OWN else 1


def _place_of_import(one: tuple[str, str | None]) -> tuple[int, str, str]:
    return _block(one[0]), one[0].lower(), one[1] or ""


def _place_of_name(name: str) -> tuple[int, str]:
    return (0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2), name.lower()
