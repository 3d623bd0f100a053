"""What all types of steps of a pipeline file of CLI v1 share: data that goes in and out, parameters and arguments.

Source: azureml-pipeline-core 1.62, ``_pipeline_yaml_parser``, and
https://learn.microsoft.com/azure/machine-learning/v1/reference-pipeline-yaml.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_azml.spec.places import closest
from airflow_provider_azml.spec.references import PREFIX
from airflow_provider_azml.spec.rules import mapping
from airflow_provider_azml.spec.v1.pipeline_parts import TYPES, datastore_path
from airflow_provider_azml.spec.v1.placed import Placed, gathered, kept, put, unless_empty
from airflow_provider_azml.spec.v1.unsayable import is_unset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.spec.source import Source
    from airflow_provider_azml.spec.v1.pipeline_parts import Pipeline

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_MODES: Mapping[str, str] = {"mount": "ro_mount", "download": "download"}
_OUT_MODES: Mapping[str, str] = {"mount": "rw_mount", "upload": "upload"}
_BLOB_STORE = "workspaceblobstore"
DATA = "AZUREML_DATAREFERENCE_"
PARAMETER = "AML_PARAMETER_"
"""How the environment variables begin in which v1 tells a script where data are, and what parameters are."""
_WORDS = {"input": "inputs", "side_input": "side_inputs", "output": "outputs", "parameter": "parameters"}
_TAKES_DATA = ("inputs", "side_inputs")
_NOT_IN_ENVIRONMENT = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True)
class Step:
    """A step.

    Args:
        pipeline: Its pipeline.
        key: Its key there.
    """

    pipeline: Pipeline
    key: str

    @cached_property
    def source(self) -> Source:
        """The step as its file has it."""
        return self.pipeline.source.at("steps", self.key)

    @property
    def type(self) -> str:
        """Its type, as v1 calls it."""
        return str(self.source.value.get("type"))

    @property
    def code(self) -> str:
        """Folder of its code, relative to that of the file."""
        given = self.source.value.get("source_directory")
        return "." if is_unset(given) else str(given).replace("\\", "/")

    @property
    def code_folder(self) -> Path:
        """The same, as a folder of this machine."""
        return self.source.local(self.code)

    def names(self, key: str) -> list[str]:
        """The names of its inputs, outputs or parameters."""
        return list(mapping(self.source.value.get(key)))

    def display_name(self) -> Placed:
        """What people read of it."""
        found = kept(self.source, "name")
        return put(self.key, self.source) if found is None or not found.value else found

    def compute(self, fallback: Placed | None = None) -> Placed | None:
        """The compute that it names, where that is not the pipeline's.

        Args:
            fallback: What its configuration names; v1 heeds it where neither step nor pipeline names one.
        """
        own = kept(self.source, "compute")
        if own is None and is_unset(self.pipeline.source.value.get("default_compute")):
            own = fallback
        return None if own is None or not own.value else own._replace(value=compute_name(own.value))

    def inputs(self) -> Mapping[str, Placed]:
        """What the node takes, by name: data, then parameters."""
        data = {name: self.data(key, name) for key in _TAKES_DATA for name in self.names(key)}
        return {**data, **{name: self._value("parameters", name) for name in self.names("parameters")}}

    def data(self, key: str, name: str) -> Placed:
        """What an input of a section of inputs becomes."""
        given = mapping(self.source.value_at((key, name)))
        source = str(given.get("source"))
        binding, word = self.pipeline.binding(source), _mode(given) or self.pipeline.mode(source)
        value = {"type": self.pipeline.data_type(source), "path": binding, "mode": _MODES[word]} if word else binding
        return put(value, self.source, key, name)

    def outputs(self) -> Mapping[str, Placed]:
        """What the node writes, by name."""
        return {name: self._output(name) for name in self.names("outputs")}

    def type_of(self, name: str) -> str:
        """The type of what the node takes, as components write it."""
        for key in _TAKES_DATA:
            if name in self.names(key):
                return self.pipeline.data_type(str(self.source.value_at((key, name, "source"))))
        given = self.source.value_at(("parameters", name))
        if isinstance(given, dict):
            return TYPES.get(self.pipeline.type_of(str(given.get("source"))), "string")
        literals: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}
        return literals.get(type(given), "string")

    def assigned(self, key: str) -> Mapping[str, Placed]:
        """The values of a section that assigns some: literals, or references to parameters of the pipeline."""
        return {name: self._value(key, name) for name in self.names(key)}

    def arguments(self) -> list[str]:
        """Its arguments as words of a shell."""
        given = self.source.value.get("arguments")
        return [self._argument(str(argument)) for argument in (given if isinstance(given, list) else ())]

    def unnamed(self) -> Mapping[str, str]:
        """Environment variables of what no argument names, which a script can ask for in no other way."""
        given = self.source.value.get("arguments")
        named = {_named(str(argument)) for argument in (given if isinstance(given, list) else ())}
        found = {}
        for key, beginning in (("inputs", DATA), ("outputs", DATA), ("parameters", PARAMETER)):
            for name in self.names(key):
                if (key, name) not in named:
                    place = "outputs" if key == "outputs" else "inputs"
                    found[beginning + _NOT_IN_ENVIRONMENT.sub("_", name)] = f'"${{{{{place}.{name}}}}}"'
        return found

    def around_component(self, members: Mapping[str, Placed | None], keys: Sequence[str]) -> dict[str, Placed | None]:
        """The node with a component inside it: for what that alone, or a node of one alone, can say.

        Args:
            members: The node without one.
            keys: Keys that a component has in place of the node.

        Source: azure-ai-ml 1.35.2: ``is_deterministic`` is a key of components, and ``resources`` of a node may refer
        to inputs of the pipeline where it does not make a component of them.
        """
        source = self.source
        types = {name: put({"type": self.type_of(name)}, source, "inputs") for name in self.inputs()}
        outputs = {name: put({"type": "uri_folder"}, source, "outputs", name) for name in self.names("outputs")}
        component: dict[str, Placed | None] = {
            "type": members["type"],
            **{key: members[key] for key in keys},
            "inputs": unless_empty(gathered(types, source, "inputs")),
            "outputs": unless_empty(gathered(outputs, source, "outputs")),
        }
        if self.is_never_reused:
            component["is_deterministic"] = put(False, source, "allow_reuse")
        rest = {key: value for key, value in members.items() if key not in keys}
        return {**rest, "component": gathered(component, source)}

    @property
    def is_never_reused(self) -> bool:
        """Whether an earlier run with the same settings will not do."""
        return self.source.value.get("allow_reuse") is False

    def problems(self) -> Iterator[Problem]:
        """What is wrong with its data, parameters and arguments."""
        seen: dict[str, str] = {}
        for key in (*_TAKES_DATA, "parameters", "outputs"):
            for name in self.names(key):
                if not _NAME.fullmatch(str(name)):
                    reason = f"{name!r} is no name in v2: letters, digits and underscores, not beginning with a digit"
                    yield self.source.problem((key, name), reason, at_key=True)
                if name in seen and key != "outputs":
                    reason = f"{name!r} is one of {seen[name]} too; in v2 they share their names, so rename one"
                    yield self.source.problem((key, name), reason, at_key=True)
                seen.setdefault(name, key)
        for key in (*_TAKES_DATA, "outputs"):
            for name in self.names(key):
                yield from self._data_problems(key, name)
        for key in ("parameters", "runconfig_parameters"):
            yield from self._assignment_problems(key)
        given = self.source.value.get("arguments")
        for place, argument in enumerate(given if isinstance(given, list) else ()):
            yield from self._argument_problems(place, str(argument))

    def data_problems(self, key: str) -> Iterator[Problem]:
        """What is wrong with the data of a section of inputs."""
        for name in self.names(key):
            yield from self._data_problems(key, name)

    def _data_problems(self, key: str, name: str) -> Iterator[Problem]:
        given = self.source.at(key, name)
        if not is_unset(given.value.get("path_on_compute")):
            reason = "v2 chooses the place and tells the script, e.g. by an argument; leave it out"
            yield given.problem(("path_on_compute",), reason, at_key=True)
        source = given.value.get("source")
        if key == "outputs" or not isinstance(source, str) or self.pipeline.binding(source) is not None:
            return
        if source in self.pipeline.parameters:
            reason = f"{source!r} is a parameter of type {self.pipeline.type_of(source)}; take it under parameters"
        else:
            known = [*self.pipeline.data, *self.pipeline.writers]
            meant = closest(source, known)
            hint = f"; did you mean {meant!r}?" if meant else f" ({', '.join(known) or 'there are none'})"
            reason = f"{source!r} is neither a data reference, nor a datapath, nor the destination of an output{hint}"
        yield given.problem(("source",), reason)

    def _assignment_problems(self, key: str) -> Iterator[Problem]:
        for name in self.names(key):
            source = self.source.value_at((key, name, "source"))
            if isinstance(source, str) and source not in self.pipeline.parameters:
                meant = closest(source, self.pipeline.parameters)
                hint = f"; did you mean {meant!r}?" if meant else ""
                yield self.source.problem((key, name, "source"), f"{source!r} is no parameter of the pipeline{hint}")

    def _argument_problems(self, place: int, argument: str) -> Iterator[Problem]:
        key, name = _named(argument)
        if key and name not in self.names(key):
            meant = closest(name, self.names(key))
            hint = f"; did you mean {meant!r}?" if meant else f" ({', '.join(self.names(key)) or 'it has none'})"
            yield self.source.problem(("arguments", place), f"{name!r} is none of the step's {key}{hint}")

    def _argument(self, argument: str) -> str:
        key, name = _named(argument)
        if not key:
            return shlex.quote(argument)
        reference = f"${{{{{'outputs' if key == 'outputs' else 'inputs'}.{name}}}}}"
        return f'"{reference}"' if key == "parameters" and self.type_of(name) == "string" else reference

    def _value(self, key: str, name: str) -> Placed:
        given = self.source.value_at((key, name))
        value = f"${{{{parent.inputs.{given.get('source')}}}}}" if isinstance(given, dict) else given
        return put(value, self.source, key, name)

    def _output(self, name: str) -> Placed:
        given = mapping(self.source.value_at(("outputs", name)))
        value = {"type": "uri_folder", "mode": _OUT_MODES[_mode(given) or "mount"]}
        store = given.get("datastore")
        if not is_unset(store) and store != _BLOB_STORE:
            value["path"] = datastore_path(str(store), f"azureml/${{{{name}}}}/{name}/")
        return put(value, self.source, "outputs", name)


def compute_name(name: object) -> str:
    """A compute as today's files name it."""
    return f"{PREFIX}{str(name).removeprefix(PREFIX)}"


def _mode(given: Mapping[str, object]) -> str | None:
    found = given.get("bind_mode") or given.get("type")
    return str(found) if found else None


def _named(argument: str) -> tuple[str, str]:
    """What an argument stands for: a section of the step, and a name in it; nothing for a literal."""
    for beginning, key in ((f"${DATA}", "inputs"), (f"${PARAMETER}", "parameters")):
        if argument.startswith(beginning):
            return key, argument.removeprefix(beginning)
    word, colon, name = argument.partition(":")
    return (_WORDS[word], name) if colon and word in _WORDS else ("", argument)
