"""What submitting a file would upload, found by driving its flow without a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_azml.cli.offline import Offline, Request
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.rest.clouds import CLOUDS
from airflow_provider_azml.rest.snapshot import ignore_file
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.marks import dotted
from airflow_provider_azml.spec.target import Target

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_azml.cli.offline import Blobs
    from airflow_provider_azml.rest.snapshot import Snapshot
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

ANYWHERE = Target(WorkspaceId("<subscription-id>", "<resource-group>", "<workspace>"), CLOUDS["public"])
"""A workspace for flows that are driven without one."""
_LARGEST = 10
_DATASTORE_FOLDER = "LocalUpload"


@dataclass(frozen=True)
class Upload:
    """A local file or folder that would be uploaded.

    Args:
        path: The file or folder.
        files: Name and size in bytes of each of its files.
        digest: The hash by which the workspace knows whether it has it already.
        ignore: The ignore file that decided what is left out.
        named: Where it is named, as ``file:line:column: dotted.path``.
    """

    path: pathlib.Path
    files: Sequence[tuple[str, int]]
    digest: str
    ignore: pathlib.Path | None
    named: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(size for _, size in self.files)

    @property
    def largest(self) -> Sequence[tuple[str, int]]:
        """Its largest files, the largest first."""
        return sorted(self.files, key=lambda file: (-file[1], file[0]))[:_LARGEST]

    def named_at(self, places: tuple[str, ...]) -> Upload:
        """The same upload, named at other places."""
        return replace(self, named=places)


def uploads(source: Source, kind: str) -> Iterator[Upload]:
    """What a checked source would upload to a workspace that has nothing of it yet.

    Raises:
        SpecError: A local path cannot be uploaded.
    """
    driver = Offline.for_kind(kind)
    driver.run(kinds.submit(source, kind, ANYWHERE))
    snapshots = [one for one in source.opened.snapshots.values() if not isinstance(one, list)]
    taken = {id(file): snapshot for snapshot in snapshots for file in snapshot.files}
    by_name = {snapshot.path.name: snapshot for snapshot in snapshots}  # of folders that are completed in a copy
    places = _places(source)
    digest = ""
    for step in driver.sent:
        if isinstance(step, Request):
            digest = step.query.get("hash", digest)
            continue
        file, _ = step.files[0]
        snapshot = taken.get(id(file)) or by_name[file.path.parent.name]
        folder, _, rest = step.files[0][1].partition("/")
        in_name = rest.partition("/")[0] if folder == _DATASTORE_FOLDER else digest
        yield _upload(snapshot, step, in_name, places)


def _upload(snapshot: Snapshot, step: Blobs, digest: str, places: Mapping[pathlib.Path, Sequence[str]]) -> Upload:
    path = snapshot.path
    files = [(file.name, file.size) for file, _ in step.files]
    ignore = None if snapshot.is_file else ignore_file(path)
    return Upload(path, files, digest, ignore, tuple(places.get(path, ())))


def _places(source: Source) -> Mapping[pathlib.Path, Sequence[str]]:
    """Where the file, and the files that it pulls in, name local paths."""
    found: dict[pathlib.Path, list[str]] = {}
    pulled = [(file.parent, value, marks) for file, (value, marks) in source.opened.files.items()]
    for folder, value, marks in [(source.base_path, source.value, source.marks), *pulled]:
        for path, text in _texts(value, ()):
            mark = marks.at(path)
            place = f"{mark.file}:{mark.line}:{mark.column}: {dotted(path)}"
            try:
                found.setdefault((folder / text).resolve(), []).append(place)
            except (OSError, RuntimeError, ValueError):  # a text that is no path
                continue
    return found


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _texts(item, (*path, place))
