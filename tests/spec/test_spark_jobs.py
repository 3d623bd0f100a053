from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import jobs, kinds, spark_jobs
from airflow_provider_azml.spec.filling import filled
from airflow_provider_azml.spec.source import from_mapping
from tests.spec.stand_in import TARGET, WS, StandIn

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {
    "spark.driver.cores": 1,
    "spark.driver.memory": "2g",
    "spark.executor.cores": 2,
    "spark.executor.memory": "2g",
}
DYNAMIC = {
    **SIZES,
    "spark.dynamicAllocation.enabled": True,
    "spark.dynamicAllocation.minExecutors": 1,
    "spark.dynamicAllocation.maxExecutors": 4,
}
JOB: dict[str, Any] = {
    "type": "spark",
    "entry": {"file": "main.py"},
    "compute": "azureml:pool",
    "conf": {**SIZES, "spark.executor.instances": 2},
}
SERVERLESS: dict[str, Any] = {
    **{key: value for key, value in JOB.items() if key != "compute"},
    "resources": {"instance_type": "Standard_E4s_v3", "runtime_version": 3.4},
}
PARTS = {
    "attached": (
        JOB,
        {
            "jobType": "Spark",
            "entry": {"sparkJobEntryType": "SparkJobPythonEntry", "file": "main.py"},
            "computeId": f"{WS}/computes/pool",
            "identity": {"identityType": "Managed"},
            "conf": {
                "spark.driver.cores": "1",
                "spark.driver.memory": "2g",
                "spark.executor.cores": "2",
                "spark.executor.memory": "2g",
                "spark.executor.instances": "2",
            },
            "environmentId": None,
            "codeId": None,
        },
    ),
    "serverless": (
        SERVERLESS,
        {
            "computeId": None,
            "identity": {"identityType": "UserIdentity"},
            "resources": {"instanceType": "Standard_E4s_v3", "runtimeVersion": "3.4"},
        },
    ),
    "an identity of its own": (
        {**SERVERLESS, "identity": {"type": "managed"}},
        {"identity": {"identityType": "Managed"}},
    ),
    "azure-ai-ml's names of settings": (
        {
            **JOB,
            "conf": {
                "driver_cores": 1,
                "driver_memory": "2g",
                "executor_cores": 2,
                "executor_memory": "2g",
                "executor_instances": 3,
                "spark.x": True,
            },
        },
        {
            "conf": {
                **{key: str(value) for key, value in SIZES.items()},
                "spark.executor.instances": "3",
                "spark.x": "True",
            }
        },
    ),
    "as many executors as there must be": (
        {**JOB, "conf": DYNAMIC},
        {"conf": {**{key: str(value) for key, value in DYNAMIC.items()}, "spark.executor.instances": "1"}},
    ),
    "lists": (
        {**JOB, "py_files": ["a.py"], "jars": ["b.jar"], "files": ["c"], "archives": ["d.zip"], "args": "--x"},
        {"pyFiles": ["a.py"], "jars": ["b.jar"], "files": ["c"], "archives": ["d.zip"], "args": "--x"},
    ),
    "properties are sent": ({**JOB, "properties": {"a": "b"}}, {"properties": {"a": "b"}}),
}
WRONG = {
    "resources: a spark job needs either compute or resources": {"compute": None},
    "conf: 'spark.executor.instances' is missing": {"conf": SIZES},
    "conf['spark.dynamicAllocation.minExecutors']: spark.dynamicAllocation.minExecutors goes with": {
        "conf": {**DYNAMIC, "spark.dynamicAllocation.enabled": False}
    },
    "the least number of executors": {"conf": {**DYNAMIC, "spark.dynamicAllocation.maxExecutors": 0}},
    "conf['spark.executor.instances']: must be from 1 to 4": {"conf": {**DYNAMIC, "spark.executor.instances": 7}},
    "inputs.a: Spark takes data directly": {"inputs": {"a": {"path": "https://x/y", "type": "uri_file"}}},
    "outputs.a: Spark takes data directly": {"outputs": {"a": {"mode": "upload"}}},
    "jars[1]: 'a' is there already": {"jars": ["a", "a"]},
    "args: ${{inputs.x}} is not among the inputs": {"args": "${{inputs.x}}"},
    "entry.file: there is no main.py in src": {"code": "src"},
    "entry.class_name: unknown key": {"entry": {"class_name": "x"}},
}


@pytest.mark.parametrize("name", PARTS)
def test_spark_jobs(service: StandIn, name: str, tmp_path: Path) -> None:
    given, expected = PARTS[name]
    source = from_mapping(given, base_path=tmp_path)
    assert not kinds.check(source)
    sent = service.run(filled(spark_jobs.properties(source, "spark-1"), TARGET))
    assert {key: sent.get(key) for key in expected} == expected


@pytest.mark.parametrize("reason", WRONG)
def test_what_is_wrong_with_a_spark_job(reason: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "other.py").touch()
    changed = {key: value for key, value in {**JOB, **WRONG[reason]}.items() if value is not None}
    with pytest.raises(SpecError) as caught:
        kinds.check(from_mapping(changed, base_path=tmp_path))
    assert reason in str(caught.value)


def test_serverless_spark_acts_as_the_user() -> None:
    assert jobs.acts_as_user(spark_jobs.properties(from_mapping(SERVERLESS), "s"))
    assert not jobs.acts_as_user(spark_jobs.properties(from_mapping(JOB), "s"))
