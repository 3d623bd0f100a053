"""Document 000, "Install and use the CLI extension for Azure Machine Learning": runs, assets, pipelines, models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from isodate import parse_duration

from airflow_provider_azml.cli import main
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators import AzmlSubmitJobOperator

if TYPE_CHECKING:
    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block
    from tests.seeds.serving import Serving

pytestmark = pytest.mark.shared

RUNCONFIG = """\
framework: Python
environment:
  docker: {baseImage: local}
  python: {condaDependencies: {name: bare, dependencies: [python=3.11]}}
"""
TRAIN = """\
import json, os, sys, urllib.request

penalty = float(sys.argv[sys.argv.index("--penalty") + 1]) if "--penalty" in sys.argv else 1.0
metric = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "Accuracy", "value": 1 - abs(penalty - 1)}
url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/log-metric"
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url, json.dumps(metric).encode(), headers))
os.makedirs("outputs", exist_ok=True)
with open("outputs/model.txt", "w") as file:
    file.write(str(penalty))
print("trained with", penalty)
"""


@pytest.fixture
def project(bench: Bench) -> Bench:
    """The workspace, with scripts and a run configuration beside the DAG file."""
    (bench.folder / ".azureml").mkdir()
    (bench.folder / ".azureml" / "sklearn.runconfig").write_text(RUNCONFIG)
    for name in ("train.py", "my_train.py"):
        (bench.folder / name).write_text(TRAIN)
    return bench


def test_000_run_experiments_1(project: Bench, block: Block) -> None:
    job = project.do(block.text)
    assert job["status"] == "Completed"
    assert "trained with 1.0" in project.log(job["name"])
    assert project.get("job", job["name"])["properties"]["experimentName"] == "testexperiment"


def test_000_run_experiments_2(project: Bench, block: Block) -> None:
    project.do(block.other(1).text)
    assert "testexperiment" in [each["name"] for each in project.do(block.text)]


def sweep(project: Bench, block: Block) -> dict[str, Any]:
    """The sweep of the document, when it has ended."""
    (project.folder / "hdconfig.yml").write_text(block.other(1).text)
    found: dict[str, Any] = project.do(block.other(2).text)
    return found


def test_000_hyperdrive_run_1(project: Bench, block: Block) -> None:
    job = project.get("job", sweep(project, block)["name"])["properties"]
    described = yaml.safe_load(block.text)
    assert job["searchSpace"] == {"penalty": ["choice", [[0.5, 1, 1.5]]]}
    assert job["objective"] == {"primaryMetric": "Accuracy", "goal": "Maximize"}
    assert (job["limits"]["maxTotalTrials"], job["limits"]["maxConcurrentTrials"]) == (8, 2)
    assert parse_duration(job["limits"]["timeout"]).total_seconds() == 60 * described["max_duration_minutes"]
    policy = job["earlyTermination"]
    assert (policy["policyType"], policy["slackFactor"], policy["evaluationInterval"]) == ("Bandit", 0.2, 1)


def test_000_hyperdrive_run_2(project: Bench, block: Block) -> None:
    done = sweep(project, block)
    assert done["status"] == "Completed"
    penalty = done["best_trial"]["parameters"]["penalty"]
    assert penalty in (0.5, 1, 1.5)
    assert done["best_trial"]["metric"] == 1 - abs(penalty - 1)


def dataset(bench: Bench) -> None:
    """A dataset file that names a place in storage."""
    place = {"datastoreName": "workspaceblobstore", "relativePath": "flowers/"}
    registration = {"name": "dataset-name", "description": "Iris", "tags": {"of": "1936"}, "createNewVersion": True}
    described = {"datasetType": "File", "parameters": {"path": place}, "registration": registration}
    (bench.folder / "mydataset.json").write_text(json.dumps(described))


def test_000_dataset_management_1(bench: Bench, block: Block) -> None:
    dataset(bench)
    made = bench.do(block.text)
    assert (made["name"], made["type"]) == ("dataset-name", "uri_folder")
    assert made["path"].endswith("datastores/workspaceblobstore/paths/flowers/")


def test_000_dataset_management_2(bench: Bench, block: Block) -> None:
    printed = bench.do(block.text)
    (bench.folder / "data.yml").write_text(printed)
    assert yaml.safe_load(printed)["$schema"].endswith("/data.schema.json")
    assert main(["validate", str(bench.folder / "data.yml")]) == 0


@pytest.fixture
def registered(bench: Bench) -> Bench:
    """The workspace, with the dataset of the document."""
    dataset(bench)
    bench.do("az ml dataset register -f mydataset.json")
    return bench


def test_000_dataset_management_3(registered: Bench, block: Block) -> None:
    assert "dataset-name" in [each["name"] for each in registered.do(block.text)]


def test_000_dataset_management_4(registered: Bench, block: Block) -> None:
    assert registered.do(block.text)["properties"]["tags"]["of"] == "1936"


def test_000_dataset_management_5(registered: Bench, block: Block) -> None:
    assert registered.do(block.text)["is_archived"]
    assert "dataset-name" not in [each["name"] for each in registered.do(block.other(3).text)]


def test_000_environment_management_1(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    written = sorted(file.name for file in (bench.folder / "myenvdirectory").iterdir())
    assert written == ["azureml_environment.json", "conda_dependencies.yml"]


@pytest.fixture
def scaffolded(bench: Bench) -> Bench:
    """The workspace, with the environment of the document beside the DAG file."""
    bench.do("az ml environment scaffold -n myenv -d myenvdirectory")
    return bench


def test_000_environment_management_2(scaffolded: Bench, block: Block) -> None:
    made = scaffolded.do(block.text)
    assert made["name"] == "myenv"
    assert "python" in scaffolded.get("environment", "myenv", made["version"])["properties"]["condaFile"]


def test_000_environment_management_3(scaffolded: Bench, block: Block) -> None:
    scaffolded.do(block.other(2).text)
    assert "myenv" in [each["name"] for each in scaffolded.do(block.text)]


def test_000_environment_management_4(scaffolded: Bench, block: Block) -> None:
    scaffolded.do(block.other(2).text)
    scaffolded.do(block.text)
    names = ("azureml_environment.json", "conda_dependencies.yml")
    given, got = (
        [yaml.safe_load((scaffolded.folder / folder / name).read_text()) for name in names]
        for folder in ("myenvdirectory", "downloaddirectory")
    )
    assert got[0]["name"] == given[0]["name"] == "myenv"
    assert got[0]["docker"]["baseImage"] == given[0]["docker"]["baseImage"]
    assert got[1]["dependencies"] == given[1]["dependencies"]


def test_000_environment_configuration_schema_1(bench: Bench, block: Block) -> None:
    (bench.folder / "myenvdirectory").mkdir()
    (bench.folder / "myenvdirectory" / "azureml_environment.json").write_text(block.text)
    made = bench.do("az ml environment register -d myenvdirectory")
    shown = bench.get("environment", "testenv", made["version"])["properties"]
    assert shown["image"] == json.loads(block.text)["docker"]["baseImage"]


PIPELINE = """\
pipeline:
  name: mypipeline
  default_compute: serverless
  parameters:
    greeting: {type: string, default: hello}
  steps:
    greet:
      type: PythonScriptStep
      script_name: greet.py
      source_directory: greeting
      runconfig: plain.runconfig
      arguments: ["parameter:greeting"]
      parameters: {greeting: {source: greeting}}
