"""Condenses the OpenAPI files of the service into ``emulator/arm/definitions.json``.

    python -m tests.contract.condense

What is kept are facts that a body can be held against: operations with the definitions of their bodies, and of these
required properties, types, words, patterns and subtypes. Words and subtypes that a newer api-version has, as
azure-ai-ml knows it, are added: the emulator gives one answer to all versions.
"""

from __future__ import annotations

import json
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.contract.claims import nameless
from tests.contract.shared_sources import SHARED, VERBS

TARGET = Path(__file__).parents[2] / "airflow_provider_azml" / "emulator" / "arm" / "definitions.json"
VERSION = "2024-04-01"
NEWER = "derived-2025-12-01"
_COMMON = ("v3", "v4")
_BOUNDS = ("minLength", "maxLength", "pattern")
_SUBTYPES_OF_PREVIEWS = {
    "JobBase": ["Labeling"],
    "MonitoringInputDataBase": ["Trailing"],
    "ScheduleActionBase": ["ImportData"],
}
_WORDS_OF_PREVIEWS = {"ConnectionCategory": ["AzureDataLakeGen2"]}
_LONGER = {"connectionName"}
"""Names of which azure-ai-ml makes longer ones than the pattern allows, for the stores behind a feature store."""
_NOT_SENT = {
    "FeatureAttributionDriftMonitoringSignal": {"featureImportanceSettings"},
    "ServerlessEndpoint": {"authMode"},
}
"""What previews have besides, and what azure-ai-ml leaves out with the previews that it asks for."""


