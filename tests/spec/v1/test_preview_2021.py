"""Bodies of 2021-03-01-preview in today's words."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_azml.emulator.arm.body_checks import checked_body
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.rest.arm_ids import WorkspaceId
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.v1 import preview_2021
from airflow_provider_azml.spec.v1.preview_2021_assets import Known

WORKSPACE = WorkspaceId("s", "rg", "wsp")
STORE = WORKSPACE.child("datastore", "blobs")
IRIS = WORKSPACE.child("data", "iris", "1")
LONG = "azureml://subscriptions/s/resourcegroups/rg/workspaces/wsp/datastores/blobs/paths"
NAMES = {
    "code": ("train", "1"),
    "data": ("iris", "1"),
    "datastore": ("blobs",),
    "environment": ("env", "1"),
    "job": ("job",),
    "model": ("model", "1"),
}
COMMAND = {
    "jobType": "Command",
    "command": "python main.py",
    "environmentId": "e",
    "compute": {"target": "c", "instanceCount": 2, "instanceType": "big"},
}
SWEEP = {
    "jobType": "Sweep",
    "algorithm": "Grid",
    "compute": {"target": "c"},
    "objective": {"primaryMetric": "m", "goal": "Maximize"},
    "searchSpace": {"--lr": ["choice", [[1, 2]]]},
    "trial": {"command": "python main.py", "environmentId": "e"},
}


def today(kind: str, known: Known | None = None, **properties: Any) -> dict[str, Any]:
    """What is sent today, once the service's own description of bodies finds nothing wrong with it."""
    body = preview_2021.today(kind, {"properties": properties}, known)
    spelt = checked_body("PUT", WORKSPACE.child(kind, *NAMES[kind]), body)
    assert spelt == body
    found: dict[str, Any] = body["properties"]
    return found


def refused(kind: str, **properties: Any) -> list[str]:
    with pytest.raises(SpecError) as error:
        preview_2021.today(kind, {"properties": properties})
    return [f"{problem.path}: {problem.reason}" for problem in error.value.problems if problem.severity == "error"]


def test_all_of_a_command_job_is_said() -> None:
    made = today(
        "job",
        Known({IRIS.lower(): "mltable"}),
        **COMMAND,
        description="d",
        tags={"a": "b"},
        properties={"p": "q"},
        experimentName="e",
        codeId="code",
        timeout="PT5M",
        identity={"identityType": "managed", "clientId": "i"},
        environmentVariables={"A": "1"},
        distribution={"distributionType": "pytorch", "processCount": 4},
        inputDataBindings={"iris": {"dataId": IRIS}, "more": {"dataId": "other", "mode": "download"}},
        outputDataBindings={
            "model": {"datastoreId": STORE, "pathOnDatastore": "/out/model"},
            "rest": {"mode": "Upload"},
        },
    )
    assert made == {
        "jobType": "Command",
        "description": "d",
        "tags": {"a": "b"},
        "properties": {"p": "q"},
        "experimentName": "e",
        "codeId": "code",
        "computeId": "c",
        "environmentId": "e",
        "environmentVariables": {"A": "1"},
        "identity": {"identityType": "Managed", "clientId": "i"},
        "command": 'export AZURE_ML_INPUT_iris="${{inputs.iris}}" && export AZURE_ML_INPUT_more="${{inputs.more}}" && '
        'export AZURE_ML_OUTPUT_model="${{outputs.model}}" && export AZURE_ML_OUTPUT_rest="${{outputs.rest}}" && '
        "python main.py",
        "resources": {"instanceCount": 2, "instanceType": "big"},
        "limits": {"jobLimitsType": "Command", "timeout": "PT5M"},
        "distribution": {"distributionType": "PyTorch", "processCountPerInstance": 2},
        "inputs": {
            "iris": {"jobInputType": "mltable", "uri": IRIS, "mode": "ReadOnlyMount"},
            "more": {"jobInputType": "uri_folder", "uri": "other", "mode": "Download"},
        },
        "outputs": {
            "model": {
                "jobOutputType": "uri_folder",
                "mode": "ReadWriteMount",
                "uri": "azureml://datastores/blobs/paths/out/model/",
            },
            "rest": {"jobOutputType": "uri_folder", "mode": "Upload"},
        },
    }


