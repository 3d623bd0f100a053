"""What holds for every test: Airflow keeps to a folder of its own, and what is not there to be asked is not asked."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

AIRFLOW_HOME = tempfile.mkdtemp(prefix="airflow-of-tests-")
RECORDED = tempfile.mkdtemp(prefix="answers-of-tests-")
LAST = "tests/contract/test_recorded_answers.py"

# how long an example takes is an affair of the machine; what hangs is ended by the limit of its test
settings.register_profile("azml", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("azml")

# read when airflow is imported, which the first test that needs it does
os.environ.update({
    "AIRFLOW_HOME": AIRFLOW_HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    "AIRFLOW__CORE__DAGS_FOLDER": f"{AIRFLOW_HOME}/dags",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",  # DAGs of one id follow each other at once
    "AIRFLOW__AZML__SHORTEST_DEFERRAL_SECONDS": "0.1",  # where no scheduler looks on, nobody minds a quick return
})
# a cloud or connection of whoever runs the tests is none of theirs
OF_OTHERS = ("AZURE_", "AZUREML_", "AZML_", "AIRFLOW_CONN_", "ARM_", "IDENTITY_")
OURS = ("AZML_EMULATOR_CACHE", "AZUREML_CORE_PYTHON")
for name in [name for name in os.environ if name.startswith(OF_OTHERS) and name not in OURS]:
    del os.environ[name]
# what the emulators of the tests answer is checked by the tests that come last
os.environ["AZML_EMULATOR_RECORD"] = RECORDED


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests come last that look at what all others have caused; skip those that ask who is not there."""
    if "AZUREML_CORE_PYTHON" not in os.environ:
        skipped = pytest.mark.skip(reason="AZUREML_CORE_PYTHON names no Python that has azureml-core")
        for item in items:
            if item.get_closest_marker("azureml_core"):
                item.add_marker(skipped)
    items.sort(key=lambda item: item.nodeid.startswith(LAST))


def pytest_unconfigure() -> None:
    """Remove Airflow's folder, and what was recorded."""
    for folder in (AIRFLOW_HOME, RECORDED):
        shutil.rmtree(folder, ignore_errors=True)
