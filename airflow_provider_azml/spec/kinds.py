"""From a source to what the service accepted: the two things that hooks and command line ask of this package."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import names, table, validate
from airflow_provider_azml.spec.kind_names import inferred, meant, of_schema
from airflow_provider_azml.spec.table import KINDS, Kind
from airflow_provider_azml.spec.v1 import foreign_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target

_log = logging.getLogger(__name__)
LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "note": logging.INFO}
"""How a problem of each severity is logged."""


def check(source: Source, kind: str | None = None, *, strict: bool = False) -> Sequence[Problem]:
    """Check a source before anything is sent.

    Args:
        source: The source.
        kind: Its kind, a key of ``table.KINDS``; by default what its ``$schema`` or ``type`` tells.
        strict: Whether what azure-ai-ml sends and the service refuses is an error.

    Returns:
        The warnings, of what azure-ai-ml sends and the service refuses, and the notes, of what is not sent or was
        chosen for a file of CLI v1.

    Raises:
        SpecError: It is no valid file of that kind; with all its problems at once.
    """
    row = _row(source, kind or kind_of(source))
    foreign = list(foreign_steps.problems_of_job(source)) if row.name == "job" else []
    if foreign:
        raise SpecError(foreign)
    try:
        found = validate.check(source, row.schema, lambda given: _problems(row, given), strict=strict)
    except SpecError as error:
        told = of_schema(source.value)
        if told in {None, row.name}:
            raise
        reason = f"says that this is a {told}, and it is none of kind {row.name}; leave the kind out, or give {told}"
        raise SpecError([source.problem(("$schema",), reason)]) from error
    return [*source.notes, *found]


def apply(source: Source, kind: str | None, target: Target, *, strict: bool = False) -> Flow[Ticket]:
    """Create or update what a source describes, with everything that it drags in.

    The source is checked first. Then code is looked up by its hash and uploaded if it is new, local data and models are
    uploaded, labels are looked up and assets inside the source are made, independent ones beside each other; last the
    resource itself is PUT.

    Args:
        source: What to submit.
        kind: Its kind; by default what its ``$schema`` or ``type`` tells.
        target: Where to.
        strict: Whether what azure-ai-ml sends and the service refuses is an error; else it is logged.

    Returns:
        The ticket of the resource, by which it is waited for.

    Raises:
        SpecError: The source is not valid; nothing was sent.
        ApiError: The service refused.

    Example:
        >>> ticket = client.run(apply(read(Path("train.yml")), None, target))
    """
    row = _row(source, kind or kind_of(source))
    for told in check(source, row.name, strict=strict):
        _log.log(LEVELS[told.severity], "%s", told)
    return (yield from row.submit(source, target))


def submit(source: Source, kind: str, target: Target) -> Flow[Ticket]:
    """Send a source that :func:`check` has let pass, as :func:`apply` does."""
    return (yield from _row(source, kind).submit(source, target))


def kind_of(source: Source) -> str:
    """The kind of a source, from its ``$schema`` or its ``type``.

    Raises:
        SpecError: Neither tells.
    """
    kind = inferred(source.value)
    if kind:
        return kind
    misspelt = meant(source.value)
    if misspelt:
        key, word = misspelt
        raise SpecError([source.problem((key,), f"{str(source.value[key])[:80]!r} is unknown; did you mean {word!r}?")])
    from airflow_provider_azml.spec.v1 import preview_2021  # noqa: PLC0415 (nobody else needs it)

    if preview_2021.is_body(source):
        reason = f"is a body of api-version {preview_2021.API_VERSION}; AzmlHook.v1.put_preview puts it"
        raise SpecError([source.problem((), reason)])
    reason = f"neither $schema nor type tells what this is; give the kind: {', '.join(KINDS)}"
    raise SpecError([source.problem((), reason)])


def _problems(row: Kind, source: Source) -> Iterator[Problem]:
    """What a schema does not see."""
    yield from names.problems(source, row.name)
    yield from row.problems(source)


def _row(source: Source, kind: str) -> Kind:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of AML file; it is one of {', '.join(KINDS)}")
    row = table.row_of(source, kind)
    if isinstance(row, Problem):
        raise SpecError([row])
    return row
