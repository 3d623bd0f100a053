"""Labels such as ``@latest`` in a file: which there are, and which versions they stand for.

A reference with a label means another version from day to day. Where several submissions are to mean the same, as the
tasks of one DAG run, its labels are looked up once, and the target of each submission pins them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import ApiError, Problem, SpecError
from airflow_provider_azml.rest.flows import All
from airflow_provider_azml.spec import table
from airflow_provider_azml.spec.labelled import Labelled, Newest, Pin
from airflow_provider_azml.spec.needs import Need, Prefixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.target import Target


def labels_in(job: Source) -> tuple[Labelled, ...]:
    """The labels of a job and of all that it pulls in, each once.

    They are taken from what would be sent: what is not, as the label in a file that no node names, is none. Folders
    that are to be uploaded are listed, and not read.

    Args:
        job: The job, checked.

    Raises:
        SpecError: It is of no known type.

    Example:
        >>> [one.label for one in labels_in(read(Path("pipeline.yml")))]
        ['environment sklearn@latest', 'data iris@latest']
    """
    row = table.row_of(job, "job")
    if isinstance(row, Problem):
        raise SpecError([row])
    return tuple(dict.fromkeys(_labelled(row.properties(job), set()))) if row.properties else ()


def pins(labels: Sequence[Labelled], target: Target, as_of: datetime | None = None) -> Flow[Mapping[str, Pin]]:
    """Which versions labels stand for, by their texts.

    Args:
        labels: The labels.
        target: The workspace.
        as_of: Versions made after it do not count, so that the answer is the same whenever it is asked for.

    Raises:
        NotFound: An asset has no version.

    Example:
        >>> {label: pin.version for label, pin in client.run(pins(labels_in(job), target)).items()}
        {'environment sklearn@latest': '7'}
    """
    found = yield All([_pin(one, target, as_of) for one in labels])
    return {one.label: pin for one, pin in zip(labels, found, strict=True)}


def _pin(one: Labelled, target: Target, as_of: datetime | None) -> Flow[Pin]:
    try:
        return (yield from one.look_up(target, as_of))
    except ApiError as error:
        if isinstance(one, Newest):  # nobody else would look it up
            raise
        return Pin(None, str(error))


def _labelled(value: object, seen: set[int]) -> Iterator[Labelled]:
    """The labels in a part of a body, and in what has to be sent for it."""
    if isinstance(value, Labelled):
        yield value
    elif isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _labelled(member, seen)
    elif isinstance(value, Prefixed):
        yield from _labelled(value.of, seen)
    elif isinstance(value, Need) and id(value) not in seen:  # what many nodes use is one
        seen.add(id(value))
        yield from _labelled(value.sends(), seen)
