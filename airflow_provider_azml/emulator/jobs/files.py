"""The files of a job on this machine: its code and inputs before it runs, its outputs and artifacts after."""

from __future__ import annotations

import re
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_azml.emulator.jobs import tables
from airflow_provider_azml.emulator.pipelines.parallel_steps import place_driver, runs_driver
from airflow_provider_azml.emulator.storage.locations import Location, LocationError, output_uri
from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.storage.blobs import Blobs
    from airflow_provider_azml.emulator.storage.locations import Locations
    from airflow_provider_azml.rest.flows import Json

_LOGS = "logs"
_ARTIFACT_FOLDERS = ("outputs", _LOGS)
_DOWNLOAD_SECONDS = 300
_NAME = re.compile(r"[A-Za-z_][\w-]*")


class JobFilesError(AzmlError):
    """Something that a job needs is not there, or something that it made could not be kept."""


class JobFiles:
    """The folders of one job, laid out as the service lays them out below ``/mnt/azureml/cr/j/{id}``.

    Every method blocks while it copies; none belongs on an event loop.

    Args:
        root: Folder of this job, which nothing else uses.
        blobs: The emulator's storage.
        locations: Finds places in it.
        job: The job.

    Attributes:
        working: Where the command runs.
        environment: Where its own Python environment may be made.
    """

    def __init__(self, root: Path, blobs: Blobs, locations: Locations, job: Json) -> None:
        self._root = root
        self._blobs = blobs
        self._locations = locations
        self._name: str = job["name"]
        self._properties: Json = job["properties"]
        self.working = root / "exe" / "wd"
        self.environment = root / "env"
        self._data = root / "cap" / "data-capability" / "wd"
        self._shared: dict[Path, int] = {}

    def fetch(self) -> dict[str, str]:
        """Bring code and inputs here, and make room for outputs.

        Returns:
            Dotted name, ``inputs.x`` or ``outputs.x``, -> what the job is told: a path, a URI or a literal value.

        Raises:
            JobFilesError: Code or an input is not there.
            OSError: It cannot be written, e.g. because the disk is full.
        """
        self.working.mkdir(parents=True)
        if code := self._properties.get("codeId"):
            fetch(self._blobs, self._locations, code, self.working, what="its code")
        place_driver(self._properties, self.working)
        values = {f"inputs.{name}": self._input(name, given) for name, given in self._given("inputs")}
        values |= {f"outputs.{name}": self._output(name, declared) for name, declared in self._given("outputs")}
        return values

    def collect(self) -> None:
        """Take outputs to where they belong, and ``./outputs`` and ``./logs`` to the job's artifacts.

        Raises:
            JobFilesError: An output's place does not exist.
            OSError: It cannot be read or written.
        """
        artifacts = self._locations.of_artifacts(self._name)
        for folder in _ARTIFACT_FOLDERS:
            if (self.working / folder).is_dir():
                self._blobs.collect(self.working / folder, artifacts.container, artifacts.below(folder).path)
        for name, declared in self._given("outputs"):
            source = Path(self._output_path(name, declared))
            if not _is_direct(declared) and source.exists():
                place = self.place_of_output(name, declared)
                self._blobs.collect(source, place.container, place.path)

    def share_logs(self) -> None:
        """Let what ``./logs`` has gained be seen while the job runs.

        Raises:
            OSError: It cannot be read or written.

        Source: https://learn.microsoft.com/azure/machine-learning/v1/how-to-save-write-experiment-files ("files in the
        ./logs folder are uploaded in real time").
        """
        artifacts = self._locations.of_artifacts(self._name)
        for file in sorted((self.working / _LOGS).rglob("*")):
            if not file.is_file() or file.is_symlink():
                continue
            before = self._shared.get(file, 0)
            begins = file not in self._shared or file.stat().st_size < before
            with file.open("rb") as stream:
                stream.seek(0 if begins else before)
                data = stream.read()
                self._shared[file] = stream.tell()
            name = artifacts.below(str(file.relative_to(self.working))).path
            if begins:
                self._blobs.write(artifacts.container, name, data)
            elif data:
                self._blobs.append(artifacts.container, name, data)

    def place_of_output(self, name: str, declared: Json) -> Location:
        """Where an output is kept.

        Raises:
            JobFilesError: The place that the job asks for does not exist.
        """
        uri = output_uri(self._name, name, declared)
        try:
            return self._locations.find(uri)
        except LocationError as error:
            raise JobFilesError(f"output {name!r} ({uri}) cannot be written: {error}") from error

    def remove(self) -> None:
        """Delete all of it here."""
        shutil.rmtree(self._root, ignore_errors=True)

    def _given(self, field: str) -> list[tuple[str, Json]]:
        given: dict[str, Json | None] = self._properties.get(field) or {}
        if bad := [name for name in given if not _NAME.fullmatch(name)]:
            raise JobFilesError(f"{bad[0]!r} cannot name one of the job's {field}: use letters, digits and _")
        return [(name, entry or {}) for name, entry in given.items() if field == "inputs" or name != "default"]

    def _input(self, name: str, given: Json) -> str:
        kind = given.get("jobInputType")
        if kind == "literal":
            return "" if given.get("value") is None else str(given["value"])
        uri = str(given.get("uri") or "")
        if _is_direct(given):
            return uri
        target = self._data / f"INPUT_{name}"
        target.mkdir(parents=True)
        what = f"input {name!r}"
        fetched = self._brought(uri, target, what)
        if _is_foreign(uri):
            return str(fetched)
        if kind == "uri_folder" and fetched.is_file():
            raise JobFilesError(f"{what} is a uri_folder, but {uri} is a file: make it a uri_file")
        if kind == "uri_file" and fetched.is_dir():
            raise JobFilesError(f"{what} is a uri_file, but {uri} is a folder: make it a uri_folder")
        if kind == "mltable" and self._evaluates(given):
            tables.bring(fetched, lambda named, to: self._brought(named, to, what))
        return str(fetched)

    def _brought(self, uri: str, target: Path, what: str) -> Path:
        if _is_foreign(uri):
            return _download(uri, target, what)
        return fetch(self._blobs, self._locations, uri, target, what=what)

    def _evaluates(self, given: Json) -> bool:
        """Whether the job gets the files of a table rather than the table; a parallel job always does."""
        return str(given.get("mode") or "").lower().startswith("eval") or runs_driver(self._properties)

    def _output(self, name: str, declared: Json) -> str:
        self.place_of_output(name, declared)
        if _is_direct(declared):
            return output_uri(self._name, name, declared)
        path = Path(self._output_path(name, declared))
        folder = path.parent if declared.get("jobOutputType") == "uri_file" else path
        folder.mkdir(parents=True, exist_ok=True)
        return str(path)

    def _output_path(self, name: str, declared: Json) -> str:
        folder = self._data / f"OUTPUT_{name}"
        if declared.get("jobOutputType") != "uri_file":
            return str(folder)
        return str(folder / (PurePosixPath(output_uri(self._name, name, declared)).name or name))