"""


def pipeline(bench: Bench) -> None:
    """A pipeline file whose one step says a word."""
    (bench.folder / "mypipeline.yml").write_text(PIPELINE)
    (bench.folder / "plain.runconfig").write_text(RUNCONFIG)
    (bench.folder / "greeting").mkdir(exist_ok=True)
    (bench.folder / "greeting" / "greet.py").write_text("import sys\nprint('I say', sys.argv[1])\n")


def test_000_ml_pipeline_management_1(bench: Bench, block: Block) -> None:
    pipeline(bench)
    made = bench.do(block.text)
    assert "/components/mypipeline/versions/" in made["id"]
    described = made["properties"]["componentSpec"]
    assert described["inputs"] == {"greeting": {"type": "string", "default": "hello"}}
    job = {"type": "pipeline", "jobs": {"run": {"type": "pipeline", "component": f"azureml:mypipeline:{made['name']}"}}}
    submit = AzmlSubmitJobOperator(task_id="submit", spec=job, poll_seconds=0.1)
    assert bench.run_task(submit)["status"] == "Completed"


def test_000_ml_pipeline_management_2(bench: Bench, block: Block) -> None:
    pipeline(bench)
    job = bench.do(block.text)
    assert job["status"] == "Completed"
    assert bench.get("job", job["name"])["properties"]["experimentName"] == "myexperiment"


SCHEDULE = """\
Schedule:
  description: every Friday
  recurrence: {frequency: Week, interval: 1, time_zone: UTC, week_days: [Friday], time_of_day: "06:30"}
  pipeline_parameters: {greeting: hi}
