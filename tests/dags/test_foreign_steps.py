"""DAGs of pipelines of CLI v1 with steps that ran on other services.

The official providers bring a hundred packages along, so that stand-ins of their operators take their places here: they
take the same arguments as those of apache-airflow-providers-databricks 7.21 and -microsoft-azure 15.2, and keep what
they are told. Where the providers are installed, their own operators are made in the tests of what a task is told.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.sdk import BaseOperator

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.running import run
from tests.dags.v1_files import FILES, PIPELINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow.sdk import Context

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

NOTEBOOK = """\
    Spark:
      type: DatabricksStep
      name: On Spark
      compute: mydatabricks
      notebook_path: /Shared/score
      notebook_params: {mode: fast}
      num_workers: 2
      spark_conf: {a.b: c}
      timeout_seconds: 60
      parameters: {word: {source: Word}}
      inputs: {before: {source: between}}
      outputs: {scored: {destination: scores}}
    After:
      type: PythonScriptStep
      script_name: reads.py
      runconfig: plain.runconfig
      arguments: ["output:last"]
      inputs: {before: {source: scores}}
      outputs: {last: {destination: last}}
"""
SCRIPT = """\
pipeline:
  data_references: {raw: {datastore: workspaceblobstore, path_on_datastore: in}}
  default_compute: mydatabricks
  steps:
    Script:
      type: DatabricksStep
      runconfig: plain.runconfig
      source_directory: code
      python_script_name: more/run.py
      python_script_params: [--fast]
      min_workers: 1
      max_workers: 3
      inputs: {raw: {source: raw}}
"""
BATCH = """\
pipeline:
  parameters: {Word: {type: string, default: w}}
  data_references: {raw: {datastore: workspaceblobstore, path_on_datastore: in}}
  default_compute: mybatch
  steps:
    Batch:
      type: AzureBatchStep
      pool_id: MyPoolName
      create_pool: true
      executable: azurebatch.cmd
      source_directory: code
      vm_image_urn: urn:Canonical:0001-com-ubuntu-server-jammy:22_04-lts
      vm_size: standard_d2_v3
      target_compute_nodes: 3
      arguments: ["a b", "input:raw", "output:made", "parameter:word"]
      parameters: {word: {source: Word}}
      inputs: {raw: {source: raw}}
      outputs: {made: {destination: made, datastore: workspaceblobstore}}
"""
TRANSFER = """\
pipeline:
  data_references: {here: {datastore: workspaceblobstore, path_on_datastore: in}}
  default_compute: adf
  steps:
    Copy:
      type: DataTransferStep
      name: copy-blobs
      source_data_reference: {here: {source: here}}
      destination_data_reference: {there: {source: there}}
      adla_compute_name: adf