def test_all_of_a_sweep_is_said() -> None:
    given = SWEEP | {
        "maxTotalTrials": 4,
        "maxConcurrentTrials": 2,
        "timeout": "PT1H",
        "earlyTermination": {"policyType": "bandit", "slackFactor": 0.1, "evaluationInterval": 2},
        "trial": {**SWEEP["trial"], "timeout": "PT5M", "inputDataBindings": {"x": {"dataId": IRIS}}},  # type: ignore[dict-item]
    }
    made = today("job", **given)
    assert made["samplingAlgorithm"] == {"samplingAlgorithmType": "Grid"}
    assert made["earlyTermination"] == {"policyType": "Bandit", "slackFactor": 0.1, "evaluationInterval": 2}
    assert made["limits"] == {
        "jobLimitsType": "Sweep",
        "maxTotalTrials": 4,
        "maxConcurrentTrials": 2,
        "timeout": "PT1H",
        "trialTimeout": "PT5M",
    }
    assert made["searchSpace"] == {"lr": ["choice", [[1, 2]]]}
    assert made["computeId"] == "c"
    assert made["inputs"]["x"]["uri"] == IRIS
    assert made["trial"]["command"] == (
        'export AZURE_ML_INPUT_x="${{inputs.x}}" && python main.py --lr ${{search_space.lr}}'
    )


@pytest.mark.parametrize(
    "command",
    [
        "python main.py",
        "python main.py --lr {search_space.lr}",
        "python main.py --lr ${{search_space.--lr}}",
        "python main.py --lr ${{ search_space.lr }}",
    ],
)
def test_what_is_swept_is_an_argument_where_the_command_names_it_not(command: str) -> None:
    made = today("job", **{**SWEEP, "trial": {"command": command, "environmentId": "e"}})
    assert made["trial"]["command"] == "python main.py --lr ${{search_space.lr}}"


def test_keys_count_in_any_case() -> None:
    made = preview_2021.today(
        "environment",
        {"Properties": {"CondaFile": "x", "Docker": {"DockerSpecificationType": "image", "DockerImageUri": "i"}}},
    )
    assert made == {"properties": {"image": "i", "osType": "Linux", "condaFile": "x"}}


def test_environments_say_all_that_they_said() -> None:
    route = {"path": "/score", "port": 80}
    made = today(
        "environment",
        docker={
            "dockerSpecificationType": "Image",
            "dockerImageUri": "i",
            "platform": {"operatingSystemType": "windows"},
        },
        inferenceContainerProperties=dict.fromkeys(("livenessRoute", "readinessRoute", "scoringRoute"), route),
        description="d",
        isAnonymous=True,
    )
    assert made["osType"] == "Windows"
    assert made["inferenceConfig"]["scoringRoute"] == route
    assert (made["description"], made["isAnonymous"]) == ("d", True)


@pytest.mark.parametrize(
    ("given", "kind", "uri"),
    [
        ({"path": "https://example.com/iris.csv"}, "uri_file", "https://example.com/iris.csv"),
        ({"datastoreId": STORE, "path": "/iris/"}, "uri_folder", f"{LONG}/iris/"),
        ({"datastoreId": STORE, "path": "iris.csv", "datasetType": "simple"}, "uri_file", f"{LONG}/iris.csv"),
    ],
)
def test_data_are_files_or_folders_by_their_names(given: dict[str, Any], kind: str, uri: str) -> None:
    assert today("data", **given) == {"dataType": kind, "dataUri": uri}


def test_code_and_models_are_in_their_datastores() -> None:
    assert today("code", datastoreId=STORE, path="src") == {"codeUri": f"{LONG}/src"}
    known = Known(containers={STORE.lower(): "https://account.blob.core.windows.net/c"})
    assert today("code", known, datastoreId=STORE, path="src/") == {
        "codeUri": "https://account.blob.core.windows.net/c/src"
    }
    plain = today("model", datastoreId=STORE, path="m.pkl")
    assert plain == {"modelType": "custom_model", "modelUri": f"{LONG}/m.pkl"}
    flavors = {"python_function": {"data": {"loader_module": "mlflow.sklearn"}}}
    assert today("model", datastoreId=STORE, path="m", flavors=flavors)["modelType"] == "mlflow_model"


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"contentsType": "AzureFile", "accountName": "a", "containerName": "s"}, {"fileShareName": "s"}),
        ({"contentsType": "azureDataLakeGen2", "accountName": "a", "containerName": "f"}, {"filesystem": "f"}),
        ({"contentsType": "AzureDataLakeGen1", "storeName": "s"}, {"storeName": "s"}),
    ],
)
def test_datastores_are_made_of_their_contents(contents: dict[str, Any], expected: dict[str, str]) -> None:
    credentials = {"credentialsType": "none"}
    made = today("datastore", contents={**contents, "credentials": credentials}, isDefault=False)
    assert made["credentials"] == {"credentialsType": "None"}
    assert made["datastoreType"].lower() == contents["contentsType"].lower()
    assert {key: made[key] for key in expected} == expected