def fetch(blobs: Blobs, locations: Locations, uri: str, target: Path, *, what: str) -> Path:
    """Bring what a URI names into a folder.

    Args:
        blobs: The emulator's storage.
        locations: Finds places in it.
        uri: Names a blob or a folder of blobs.
        target: An existing folder, which gets the blob, or what is in the folder of blobs.
        what: What it is to the user, for messages.

    Returns:
        The file, or ``target``.

    Raises:
        JobFilesError: Nothing is there.
    """
    try:
        place = locations.find(uri)
        blob = place.path in blobs.names(place.container, place.path) if place.path else False
        destination = target / place.name if blob else target
        count = blobs.fetch(place.container, place.path, destination)
    except (LocationError, KeyError, ValueError) as error:
        raise JobFilesError(f"{what} ({uri}) cannot be read: {error}") from error
    if count == 0:
        raise JobFilesError(f"{what} ({uri}) cannot be read: there is nothing at {place.container}/{place.path}")
    return destination


def _is_direct(entry: Json) -> bool:
    return str(entry.get("mode") or "").lower() == "direct"


def _is_foreign(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and not parts.path.startswith("/stor.blob.")


def _download(url: str, target: Path, what: str) -> Path:
    path = target / (PurePosixPath(urlsplit(url).path).name or "data")
    try:
        with urllib.request.urlopen(url, timeout=_DOWNLOAD_SECONDS) as source, path.open("wb") as file:  # noqa: S310 (http and https alone come here)
            shutil.copyfileobj(source, file)
    except (urllib.error.URLError, HTTPException, TimeoutError, ValueError) as error:
        raise JobFilesError(f"{what} ({url}) cannot be downloaded: {error}") from error
    return path