"""
AZURE_BATCH = (
    "batch_pool_id",
    "batch_pool_vm_size",
    "batch_job_id",
    "batch_task_command_line",
    "batch_task_id",
    "vm_node_agent_sku_id",
    "vm_publisher",
    "vm_offer",
    "vm_sku",
    "target_dedicated_nodes",
    "azure_batch_conn_id",
    "batch_task_resource_files",
    "timeout",
    "should_delete_job",
    "should_delete_pool",
)
TOLD: list[tuple[BaseOperator, dict[str, Any]]] = []
"""The tasks of stand-ins that ran, each with what it was told."""


class _StandIn(BaseOperator):
    template_fields: Sequence[str] = ()
    takes: Mapping[str, Any] = {}

    def execute(self, context: Context) -> None:
        TOLD.append((self, {name: getattr(self, name) for name in self.takes}))


@dataclass
class ResourceFile:
    http_url: str
    file_path: str


def stand_in(name: str, fields: Sequence[str], takes: Mapping[str, Any]) -> type[BaseOperator]:
    """An operator of another provider that does nothing."""
    signature = ", ".join(f"{one}={default!r}" for one, default in takes.items())
    lines = "\n    ".join(f"self.{one} = {one}" for one in takes)
    space: dict[str, Any] = {"_StandIn": _StandIn}
    exec(
        f"def __init__(self, *, {signature}, **kwargs):\n    super(_StandIn, self).__init__(**kwargs)\n    {lines}",
        space,
    )
    body = {"__init__": space["__init__"], "template_fields": fields, "takes": takes, "__module__": "official"}
    return type(name, (_StandIn,), body)


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[BaseOperator]]:
    databricks = {"json": None, "databricks_conn_id": "databricks_default", "deferrable": False}
    batch = dict.fromkeys(AZURE_BATCH)
    factory = dict.fromkeys([
        "pipeline_name",
        "azure_data_factory_conn_id",
        "resource_group_name",
        "factory_name",
        "parameters",
    ])
    made = {
        "airflow.providers.databricks.operators.databricks": stand_in(
            "DatabricksSubmitRunOperator", ("json", "databricks_conn_id"), databricks
        ),
        "airflow.providers.microsoft.azure.operators.batch": stand_in(
            "AzureBatchOperator", ("batch_job_id", "batch_task_command_line"), batch
        ),
        "airflow.providers.microsoft.azure.operators.data_factory": stand_in(
            "AzureDataFactoryRunPipelineOperator", ("resource_group_name", "factory_name", "parameters"), factory
        ),
    }
    for name, operator in made.items():
        module = ModuleType(name)
        setattr(module, operator.__name__, operator)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "azure.batch", ModuleType("azure.batch"))
    models = ModuleType("azure.batch.models")
    models.ResourceFile = ResourceFile  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "azure.batch.models", models)
    TOLD.clear()
    return {operator.__name__: operator for operator in made.values()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "code/more").mkdir(parents=True)
    (tmp_path / "code/azurebatch.cmd").write_text("echo")
    (tmp_path / "code/more/run.py").write_text("run")
    return tmp_path


def test_a_notebook_is_told_where_data_are_and_later_steps_where_it_has_put_its_own(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path, official: dict[str, type[BaseOperator]]
) -> None:
    (folder / "pipeline.yml").write_text(PIPELINE + NOTEBOOK)
    dag = azml_dag(folder / "pipeline.yml", default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.2})
    spark = dag.get_task("spark")
    assert isinstance(spark, official["DatabricksSubmitRunOperator"])
    assert (spark.task_type, spark.upstream_task_ids) == ("DatabricksSubmitRunOperator", {"prep_it"})
    assert dag.get_task("after").upstream_task_ids == {"spark"}

    finished = run(dag, run_conf={"Word": "hi", "azml_skip": ["train", "after"]})

    assert finished.states == {"prep_it": "success", "train": "skipped", "spark": "success", "after": "skipped"}
    ((_, told),) = TOLD
    json = told["json"]
    parameters = json["notebook_task"].pop("base_parameters")
    assert told["databricks_conn_id"] == "mydatabricks"
    assert json == {
        "run_name": "On Spark",
        "new_cluster": {
            "spark_version": "10.4.x-scala2.12",
            "num_workers": 2,
            "spark_conf": {"a.b": "c"},
            "node_type_id": "Standard_D3_v2",
        },
        "notebook_task": {"notebook_path": "/Shared/score"},
        "timeout_seconds": 60,
    }
    assert (parameters["mode"], parameters["word"]) == ("fast", "hi")
    assert parameters["before"].startswith("wasbs://")
    scored = finished.value("spark")["outputs"]["scored"]
    assert scored.startswith("azureml://datastores/workspaceblobstore/paths/airflow/pipeline/spark/manual__")
    assert parameters["scored"].endswith(scored.rpartition("/paths/")[2])

    dag = azml_dag(folder / "pipeline.yml", default_args={"azml_conn_id": azml_connection, "poll_seconds": 0.2})
    again = run(dag, run_conf={"Word": "hi", "azml_only": ["after"]})
    assert again.value("spark") == {**finished.value("spark"), "from_run": finished.dag_run.run_id}
    assert len(TOLD) == 1


def test_a_script_on_databricks_is_put_where_it_can_be_fetched(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path, official: dict[str, type[BaseOperator]]
) -> None:
    (folder / "script.yml").write_text(SCRIPT)
    finished = run(azml_dag(folder / "script.yml", default_args={"azml_conn_id": azml_connection}))
    assert finished.state == "success", finished.errors
    ((_, told),) = TOLD
    script = told["json"]["spark_python_task"]
    code = script["python_file"].removesuffix("/more/run.py")
    assert code.startswith("wasbs://")
    assert "/LocalUpload/" in code
    assert code.endswith("/code")
    first, name, raw, *rest = script["parameters"]
    assert (first, name, rest) == ("--fast", "--raw", ["--AZUREML_SCRIPT_DIRECTORY_NAME", code])
    assert raw.endswith("/in")
    assert told["json"]["new_cluster"]["autoscale"] == {"min_workers": 1, "max_workers": 3}


def test_azure_batch_runs_a_command_line_with_urls(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path, official: dict[str, type[BaseOperator]]
) -> None:
    (folder / "batch.yml").write_text(BATCH)
    finished = run(azml_dag(folder / "batch.yml", default_args={"azml_conn_id": azml_connection}))
    assert finished.state == "success", finished.errors
    ((_, told),) = TOLD
    first, spaces, raw, made, word = told.pop("batch_task_command_line").replace("'a b'", "a_b").split()
    assert (first, spaces, word) == ("azurebatch.cmd", "a_b", "w")
    assert raw.startswith("http")
    assert raw.endswith("/in")
    assert "/airflow/batch/batch/" in made
    assert told.pop("batch_job_id").startswith("azml-")
    files = {one.file_path: one.http_url for one in told.pop("batch_task_resource_files")}
    assert sorted(files) == ["azurebatch.cmd", "more/run.py"]
    assert (
        requests.get(files["more/run.py"], verify=azml_emulator.environment["REQUESTS_CA_BUNDLE"], timeout=60).text
        == "run"
    )
    assert told == {
        "batch_pool_id": "MyPoolName",
        "batch_pool_vm_size": "standard_d2_v3",
        "batch_task_id": "batch",
        "vm_node_agent_sku_id": "batch.node.ubuntu 22.04",
        "vm_publisher": "Canonical",
        "vm_offer": "0001-com-ubuntu-server-jammy",
        "vm_sku": "22_04-lts",
        "target_dedicated_nodes": 3,
        "azure_batch_conn_id": "mybatch",
        "timeout": 10080,
        "should_delete_job": True,
        "should_delete_pool": False,
    }


def test_a_transfer_runs_a_pipeline_of_data_factory(
    azml_connection: str,
    azml_emulator: RunningEmulator,
    folder: Path,
    official: dict[str, type[BaseOperator]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extra = '{"extra": {"factory_name": "fab", "resource_group_name": "rg"}, "conn_type": "azure_data_factory"}'
    monkeypatch.setenv("AIRFLOW_CONN_ADF", extra)
    (folder / "transfer.yml").write_text(TRANSFER)
    finished = run(azml_dag(folder / "transfer.yml", default_args={"azml_conn_id": azml_connection}))
    assert finished.state == "success", finished.errors
    ((_, told),) = TOLD
    places = told.pop("parameters")
    assert places["source"].endswith("/in")
    assert "/airflow/transfer/copy/" in places["destination"]
    assert finished.value("copy")["outputs"]["destination"].startswith("azureml://datastores/workspaceblobstore/")
    assert told == {
        "pipeline_name": "copy-blobs",
        "azure_data_factory_conn_id": "adf",
        "resource_group_name": "rg",
        "factory_name": "fab",
    }


def test_what_another_try_would_meet_again_ends_the_task(
    azml_connection: str, azml_emulator: RunningEmulator, folder: Path, official: dict[str, type[BaseOperator]]
) -> None:
    (folder / "batch.yml").write_text(BATCH.replace("raw: {datastore: workspaceblobstore", "raw: {datastore: nowhere"))
    finished = run(azml_dag(folder / "batch.yml", default_args={"azml_conn_id": azml_connection, "retries": 2}))
    assert (finished.states, finished.tries("batch"), TOLD) == ({"batch": "failed"}, 1, [])
    assert "nowhere" in str(finished.errors["batch"][0])


@pytest.mark.parametrize("render", ["job", "watch"])
def test_no_aml_job_has_steps_of_other_services(folder: Path, render: Any) -> None:
    (folder / "batch.yml").write_text(BATCH)
    with pytest.raises(SpecError, match=r"batch\.yml:6:5: jobs\.batch: runs on Azure Batch, for which AML has no node"):
        azml_dag(folder / "batch.yml", render=render)


def test_a_provider_that_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "airflow.providers.microsoft.azure.operators.batch", None)
    (folder / "batch.yml").write_text(BATCH)
    with pytest.raises(SpecError, match="install apache-airflow-providers-microsoft-azure") as raised:
        azml_dag(folder / "batch.yml")
    assert "batch.yml:6:5" in str(raised.value)


def test_what_other_services_cannot_be_told_is_refused_by_name(folder: Path) -> None:
    text = BATCH.replace("executable:", "run_task_as_admin: true\n      executable:")
    text = text.replace('"input:raw", ', "").replace("Canonical", "debian")
    text += (
        "    Spark: {type: DatabricksStep, python_script_name: a.py, jar_libraries: [x], permit_cluster_restart: 'y'}\n"
    )
    (folder / "batch.yml").write_text(text)
    with pytest.raises(SpecError) as raised:
        azml_dag(folder / "batch.yml")
    told = str(raised.value)
    for expected in (
        "batch.yml:10:7: pipeline.steps.Batch.run_task_as_admin: ",
        "pipeline.steps.Batch.vm_image_urn: must be urn:publisher:offer:sku of Windows Server, or of Ubuntu",
        "pipeline.steps.Batch.inputs.raw: v1 copied it to or from a folder; name it in arguments by input:raw",
        "pipeline.steps.Spark.python_script_name: counts with source_directory, which is missing",
        "pipeline.steps.Spark.jar_libraries: v1 did not read libraries from YAML",
        "pipeline.steps.Spark.permit_cluster_restart: ",
    ):
        assert expected in told, told


def test_a_schedule_runs_such_steps_where_its_nodes_are_tasks(
    folder: Path, official: dict[str, type[BaseOperator]]
) -> None:
    (folder / "batch.yml").write_text(BATCH)
    (folder / "nightly.yml").write_text("Schedule: {recurrence: {frequency: Day, interval: 1}}\n")
    with pytest.raises(SpecError, match=r"jobs\.batch: runs on Azure Batch"):
        azml_dag(folder / "nightly.yml", job="batch.yml")
    dag = azml_dag(folder / "nightly.yml", job="batch.yml", render="tasks")
    assert isinstance(dag.get_task("batch"), official["AzureBatchOperator"])
