"""What importing this package costs a DAG file, beyond ``airflow.sdk``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_azml.provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MODULES = 40
BROUGHT = 27
"""Two of them are Airflow's own: what a gate skips and branches with."""
SHARE, SHARE_OF_WORKERS = 0.06, 0.2
"""Of the processor time that ``airflow.sdk`` takes, in the same process: seconds would depend on what else runs."""
INFO = get_provider_info()
OF_DAG_FILES = ("airflow_provider_azml.operators", "airflow_provider_azml.sensors")
OF_WORKERS = ("airflow_provider_azml.hooks.azml", "airflow_provider_azml.triggers.wait")
HEAVY = {
    "aiohttp",
    "azure",
    "cryptography",
    "dateutil",
    "isodate",
    "jmespath",
    "jsonschema",
    "mlflow",
    "numpy",
    "pandas",
    "pathspec",
    "requests",
    "starlette",
    "uvicorn",
    "yaml",
}

MEASURE = """
import gc, importlib, json, sys, time
before, added = sys.argv[1].split(), sys.argv[2].split()
began = time.process_time()
for name in before:
    importlib.import_module(name)
gc.disable()  # it would strike one of the modules, by chance
known, of_airflow, began = set(sys.modules), time.process_time() - began, time.process_time()
for name in added:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        getattr(module, public)
cpu_seconds = time.process_time() - began
modules = sorted(set(sys.modules) - known)
print(json.dumps({"cpu_seconds": cpu_seconds, "of_airflow": cpu_seconds / of_airflow, "modules": modules}))
"""


class Cost(TypedDict):
    cpu_seconds: float
    of_airflow: float
    modules: list[str]


def cost(added: Sequence[str], *, after: Sequence[str] = ()) -> Cost:
    """What importing some modules adds to a fresh interpreter that has imported others."""
    command = [sys.executable, "-c", MEASURE, " ".join(after), " ".join(added)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: Cost = json.loads(done.stdout.splitlines()[-1])
    return measured


def least(added: Sequence[str], *, after: Sequence[str], share: float) -> Cost:
    """The least of up to three measurements: what else the machine does makes it only more."""
    measured = cost(added, after=after)
    for _ in range(2):
        if measured["of_airflow"] > share:
            measured = min(measured, cost(added, after=after), key=lambda each: each["of_airflow"])
    return measured


def heavy(modules: Sequence[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


def test_operators_and_sensors_cost_a_dag_file_next_to_nothing(record_property: Callable[[str, object], None]) -> None:
    measured = least(OF_DAG_FILES, after=["airflow.sdk"], share=SHARE)
    record_property("modules", len(measured["modules"]))
    record_property("cpu_seconds", measured["cpu_seconds"])
    assert heavy(measured["modules"]) == set()
    own = {name for kind in ("operators", "sensors") for row in INFO[kind] for name in row["python-modules"]}
    brought = set(measured["modules"]) - own  # a DAG file takes a few of its own modules, and all of these with them
    assert len(brought) <= BROUGHT, brought
    assert measured["of_airflow"] <= SHARE


def test_hook_and_trigger_bring_nothing_but_this_package() -> None:
    measured = least(
        [*OF_DAG_FILES, *OF_WORKERS], after=["airflow.sdk", "airflow.triggers.base"], share=SHARE_OF_WORKERS
    )
    assert heavy(measured["modules"]) == set()
    assert measured["of_airflow"] <= SHARE_OF_WORKERS


def test_the_trigger_of_asset_watchers_costs_a_dag_file_next_to_nothing() -> None:
    before = ["airflow.sdk", "airflow.triggers.base", *OF_DAG_FILES, *OF_WORKERS]
    measured = least(["airflow_provider_azml.triggers.datastore"], after=before, share=SHARE)
    assert heavy(measured["modules"]) == set()
    assert len(measured["modules"]) <= MODULES, measured["modules"]
    assert measured["of_airflow"] <= SHARE


def test_timetables_bring_nothing_but_this_package() -> None:
    measured = cost(["airflow_provider_azml.timetables.recurrence"], after=["airflow.sdk", "airflow.timetables.base"])
    assert heavy(measured["modules"]) == set()
    assert {"croniter", "tzlocal"} & set(measured["modules"]) == set()
    assert len(measured["modules"]) <= MODULES, measured["modules"]


def test_describing_the_provider_imports_nothing_else() -> None:
    measured = cost(["airflow_provider_azml.provider_info"])
    assert {name for name in measured["modules"] if name.startswith("airflow")} == {
        "airflow_provider_azml",
        "airflow_provider_azml.provider_info",
    }
    assert heavy(measured["modules"]) == set()


def test_the_pytest_plugin_costs_other_peoples_test_runs_next_to_nothing() -> None:
    measured = cost(["airflow_provider_azml.emulator.pytest_plugin"], after=["pytest"])
    assert {name for name in measured["modules"] if name.partition(".")[0] not in sys.stdlib_module_names} == {
        "airflow_provider_azml",
        "airflow_provider_azml.emulator",
        "airflow_provider_azml.emulator.pytest_plugin",
    }
