"""The console script ``azml``: one module a command, each with ``add_arguments`` and ``run``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_azml.cli.command import Command

_INTERRUPTED = 130


@dataclass(frozen=True)
class _Row:
    """A command: the module that holds it, and what it does."""

    module: str
    summary: str


_COMMANDS = {
    "validate": _Row("airflow_provider_azml.cli.validate", "check AML files, and list what they would upload"),
    "translate": _Row(
        "airflow_provider_azml.cli.translate", "show the requests that AML files amount to; write those of CLI v1 anew"
    ),
    "template": _Row("airflow_provider_azml.cli.template", "print a commented AML file to start from"),
    "schedule": _Row("airflow_provider_azml.cli.schedule", "explain schedule files, and list schedules of a workspace"),
    "folder": _Row("airflow_provider_azml.cli.folder", "attach folders to a workspace"),
    "environment": _Row("airflow_provider_azml.cli.environment", "begin and fetch environments as files of CLI v1"),
    "emulator": _Row(
        "airflow_provider_azml.emulator.cli",
        "run a local Azure Machine Learning on loopback; it runs the code of jobs and deployments as you",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named first.

    Returns:
        The exit code: 0, 1 when what was asked about is not as it should be, 2 when the command line is not.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="azml",
        description="Azure Machine Learning files on the command line.",
        epilog="'azml COMMAND --help' shows what a command takes.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    parsers = {
        name: commands.add_parser(name, help=row.summary, description=_sentence(row.summary))
        for name, row in _COMMANDS.items()
    }
    chosen = _COMMANDS.get(given[0]) if given else None
    if not chosen:
        parser.parse_args(given)  # shows the help, or ends with what is wrong
        return 0
    command: Command = importlib.import_module(chosen.module)  # no other: the help of one must not load all
    command.add_arguments(parsers[given[0]])
    return _run(command, parser.parse_args(given))


def _run(command: Command, arguments: argparse.Namespace) -> int:
    try:
        return command.run(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."
