"""``azml schedule``: what schedule files say, and which schedules a workspace has."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_azml.cli import schedule_list
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec.schedule_explanations import MOMENT, explain
from airflow_provider_azml.spec.source import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_azml.spec.schedule_explanations import Explanation, Firing

WIDTH = 100
_MOST = 1000
_READINGS = ("standard", "service")
_SECOND = dt.timedelta(seconds=1)

_EXPLAIN = """\
Nothing is sent, and neither network nor credentials are needed. The file is read as azml_dag reads it, with the file of
its job. On standard output: what it says, when it fires next, and what is to be minded (clocks that are moved, short
months, fields that Azure ML ignores, starts and ends). What is wrong with it goes to standard error, each problem as a
line, file:line:column: dotted.path: reason.

exit codes: 0 explained, 1 the file has errors, 2 the command line is wrong

examples:
  azml schedule explain retrain_schedule.yml
  azml schedule explain --count 30 --after 2026-03-28 retrain_schedule.yml
  azml schedule explain --job pipeline.yml v1_schedule.yml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what ``azml schedule`` does, and the options of each."""
    acts = parser.add_subparsers(metavar="ACT", required=True)
    explained = acts.add_parser(
        "explain",
        help="say in words what a schedule file says, and when it fires next",
        description="Say in words what a schedule file says, and when it fires next.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EXPLAIN,
    )
    explained.add_argument("file", type=Path, metavar="FILE", help="a schedule file of the AML CLI, v2 or v1")
    explained.add_argument(
        "--count", type=_count, default=10, metavar="N", help="how many firings to list (default: %(default)s)"
    )
    explained.add_argument(
        "--after",
        metavar="TIME",
        type=_time,
        help="list them from then on, e.g. 2026-03-28T12:00 in the schedule's zone, or with an offset (default: now)",
    )
    explained.add_argument(
        "--cron-fields",
        choices=_READINGS,
        help="whether days and months of a cron expression count (standard, the default) or are ignored as Azure ML"
        " ignores them (service)",
    )
    explained.add_argument(
        "--job",
        metavar="JOB",
        help="for a file of CLI v1, which does not say it: the job's file, relative to the schedule's folder, or"
        " azureml:NAME of a job that ran",
    )
    explained.set_defaults(act=run_explain)
    listed = acts.add_parser(
        "list",
        help="list the schedules of a workspace, of CLI v2 and v1",
        description="List the schedules of a workspace, of CLI v2 and v1.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=schedule_list.EPILOG,
    )
    schedule_list.add_arguments(listed)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    code: int = arguments.act(arguments)
    return code


def run_explain(arguments: argparse.Namespace) -> int:
    """Print what a schedule file says."""
    after = arguments.after or dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    try:
        explanation = explain(
            read(arguments.file),
            after=after,
            count=arguments.count,
            job=arguments.job,
            cron_fields=arguments.cron_fields,
        )
    except SpecError as error:
        sys.stderr.writelines(f"{problem}\n" for problem in error.problems)
        return 1
    sys.stdout.write(as_text(arguments.file, explanation, after, arguments.count))
    return 0


def as_text(file: Path, explanation: Explanation, after: dt.datetime, count: int) -> str:
    """The explanation for people, at most :data:`WIDTH` columns wide."""
    title = f"{explanation.name}, {explanation.display_name}" if explanation.display_name else explanation.name
    lines = [f"{title} ({file})"]
    if explanation.description:
        lines += _wrapped(explanation.description)
    width = max(len(name) for name, _ in explanation.facts)
    lines += ["", *(line for name, text in explanation.facts for line in _wrapped(text, f"  {name:<{width}}  "))]
    if explanation.zone is not None:
        lines += ["", *_next(explanation, after, count)]
    if explanation.warnings:
        lines += ["", "Mind:", *(line for told in explanation.warnings for line in _wrapped(told, "- "))]
    return "\n".join([*lines, ""])


def _next(explanation: Explanation, after: dt.datetime, count: int) -> Iterable[str]:
    zone, firings = explanation.zone, explanation.firings
    assert zone is not None
    since = (after if after.tzinfo else after.replace(tzinfo=zone)).astimezone(zone)
    shown = f"{since:{MOMENT}:%S}, {zone.key}"
    if not firings:
        yield f"It does not fire after {shown}."
        return
    some = f"next {len(firings)} times" if len(firings) > 1 else "next time"
    all_ = " and last" if len(firings) < count else ""
    yield f"The {some.replace('next', f'next{all_}', 1)} that it fires after {shown}:"
    yield ""
    yield from _table(firings, zone.key)


def _table(firings: Sequence[Firing], zone: str) -> Iterable[str]:
    rows = [("", zone, "", "" if zone == "UTC" else "UTC", "")]
    seconds = ":%S" if any(firing.at.second for firing in firings) else ""
    for number, firing in enumerate(firings, start=1):
        offset = firing.at.strftime("%z")
        utc = "" if zone == "UTC" else firing.at.astimezone(dt.timezone.utc).strftime(f"{MOMENT}{seconds}")
        local = firing.at.strftime(f"{MOMENT}{seconds}")
        rows.append((str(number), local, f"{offset[:3]}:{offset[3:5]}", utc, firing.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number_, *cells in rows:
        padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths[1:], strict=True)]
        local, offset, *more = padded
        yield f"  {number_:>{widths[0]}}  {local} {offset}  {'  '.join(more)}".rstrip()


def _wrapped(text: str, head: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST}")
    return int(text)


def _time(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-01-31T09:00") from error