def test_what_has_no_equal_is_refused_by_name() -> None:
    assert refused("data", datasetType="Dataflow", path="https://example.com/*.csv") == [
        (
            "properties.datasetType: is Dataflow, of which there is no equal today; write an MLTable file, and "
            "register it as mltable"
        ),
        "properties.path: is a pattern; today a folder or a file is registered, or an MLTable file",
    ]
    assert refused("code", path="src") == ["properties.path: is 'src'; without datastoreId it must be a URL"]
    assert "ARM id of a datastore" in refused("code", path="src", datastoreId="blobs")[0]
    docker = {"dockerSpecificationType": "Build", "dockerfile": "FROM x"}
    assert "builds from a folder in storage" in refused("environment", docker=docker)[0]
    told = refused("datastore", contents={"contentsType": "GlusterFs"}, linkedInfo={"linkedId": "x"}, isDefault=True)
    assert [line.partition(":")[0] for line in told] == [
        "properties.contents",
        "properties.contents.contentsType",
        "properties.isDefault",
        "properties.linkedInfo",
    ]
    outputs = {"a": {"datastoreId": "blobs", "pathOnDatastore": "x"}, "b": {"pathOnDatastore": "x"}}
    assert refused("job", **COMMAND, outputDataBindings=outputs) == [
        "properties.outputDataBindings.a.datastoreId: is 'blobs'; it must be the ARM id of a datastore",
        "properties.outputDataBindings.b: has one of datastoreId and pathOnDatastore; give both, or none",
    ]
    assert len(refused("job", **{**COMMAND, "compute": {"target": "c", "instanceCount": "2"}})) == 1
    assert len(refused("job", **{**COMMAND, "compute": {"target": "c", "instanceCount": 0}})) == 1
    twice = {"--lr": ["choice", [[1]]], "lr": ["choice", [[2]]], "a b": ["choice", [[1]]]}
    assert len(refused("job", **{**SWEEP, "searchSpace": twice})) == 3
    distribution = {"distributionType": "PyTorch", "processCount": 3}
    assert refused("job", **COMMAND, distribution=distribution) == [
        "properties.distribution.processCount: must be a multiple of the nodes, which are 2"
    ]
    told = refused("job", **{**COMMAND, "compute": {"target": "AmlCompute", "location": "westus"}, "priority": 1})
    assert len(told) == 3


def test_secrets_are_in_no_message() -> None:
    credentials = {"credentialsType": "AccountKey", "secrets": "hidden", "tenantId": 3}
    told = refused("datastore", contents={"contentsType": "AzureBlob", "credentials": credentials})
    assert told
    assert "hidden" not in "".join(told)


def test_what_a_body_names_is_told_to_be_looked_up() -> None:
    bindings = {"x": {"DataId": IRIS}, "y": {"dataId": IRIS}}
    body = {"properties": {"inputDataBindings": bindings, "outputDataBindings": {"z": {"datastoreId": STORE}}}}
    assert preview_2021.named(body) == [IRIS, STORE]


def test_a_body_that_is_taken_for_a_file_is_told_what_it_is() -> None:
    with pytest.raises(SpecError, match=r"api-version 2021-03-01-preview; AzmlHook.v1.put_preview puts it"):
        kinds.check(from_mapping({"properties": COMMAND}))


def test_a_body_is_known_by_its_words() -> None:
    for properties in (COMMAND, SWEEP, {"Docker": {}}, {"datastoreId": "x", "path": "y"}, {"contents": {}}):
        assert preview_2021.is_body(from_mapping({"properties": properties}))
    for value in ({"properties": {"jobType": "Command", "computeId": "x"}}, {"type": "command"}, {"path": "x"}):
        assert not preview_2021.is_body(from_mapping(value))
