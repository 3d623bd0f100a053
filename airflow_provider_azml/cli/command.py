"""What the commands of ``azml`` have in common: their shape, and the options that those for AML files share."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Protocol

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import yaml_text
from airflow_provider_azml.spec.table import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_azml.rest.flows import Json

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Command(Protocol):
    """A module that holds a command."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say how AML files are to be read."""
    parser.add_argument(
        "--kind",
        choices=tuple(KINDS),
        metavar="KIND",
        help=f"what the files are, where neither $schema nor type tells: {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="take warnings for errors: what 'az ml' sends although the service refuses it",
    )
    parser.add_argument(
        "--set",
        action="append",
        type=_setting,
        default=[],
        metavar="KEY=VALUE",
        help="put a value over the file's, e.g. endpoint_name=sales or resources.instance_count=4; repeatable",
    )
    parser.add_argument(
        "--var",
        action="append",
        type=_variable,
        default=[],
        metavar="NAME=VALUE",
        help="fill in a template, e.g. ds=2024-01-01 or params.nodes=4 for {{ ds }} and {{ params.nodes }}; repeatable",
    )
    parser.add_argument(
        "--no-templates",
        action="store_true",
        help="take {{ }} for text of yours, as 'az ml' does and AzmlHook.apply; operators fill it in",
    )
    parser.add_argument(
        "--follow-symlinks",
        action="store_true",
        help="upload what links inside local folders lead to, even outside of them",
    )


def nested(given: Iterable[tuple[tuple[str, ...], object]]) -> Json:
    """The values of ``--var`` or ``--set``, dotted names as mappings in mappings."""
    result: Json = {}
    for path, value in given:
        here = result
        for step in path[:-1]:
            inside = here.get(step)
            here[step] = inside if isinstance(inside, dict) else {}
            here = here[step]
        here[path[-1]] = value
    return result


def is_name(text: str) -> bool:
    """Whether ``--var`` can give it a value."""
    return _NAME.fullmatch(text) is not None


def _setting(text: str) -> tuple[tuple[str, ...], object]:
    key, equals, value = text.partition("=")
    if not (equals and key):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    try:
        return tuple(key.split(".")), yaml_text.parse(value, text)[0]
    except SpecError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _variable(text: str) -> tuple[tuple[str, ...], str]:
    name, equals, value = text.partition("=")
    if not (equals and is_name(name)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return tuple(name.split(".")), value
