"""From a source to what the service accepted: the two things that hooks and command line ask of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.spec import table, validate
from airflow_provider_azml.spec.table import KINDS, Kind

if TYPE_CHECKING:
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.waiting import Ticket
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


def check(source: Source, kind: str) -> None:
    """Check a source before anything is sent.

    Args:
        source: The source.
        kind: Its kind: job, environment, data, model, online_endpoint, online_deployment, compute or workspace.

    Raises:
        SpecError: It is no valid file of that kind; with all its problems at once.
    """
    _checked(source, kind)


def apply(source: Source, kind: str | None, target: Target) -> Flow[Ticket]:
    """Create or update what a source describes, with everything that it drags in.

    The source is checked first. Then code is looked up by its hash and uploaded if it is new, local data and models are
    uploaded, labels are looked up and assets inside the source are made, independent ones beside each other; last the
    resource itself is PUT.

    Args:
        source: What to submit.
        kind: Its kind; by default what its ``$schema`` or ``type`` tells.
        target: Where to.

    Returns:
        The ticket of the resource, by which it is waited for.

    Raises:
        SpecError: The source is not valid; nothing was sent.
        ApiError: The service refused.

    Example:
        >>> ticket = client.run(apply(read(Path("train.yml")), None, target))
    """
    row = _checked(source, kind or kind_of(source))
    return (yield from row.submit(source, target))


def kind_of(source: Source) -> str:
    """The kind of a source, from its ``$schema`` or its ``type``.

    Raises:
        SpecError: Neither tells.
    """
    kind = table.inferred(source.value)
    if kind:
        return kind
    reason = f"neither $schema nor type tells what this is; give the kind: {', '.join(KINDS)}"
    raise SpecError([source.problem((), reason)])


def _checked(source: Source, kind: str) -> Kind:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of AML file; it is one of {', '.join(KINDS)}")
    row = table.row_of(source, kind)
    if isinstance(row, Problem):
        raise SpecError([row])
    validate.check(source, row.schema, row.problems)
    return row
