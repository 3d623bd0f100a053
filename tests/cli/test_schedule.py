"""``azml schedule``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done

pytestmark = pytest.mark.usefixtures("folder")

DOCS = Path(__file__).parents[2] / "docs"
SCHEDULE = f"""\
$schema: {SCHEMAS}/schedule.schema.json
name: retrain
display_name: Retrain at night
description: Every Sunday.
trigger:
  type: recurrence
  frequency: week
  interval: 1
  schedule: {{hours: 2, minutes: 30, week_days: [sunday]}}
  start_time: "2027-01-01T00:00:00"
  time_zone: W. Europe Standard Time
create_job: ./train.yml
"""
EXPLAINED = """\
retrain, Retrain at night (retrain.yml)
Every Sunday.

  fires    every week on Sunday at 02:30
  zone     W. Europe Standard Time, which is Europe/Berlin
  start    Fri 2027-01-01 00:00, which is past
  submits  train.yml, a command job

The next 3 times that it fires after Sun 2027-03-21 12:00:00, Europe/Berlin:

     Europe/Berlin                UTC
  1  Sun 2027-03-28 03:30 +02:00  Sun 2027-03-28 01:30  instead of 02:30
  2  Sun 2027-04-04 02:30 +02:00  Sun 2027-04-04 00:30
  3  Sun 2027-04-11 02:30 +02:00  Sun 2027-04-11 00:30

Mind:
- Its start is past: it fires at the next of its times. What was due before is not made up for,
  unless the DAG is given catchup=True.
- On Sun 2027-03-28 clocks go from 02:00 to 03:00: instead of 02:30 it fires at 03:30.
- On Sun 2027-10-31 clocks go back from 03:00 to 02:00: at 02:30, which they show twice, it fires
  the first time alone (+02:00).
"""


def test_a_file_is_explained(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "retrain.yml").write_text(SCHEDULE)
    done = azml("schedule", "explain", "--count", "3", "--after", "2027-03-21T12:00", "retrain.yml")
    assert done == (0, EXPLAINED, "")
    assert max(map(len, done.lines)) <= 100


def test_the_page_shows_what_is_printed(folder: Path, azml: Callable[..., Done]) -> None:
    page = (DOCS / "how-to/schedules.md").read_text().partition("## Explain a schedule")[2]
    blocks = dict(re.findall(r"```(yaml|console)\n(.*?)```", page.partition("\n## ")[0], re.DOTALL))
    (folder / "retrain_schedule.yml").write_text(blocks["yaml"])
    (folder / "pipeline.yml").write_text(
        "type: pipeline\njobs: {fit: {command: echo, environment: azureml:e:1, compute: azureml:cpu}}\n"
    )
    command, _, shown = blocks["console"].partition("\n")
    done = azml(*command.removeprefix("$ azml ").split())
    assert (done.code, done.err) == (0, "")
    assert done.out.partition("\nMind:\n")[0] == shown
    told = done.out.partition("\nMind:\n")[2]
    assert "Azure ML ignores the days and months" in told


def test_all_that_is_wrong_is_said_with_its_line(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "retrain.yml").write_text(SCHEDULE.replace("interval: 1", "interval: 0").replace("train.yml", "no.yml"))
    done = azml("schedule", "explain", "retrain.yml")
    assert (done.code, done.out) == (1, "")
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["retrain.yml:8:13", "retrain.yml:12:13"]


def test_a_file_of_another_kind_is_no_schedule(azml: Callable[..., Done]) -> None:
    assert azml("schedule", "explain", "train.yml") == (1, "", "train.yml:1:1: is a job, and no schedule\n")


def test_the_file_of_a_v1_schedule_takes_its_job_from_the_command_line(folder: Path, azml: Callable[..., Done]) -> None:
    (folder / "old.yml").write_text(
        "Schedule: {recurrence: {frequency: Hour, interval: 5, start_time: '2027-01-01T10:00:00'}}\n"
    )
    done = azml("schedule", "explain", "--job", "train.yml", "--after", "2027-01-01T00:00Z", "--count", "1", "old.yml")
    assert (done.code, done.err) == (0, "")
    assert "  submits  train.yml, a command job" in done.lines
    assert "  1  Fri 2027-01-01 10:00 +00:00" in done.lines
    assert "The next time that it fires after Fri 2027-01-01 00:00:00, UTC:" in done.lines
    missing = azml("schedule", "explain", "--job", "no.yml", "old.yml")
    assert (missing.code, "there is no such file" in missing.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--count", "0"), "'0' is no number from 1 to 1000"),
        (("--after", "tomorrow"), "'tomorrow' is no time; write 2026-01-31T09:00"),
        (("--cron-fields", "quartz"), "invalid choice: 'quartz'"),
    ],
)
def test_a_wrong_command_line(azml: Callable[..., Done], arguments: tuple[str, ...], told: str) -> None:
    done = azml("schedule", "explain", *arguments, "train.yml")
    assert done.code == 2
    assert told in done.err