class Condensation:
    """What the files of one api-version say, in few words."""

    def __init__(self, version: str = VERSION) -> None:
        self._files = [_load(file) for file in sorted((SHARED / "specs" / version).glob("*.json"))]
        self._newer = _load(SHARED / "specs" / NEWER / "models.json")
        self._parameters = {name: one for file in self._files for name, one in file.get("parameters", {}).items()}

    def facts(self) -> dict[str, Any]:
        """All operations and all definitions."""
        return {
            "version": VERSION,
            "operations": {
                f"{verb.upper()} {nameless(path)}": self._operation(path, verbs, verb)
                for file in self._files
                for path, verbs in file["paths"].items()
                for verb in VERBS
                if verb in verbs
            },
            "definitions": {name: self._definition(name) for name in sorted(self._definitions)},
        }

    @cached_property
    def _definitions(self) -> dict[str, dict[str, Any]]:
        """Those of the files, and those of the common types that they refer to."""
        found = {name: one for file in self._files for name, one in file["definitions"].items()}
        common = [
            _load(file)
            for version in reversed(_COMMON)
            for file in sorted((SHARED / "specs" / "common-types" / "resource-management" / version).glob("*.json"))
        ]
        shared = {name: one for file in common for name, one in file["definitions"].items()}
        asked = _references([*found.values(), *(file["paths"] for file in self._files)])
        while missing := asked - set(found):
            found |= {name: shared[name] for name in missing}
            asked = _references(list(found.values()))
        return found

    def _operation(self, path: str, verbs: dict[str, Any], verb: str) -> dict[str, Any]:
        operation = verbs[verb]
        parameters = [self._parameter(one) for one in operation["parameters"]]
        by_name = {one["name"]: one for one in parameters if one.get("in") == "path" and one["name"] not in _LONGER}
        patterns = [by_name.get(name, {}).get("pattern") for name in _names(path)]
        bodies = [one["schema"] for one in parameters if one.get("in") == "body" and one.get("required")]
        return _without_empty({
            "id": operation["operationId"],
            "patterns": patterns if any(patterns) else None,
            "query": [one["name"] for one in parameters if one.get("in") == "query" and one.get("required")],
            "request": self._schema(bodies[0]) if bodies else None,
            "responses": {
                status: self._schema(answer["schema"]) if "schema" in answer else None
                for status, answer in operation["responses"].items()
                if status != "default"
            },
        })

    def _parameter(self, described: dict[str, Any]) -> dict[str, Any]:
        name = described.get("$ref", "").rpartition("/")[2]
        return self._parameters.get(name, {}) | ({} if name else described) or {"name": name}

    def _definition(self, name: str) -> dict[str, Any]:
        whole = self._merged(name)
        properties = {key: self._schema(one) for key, one in whole.get("properties", {}).items()}
        facts = {**self._schema(whole), "required": sorted(set(whole.get("required", ()))), "properties": properties}
        if discriminator := whole.get("discriminator"):
            facts |= {"discriminator": discriminator, "subtypes": self._subtypes(name)}
        return _without_empty(facts)

    def _merged(self, name: str) -> dict[str, Any]:
        """A definition with all that it takes over from others."""
        own = self._definitions[name]
        merged: dict[str, Any] = {"properties": {}, "required": []}
        for parent in own.get("allOf", ()):
            taken = self._merged(_name(parent["$ref"]))
            merged["properties"] |= taken["properties"]
            merged["required"] += taken["required"]
        merged["properties"] |= own.get("properties", {})
        merged["required"] += set(own.get("required", [])) - _NOT_SENT.get(name, set())
        if "discriminator" in own:  # its words are those of the subtypes
            merged["properties"][own["discriminator"]] = {"type": "string"}
        return {**{key: value for key, value in own.items() if key != "allOf"}, **merged}

    def _subtypes(self, base: str) -> dict[str, str]:
        """Word of the discriminator -> definition; what only a newer version has is held against the base."""
        found = {
            definition.get("x-ms-discriminator-value", name): name
            for name, definition in self._definitions.items()
            if base in self._ancestors(name)
        }
        newer = {base: base, self._definitions[base].get("x-ms-client-name", base): base}
        for name, model in self._newer["models"].items():
            if "discriminator_value" in model and set(newer) & self._newer_ancestors(name):
                found.setdefault(model["discriminator_value"], base)
        found |= dict.fromkeys(_SUBTYPES_OF_PREVIEWS.get(base, ()), base)
        return dict(sorted(found.items()))

    def _ancestors(self, name: str) -> set[str]:
        parents = {_name(one["$ref"]) for one in self._definitions[name].get("allOf", ())}
        return parents.union(*(self._ancestors(parent) for parent in parents))

    def _newer_ancestors(self, name: str) -> set[str]:
        parents = set(self._newer["models"].get(name, {}).get("bases", ()))
        return parents.union(*(self._newer_ancestors(parent) for parent in parents))

    def _schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The facts about one value."""
        access = {
            "readOnly": schema.get("readOnly"),
            "writeOnly": "read" not in schema.get("x-ms-mutability", ["read"]),
        }
        if "$ref" in schema:
            return _without_empty({"ref": _name(schema["$ref"]), **access})
        values = schema.get("additionalProperties")
        return _without_empty({
            "type": schema.get("type"),
            "enum": self._words(schema),
            "items": self._schema(schema["items"]) if "items" in schema else None,
            "values": self._schema(values) if isinstance(values, dict) and values else None,
            **access,
            **{bound: schema.get(bound) for bound in _BOUNDS},
        })

    def _words(self, schema: dict[str, Any]) -> list[str]:
        words = schema.get("enum", [])
        name = schema.get("x-ms-enum", {}).get("name", "")
        newer = [*self._newer["enums"].get(name, ()), *_WORDS_OF_PREVIEWS.get(name, ())] if words else []
        return list(dict.fromkeys([*words, *newer]))


def written(facts: dict[str, Any]) -> str:
    """The text of the file: a line for each operation and each definition."""
    parts = [f'"version":{json.dumps(facts["version"])}']
    for part in ("operations", "definitions"):
        lines = (f"{json.dumps(key)}:{json.dumps(one, separators=(',', ':'))}" for key, one in facts[part].items())
        parts.append(f'"{part}":{{\n' + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _load(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _references(value: object) -> set[str]:
    """The names of all definitions that are referred to in a value."""
    if isinstance(value, list):
        return set().union(*map(_references, value))
    if not isinstance(value, dict):
        return set()
    own = value.get("$ref", "")
    inner: set[str] = set().union(*(_references(one) for one in value.values()))
    return inner | {_name(own)} if isinstance(own, str) and "#/definitions/" in own else inner


def _without_empty(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value for key, value in facts.items() if value is not None and value is not False and value not in ([], {})
    }


if __name__ == "__main__":
    TARGET.write_text(written(Condensation().facts()), encoding="utf-8")
    sys.stdout.write(f"{TARGET}: {TARGET.stat().st_size} bytes\n")
