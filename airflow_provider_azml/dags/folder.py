"""``azml_dags``: the DAGs of a folder of AML files."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_parsing_context

from airflow_provider_azml.dags.broken import broken_dag
from airflow_provider_azml.dags.file_warnings import warn
from airflow_provider_azml.dags.files import dag_of
from airflow_provider_azml.dags.outlines import outline
from airflow_provider_azml.dags.wishes import Rendering, Wishes
from airflow_provider_azml.exceptions import NotFound, Problem, SpecError
from airflow_provider_azml.spec.sidecars import AML_ENDINGS, alone, is_sidecar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow.sdk import DAG

    from airflow_provider_azml.dags.changes import Per
    from airflow_provider_azml.dags.wishes import Labels, Render
    from airflow_provider_azml.operators.takeover import Takeover
    from airflow_provider_azml.spec.cron import CronFields


def azml_dags(
    folder: str | Path = ".",
    *,
    strict: bool = False,
    jobs: Mapping[str, str] | None = None,
    cron_fields: CronFields | None = None,
    takeover: Takeover | None = None,
    render: Render | None = None,
    labels: Labels = "run",
    per: Per = "blob",
    **dag_kwargs: Any,
) -> dict[str, DAG]:
    """The DAGs of all schedule and pipeline files of a folder, put into the namespace of whoever calls this.

    A pipeline that a schedule of the folder submits has no DAG of its own. Other AML files, and whatever else is there,
    are passed over; so are folders inside.

    A file that cannot be used hides no other DAG: in its place there is a DAG of the same id with the tag
    ``azml-broken`` and no schedule, which says what is wrong, and whose one task fails with that.

    What Airflow is told of a file's DAG and tasks stands in ``<name>.airflow.yml`` beside it, of those of all files in
    ``.airflow.yml``.

    Args:
        folder: The folder, relative to that of the file that calls this.
        strict: Raise what is wrong instead, e.g. in CI.
        jobs: Name of a schedule file of CLI v1 -> what it submits, as for
            :func:`~airflow_provider_azml.dags.azml_dag`.
        cron_fields: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        takeover: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        render: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        labels: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        per: As for :func:`~airflow_provider_azml.dags.azml_dag`.
        dag_kwargs: What all DAGs are given.

    Returns:
        The DAGs by id; where Airflow asks for one DAG, as in a task, that one alone.

    Raises:
        SpecError: There is no such folder; with `strict`, all problems of all files.

    Example:
        >>> azml_dags("schedules", default_args={"azml_conn_id": "azml_default"})
    """
    if "dag_id" in dag_kwargs:
        raise SpecError([Problem("<arguments>", 0, 0, "dag_id", "is not for all DAGs of a folder; use azml_dag")])
    frame = sys._getframe(1)  # noqa: SLF001 (as Airflow finds the file of a DAG)
    caller = Path(frame.f_code.co_filename)
    wishes = Wishes(
        caller, None, cron_fields, dag_kwargs, takeover, per=per, rendering=Rendering(render, labels=labels)
    )
    with _all_kept():
        dags = _dags(caller.parent / folder, wishes, jobs or {}, strict=strict)
    for dag_id, dag in dags.items():
        frame.f_globals.setdefault(dag_id, dag)
        frame.f_globals[f"azml_dag:{dag_id}"] = dag  # where the caller has the name for something else
    return dags


@contextmanager
def _all_kept() -> Iterator[None]:
    """Do not look for garbage: all that is made of files is kept, and looking through it takes a sixth of the time."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


@dataclass
class _Found:
    """The files of one id, and their DAG or what is wrong with them."""

    paths: list[Path] = field(default_factory=list)
    dag: DAG | None = None
    problems: list[Problem] = field(default_factory=list)


def _dags(folder: Path, wishes: Wishes, jobs: Mapping[str, str], *, strict: bool) -> dict[str, DAG]:
    wanted = get_parsing_context().dag_id
    found: dict[str, _Found] = {}
    # else Airflow finds the DAG that was made until something went wrong, too
    hidden = {**wishes.dag_kwargs, "auto_register": False}
    for path, dag_id in files_and_ids(folder, jobs).items():
        if wanted is not None and dag_id != wanted:
            continue
        one = found.setdefault(dag_id, _Found())
        one.paths.append(path)
        try:
            one.dag = dag_of(path, replace(wishes, job=jobs.get(path.name), dag_kwargs=hidden))
        except SpecError as error:
            one.problems += error.problems
        except NotFound as error:  # a label that stands for nothing; where nobody answers, Airflow keeps what it has
            one.problems.append(Problem(str(path), 0, 0, "", str(error)))
    for dag_id, one in found.items():
        one.problems += of_one_id(dag_id, one.paths)
    wrong = [problem for one in found.values() for problem in one.problems]
    without_file = alone(folder) if wanted is None else []
    if strict and (wrong or without_file):
        raise SpecError([*wrong, *without_file])
    warn(without_file)
    return {dag_id: _or_broken(dag_id, one, wishes) for dag_id, one in found.items()}


def _or_broken(dag_id: str, found: _Found, wishes: Wishes) -> DAG:
    if found.dag is None or found.problems:
        return broken_dag(dag_id, SpecError(found.problems), wishes)
    found.dag.auto_register = bool(wishes.dag_kwargs.get("auto_register", True))
    with found.dag:  # Airflow registers a DAG that is left
        return found.dag


def files_and_ids(folder: Path, jobs: Mapping[str, str] | None = None) -> dict[Path, str]:
    """The schedules of a folder, and the pipelines that none of them submits, each with the id that its DAG would have.

    Args:
        folder: The folder.
        jobs: Name of a schedule file of CLI v1 -> what it submits.

    Raises:
        SpecError: There is no such folder.
    """
    if not folder.is_dir():
        raise SpecError([Problem(str(folder), 0, 0, "", "there is no such folder")])
    files = [path for path in sorted(folder.iterdir()) if path.suffix in AML_ENDINGS and path.is_file()]
    outlines = {path: outline(path) for path in files if not is_sidecar(path)}
    schedules = {path: found for path, found in outlines.items() if found.is_schedule}
    named = [name for found in schedules.values() for name in found.submitted]
    named += [name for file, name in (jobs or {}).items() if folder / file in schedules]
    submitted = {(folder / name).resolve() for name in named}
    pipelines = {path: found for path, found in outlines.items() if found.is_pipeline and path not in schedules}
    alone = {path: found for path, found in pipelines.items() if path.resolve() not in submitted}
    return {path: found.dag_id(path) for path, found in {**schedules, **alone}.items()}


def of_one_id(dag_id: str, paths: Sequence[Path]) -> list[Problem]:
    """What is wrong with some files for having one id: a problem of each, or none if it is a single file.

    Args:
        dag_id: The id.
        paths: The files.
    """
    if not paths[1:]:
        return []
    same = ", ".join(path.name for path in paths)
    reason = f"the DAG id {dag_id!r} is that of {same}; rename all but one"
    return [Problem(str(path), 0, 0, "", reason) for path in paths]
