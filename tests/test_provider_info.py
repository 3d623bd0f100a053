"""What Airflow is told of the provider, as Airflow itself reads it."""

from __future__ import annotations

import json
from importlib import import_module, metadata, resources
from pkgutil import walk_packages

import jsonschema
import pytest

import airflow_provider_azml
from airflow_provider_azml.hooks.connection import FIELDS
from airflow_provider_azml.provider_info import get_provider_info
from airflow_provider_azml.rest.credentials import AUTHS

INFO = get_provider_info()
(CONNECTION,) = INFO["connection-types"]
MODULE_LISTS = ("hooks", "operators", "sensors", "triggers")
KIND_OF_CLASS = {"hooks": "Hook", "operators": "Operator", "sensors": "Sensor", "triggers": "Trigger"}
NOT_PUBLIC = {
    "AzmlOperator",
    "AzmlJobOperator",
    "AzmlSpecOperator",
    "AzmlArchiveAssetOperator",
    "AzmlNamedOperator",
    "AzmlSwitchScheduleOperator",
    "AzmlSwitchComputeOperator",
    "AzmlWorkspaceActOperator",
    "AzmlResourceGroupOperator",
    "AzmlScriptRunOperator",
    "AzmlSensor",
    "AzmlResourceSensor",
}
"""Bases, which no DAG uses."""


def load(path: str) -> object:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def test_airflow_accepts_it() -> None:
    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(INFO, schema)
    assert INFO["package-name"] == metadata.metadata("airflow-provider-azml")["Name"]


def test_airflow_finds_it() -> None:
    from tests.airflow.versions import ProvidersManagerTaskRuntime

    manager = ProvidersManagerTaskRuntime()
    assert manager.providers["airflow-provider-azml"].version == airflow_provider_azml.__version__
    hook = manager.hooks["azml"]
    assert hook
    assert (hook.connection_type, hook.hook_name, hook.connection_testable) == ("azml", "Azure Machine Learning", True)
    assert load(hook.hook_class_name) is load(CONNECTION["hook-class-name"])


def test_the_form_has_every_field_that_the_hook_reads() -> None:
    assert set(CONNECTION["conn-fields"]) == set(FIELDS)
    auth = CONNECTION["conn-fields"]["auth"]["schema"]
    assert auth["enum"] == [None, *AUTHS]
    assert auth["values_display"].keys() == {"null", *AUTHS}  # the form shows "null" for what is not in here


def test_no_field_of_the_form_holds_a_secret() -> None:
    """Airflow masks fields of the extra by their names alone; the one secret is the password, which it always masks."""
    words = ("secret", "password", "key", "token")
    assert [name for name in CONNECTION["conn-fields"] if any(word in name for word in words)] == []


def test_the_hook_knows_the_connection_that_it_is_for() -> None:
    hook = load(CONNECTION["hook-class-name"])
    assert (hook.conn_type, hook.hook_name) == (CONNECTION["connection-type"], CONNECTION["hook-name"])  # type: ignore[attr-defined]
    assert (hook.conn_name_attr, hook.default_conn_name) == ("azml_conn_id", "azml_default")  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", MODULE_LISTS)
def test_every_module_with_a_public_class_is_listed(kind: str) -> None:
    listed = {name for entry in INFO[kind] for name in entry["python-modules"]}
    package = import_module(f"airflow_provider_azml.{kind}")
    modules = [import_module(found.name) for found in walk_packages(package.__path__, f"{package.__name__}.")]
    defining = {
        module.__name__
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("Azml")
        and name.endswith(KIND_OF_CLASS[kind])
        and name not in NOT_PUBLIC
        and value.__module__ == module.__name__
    }
    assert listed == defining


@pytest.mark.parametrize("kind", ["operators", "sensors"])
def test_every_public_class_can_be_imported_from_the_package(kind: str) -> None:
    package = import_module(f"airflow_provider_azml.{kind}")
    listed = [name for entry in INFO[kind] for name in entry["python-modules"]]
    defined = {
        name
        for module in map(import_module, listed)
        for name, value in vars(module).items()
        if name.startswith("Azml")
        and name.endswith(KIND_OF_CLASS[kind])
        and name not in NOT_PUBLIC
        and value.__module__ == module.__name__
    }
    assert set(package.__all__) == defined
    assert all(getattr(package, name).__doc__ for name in package.__all__)


@pytest.mark.parametrize("path", [*INFO["extra-links"], *(plugin["plugin-class"] for plugin in INFO["plugins"])])
def test_links_and_plugins_are_where_it_says(path: str) -> None:
    assert isinstance(load(path), type)


@pytest.mark.parametrize(
    "entry",
    [pytest.param(entry, id=entry.name) for entry in metadata.distribution("airflow-provider-azml").entry_points],
)
def test_entry_points_lead_somewhere(entry: metadata.EntryPoint) -> None:
    assert entry.load()


def test_settings_are_read_under_the_names_that_are_declared() -> None:
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()  # Airflow 3.1 does not do it by itself
    for section, declared in INFO["config"].items():
        for name in declared["options"]:
            assert conf.get(section, name) is not None


def test_versions_agree() -> None:
    assert metadata.version("airflow-provider-azml") == airflow_provider_azml.__version__


def test_the_default_of_the_shortest_deferral_is_the_one_that_holds():
    from airflow_provider_azml.triggers.wait import SHORTEST_SECONDS

    assert float(INFO["config"]["azml"]["options"]["shortest_deferral_seconds"]["default"]) == SHORTEST_SECONDS
