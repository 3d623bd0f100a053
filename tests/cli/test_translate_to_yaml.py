"""``azml translate --to yaml``: files of CLI v1 as files of CLI v2, with azure-ai-ml as witness that it reads them."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from airflow_provider_azml.spec.source import as_written
from airflow_provider_azml.spec.v1 import formats, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Done

PIPELINE = """\
pipeline:
  name: SamplePipelineFromYAML
  description: |
    Sample multistep pipeline.
      Of two steps: "prepare" & train.
  parameters:
    Rate: {type: float, default: 1}
    Epochs: {type: int}
    Tag: {type: string, default: 'yes'}
    Extra: {type: datapath, default: {datastore: other, path_on_datastore: sample2.txt}}
  data_references:
    TitanicDS: {dataset_name: titanic_ds, bind_mode: download}
    Blobs: {datastore: workspaceblobstore, path_on_datastore: "folder\\\\in"}
  default_compute: cpu-cluster
  steps:
    Dataprep:
      type: PythonScriptStep
      name: "DataPrep: Step"
      runconfig: default.runconfig
      script_name: prep.py
      arguments: ['--train_path', output:train_path, "it's", 3]
      hash_paths: [prep.py]
      inputs:
        titanic_ds: {source: TitanicDS}
        blobs: {source: Blobs, bind_mode: mount}
      outputs:
        train_path: {destination: train_csv, datastore: other, bind_mode: upload}
    Training:
      type: PythonScriptStep
      compute: gpu
      script_name: train.py
      source_directory: src
      arguments: [--train, input:train_path, --epochs, parameter:EPOCHS]
      allow_reuse: false
      parameters: {EPOCHS: {source: Epochs}, tag: {source: Tag}, ITERATIONS: 7}
      inputs: {train_path: {source: train_csv, bind_mode: download}, extra: {source: Extra}}
    Score:
      type: ParallelRunStep
      parallel_run_config: parallel.yml
      inputs: {batches: {source: Blobs}}
      outputs: {scores: {destination: scores}}
    Tell:
      type: ModuleStep
      name: tell
      inputs: {scores: {source: scores}}
"""
PARALLEL = """\
parallel_run_config:
  entry_script: score.py
  source_directory: src
  environment: azureml_environment.json
  error_threshold: 5
  output_action: append_row
  run_max_try: 3
"""
RUNCONFIG = """\
script: train.py
arguments: [--epochs, 3]
target: cpu-cluster
framework: Python
communicator: OpenMpi
nodeCount: 2
mpi: {processCountPerNode: 2}
maxRunDurationSeconds: 3600
environmentVariables: {GREETING: "no: it's #1", LINES: "a\\nb\\n"}
environment:
  python: {condaDependenciesFile: .azureml/conda.yml}
  docker: {baseImage: ubuntu, shmSize: 8g, arguments: [--privileged]}
"""
ENVIRONMENT = {
    "name": "sklearn",
    "version": "3",
    "python": {"condaDependenciesFile": None},
    "docker": {"baseImage": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04", "shmSize": "4g"},
}
FILE_DATASET = {
    "datasetType": "File",
    "parameters": {"path": {"datastoreName": "workspaceblobstore", "relativePath": "iris/"}},
    "registration": {"name": "iris", "description": "The irises", "tags": {"team": "a: b"}},
}
TABLE = {
    "datasetType": "Tabular",
    "parameters": {
        "path": [{"datastoreName": "workspaceblobstore", "relativePath": "iris/*.csv"}],
        "sourceType": "delimited_files",
    },
    "registration": {"name": "irises", "createNewVersion": True},
}
SCHEDULE = """\
Schedule:
  description: nightly
  recurrence:
    frequency: Week
    interval: 1
    start_time: 2019-06-07T10:50:00
    time_zone: W. Europe Standard Time
    hours: [10]
    week_days: [Friday, Monday]
  pipeline_parameters: {Rate: 2.5, Tag: "@trigger().scheduledTime"}
  wait_timeout: 3600
  datastore_name: ~
  continue_on_step_failure: true
