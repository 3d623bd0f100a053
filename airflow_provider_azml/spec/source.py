"""AML files and mappings as the user wrote them: values, where each stands, and the folder that paths start from."""

from __future__ import annotations

import codecs
import logging
import re
import stat
import traceback
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import marks as positions
from airflow_provider_azml.spec import plain_values, yaml_text
from airflow_provider_azml.spec.marks import Marks
from airflow_provider_azml.spec.opened import Opened
from airflow_provider_azml.spec.templating import is_template, shield

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_azml.exceptions import Severity
    from airflow_provider_azml.rest.flows import Json

_log = logging.getLogger(__name__)
_ENDING_OF_V1 = ".runconfig"
MAX_BYTES = 10_000_000
MAPPING = "<mapping>"
OVERRIDES = "<overrides>"
TEMPLATE_FAILS = "the template fails"
"""How problems of templates begin."""
_SCHEDULE, _JOB = "Schedule", "create_job"
_PIPELINE = frozenset({"pipeline"})
MAY_BE_V1 = frozenset({
    *_PIPELINE,
    _SCHEDULE,
    *("framework", "script", "target", "communicator", "nodeCount"),  # run configurations
    *("sampling", "policy"),  # of HyperDrive
    *("python", "docker", "environmentVariables"),  # environments
    "datasetType",
    "entryScript",  # inference configurations
    "computeType",  # deployment configurations
})
"""Keys of which each format of CLI v1 has one, and files of today have none; whoever has one is looked at closely."""
_LONGEST_CHAIN = 50
_SHORT = 4
_LONGEST_KEPT = 10_000
"""Characters of a file that is kept once it was read; those of components have fewer."""
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_NO_FILES = {
    stat.S_IFDIR: "a folder; name the file in it",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class Source:
    """What is to be submitted, as its author wrote it: a file, a mapping, or a part of one.

    Args:
        value: The mapping.
        base_path: Folder that relative paths in it start from.
        file: The file that it was read from; ``None`` for a mapping.
        marks: Where its values stand.
        render: What the text of every AML file that it pulls in is put through before it is parsed.
        place: Keys that lead to it in its file; empty for a whole file.
        above: The files that pulled this one in, outermost first.
        opened: What was read so far for the same submission.
        notes: What there is to tell of it besides what is wrong: choices that were made for a file of CLI v1.
    """

    value: Json = field(repr=False)
    base_path: Path
    file: Path | None = None
    marks: Marks = field(default_factory=lambda: Marks(MAPPING))
    render: Callable[[str], str] | None = None
    place: positions.Path = ()
    above: tuple[Path, ...] = ()
    opened: Opened = field(default_factory=Opened, repr=False, compare=False)
    notes: tuple[Problem, ...] = field(default=(), repr=False, compare=False)

    def problem(
        self, path: positions.Path, reason: str, *, at_key: bool = False, severity: Severity = "error"
    ) -> Problem:
        """A problem with the value at a path, or with its key."""
        mark = self.marks.at(path)
        line, column = mark.key if at_key and mark.key else (mark.line, mark.column)
        return Problem(mark.file, line, column, positions.dotted((*self.place, *path)), reason, severity)

    def at(self, *path: str | int) -> Source:
        """The mapping at a path as a source of its own; an empty one where there is no mapping."""
        value = self.value_at(path)
        found, marks, place = value if isinstance(value, dict) else {}, self.marks.at(path), (*self.place, *path)
        return Source(found, self.base_path, self.file, marks, self.render, place, self.above, self.opened)

    def value_at(self, path: positions.Path) -> object:
        """The value at a path, ``None`` where there is none."""
        value: object = self.value
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def pulled(self, path: str, *, at: positions.Path | None = None) -> Source:
        """Another AML file that this one names.

        Args:
            path: Its path, relative to this file's folder; ``file:`` may stand before it, as azure-ai-ml takes it.
            at: Where this source names it; a file that cannot be read is a problem of that place.

        Raises:
            SpecError: It cannot be read, or it pulls in itself.
        """
        named = path.removeprefix("file:")
        shown = self.shown(named)
        resolved = self.local(named)
        circle = [*self.above, *([self.opened.real(self.file)] if self.file else [])]
        if resolved in circle:
            way = " -> ".join(file.name for file in [*circle[circle.index(resolved) :], resolved])
            raise self._not_pulled(shown, at, f"the files pull each other in, in a circle: {way}")
        if len(circle) > _LONGEST_CHAIN:
            raise self._not_pulled(shown, at, f"more than {_LONGEST_CHAIN} files pull each other in")
        if resolved not in self.opened.files:
            try:
                # of files of v1, today's files pull in pipelines alone; those of v1 pull in others as they are
                written = as_written(shown, render=self.render)
                found = written if _PIPELINE.isdisjoint(written.value) else _of_today(written)
            except SpecError as error:
                (first, *_) = error.problems
                if first.line:  # in the file itself
                    raise
                raise self._not_pulled(shown, at, first.reason) from error
            self.opened.files[resolved] = (found.value, found.marks)
        value, marks = self.opened.files[resolved]
        folder = shown.absolute().parent
        return Source(value, folder, shown, marks, self.render, above=tuple(circle), opened=self.opened)

    def _not_pulled(self, file: Path, at: positions.Path | None, reason: str) -> SpecError:
        if at is None:
            return SpecError([Problem(str(file), 0, 0, "", reason)])
        return SpecError([self.problem(at, f"{str(file)!r}: {reason}")])

    def shown(self, path: str) -> Path:
        """A path of the source as messages show it: from where the source's own file is named."""
        return self.opened.shown(self.file.parent if self.file else self.base_path, path)

    def local(self, path: str) -> Path:
        """A path of the source as a path of this machine, with links followed where that is possible."""
        return self.opened.local(self.base_path, path)

    def merged(self, overrides: Mapping[str, Any]) -> Source:
        """This source with other values over its own: mappings key by key, anything else replaced."""
        value, marks = _merge(self.value, self.marks, plain_values.copied(overrides, OVERRIDES))
        return replace(self, value=value, marks=marks)


def read(file: Path, *, render: Callable[[str], str] | None = None, follow_symlinks: bool = False) -> Source:
    """Read an AML file, YAML or JSON; a file of CLI v1, but for schedules, as what it is today.

    Args:
        file: The file.
        render: Fills in templates; it gets the file's text with AML's own ``${{...}}`` shielded, and must keep lines.
        follow_symlinks: Upload what links inside local folders lead to, even outside of them.

    Returns:
        Its content, with the position of every value.

    Raises:
        SpecError: It cannot be read, is no UTF-8, no YAML, too large, empty, no mapping, or its template fails; or it
            is a file of CLI v1 that has problems.

    Source: azure-ai-ml loads YAML with PyYAML's safe loader (YAML 1.1), and paths start at the file's folder.
    """
    return _of_today(as_written(file, render=render, follow_symlinks=follow_symlinks))


def as_written(file: Path, *, render: Callable[[str], str] | None = None, follow_symlinks: bool = False) -> Source:
    """As :func:`read`, but a file of CLI v1 stays as it is."""
    text = text_of(file)
    if render:
        text = _rendered(text, render, str(file))
    value, marks = (_parsed if len(text) <= _LONGEST_KEPT else yaml_text.parse)(text, str(file))
    if not isinstance(value, dict):
        found = "is empty" if value is None else f"holds a {'list' if isinstance(value, list) else 'single value'}"
        raise SpecError([Problem(str(file), 1, 1, "", f"the file {found}; an AML file holds keys and values")])
    opened = Opened(follow_symlinks=follow_symlinks)
    return Source(value, file.absolute().parent, file, marks, render, opened=opened)


@lru_cache(maxsize=512)
def _parsed(text: str, file: str) -> tuple[object, Marks]:
    """What a text holds; the files of a folder name the same components, and nobody changes what was read."""
    return yaml_text.parse(text, file)


def from_mapping(
    value: Mapping[str, Any],
    *,
    base_path: Path | None = None,
    render: Callable[[str], str] | None = None,
    follow_symlinks: bool = False,
) -> Source:
    """The same content as a mapping instead of a file.

    Args:
        value: The mapping, with the keys of the AML file.
        base_path: Folder that relative paths in it start from; the working folder by default.
        render: What the text of every AML file that it pulls in is put through before it is parsed.
        follow_symlinks: Upload what links inside local folders lead to, even outside of them.

    Raises:
        SpecError: It holds what no AML file can hold, or too much.
    """
    opened, copied = Opened(follow_symlinks=follow_symlinks), plain_values.copied(value, MAPPING)
    return _of_today(Source(copied, (base_path or Path()).absolute(), render=render, opened=opened))


def for_service(source: Source, overrides: Mapping[str, Any]) -> Source:
    """A source with other values over its own, as the service takes it: a schedule of CLI v1 becomes one of today.

    Args:
        source: What was read; schedules of v1 were left as they are, because Airflow takes them so.
        overrides: Values over its own; for ``create_job`` of a schedule of v1 a file may stand alone, as its job.

    Raises:
        SpecError: It is a schedule of CLI v1 that has problems, or says what v2 cannot say.
    """
    if _SCHEDULE not in source.value:
        return source.merged(overrides)
    from airflow_provider_azml.spec.v1 import formats  # noqa: PLC0415 (as below)

    job = overrides.get(_JOB)
    told = {**overrides, _JOB: {"job": job}} if isinstance(job, str) else overrides
    return formats.for_service(source).merged(told)


def _of_today(source: Source) -> Source:
    ends = source.file is not None and source.file.suffix == _ENDING_OF_V1
    if MAY_BE_V1.isdisjoint(source.value) and not ends:
        return source
    from airflow_provider_azml.spec.v1 import formats  # noqa: PLC0415 (for files of v1 alone; it reads files itself)

    return formats.of_today(source)


def text_of(file: Path) -> str:
    """The text of a file of reasonable size.

    Raises:
        SpecError: It is missing, unreadable, no file at all, too large, or no UTF-8.
    """
    content = _bytes_of(file)
    for mark, name in _OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise SpecError([Problem(str(file), 1, 1, "", f"the file is {name}; save it as UTF-8")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError([_at_byte(content, error.start, file, "not UTF-8; save the file as UTF-8")]) from error
    if "\0" in text:
        place = content.index(b"\0")
        reason = "holds a NUL byte, so it is no text" + ("; UTF-16 perhaps: save it as UTF-8" if place < _SHORT else "")
        raise SpecError([_at_byte(content, place, file, reason)])
    return text


def _bytes_of(file: Path) -> bytes:
    reason = "cannot be read: that is no path of a file"
    try:
        found = file.stat()
        kind = _NO_FILES.get(stat.S_IFMT(found.st_mode))
        if kind:  # opening a pipe or a device can wait for ever
            raise SpecError([Problem(str(file), 0, 0, "", f"cannot be read: it is {kind}")])
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1) if found.st_size <= MAX_BYTES else None
    except FileNotFoundError as error:
        raise SpecError([Problem(str(file), 0, 0, "", "there is no such file")]) from error
    except OSError as error:
        raise SpecError([Problem(str(file), 0, 0, "", f"cannot be read: {error.strerror}")]) from error
    except ValueError as error:  # a NUL or half a character in the path
        raise SpecError([Problem(repr(str(file)), 0, 0, "", reason)]) from error
    if content is None or len(content) > MAX_BYTES:
        raise SpecError([Problem(str(file), 0, 0, "", f"larger than {MAX_BYTES // 1_000_000} MB, so no AML file")])
    return content


def _at_byte(content: bytes, place: int, file: Path, reason: str) -> Problem:
    line = content.count(b"\n", 0, place) + 1
    return Problem(str(file), line, place - content.rfind(b"\n", 0, place), "", reason)


_OFFSET = re.compile(r"(?<= char )(.+) at \d+$")
"""How Jinja's message ends, of a text with AML's expressions shielded, which nobody sees."""
_FAULTS_OF_TEMPLATES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


def _rendered(text: str, render: Callable[[str], str], file: str) -> str:
    shielded = shield(text)
    if not is_template(shielded):
        return text
    from jinja2 import TemplateError  # noqa: PLC0415 (whoever has templates has Jinja; nobody else needs it)

    try:
        return render(shielded)
    except (*_FAULTS_OF_TEMPLATES, TemplateError) as error:
        line = getattr(error, "lineno", None) or _template_line(error)
        said = _OFFSET.sub(r"\1", str(error))
        problem = Problem(file, line, 1 if line else 0, "", f"{TEMPLATE_FAILS}: {said}")
        raise SpecError([problem]) from error
    except Exception as error:  # of what it asks for, say a connection: that may be there at the next try
        _log.error("%s:%s: %s: %s", file, _template_line(error), TEMPLATE_FAILS, error)
        raise


def _template_line(error: Exception) -> int:
    """The line of the template that an error of its rendering came from; Jinja puts it into the traceback."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] or 0 if lines else 0


def _merge(value: Json, marks: Marks, overrides: Json) -> tuple[Json, Marks]:
    result, inside = dict(value), dict(marks.inside)
    for key, new in overrides.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            result[key], inside[key] = _merge(old, inside.get(key, Marks(marks.file)), new)
        else:
            result[key], inside[key] = new, Marks(OVERRIDES)
    return result, marks._replace(inside=inside)
