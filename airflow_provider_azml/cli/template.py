"""``azml template``: an AML file to start from, made from the schema of its kind."""

from __future__ import annotations

import argparse
import sys
import textwrap
from importlib import resources
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.cli import samples
from airflow_provider_azml.cli.schema_keys import Form, Node, forms
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPILOG = """\
The file goes to standard output and passes 'azml validate' as it is. It holds every key that something is sent for:
those that must be there are filled in, the others stand behind a #. Remove the # to use one.

exit codes: 0 printed, 2 there is no such kind or type

examples:
  azml template --list
  azml template job > train.yml
  azml template job --type pipeline > pipeline.yml
"""
_WIDTH = 110
_POINTLESS = (
    "nothing is sent for it",
    "not sent",
    "Older name",
    "The same as",
    "does not carry",
    "Not for",
)
"""What descriptions say of keys that no new file needs."""
_HEAD = "Keys behind a # may be left out; remove the # to use one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``azml template``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "kind", nargs="?", choices=tuple(KINDS), metavar="KIND", help=f"what the file is for: {', '.join(KINDS)}"
    )
    parser.add_argument("--type", metavar="TYPE", help="which form of it; by default the usual one")
    parser.add_argument("--list", action="store_true", help="list kind, type and schema file of all templates")
    parser.set_defaults(fail=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Print a template, or what templates there are."""
    if arguments.list:
        for form in (form for kind in KINDS for form in forms(kind)):
            sys.stdout.write(f"{form.kind:<18} {form.type or '-':<22} {form.file}\n")
        folder = resources.files("airflow_provider_azml.spec") / "schemas"
        sys.stderr.write(f"The schema files are in {folder}\n")
        return 0
    if not arguments.kind:
        arguments.fail("KIND or --list is needed")
    known = {form.type: form for form in forms(arguments.kind)}
    type_ = arguments.type or next(iter(known))
    if type_ not in known:
        types = ", ".join(filter(None, known)) or "none"
        arguments.fail(f"{arguments.kind} has no type {type_!r}; its types: {types}")
    sys.stdout.write(template(known[type_]))
    return 0


def template(form: Form) -> str:
    """The template of a form."""
    given = samples.filled_in(form.kind, form.fixed)
    node = form.node
    left_out = samples.left_out(form.kind, form.type)
    keys = {
        name: member for name, member in node.properties.items() if name not in left_out and not _is_pointless(member)
    }
    filled = [name for name in keys if name in given or name in node.required]
    optional = [name for name in keys if name not in filled]
    lines = [*_prose(f"{node.title or form.kind}: {node.description}", ""), *_prose(_HEAD, "")]
    for name in filled:
        value = given.get(name, samples.MISSING)
        lines += [
            "",
            *_entry(name, _example(keys[name], (name,), form) if value is samples.MISSING else value, keys[name]),
        ]
    for name in optional:
        other = samples.instead(name, form.kind, form.type)
        entry = [
            *(_prose(f"Instead of {other}.", "") if other else ()),
            *_entry(name, _example(keys[name], (name,), form), keys[name]),
        ]
        prose = [line for line in entry if line.startswith("# ")]
        lines += ["", *prose, *(f"#{line}" for line in entry[len(prose) :])]
    return "\n".join(lines) + "\n"


def _entry(name: str, value: object, node: Node, indent: str = "") -> list[str]:
    """A key, its value and, above each key, what it is for."""
    lines = _prose(node.description, indent)
    if isinstance(value, dict) and value:
        return [*lines, f"{indent}{name}:", *_members(value, node, f"{indent}  ")]
    if isinstance(value, list) and value and isinstance(value[0], dict) and value[0]:
        lines.append(f"{indent}{name}:")
        for item in value:
            members = _members(item, node.items or Node({}), f"{indent}    ")
            first = next(place for place, line in enumerate(members) if not line.lstrip().startswith("#"))
            members[first] = f"{indent}  - {members[first].lstrip()}"
            lines += members
        return lines
    return [*lines, f"{indent}{name}: {_flow(value)}"]


def _members(value: Mapping[str, Any], node: Node, indent: str) -> list[str]:
    keys = _form_of(value, node).properties
    others = _form_of(value, node).values or Node({})
    lines: list[str] = []
    for key, member in value.items():
        lines += _entry(key, member, keys.get(key, others), indent)
    return lines


def _form_of(value: Mapping[str, Any], node: Node) -> Node:
    """The alternative that a mapping is an instance of."""
    for branch in node.alternatives:
        found = _form_of(value, branch)
        if value.keys() <= found.properties.keys():
            return found
    return node


def _example(node: Node, path: tuple[str, ...], form: Form) -> Any:  # any value that an AML file can have
    """A plausible value."""
    known = samples.known(path, form.kind, form.type)
    if known is not samples.MISSING:
        return known
    if node.alternatives and not node.properties:
        return _example(node.alternatives[0], path, form)
    if node.properties:
        return {
            name: _example(member, (*path, name), form)
            for name, member in node.properties.items()
            if not _is_pointless(member) and (name in node.required or len(path) < samples.DEEPEST)
        }
    if node.items:
        return [_example(node.items, path, form)]
    if node.values and "object" in node.types:
        return {samples.CHOSEN_NAME: _example(node.values, (*path, samples.CHOSEN_NAME), form)}
    return samples.plain(path[-1], node.types, node.choices)


def _is_pointless(node: Node) -> bool:
    if node.types == ["null"] or node.get("x-not-sent"):
        return True
    return any(words in node.description for words in _POINTLESS)


def _prose(text: str, indent: str) -> list[str]:
    return [f"{indent}# {line}" for line in textwrap.wrap(text, _WIDTH - len(indent), break_long_words=False)]


def _flow(value: object) -> str:
    """A value on one line of YAML."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
