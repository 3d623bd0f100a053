"""What the steps of a pipeline file of CLI v1 can name: its parameters, its data, and what other steps write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_azml.spec.references import LATEST, PREFIX
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1.placed import Placed, put

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

ROOT = "pipeline"
DATAPATH = "datapath"
TYPES: Mapping[str, str] = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}
"""Types of parameters -> those of a component's inputs."""
_NO_DEFAULTS: Mapping[str, Any] = {"int": 0, "float": 0.0, "bool": False}
"""What v1 takes for a parameter without a default."""
_NOT_LEGAL = re.compile(r"[^a-z0-9_]")
_FILE = re.compile(r"\.\w{1,10}$")


class Written(NamedTuple):
    """An output of a step.

    Args:
        step: Key of the step.
        output: Name of the output.
    """

    step: str
    output: str


@dataclass(frozen=True)
class Pipeline:
    """The pipeline of a file.

    Args:
        file: The file.
    """

    file: Source

    @cached_property
    def source(self) -> Source:
        """What stands under its root."""
        return self.file.at(ROOT)

    @cached_property
    def parameters(self) -> Json:
        """What whoever submits it may choose, by name."""
        return mapping(self.source.value.get("parameters"))

    @cached_property
    def data(self) -> Json:
        """Data that steps work on, by name."""
        return mapping(self.source.value.get("data_references"))

    @cached_property
    def steps(self) -> Json:
        """The steps by key."""
        return mapping(self.source.value.get("steps"))

    @cached_property
    def writers(self) -> Mapping[str, list[Written]]:
        """What later steps call an output -> who writes it; more than one is a mistake."""
        found: dict[str, list[Written]] = {}
        for key, step in self.steps.items():
            for name, output in mapping(mapping(step).get("outputs")).items():
                found.setdefault(str(mapping(output).get("destination")), []).append(Written(key, name))
            for target in mapping(mapping(step).get("destination_data_reference")).values():
                name = str(mapping(target).get("source"))
                if not self.is_data(name):
                    found.setdefault(name, []).append(Written(key, "destination"))
        return found

    def type_of(self, parameter: str) -> str:
        """The type of a parameter, as v1 calls it."""
        return str(mapping(self.parameters.get(parameter)).get("type"))

    def is_data(self, name: str) -> bool:
        """Whether a name is that of data which the pipeline is given."""
        return name in self.data or self.type_of(name) == DATAPATH

    def binding(self, name: str) -> str | None:
        """The reference of today's files to what an input of a step calls its source; ``None`` if there is none."""
        if self.is_data(name):
            return f"${{{{parent.inputs.{name}}}}}"
        written = self.writers.get(name)
        if not written:
            return None
        return f"${{{{parent.jobs.{node_name(written[0].step)}.outputs.{written[0].output}}}}}"

    def data_type(self, name: str) -> str:
        """The type of what an input of a step calls its source."""
        return type_of_path(str(mapping(self._place(name)).get("path_on_datastore", "")))

    def mode(self, name: str) -> str | None:
        """How steps get at data that do not say."""
        found = mapping(self.data.get(name)).get("bind_mode")
        return str(found) if found else None

    def inputs(self) -> Mapping[str, Placed]:
        """The inputs of the pipeline job: the parameters, and the data that steps take."""
        source = self.source
        values = {name: put(self._default(name), source, "parameters", name) for name in self.parameters}
        taken = {
            str(mapping(given).get("source"))
            for step in self.steps.values()
            for key in ("inputs", "side_inputs", "source_data_reference", "destination_data_reference")
            for given in mapping(mapping(step).get(key)).values()
        }
        data = {name: put(self._input(name), source, "data_references", name) for name in self.data if name in taken}
        return {**values, **data}

    def _default(self, name: str) -> object:
        given = mapping(self.parameters[name])
        kind, default = str(given.get("type")), given.get("default")
        if kind == DATAPATH:
            return self._input(name) if default is not None else None
        if default is None:
            return _NO_DEFAULTS.get(kind)
        return {"string": str, "int": int, "float": float}.get(kind, bool)(default)

    def _input(self, name: str) -> Json:
        place = self._place(name)
        if place.get("dataset_name"):
            return {"type": "uri_folder", "path": f"{PREFIX}{place['dataset_name']}@{LATEST}"}
        path = str(place.get("path_on_datastore", "")).replace("\\", "/").lstrip("/")
        return {"type": self.data_type(name), "path": datastore_path(str(place.get("datastore")), path)}

    def _place(self, name: str) -> Json:
        if name in self.data:
            return mapping(self.data[name])
        return mapping(mapping(self.parameters.get(name)).get("default"))


def node_name(key: str) -> str:
    """What the node of a step is called: today's names have lower case letters, digits and underscores.

    Example:
        >>> node_name("Data-Prep 2")
        'data_prep_2'
    """
    name = _NOT_LEGAL.sub("_", key.lower())
    return f"_{name}" if name[:1].isdigit() else name


def type_of_path(path: str) -> str:
    """The type of data at a path; v1 had the same words for files and folders.

    Example:
        >>> type_of_path("a/b.csv")
        'uri_file'
    """
    return "uri_file" if _FILE.search(path) else "uri_folder"


def datastore_path(datastore: str, path: str) -> str:
    """A place in a datastore as today's files write it.

    Example:
        >>> datastore_path("workspaceblobstore", "a/b.csv")
        'azureml://datastores/workspaceblobstore/paths/a/b.csv'
    """
    return f"azureml://datastores/{datastore}/paths/{path}"
