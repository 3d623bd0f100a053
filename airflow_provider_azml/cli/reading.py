"""Reading and checking AML files as the options of a command say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_azml.cli.command import is_name, nested
from airflow_provider_azml.cli.templates import Templates, is_open
from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import checks, kinds, marks
from airflow_provider_azml.spec.source import as_written, for_service
from airflow_provider_azml.spec.v1 import formats

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_SHOWN = 10
TEMPLATE_HINT = "--no-templates takes {{ }} for text; in a DAG, {% raw %} and {% endraw %} around it do"


@dataclass(frozen=True)
class Reading:
    """How files are read and checked.

    Args:
        templates: Renders their texts; ``None`` to take them as they are.
        overrides: Values over those of the files.
        kind: Their kind; ``None`` for what they tell themselves.
        strict: Whether warnings are errors.
        follow_symlinks: Whether links may lead out of local folders.
    """

    templates: Templates | None
    overrides: Json
    kind: str | None = None
    strict: bool = False
    follow_symlinks: bool = False

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Reading:
        """The reading that the options of ``add_file_options`` ask for."""
        templates = None if arguments.no_templates else Templates(nested(arguments.var))
        return cls(templates, nested(arguments.set), arguments.kind, arguments.strict, arguments.follow_symlinks)

    def as_written(self, file: Path) -> Source:
        """The content of a file; one of CLI v1 stays as it is.

        Raises:
            SpecError: It cannot be read.
        """
        render = self.templates.render if self.templates else None
        return as_written(file, render=render, follow_symlinks=self.follow_symlinks)

    def read(self, file: Path) -> Source:
        """The content of a file; one of CLI v1 as what it is today, if it says by itself all that this takes.

        Raises:
            SpecError: It cannot be read.
        """
        written = self.as_written(file)
        found = formats.of(written)
        is_all = found is None or (found.translation and (found.is_whole(written) or self.overrides))
        return for_service(formats.of_today(written), self.overrides) if is_all else written

    def problems(self, source: Source) -> Sequence[Problem]:
        """What is wrong with a file, as far as its values are known: those of open templates are not."""
        of_v1 = formats.of(source)
        try:
            if checks.is_checks(source.value) and not self.kind:
                found: Sequence[Problem] = checks.problems(source)
            else:
                found = of_v1.check(source) if of_v1 else kinds.check(source, self.kind, strict=self.strict)
        except SpecError as error:
            found = error.problems
        left_open = _left_open(source) if self.templates and self.templates.left_open else frozenset()
        return [problem for problem in found if (problem.file, problem.line, problem.column) not in left_open]

    def open_note(self) -> str | None:
        """What to tell about templates that were left open."""
        names = list(self.templates.left_open) if self.templates else []
        if not names:
            return None
        first = next(filter(is_name, names), None)
        hint = f"; --var {first}=VALUE fills one in" if first else ""
        more = [f"and {len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        return f"not checked, because they are templates: {', '.join([*names[:_SHOWN], *more])}{hint}"


def _left_open(source: Source) -> frozenset[tuple[str, int, int]]:
    """Where values and keys stand that are not known, in the file and in those that it pulled in.

    What is wrong with the key of such a value is told all the same: it stands elsewhere.
    """
    found = set()
    for value, placed in ((source.value, source.marks), *source.opened.files.values()):
        for path, member in marks.members(value):
            mark = placed.at(path)
            if path and is_open(str(path[-1])):
                found |= {(mark.file, mark.line, mark.column), (mark.file, *(mark.key or (0, 0)))}
            elif isinstance(member, str) and is_open(member):
                found.add((mark.file, mark.line, mark.column))
    return frozenset(found)
