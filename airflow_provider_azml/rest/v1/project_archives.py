"""The folder that a run of v1 starts from, as the archive that its service takes."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from functools import cached_property
from typing import IO, TYPE_CHECKING

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest.local_files import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self

    from airflow_provider_azml.rest.local_files import LocalFile
    from airflow_provider_azml.rest.snapshot import Snapshot

MOST_BYTES = 300 * 1024 * 1024
"""Source: https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files: 300 MB; so does
``SNAPSHOT_MAX_SIZE_BYTES`` of azureml-core 1.61."""
_SHOWN = 3
_EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Archives hold no earlier date; with one date for all, the same folder is always the same archive."""


class ProjectArchive:
    """A folder as ``project.zip``, made on disk when it is first read, and removed when it is closed.

    Args:
        project: The folder, without what its ignore file leaves out.

    Raises:
        SpecError: The service takes no folder of that size.

    Example:
        >>> with ProjectArchive(take(Path("src"))) as archive:
        ...     hook.run(runs.start(workspace, "iris", definition, archive, run_id="train-1"))
    """

    def __init__(self, project: Snapshot) -> None:
        self._project = project
        if project.size > MOST_BYTES:
            raise SpecError([Problem(str(project.path), 0, 0, "", _too_large(project))])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_file" in self.__dict__:
            self._file.close()

    def __len__(self) -> int:
        return self._file.seek(0, 2)

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(0)
        while chunk := self._file.read(CHUNK):
            yield chunk

    @cached_property
    def _file(self) -> IO[bytes]:
        made = tempfile.TemporaryFile(prefix="azml-project-")  # noqa: SIM115 (closed with the archive)
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in self._project.files:
                _add(archive, file)
        return made


def _add(archive: zipfile.ZipFile, file: LocalFile) -> None:
    member = zipfile.ZipInfo(file.name, _EARLIEST)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = (0o100000 | file.path.stat().st_mode & 0o777) << 16
    with file.opened() as content, archive.open(member, "w") as written:
        shutil.copyfileobj(content, written, CHUNK)


def _too_large(project: Snapshot) -> str:
    largest = sorted(project.files, key=lambda file: file.size, reverse=True)[:_SHOWN]
    named = ", ".join(f"{file.name} ({file.size / 2**20:.0f} MB)" for file in largest)
    return (
        f"has {project.size / 2**20:.0f} MB, and runs of v1 take 300 MB; the largest files are {named}. "
        "Put data into a datastore, or name what is not code in .amlignore"
    )
