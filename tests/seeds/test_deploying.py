"""Document 003, "Deploy machine learning models to Azure", by the page that says what replaces what it shows."""

from __future__ import annotations

import ast
import json
import socket
from typing import TYPE_CHECKING

import pytest
import requests

from airflow_provider_azml.spec.source import Source
from airflow_provider_azml.spec.v1.web_services import web_service
from tests.seeds.pages import entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block
    from tests.seeds.serving import Serving

pytestmark = pytest.mark.shared


def test_003_connect_to_your_workspace_1(bench: Bench, block: Block) -> None:
    assert bench.id.name in [each["name"] for each in bench.do(block.text)]


@pytest.fixture
def run(bench: Bench) -> Bench:
    """The workspace, with the run of the document."""
    if bench.call("GET", bench.id.child("job", "myrunid"), ok=False).status_code == 404:
        command = "mkdir outputs && echo digits > outputs/sklearn_mnist_model.pkl"
        properties = {"jobType": "Command", "command": command, "experimentName": "myexperiment"}
        properties["environmentId"] = bench.shared_environment()
        bench.call("PUT", bench.id.child("job", "myrunid"), json={"properties": properties})
    bench.until("myrunid", ["Completed"])
    return bench


def test_003_connect_to_your_workspace_2(bench: Bench, block: Block) -> None:
    assert '.file-path/ws_config.json"' in block.text
    (bench.folder / ".file-path").mkdir()
    names = {"resource_group": bench.id.resource_group, "workspace_name": bench.id.name}
    written = json.dumps({"subscription_id": bench.id.subscription_id, **names})
    (bench.folder / ".file-path" / "ws_config.json").write_text(written)
    hook = bench.do('Workspace.from_config(path=".file-path/ws_config.json")')
    assert str(hook.workspace_id) == str(bench.id)


def test_003_register_a_model_from_an_azure_ml_training_run_1(run: Bench, block: Block) -> None:
    made = run.do(block.text)
    assert made["name"] == "sklearn_mnist"
    shown = run.get("model", "sklearn_mnist", made["version"])["properties"]
    assert shown["tags"]["area"] == "mnist"
    assert run.read(shown["modelUri"]) == "digits\n"


def test_003_register_a_model_from_an_azure_ml_training_run_2(run: Bench, block: Block) -> None:
    (command,) = (each for each in entries() if each[0].startswith("run.register_model("))
    given = ast.parse(block.text).body[0]
    assert isinstance(given, ast.Assign)
    assert ast.dump(given.value) == ast.dump(ast.parse(entries()[command].command, mode="eval").body)
    made = run.do(entries()[command].command)
    assert run.read(run.get("model", "sklearn_mnist", made["version"])["properties"]["modelUri"]) == "digits\n"


def test_003_register_a_model_from_an_azure_ml_training_run_3(run: Bench, block: Block) -> None:
    assert "run.register_model(description = description" in block.text
    for name, tags in (("myautomlrun_0", {}), ("myautomlrun", {"automl_best_child_run_id": "myautomlrun_0"})):
        command = "mkdir outputs && echo best > outputs/model.pkl"
        properties = {"jobType": "Command", "command": command, "experimentName": "automl", "tags": tags}
        properties["environmentId"] = run.shared_environment()
        run.call("PUT", run.id.child("job", name), json={"properties": properties})
        run.until(name, ["Completed"])
    made = run.do("AutoMLRun.register_model(description='My AutoML Model', tags={'area': 'mnist'})")
    shown = run.get("model", made["name"], made["version"])["properties"]
    assert (shown["description"], shown["tags"]["area"]) == ("My AutoML Model", "mnist")
    assert run.read(shown["modelUri"]) == "best\n"


def test_003_register_a_model_from_a_local_file_2(bench: Bench, block: Block) -> None:
    (bench.folder / "mnist").mkdir()
    (bench.folder / "mnist" / "model.onnx").write_text("digits")
    (command,) = (each for each in entries() if each[0].startswith("Model.register("))
    made = bench.do(entries()[command].command)
    shown = bench.get("model", "onnx_mnist", made["version"])["properties"]
    assert shown["tags"]["onnx"] == "demo"
    assert f'"{shown["description"]}"' in block.text


def test_003_register_a_model_from_a_local_file_1(bench: Bench, block: Block) -> None:
    (bench.folder / "mnist").mkdir()
    (bench.folder / "mnist" / "model.onnx").write_text("digits")
    made = bench.do(block.text)
    assert made["name"] == "onnx_mnist"
    assert bench.read(made["path"]) == "digits"


def test_003_define_an_inference_configuration_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci"}, json.loads(block.text))
    serving.deploy()
    assert serving.score([2]) == [6]


def test_003_define_an_inference_configuration_2(serving: Serving, block: Block) -> None:
    """Its curated environment is none of today: one of that name stands for it. Its script no SDK would take."""
    bench = serving.bench
    properties = {"image": "local", "condaFile": "dependencies: [python=3.11, pip]"}
    bench.put("environment", "AzureML-Minimal", "1", properties=properties)
    serving.describe({"computeType": "aci"})
    (command,) = (each for each in entries() if each[0].startswith("Environment.get("))
    assert '"AzureML-Minimal"' in block.text
    bench.do(entries()[command].command, **{"scikit-learn": "isodate"})  # is quicker to install
    made = bench.get("online_deployment", "myservice", "default")["properties"]
    assert "isodate" in bench.call("GET", made["environmentId"]).json()["properties"]["condaFile"]
    assert serving.score([2]) == [6]


