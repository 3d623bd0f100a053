"""The console script itself: its help, its exit codes, and what it loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.test_import_budget import HEAVY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Done

AZML = Path(sys.executable).parent / "azml"
COMMANDS = ("validate", "translate", "template", "schedule", "folder", "environment", "emulator")


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([AZML, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command(azml: Callable[..., Done]) -> None:
    done = azml("--help")
    assert done.code == 0
    assert all(command in done.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(azml: Callable[..., Done], command: str) -> None:
    done = azml(command, "--help")
    assert done.code == 0
    assert done.out.startswith(f"usage: azml {command} ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("destroy",),
        ("validate",),
        ("validate", "--kind", "banana", "a.yml"),
        ("validate", "--var", "ds", "a.yml"),
        ("validate", "--set", "name", "a.yml"),
        ("validate", "--set", "name=[", "a.yml"),
        ("translate", "--to", "cobol", "a.yml"),
        ("template",),
        ("template", "job", "--type", "banana"),
        ("emulator", "--http-port", "x"),
    ],
)
def test_a_wrong_command_line_ends_with_2(azml: Callable[..., Done], arguments: tuple[str, ...]) -> None:
    done = azml(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "error: " in done.err


def test_the_script_ends_with_the_command_s_code(folder: Path) -> None:
    assert script("validate", "train.yml").returncode == 0
    failed = script("validate", "none.yml")
    assert (failed.returncode, failed.stdout) == (1, "none.yml: there is no such file\n")
    assert script("template", "data").stdout.startswith("# ")


def test_output_that_nobody_reads_is_no_error() -> None:
    done = subprocess.run(
        f"'{AZML}' template compute | head -1", shell=True, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("# ")
    assert done.stderr == ""


def test_checking_loads_neither_airflow_nor_azure(folder: Path) -> None:
    program = (
        "import sys; from airflow_provider_azml.cli import main; main(['validate', 'train.yml']);"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy = (HEAVY | {"airflow", "jinja2"}) - {"dateutil", "jsonschema", "yaml"}  # jsonschema itself loads dateutil
    assert not set(done.stdout.split()) & heavy
