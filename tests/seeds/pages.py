"""How-to pages that say, command by command, what replaces ``az``; their code runs here as it stands there.

A block of code on such a page is a list of entries. An entry begins with the old command, or call of the SDK, behind
``#``; what follows, up to the next one, replaces it: Python whose last expression is an operator or a value, or command
lines behind ``$``.
"""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCS = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ("moving-from-cli-v1.md", "workspaces.md")
_BEGINS = re.compile(r"# (az |[\w.]+\()")
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """What replaces a command.

    Args:
        page: The page.
        command: The command, as the page has it.
        language: ``python`` or ``console``.
        code: What replaces it.
    """

    page: str
    command: str
    language: str
    code: str


def words(command: str) -> tuple[str, ...]:
    """A command, however it is wrapped and quoted; lines that begin with # are none of it."""
    lines = [line for line in command.splitlines() if not line.startswith("#")]
    return tuple(shlex.split(" ".join(line.removesuffix("\\") for line in lines)))


@cache
def entries() -> Mapping[tuple[str, ...], Entry]:
    """All entries, by the words of their commands."""
    return {words(entry.command): entry for page in PAGES for entry in of_page(page)}


def of_page(page: str) -> Iterator[Entry]:
    """The entries of a page."""
    for language, code in _FENCED.findall((DOCS / page).read_text(encoding="utf-8")):
        command, lines, joined = "", list[str](), False
        for line in [*code.splitlines(), "# az "]:
            if joined or _BEGINS.match(line):
                if not joined:
                    if command:
                        yield Entry(page, command, language, "\n".join(lines).strip())
                    command, lines = "", []
                command += line.removeprefix("#").strip().removesuffix("\\")
                joined = line.endswith("\\")
                command += " " if joined else ""
            else:
                lines.append(line)


def preamble(page: str) -> str:
    """What the entries of a page have before them: its Python blocks without an entry."""
    found = _FENCED.findall((DOCS / page).read_text(encoding="utf-8"))
    return "\n".join(code for language, code in found if language == "python" and not _BEGINS.match(code))


def value(entry: Entry, names: Mapping[str, Any], file: Path) -> Any:
    """What the last expression of an entry is, after all before it was done.

    Args:
        entry: The entry, in Python.
        names: What its page begins with.
        file: The DAG file that it stands in.
    """
    *before, last = ast.parse(entry.code).body
    assert isinstance(last, ast.Expr), entry.code
    own = dict(names)
    exec(compile(ast.Module(before, []), file, "exec"), own)
    return eval(compile(ast.Expression(last.value), file, "eval"), own)