CONFIGURATIONS = {
    "LocalWebservice.deploy_configuration(port=8890)": "local",
    "AciWebservice.deploy_configuration(cpu_cores = 1, memory_gb = 1)": "aci",
    "AksWebservice.deploy_configuration(cpu_cores = 1, memory_gb = 1)": "aks",
}


def test_003_define_a_deployment_configuration_1(bench: Bench, block: Block) -> None:
    imported = ast.parse(block.text).body[0]
    assert isinstance(imported, ast.ImportFrom)
    assert {name.name for name in imported.names} == {call.partition(".")[0] for call in CONFIGURATIONS}
    for call, kind in CONFIGURATIONS.items():
        written = bench.do(call)
        assert written["computeType"] == kind
        service = web_service(
            "myservice",
            ["mymodel:1"],
            None,
            Source(written, bench.folder),
            compute_target="aks" if kind == "aks" else None,
            framework="Onnx",
        )
        assert (service.local_port == 8890) == (kind == "local")


def test_003_using_a_local_model_2(serving: Serving, block: Block) -> None:
    """Another port than the document's, which may be taken on the machine that runs the tests."""
    assert "deploy_configuration(port=8890)" in block.text
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    serving.describe({"computeType": "local"})
    (command,) = (each for each in entries() if each[0].startswith("Model.deploy("))
    made = serving.bench.do(entries()[command].command, **{"8890": port})
    assert made["scoring_uri"] == f"http://localhost:{port}/score"
    assert requests.post(made["scoring_uri"], json={"data": [2]}, timeout=30).json() == [6]


def test_003_using_a_registered_model_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci", "containerResourceRequirements": {"cpu": 1, "memoryInGB": 1}})
    made = serving.bench.do(block.text)
    assert (made["name"], made["status"]) == ("myservice", "Succeeded")
    assert serving.score([2]) == [6]


def test_003_using_a_local_model_1(serving: Serving, block: Block) -> None:
    serving.describe({"computeType": "aci"})
    (serving.bench.folder / "working_dir" / "factor.txt").write_text("5")
    serving.bench.do(block.text)
    assert serving.score([2]) == [10]


def test_003_delete_resources_1(serving: Serving, block: Block) -> None:
    bench = serving.bench
    bench.put("online_endpoint", "myservice", location="local", properties={"authMode": "Key"})
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", bench.id.child("online_endpoint", "myservice"), ok=False).status_code == 404


def test_003_delete_resources_2(serving: Serving, block: Block) -> None:
    bench = serving.bench
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", bench.id.child("model", "mymodel", "1"), ok=False).status_code == 404


def test_what_else_the_page_has(serving: Serving, run: Bench) -> None:
    bench = serving.bench
    properties = {"vmSize": "STANDARD_DS3_V2", "scaleSettings": {"maxNodeCount": 1}}
    described = {"computeType": "AmlCompute", "properties": properties}
    bench.put("compute", "cpu-cluster", location="local", properties=described)
    serving.describe({"computeType": "aci", "authEnabled": True})
    serving.deploy()
    assert "cpu-cluster" in names(bench.do("az ml computetarget list"))
    assert bench.do("az ml computetarget show -n cpu-cluster")["name"] == "cpu-cluster"
    assert "workspaceblobstore" in names(bench.do("az ml datastore list"))
    assert bench.do("az ml datastore show -n workspaceblobstore")["name"] == "workspaceblobstore"
    runs = bench.do("az ml run list --experiment-name myexperiment")
    assert "myrunid" in [each["runId"] for each in runs]
    assert bench.do("az ml run show -r myrunid")["properties"]["status"] == "Completed"
    assert isinstance(bench.do("az ml run monitor-logs -r myrunid"), str)
    bench.do("az ml run download-logs -r myrunid -d logs")
    assert list((bench.folder / "logs").rglob("std_log.txt"))
    assert bench.do("az ml run cancel -r myrunid")["status"] == "Completed"
    assert "mymodel" in names(bench.do("az ml model list"))
    assert bench.do("az ml model show --model-id mymodel:1")["name"] == "1"
    bench.do("az ml model download --model-id mymodel:1 -t models")
    assert [file.read_text() for file in (bench.folder / "models").rglob("*.txt")] == ["3"]
    assert "myservice" in names(bench.do("az ml service list"))
    assert bench.do("az ml service show -n myservice")["name"] == "myservice"
    assert bench.do("""az ml service run -n myservice -d '{"data": [2]}'""") == [6]
    assert bench.do("az ml service get-keys -n myservice").keys() == {"primaryKey", "secondaryKey"}
    assert bench.do("az ml service get-logs -n myservice")["content"]


def names(found: Sequence[Mapping[str, str]]) -> list[str]:
    return [each["name"] for each in found]