"""


def test_000_ml_pipeline_management_3(bench: Bench, block: Block) -> None:
    pipeline(bench)
    (bench.folder / "myschedule.yml").write_text(SCHEDULE)
    published = bench.do(block.other(1).text)["id"].split("/")[-3]
    found = next(one for one in AzmlHook().v1.published_pipelines() if one["Name"] == published)
    made = bench.do(block.text, mypipelineid=found["Id"])
    assert (made["Name"], made["PipelineId"], made["EntityStatus"]) == ("myschedule", found["Id"], "Active")
    shown = AzmlHook().v1.schedule(made["Id"])
    assert shown["Recurrence"]["Schedule"] == {"WeekDays": ["Friday"], "Hours": [6], "Minutes": [30]}
    assert shown["PipelineSubmissionInfo"]["ParameterAssignments"] == {"greeting": "hi"}
    assert AzmlHook().v1.set_schedule(made["Id"], enabled=False)["EntityStatus"] == "Disabled"


def test_000_model_registration_profiling_deployment_1(bench: Bench, block: Block) -> None:
    (bench.folder / "sklearn_regression_model.pkl").write_bytes(b"a model")
    made = bench.do(block.text)
    assert made["name"] == "mymodel"
    assert bench.read(made["path"]) == "a model"


def test_000_model_registration_profiling_deployment_2(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "ACI"})
    profile = serving.bench.do(block.text)
    assert (profile["name"], profile["state"], profile["successRate"]) == ("myprofile", "Succeeded", 100)
    assert profile["latencyPercentile50InMs"] > 0
    written = json.loads((serving.bench.folder / "myprofileresult.json").read_text())
    assert (written["cpu"], written["memoryInGB"]) == (profile["cpu"], profile["memoryInGB"])
    there = serving.bench.call("GET", serving.bench.id.child("online_endpoint")).json()["value"]
    assert [each["name"] for each in there if each["name"].startswith("profile-")] == []


def test_000_model_registration_profiling_deployment_3(serving: Serving, block: Block) -> None:
    bench = serving.bench
    cluster = f"{bench.id.group}/providers/Microsoft.ContainerService/managedClusters/aks"
    properties = {"computeType": "Kubernetes", "resourceId": cluster, "properties": {"namespace": "default"}}
    bench.put("compute", "akscomputetarget", location="local", properties=properties)
    serving.describe({"computeType": "AKS", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 1}})
    assert bench.do(block.text)["status"] == "Succeeded"
    assert serving.score([2]) == [6]
    endpoint = bench.get("online_endpoint", "myservice")["properties"]
    assert (endpoint["authMode"], endpoint["compute"].rpartition("/")[2]) == ("Key", "akscomputetarget")
