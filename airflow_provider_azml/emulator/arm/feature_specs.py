"""What the specification of a feature set, a file in storage, says of its features."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

from airflow_provider_azml.emulator.arm.errors import bad_request
from airflow_provider_azml.emulator.storage.locations import LocationError, Locations
from airflow_provider_azml.rest import arm_ids

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.emulator import Emulator
    from airflow_provider_azml.rest.flows import Json

FILE = "FeatureSetSpec.yaml"
_TYPES = ("String", "Integer", "Long", "Float", "Double", "Binary", "Datetime", "Boolean")


def features_of(emulator: Emulator, feature_set_id: str) -> list[Json]:
    """The features of a version of a feature set, as resources.

    Raises:
        ArmError: Its specification is not there, or is none.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-featureset-spec
    """
    feature_set = emulator.store.get(feature_set_id) or {"properties": {}}
    uri = str((feature_set["properties"].get("specification") or {}).get("path") or "")
    parsed = arm_ids.parse(feature_set_id)
    try:
        place = Locations(emulator.store, parsed.workspace).find(uri)
        text = emulator.blobs.read(place.container, f"{place.path.rstrip('/')}/{FILE}")
        specification = yaml.safe_load(text)
        declared = specification["features"]
        return [_feature(feature_set, one) for one in declared]
    except (LocationError, KeyError, TypeError, yaml.YAMLError) as error:
        raise bad_request(
            f"The specification of feature set '{parsed.name}' at '{uri}' cannot be read: {error}",
            target="specification",
        ) from error


def _feature(feature_set: Json, declared: Json) -> Json:
    name = str(declared["name"])
    kind = str(declared.get("type") or "string").lower()
    return {
        "id": f"{feature_set['id']}/features/{name}",
        "name": name,
        "type": f"{feature_set['type']}/features",
        "systemData": feature_set["systemData"],
        "properties": {
            "featureName": name,
            "dataType": next((one for one in _TYPES if one.lower() == kind), "String"),
            "description": declared.get("description"),
            "tags": json.loads(json.dumps(declared.get("tags") or {}, default=str)),
            "properties": {},
        },
    }
