"""Sidecars: the files that hold Airflow's settings beside AML files, and what may stand in them.

The settings of ``pipeline.yml`` stand in ``pipeline.airflow.yml`` beside it, those of all AML files of a folder in
``.airflow.yml`` there. The AML files themselves stay as ``az ml`` takes them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import schema_files, validate, yaml_text
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.source import Source, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SCHEMA = "airflow.schema.json"
ENDINGS = (".airflow.yml", ".airflow.yaml")
"""How the names of sidecars end; what stands before is the AML file's name, without its ending or with it."""
AML_ENDINGS = (".json", ".yaml", ".yml")
"""How the names of AML files end."""
_PRESETS = frozenset({
    "@once",
    "@continuous",
    "@hourly",
    "@daily",
    "@weekly",
    "@monthly",
    "@quarterly",
    "@yearly",
})
"""Words for schedules. Source: Airflow's documentation, "Cron & Time Intervals"."""
_UNKNOWN = "unknown key"
_OF_TASKS = "what a task is told stands under 'task_overrides'"
_ALONE = "there is no AML file beside it that it could hold for"
_NOT_OF_FOLDERS = (
    ("after",),
    *(("dag", key) for key in ("schedule", "start_date", "end_date", "description", "dag_display_name", "doc_md")),
)
"""What one file alone can say: among the others may be schedules, which say it themselves."""
_OF_ONE_FILE = "is for one file; put it into that file's own, e.g. pipeline.airflow.yml"


def is_sidecar(file: Path) -> bool:
    """Whether a file is a sidecar, by its name.

    Example:
        >>> is_sidecar(Path("pipeline.airflow.yml")), is_sidecar(Path("pipeline.yml"))
        (True, False)
    """
    return file.name.endswith(ENDINGS)


class Sidecars(NamedTuple):
    """The sidecars that hold for an AML file.

    Args:
        folder: That of its folder.
        own: Its own.
    """

    folder: Path | None
    own: Path | None


def sidecars_of(file: Path) -> Sidecars:
    """The sidecars that hold for an AML file, as far as there are any.

    Args:
        file: The AML file.

    Raises:
        SpecError: There are two of either.
    """
    return Sidecars(_only(file.parent, [""]), _only(file.parent, dict.fromkeys((file.stem, file.name))))


def _only(folder: Path, names: Iterable[str]) -> Path | None:
    # one that cannot be read, say a link that leads nowhere, is to be an error, and not to hold for nothing
    found = [path for name in names for end in ENDINGS if os.path.lexists(path := folder / f"{name}{end}")]
    if found[1:]:
        both = " and ".join(path.name for path in found)
        raise SpecError([Problem(str(path), 0, 0, "", f"there are {both}; keep one of them") for path in found])
    return found[0] if found else None


def aml_files_of(sidecar: Path) -> list[Path]:
    """The AML file that a sidecar stands beside; nothing for that of a folder, or where there is no such file.

    Args:
        sidecar: The sidecar.
    """
    name = next(sidecar.name.removesuffix(end) for end in ENDINGS if sidecar.name.endswith(end))
    if not name:
        return []
    named = [sidecar.with_name(name)] if name.endswith(AML_ENDINGS) else []
    return [path for path in (*named, *(sidecar.with_name(f"{name}{end}") for end in AML_ENDINGS)) if path.is_file()]


def alone(folder: Path) -> list[Problem]:
    """The sidecars of a folder that hold for nothing, since no AML file is called so: a problem of each.

    Args:
        folder: The folder.
    """
    found = sorted(path for path in folder.iterdir() if is_sidecar(path) and not is_of_folder(path))
    return [Problem(str(path), 0, 0, "", _ALONE) for path in found if not aml_files_of(path)]


def is_of_folder(sidecar: Path) -> bool:
    """Whether a sidecar holds for all AML files of its folder."""
    return sidecar.name in ENDINGS


class Sidecar(NamedTuple):
    """A sidecar that was read.

    Args:
        source: What stands in it, whatever that is worth.
        problems: What is wrong with it, as far as it tells by itself.
    """

    source: Source
    problems: Sequence[Problem]


def read(sidecar: Path) -> Sidecar:
    """A sidecar, checked as far as it tells by itself; none of its templates is rendered.

    Args:
        sidecar: The file.

    Raises:
        SpecError: It cannot be read as a mapping.
    """
    return _read(str(sidecar), text_of(sidecar))


@lru_cache(maxsize=256)
def _read(file: str, text: str) -> Sidecar:
    """A sidecar of some text: that of a folder is asked for once for each file of the folder."""
    path = Path(file)
    value, marks = yaml_text.parse(text, file)
    if value is not None and not isinstance(value, dict):
        raise SpecError([Problem(file, 1, 1, "", "holds no keys and values")])
    source = Source(value or {}, path.absolute().parent, path, marks)
    tasks = {source.problem((key,), _UNKNOWN, at_key=True) for key in source.value if mapping(source.value[key])}
    found = [
        replace(problem, reason=f"{_UNKNOWN}; {_OF_TASKS}") if problem in tasks else problem
        for problem in validate.problems(source, SCHEMA)
        if problem.severity == "error"
    ]
    found += _of_schedule(source)
    if is_of_folder(path):
        found += (
            source.problem(key, _OF_ONE_FILE, at_key=True)
            for key in _NOT_OF_FOLDERS
            if key[-1] in mapping(source.value_at(key[:-1]))
        )
    return Sidecar(source, found)


def keys_of_tasks() -> frozenset[str]:
    """What tasks can be told."""
    return frozenset(schema_files.part(SCHEMA, "/$defs/task")["properties"])


def _of_schedule(source: Source) -> Iterator[Problem]:
    schedule = mapping(source.value.get("dag")).get("schedule")
    if not isinstance(schedule, str) or schedule in _PRESETS:
        return
    from croniter import croniter  # noqa: PLC0415 (for files with a cron expression alone)

    if not croniter.is_valid(schedule):
        reason = f"is {schedule!r:.80}; it must be a cron expression, or one of {', '.join(sorted(_PRESETS))}"
        yield source.problem(("dag", "schedule"), reason)
