"""Data that a run configuration of CLI v1 gives a script, as inputs and outputs of a job of today.

Source: azureml-core 1.61 (``azureml.core.runconfig``: ``DataReferenceConfiguration``, ``Data``, ``OutputData``), and
https://learn.microsoft.com/azure/machine-learning/migrate-to-v2-resource-data.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.references import LATEST, PREFIX
from airflow_provider_azml.spec.rules import lower, mapping
from airflow_provider_azml.spec.v1 import unsayable
from airflow_provider_azml.spec.v1.pipeline_parts import datastore_path, type_of_path
from airflow_provider_azml.spec.v1.placed import Placed, put
from airflow_provider_azml.spec.v1.steps import DATA
from airflow_provider_azml.spec.v1.unsayable import Unsayable, is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

REFERENCES, DATASETS, OUTPUTS = SECTIONS = ("dataReferences", "data", "outputData")
"""Sections of a run configuration: data in datastores, datasets, and what is written."""
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_NAMED = re.compile(rf"\$(?:{DATA}(\w+)|{{{DATA}(\w+)}})|(DatasetConsumptionConfig|DatasetOutputConfig):([\w-]+)")
"""What v1 puts a path in the place of, inside of an argument."""
_MODES: Mapping[str, str] = {"mount": "ro_mount", "download": "download"}
_OUT_MODES: Mapping[str, str] = {"mount": "rw_mount", "upload": "upload"}
_PLACES = ("dataset", "dataPath", "datapath", "uri")
_WAYS = "dataset, dataPath and uri"
_CHOSEN = "v2 chooses the folder and tells the script, by an argument or an environment variable; leave it out"
_OVERWRITTEN = "v2 always writes blobs of the same name again"
_FRESH = "each job of v2 has folders of its own"
_NO_DATASETS: Mapping[str, str] = {
    "direct": "v2 hands scripts no dataset; write mount or download, and have the script read the files there",
    "hdfs": "v2 has such paths in Spark jobs alone; write mount or download",
    "upload": "v2 takes outputs for that; give it under outputData",
}
_OF_OUTPUTS = (
    Unsayable(("additionalOptions", "pathOnCompute"), _CHOSEN),
    *(
        Unsayable(("additionalOptions", "registrationOptions", key), f"v2 gives outputs no {what}; leave it out")
        for key, what in (
            ("description", "description"),
            ("tags", "tags"),
            ("properties", "properties"),
            ("datasetRegistrationOptions", "steps that make a table of files; make an mltable of them"),
        )
    ),
    Unsayable(
        ("additionalOptions", "uploadOptions", "sourceGlobs"),
        "v2 uploads all files of the folder; have the script write there what is wanted alone",
        ({"patterns": None},),
    ),
    Unsayable(
        ("additionalOptions", "mountOptions", "disableMetadataCache"),
        "v2 says how it mounts in environment variables that begin with DATASET_MOUNT_; set one, and leave this out",
        (False,),
    ),
)
_KEPT = Unsayable(("additionalOptions", "uploadOptions", "overwrite"), f"not sent: {_OVERWRITTEN}", (True,))
_OPTIONS = Unsayable(
    ("options",), "v2 says how it mounts in environment variables that begin with DATASET_MOUNT_; set one"
)


@dataclass(frozen=True)
class RunData:
    """Data that a script takes and writes.

    Args:
        source: The run configuration.
        on_spark: Whether the script runs on Spark, which reads and writes datastores itself.
    """

    source: Source
    on_spark: bool = False

    @cached_property
    def placed(self) -> Mapping[str, str]:
        """Name -> ``inputs`` or ``outputs``, where a job of today has it."""
        return {
            name: "outputs" if section == OUTPUTS or self._word(section, name) == "upload" else "inputs"
            for section in SECTIONS
            for name in mapping(self.source.value.get(section))
        }

    def inputs(self) -> Mapping[str, Placed]:
        """What the job takes, by name."""
        datasets = {name: self._dataset(name) for name in self._names(DATASETS)}
        references = {name: self._reference(name) for name in self._names(REFERENCES) if self.placed[name] == "inputs"}
        return {**references, **datasets}

    def outputs(self) -> Mapping[str, Placed]:
        """What the job writes, by name."""
        references = {name: self._upload(name) for name in self._names(REFERENCES) if self.placed[name] == "outputs"}
        return {**references, **{name: self._output(name) for name in self._names(OUTPUTS)}}

    def filled(self, text: str, *, quoted: bool = True) -> str:
        """A text with references of today where v1 puts paths.

        Args:
            text: An argument, or a command.
            quoted: Whether the rest is one word for a shell.
        """
        parts, end = list[str](), 0
        for found in _NAMED.finditer(text):
            parts += [_literal(text[end : found.start()], quoted=quoted), self._binding(_name_in(found))]
            end = found.end()
        return "".join([*parts, _literal(text[end:], quoted=quoted)]) or shlex.quote(text)

    def named(self, texts: list[str]) -> set[str]:
        """The names of data that texts name."""
        return {_name_in(found) for text in texts for found in _NAMED.finditer(text)}

    def variables(self, named: set[str]) -> Mapping[str, str]:
        """Environment variables of what no argument names, which a script can ask for in no other way."""
        found = {}
        for section in SECTIONS:
            for name in self._names(section):
                if name not in named:
                    found[self._variable(section, name)] = f'"{self._binding(name)}"'
        return found

    def problems(self, texts: Mapping[Path, str]) -> Iterator[Problem]:
        """What is wrong with the data, and with what arguments name.

        Args:
            texts: Arguments and command, each with its place.
        """
        yield from self._name_problems()
        for name in self._names(REFERENCES):
            yield from self._reference_problems(name)
        for name in self._names(DATASETS):
            yield from self._dataset_problems(name)
        for name in self._names(OUTPUTS):
            given = self.source.at(OUTPUTS, name)
            yield from unsayable.problems(given, _OF_OUTPUTS)
            yield from unsayable.problems(given, [_KEPT], severity="note")
            yield from self._location_problems(given.at("outputLocation"), needed=False)
            if self._word(OUTPUTS, name) == "link":
                yield given.problem(("mechanism",), "v2 links no data; write mount or upload")
        for path, text in texts.items():
            for name in sorted(self.named([text]) - self.placed.keys()):
                meant = closest(name, self.placed)
                hint = f"; did you mean {meant!r}?" if meant else f" ({', '.join(self.placed) or 'there is none'})"
                yield self.source.problem(path, f"{name!r} is none of the data that is given{hint}")

    def _names(self, section: str) -> list[str]:
        return list(mapping(self.source.value.get(section)))

    def _word(self, section: str, name: str) -> str:
        key, default = {REFERENCES: ("mode", "mount"), DATASETS: ("mechanism", "direct")}.get(
            section, ("mechanism", "mount")
        )
        return lower(mapping(self.source.value_at((section, name))).get(key) or default)

    def _mode(self, section: str, name: str) -> str:
        modes = _OUT_MODES if self.placed[name] == "outputs" else _MODES
        return "direct" if self.on_spark else modes[self._word(section, name)]

    def _binding(self, name: str) -> str:
        return f"${{{{{self.placed[name]}.{name}}}}}"

    def _variable(self, section: str, name: str) -> str:
        if section == REFERENCES:
            return DATA + name
        given = self.source.value_at((section, name, "environmentVariableName"))
        return name if is_unset(given) else str(given)

    def _reference(self, name: str) -> Placed:
        path = self._path_of(REFERENCES, name)
        value = {"type": type_of_path(path), "path": path, "mode": self._mode(REFERENCES, name)}
        return put({**value, **self._fixed(REFERENCES, name)}, self.source, REFERENCES, name)

    def _upload(self, name: str) -> Placed:
        value = {"type": "uri_folder", "path": self._path_of(REFERENCES, name), "mode": self._mode(REFERENCES, name)}
        return put(value, self.source, REFERENCES, name)

    def _path_of(self, section: str, name: str) -> str:
        given = mapping(self.source.value_at((section, name)))
        path = given.get("pathOnDataStore")
        return datastore_path(str(given["dataStoreName"]), "" if is_unset(path) else _slashes(path).lstrip("/"))

    def _fixed(self, section: str, name: str) -> Mapping[str, str]:
        given = self.source.value_at((section, name, "pathOnCompute"))
        return {} if is_unset(given) else {"path_on_compute": str(given)}

    def _dataset(self, name: str) -> Placed:
        place = mapping(self.source.value_at((DATASETS, name, "dataLocation")))
        path, kind = _located(place)
        value = {"type": kind, "path": path, "mode": self._mode(DATASETS, name)}
        return put({**value, **self._fixed(DATASETS, name)}, self.source, DATASETS, name)

    def _output(self, name: str) -> Placed:
        given = mapping(self.source.value_at((OUTPUTS, name)))
        value = {"type": "uri_folder", "mode": self._mode(OUTPUTS, name)}
        place = mapping(given.get("outputLocation"))
        if not is_unset(place):
            path, _ = _located(place)
            value["path"] = path.replace("{run-id}", "${{name}}").replace("{output-name}", name)
        registered = self.source.value_at((OUTPUTS, name, "additionalOptions", "registrationOptions", "name"))
        return put(value if is_unset(registered) else {**value, "name": registered}, self.source, OUTPUTS, name)

    def _name_problems(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}
        for section in SECTIONS:
            for name in self._names(section):
                if not _NAME.fullmatch(str(name)):
                    reason = f"{name!r} is no name in v2: letters, digits and underscores, not beginning with a digit"
                    yield self.source.problem((section, name), reason, at_key=True)
                if name in seen:
                    reason = f"{name!r} is under {seen[name]} too; in v2 they share their names, so rename one"
                    yield self.source.problem((section, name), reason, at_key=True)
                seen.setdefault(name, section)

    def _reference_problems(self, name: str) -> Iterator[Problem]:
        given = self.source.at(REFERENCES, name)
        is_output = self.placed[name] == "outputs"
        yield from self._fixed_problems(given, is_output=is_output)
        if given.value.get("overwrite") is (not is_output):
            yield given.problem(("overwrite",), f"not sent: {_OVERWRITTEN if is_output else _FRESH}", severity="note")

    def _dataset_problems(self, name: str) -> Iterator[Problem]:
        given = self.source.at(DATASETS, name)
        word = self._word(DATASETS, name)
        if word in _NO_DATASETS and not (word == "hdfs" and self.on_spark):
            place: Path = ("mechanism",) if "mechanism" in given.value else ()
            yield given.problem(place, f"is {word}: {_NO_DATASETS[word]}", at_key=not place)
        yield from unsayable.problems(given, [_OPTIONS])
        yield from self._fixed_problems(given, is_output=False)
        for key in ("overwrite", "createOutputDirectories"):
            if given.value.get(key) is True:
                yield given.problem((key,), f"not sent: {_FRESH}", severity="note")
        variable = given.value.get("environmentVariableName")
        if not is_unset(variable) and not _NAME.fullmatch(str(variable)):
            yield given.problem(("environmentVariableName",), f"{variable!r} is no name of an environment variable")
        yield from self._location_problems(given.at("dataLocation"), needed=True)

    def _fixed_problems(self, given: Source, *, is_output: bool) -> Iterator[Problem]:
        path = given.value.get("pathOnCompute")
        if is_unset(path):
            return
        if is_output:
            yield given.problem(("pathOnCompute",), _CHOSEN, at_key=True)
        elif not str(path).startswith("/"):
            yield given.problem(("pathOnCompute",), f"{path!r} is relative, and v2 takes no such; {_CHOSEN}")

    def _location_problems(self, given: Source, *, needed: bool) -> Iterator[Problem]:
        told = [key for key in _PLACES if not is_unset(given.value.get(key))]
        if len(told) > 1 or (needed and not told):
            both = f"{' and '.join(told)} are given" if told else f"none of {_WAYS} is given"
            yield given.problem((), f"{both}; give one", at_key=True)
            return
        if not told:
            return
        (kind,) = told
        found = given.at(kind)
        if kind == "dataset":
            if not needed:
                yield given.problem(("dataset",), "is no place to write to; give dataPath", at_key=True)
            elif is_unset(found.value.get("name")):
                yield found.problem(("id",), "v2 knows data by name and version; write name", at_key=True)
            return
        needed_key = "path" if kind == "uri" else "datastoreName"
        if is_unset(found.value.get(needed_key)):
            yield found.problem((), f"{needed_key!r} is missing", at_key=True)


def _located(place: Json) -> tuple[str, str]:
    """Path and type of data at a location."""
    dataset, path, older, uri = (mapping(place.get(key)) for key in _PLACES)
    if not is_unset(dataset):
        version = dataset.get("version")
        ends = f"@{LATEST}" if is_unset(version) or lower(version) == LATEST else f":{version}"
        return f"{PREFIX}{dataset['name']}{ends}", "uri_folder"
    if not is_unset(uri):
        return str(uri["path"]), "uri_file" if uri.get("isFile") is True else "uri_folder"
    path = older if is_unset(path) else path
    relative = path.get("relativePath")
    found = datastore_path(str(path["datastoreName"]), "" if is_unset(relative) else _slashes(relative).lstrip("/"))
    return found, type_of_path(found)


def _name_in(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[4]


def _literal(text: str, *, quoted: bool) -> str:
    return shlex.quote(text) if quoted and text else text


def _slashes(path: object) -> str:
    return str(path).replace("\\", "/")
