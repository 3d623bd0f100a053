"""What of a folder is left out of an upload, by its ``.amlignore``, else its ``.gitignore``, as azure-ai-ml reads them.

Not pathspec: which files ``data/*`` leaves out has changed between its versions, and with the files the hash by which
the service finds them again. See docs/decisions/0005-ignore-files-as-azure-ai-ml-reads-them.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NAMES = (".amlignore", ".gitignore")

_PIECE = re.compile(
    r"""\\(?P<escaped>.?)
    | \[(?P<set>!(?:\][^\]]*|[^\]]+)|\][^\]]*|[^\]!][^\]]*)\]
    | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_WILD = {"*": "[^/]*", "?": "[^/]"}
_DOUBLED = re.compile(r"[\[&~|\\]")
_ESCAPED = r"\\\g<0>"


class PatternError(ValueError):
    """A line of an ignore file is no pattern."""


@dataclass(frozen=True)
class IgnoreFile:
    """The patterns of an ignore file; the last one that matches decides.

    Args:
        path: The file.
        base: The folder that its patterns are relative to.
        rules: Patterns of one kind that follow each other are one rule: whether it leaves out, and what it matches.
        folders: What a folder matches, with a slash after it, if nothing in it can be kept.
    """

    path: Path
    base: str
    rules: Sequence[tuple[bool, re.Pattern[str]]]
    folders: re.Pattern[str] | None

    def excludes(self, name: str) -> bool:
        """Whether a path, relative to the base and without a slash at its end, is left out."""
        return next((excludes for excludes, pattern in reversed(self.rules) if pattern.match(name)), False)

    def excludes_all_below(self, folder: str) -> bool:
        """Whether it is sure that nothing below a folder is kept, so that nobody needs to look into it.

        A later pattern that takes files back may take back some of any folder, as azure-ai-ml reads them.
        """
        return self.folders is not None and self.folders.match(f"{folder}/") is not None


def find(folder: Path) -> Path | None:
    """The file that decides what of a folder is left out; those of folders below it have no say."""
    return next((folder / name for name in NAMES if (folder / name).exists()), None)


def read(file: Path) -> IgnoreFile:
    """Read an ignore file.

    Raises:
        OSError: It cannot be read.
        PatternError: It is no UTF-8, or a line in it is no pattern.

    Source: azure-ai-ml 1.35.2, ``IgnoreFile``: UTF-8, relative to the folder in which the file is once links
    are followed.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise PatternError(f"{file.name} is not UTF-8; save it as UTF-8") from error
    patterns = []
    for number, line in enumerate(lines, 1):
        try:
            excludes, pattern = _translated(line)
            re.compile(pattern)
        except (PatternError, re.error) as error:
            raise PatternError(f"{file.name}:{number}: {line.strip()!r} is no pattern: {error}") from error
        if pattern:
            patterns.append((excludes, pattern))
    runs = [(excludes, [one for _, one in run]) for excludes, run in groupby(patterns, key=lambda pair: pair[0])]
    last = runs[-1][1] if runs and runs[-1][0] else []
    # a set of characters may stand for a slash, so that it says nothing of what is further below
    whole = [pattern for pattern in last if "[" not in pattern.replace("[^/]", "")]
    return IgnoreFile(
        file,
        str(file.resolve().parent),
        [(excludes, re.compile("|".join(run))) for excludes, run in runs],
        re.compile("|".join(whole)) if whole else None,
    )


def _translated(line: str) -> tuple[bool, str]:
    """Whether a line leaves files out or takes them back, and the regular expression of their paths.

    Source: azure-ai-ml 1.35.2, which has a copy of pathspec 0.9 (``GitWildMatchPattern``): what ends without a slash
    stands for a file, or for a folder with all that is in it, also when it ends in ``/*``.
    """
    text = line.strip()
    if not text or text.startswith("#") or text == "/":
        return True, ""
    excludes, text = not text.startswith("!"), text.removeprefix("!")
    if not text:
        raise PatternError("there is nothing after '!'")
    parts = text.split("/")
    parts = [part for part, before in zip(parts, ("", *parts), strict=False) if not part == before == "**"]
    if parts == ["**", ""]:
        return excludes, "^.+/.*$"
    if not parts[0]:
        parts = parts[1:]
    elif len(parts) == 1 or (len(parts) == 2 and not parts[1]):  # noqa: PLR2004 (a name, perhaps with a slash after it)
        parts = ["**", *parts] if parts[0] != "**" else parts
    if len(parts) > 1 and not parts[-1]:
        parts[-1] = "**"
    return excludes, f"^{_path(parts)}$"


def _path(parts: Sequence[str]) -> str:
    """The regular expression of a path from those of its parts."""
    last, text, slash = len(parts) - 1, "", ""
    for place, part in enumerate(parts):
        if part != "**":
            text += f"{slash}{_name(part)}" + ("(?:/.*)?" if place == last else "")
            slash = "/"
        elif place == 0:
            text += "(?:.+/)?" if last else ".+"
        elif place == last:
            text += "/.*"
        else:
            text += "(?:/.+)?"
            slash = "/"
    return text


def _name(part: str) -> str:
    """The regular expression of one name of a path."""
    return "[^/]+" if part == "*" else "".join(map(_piece, _PIECE.finditer(part)))


def _piece(found: re.Match[str]) -> str:
    if found["other"]:
        return _WILD.get(found["other"]) or re.escape(found["other"])
    if found["set"] is None:
        if not found["escaped"]:
            raise PatternError("a backslash at its end")
        return re.escape(found["escaped"])
    negated, members = found["set"].startswith("!"), found["set"].removeprefix("!")
    caret = not negated and members.startswith("^")  # in a set of names it is a character like any other
    return f"[{'^' * negated}{chr(92) * caret}{_DOUBLED.sub(_ESCAPED, members)}]"