"""
HDCONFIG = """\
sampling:
  type: random
  parameter_space:
  - {name: --penalty, expression: choice, values: [0.5, 1, 1.5]}
  - {name: --rate, expression: uniform, values: [0.1, 0.9]}
policy: {type: BanditPolicy, evaluation_interval: 1, slack_factor: 0.2}
primary_metric_name: Accuracy
primary_metric_goal: Maximize
max_total_runs: 8
max_concurrent_runs: 2
max_duration_minutes: 100
"""
INFERENCE = {
    "entryScript": "score.py",
    "sourceDirectory": "src",
    "environment": {
        "name": "serving",
        "docker": {"baseImage": "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py310-cpu-inference"},
        "python": {
            "condaDependencies": {"name": "serving", "dependencies": ["python=3.10", {"pip": ["azureml-defaults"]}]}
        },
    },
}
ACI = {"computeType": "aci", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 3}, "authEnabled": True}
AKS = {"computeType": "aks", "numReplicas": 3, "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 1.5}}
CONDA = "name: bare\ndependencies: [python=3.11]\n"
FILES = {
    "pipeline.yml": PIPELINE,
    "default.runconfig": "framework: Python\nenvironment: {name: sklearn, version: '3'}\n",
    "prep.py": "",
    "train.py": "",
    "src/train.py": "",
    "src/score.py": "",
    "parallel.yml": PARALLEL,
    "azureml_environment.json": json.dumps(ENVIRONMENT),
    "conda_dependencies.yml": CONDA,
    ".azureml/sklearn.runconfig": RUNCONFIG,
    ".azureml/conda.yml": CONDA,
    "data.json": json.dumps(FILE_DATASET),
    "table.json": json.dumps(TABLE),
    "schedule.yml": SCHEDULE,
    "hdconfig.yml": HDCONFIG,
    "inferenceconfig.json": json.dumps(INFERENCE),
    "aci.json": json.dumps(ACI),
    "aks.json": json.dumps(AKS),
}


_MADE_UP = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Case(NamedTuple):
    """Files that are translated together, and the file that is asked for of what they become."""

    given: tuple[str, ...]
    made: str
    load: str
    told: tuple[str, ...] = ()


SERVICE = ("--name", "irises", "--model", "iris:1")
CLUSTER = (*SERVICE, "--compute-target", "akscluster")
PUBLISHED = ("--kind", "component", "--name", "retrain")
CASES = {
    "pipeline": Case(("pipeline.yml",), "pipeline.yml", "load_job"),
    "component": Case(("pipeline.yml",), "pipeline.yml", "load_component", PUBLISHED),
    "schedule": Case(("pipeline.yml", "schedule.yml"), "schedule.yml", "load_schedule"),
    "run_configuration": Case((".azureml/sklearn.runconfig",), "sklearn.yml", "load_job"),
    "environment": Case(("azureml_environment.json",), "azureml_environment.yml", "load_environment"),
    "dataset": Case(("data.json",), "data.yml", "load_data"),
    "hyperdrive": Case((".azureml/sklearn.runconfig", "hdconfig.yml"), "hdconfig.yml", "load_job"),
    "aci_endpoint": Case(("inferenceconfig.json", "aci.json"), "endpoint.yml", "load_online_endpoint", SERVICE),
    "aci_deployment": Case(("inferenceconfig.json", "aci.json"), "deployment.yml", "load_online_deployment", SERVICE),
    "aks_endpoint": Case(("aks.json", "inferenceconfig.json"), "endpoint.yml", "load_online_endpoint", CLUSTER),
    "aks_deployment": Case(("inferenceconfig.json", "aks.json"), "deployment.yml", "load_online_deployment", CLUSTER),
    "table": Case(("table.json",), "table.yml", "load_data"),
}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of CLI v1, below the working folder."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        file = Path("old", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return Path("old")


def bodies(done: Done, which: str | None = None) -> list[Any]:
    """What would be sent, without the names of local files, and with those that are made up numbered."""
    assert done.code == 0, done.err
    found = json.loads(done.out)
    asked = (one for one in found if which in one["kind"]) if which else reversed(found)
    last = json.dumps(next(iter(asked)) if isinstance(found, list) else found)
    names: dict[str, str] = {}
    steps = json.loads(_MADE_UP.sub(lambda name: names.setdefault(name[0], f"<{len(names) + 1}>"), last))["steps"]
    return [
        {**step, "files": [file["blob"] for file in step["files"]]} if step["step"] == "upload" else step
        for step in steps
    ]


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_valid_and_sends_what_the_file_of_v1_does(
    old: Path, azml: Callable[..., Done], name: str
) -> None:
    case = CASES[name]
    given = [str(old / file) for file in case.given]
    done = azml("translate", *given, *case.told, "--to", "yaml", "-o", "new")
    assert done.code == 0, done.err
    assert f"new/{case.made}" in done.lines

    validated = azml("validate", "--strict", f"new/{case.made}")
    assert (validated.code, validated.out) == (0, "")
    assert bodies(azml("translate", "--json", f"new/{case.made}")) == bodies(
        azml("translate", "--json", *given, *case.told), "endpoint" if case.made == "endpoint.yml" else None
    )


@pytest.mark.sdk
@pytest.mark.parametrize("name", CASES)
def test_what_is_written_loads_in_azure_ai_ml(old: Path, azml: Callable[..., Done], name: str) -> None:
    logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)
    from azure.ai.ml.entities import _load_functions

    case = CASES[name]
    given = [str(old / file) for file in case.given]
    assert azml("translate", *given, *case.told, "--to", "yaml", "-o", "new").code == 0
    load: Callable[..., Any] = getattr(_load_functions, case.load)
    loaded = load(f"new/{case.made}")
    if case.load == "load_job" and hasattr(loaded, "_validate"):  # sweeps have none
        assert loaded._validate(raise_error=True).passed


def test_choices_are_comments_where_they_were_made(old: Path, azml: Callable[..., Done]) -> None:
    azml("translate", str(old / "pipeline.yml"), str(old / "schedule.yml"), "--to", "yaml", "-o", "new")
    lines = [line.strip() for line in Path("new/pipeline.yml").read_text().splitlines()]
    assert lines[0] == "# Made of pipeline.yml of CLI v1 by 'azml translate --to yaml'."
    assert "# Left out: pipeline.steps.Dataprep.hash_paths (line 22): all files of the folder do." in lines
    assert lines[lines.index("dataprep:") - 1].startswith("# Dataprep in v1; today's names")
    assert lines[lines.index("Epochs: 0") - 1] == "# v1 says nothing here; this is what it took then."
    assert lines[lines.index("- pip: [azureml-defaults]") - 8].startswith("# v1 names no packages")
    assert "Tag: 'yes'" in lines
    scheduled = [line.strip() for line in Path("new/schedule.yml").read_text().splitlines()]
    assert scheduled[scheduled.index("minutes: [50]") - 1].startswith("# that of start_time")
    assert "job: ./pipeline.yml" in scheduled
    assert scheduled[2:4] == [
        "$schema: https://azuremlschemas.azureedge.net/latest/schedule.schema.json",
        "name: schedule",
    ]


def test_paths_start_from_the_new_folder(old: Path, azml: Callable[..., Done]) -> None:
    azml("translate", str(old / ".azureml/sklearn.runconfig"), "--to", "yaml", "-o", "far/below")
    made = yaml.safe_load(Path("far/below/sklearn.yml").read_text())
    assert made["code"] == "../../old"
    assert made["environment"]["conda_file"] == "../../old/.azureml/conda.yml"
    assert made["environment_variables"] == {"GREETING": "no: it's #1", "LINES": "a\nb\n"}


def test_one_file_goes_to_standard_output(old: Path, azml: Callable[..., Done]) -> None:
    done = azml("translate", str(old / "data.json"), "--to", "yaml")
    assert done.code == 0
    assert yaml.safe_load(done.out)["name"] == "iris"
    many = azml("translate", str(old / "table.json"), "--to", "yaml")
    assert (many.code, many.out) == (2, "")
    assert many.err.endswith("files come of it: table.yml, irises-mltable/MLTable; give a folder for them, -o FOLDER\n")


def test_nothing_is_written_over(old: Path, azml: Callable[..., Done]) -> None:
    command = ("translate", str(old / "data.json"), "--to", "yaml", "-o", "new")
    assert azml(*command).code == 0
    Path("new/data.yml").write_text("mine")
    again = azml(*command)
    assert again.code == 1
    assert "new/data.yml: is there already, and nothing was written; give another folder, or --force" in again.err
    assert Path("new/data.yml").read_text() == "mine"
    assert azml(*command, "--force").code == 0
    assert Path("new/data.yml").read_text() != "mine"


def test_what_the_command_line_of_v1_said_is_taken(old: Path, azml: Callable[..., Done]) -> None:
    told = ("--script", "train.py", "--arguments=--epochs '3 4'", "--experiment-name", "irises")
    (old / ".azureml/sklearn.runconfig").write_text("framework: Python\ntarget: cpu\n")
    made = azml("translate", str(old / ".azureml/sklearn.runconfig"), *told, "--to", "yaml")
    found = yaml.safe_load(made.out)
    assert found["command"] == "python train.py --epochs '3 4'"
    assert found["experiment_name"] == "irises"


def test_a_schedule_alone_wants_to_know_its_pipeline(old: Path, azml: Callable[..., Done]) -> None:
    alone = azml("translate", str(old / "schedule.yml"), "--to", "yaml")
    assert (alone.code, alone.out) == (1, "")
    assert "goes with one pipeline, and there are 0; give the file of one beside it, or --set create_job" in alone.err
    told = azml("translate", str(old / "schedule.yml"), "--to", "yaml", "--set", "create_job.job=azml:ran")
    assert told.code == 1
    ran = azml("translate", str(old / "schedule.yml"), "--to", "yaml", "--set", "create_job.job=azureml:ran")
    assert yaml.safe_load(ran.out)["create_job"]["job"] == "azureml:ran"


@pytest.mark.parametrize(("config", "schema"), [("aci.json", "managed"), ("aks.json", "kubernetes")])
def test_an_editor_checks_an_endpoint_with_the_schema_of_its_place(
    old: Path, azml: Callable[..., Done], config: str, schema: str
) -> None:
    told = CLUSTER if config == "aks.json" else SERVICE
    files = [str(old / name) for name in ("inferenceconfig.json", config)]
    assert azml("translate", *files, *told, "--to", "yaml", "-o", "new").code == 0
    for made in ("endpoint", "deployment"):
        found = yaml.safe_load(Path("new", f"{made}.yml").read_text())
        assert found["$schema"].endswith(f"/{schema}Online{made.capitalize()}.schema.json")


def test_a_pipeline_may_have_two_schedules(old: Path, azml: Callable[..., Done]) -> None:
    (old / "monthly.yml").write_text((old / "schedule.yml").read_text())
    files = [str(old / name) for name in ("pipeline.yml", "schedule.yml", "monthly.yml")]
    assert azml("translate", *files, "--to", "yaml", "-o", "new").code == 0
    for name in ("schedule.yml", "monthly.yml"):
        assert yaml.safe_load(Path("new", name).read_text())["create_job"]["job"] == "./pipeline.yml"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"recurrence": None, "datastore_name": "blobs"}, "datastore_name: v2 has no schedules of changed data"),
        ({"pipeline_parameters": {"a": "@addDays(utcNow(), 1)"}}, "v2 evaluates no expressions"),
        ({"recurrence": {"frequency": "Week", "interval": 1, "hours": [3]}}, "v2 wants minutes"),
    ],
)
def test_schedules_that_v2_cannot_have_are_refused(
    old: Path, azml: Callable[..., Done], change: Mapping[str, Any], reason: str
) -> None:
    schedule = yaml.safe_load(SCHEDULE)
    schedule["Schedule"] |= change
    (old / "schedule.yml").write_text(yaml.safe_dump(schedule))
    done = azml("translate", str(old / "schedule.yml"), "--to", "yaml")
    assert (done.code, done.out) == (1, "")
    assert reason in done.err
    assert azml("validate", str(old / "schedule.yml")).code == 0, "azml_dag takes it"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--to", "yaml", "--json"), "--json does not go with --to yaml"),
        (("--to", "yaml", "--var", "ds=1"), "--var does not go with --to yaml"),
        (("-o", "new"), "--output goes with --to yaml"),
        (("old/table.json", "--to", "dag"), "--to dag takes one file"),
    ],
)
def test_options_that_do_not_go_together(
    old: Path, azml: Callable[..., Done], options: tuple[str, ...], reason: str
) -> None:
    done = azml("translate", str(old / "data.json"), *options)
    assert done.code == 2
    assert done.err.startswith(reason)


def test_a_file_of_today_becomes_yaml_too(old: Path, azml: Callable[..., Done]) -> None:
    job = {"type": "command", "command": "true", "code": "src", "environment": "azureml:e:1", "compute": "azureml:c"}
    (old / "job.json").write_text(json.dumps(job))
    made = azml("translate", str(old / "job.json"), "--to", "yaml")
    assert (made.code, made.err) == (0, "")
    assert made.lines[0] == "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json"
    assert yaml.safe_load(made.out) | {"$schema": ""} == {"$schema": "", **job, "code": "./old/src"}


def test_what_v1_served_on_this_machine_is_told(old: Path, azml: Callable[..., Done]) -> None:
    (old / "local.json").write_text('{"computeType": "local", "port": 32267}')
    given = (str(old / "inferenceconfig.json"), str(old / "local.json"))
    done = azml("translate", *given, *SERVICE, "--to", "yaml", "-o", "new")
    assert (done.code, done.lines) == (0, ["new/endpoint.yml", "new/deployment.yml"])
    assert "# Left out: computeType (line 1): v1 served it on a port of this" in Path("new/deployment.yml").read_text()


def test_a_model_without_code_gets_some(old: Path, azml: Callable[..., Done]) -> None:
    done = azml("translate", str(old / "aci.json"), *SERVICE, "--model-framework", "Onnx", "--to", "yaml", "-o", "new")
    assert done.code == 0, done.err
    made = yaml.safe_load(Path("new/deployment.yml").read_text())
    assert Path("new", made["code_configuration"]["code"], made["code_configuration"]["scoring_script"]).is_file()
    assert azml("validate", "new").code == 0


def test_an_option_that_says_nothing_of_the_files_is_refused(old: Path, azml: Callable[..., Done]) -> None:
    done = azml("translate", str(old / "data.json"), "--script", "train.py")
    assert (done.code, done.out) == (1, "")
    assert done.err == "--script: goes with a run configuration of CLI v1, and none is given\n"
    assert azml("translate", str(old / "pipeline.yml"), "--name", "irises").code == 1
    named = azml("translate", str(old / "pipeline.yml"), "--to", "yaml", "--experiment-name", "irises")
    assert yaml.safe_load(named.out)["experiment_name"] == "irises"


def test_the_text_says_the_same_as_the_translation(old: Path) -> None:
    for case in CASES.values():
        for name in case.given:
            row = formats.of(as_written(old / name))
            if row is None or row.translation is None:
                continue
            made = row.translation(as_written(old / name))
            text = written.text(made, old.absolute())
            assert set(yaml.safe_load(text)) == {"$schema", *made.source.value}
            assert all(len(line) <= written.WIDTH for line in text.splitlines() if line.lstrip().startswith("#"))
