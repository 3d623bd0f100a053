"""Document 004, "Create, run, and delete Azure ML resources using REST", against the emulator."""

from __future__ import annotations

import json
import re
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from isodate import parse_duration

from tests.emulator.model_management import ModelManagement
from tests.seeds.documents import Block
from tests.seeds.shapes import differences

if TYPE_CHECKING:
    from tests.emulator.execution import Workspace
    from tests.seeds.shell import Shell

pytestmark = pytest.mark.shared
CORRECTIONS = {
    # -h asks curl for help, and the header has the name that the sentence above it has
    "004-retrieve-a-service-principal-authentication-token-3": (
        ('-h "Authentication: ', '-H "Authorization: '),
        ("...more args...", "'https://management.azure.com/subscriptions?api-version=2020-01-01'"),
    ),
    # its lines lack what joins them
    "004-delete-resources-you-no-longer-need-1": (("curl\n  -X", "curl -X"),),
    # the quotation has no end
    "004-use-rest-to-score-a-deployed-model-1": (("] }", "] }'"),),
    # within quotation marks a line cannot be broken; a key lacks one, an id its first slash
    "004-create-a-workspace-using-rest-1": (
        ("\\\n", ""),
        (' keyVault"', ' "keyVault"'),
        ('"subscriptions/', '"/subscriptions/'),
    ),
}
"""What is wrong in the document as it stands, and what its author must have meant."""


@pytest.fixture
def command(block: Block) -> str:
    """The block, with what is wrong in it put right."""
    text = block.text
    for wrong, right in CORRECTIONS.get(block.name, ()):
        assert wrong in text
        text = text.replace(wrong, right)
    return text


@pytest.fixture
def signed_in(shell: Shell, document: str) -> Shell:
    """The shell, with the token that the document lets one get."""
    token = Block.named("004-retrieve-a-service-principal-authentication-token-1").text
    return shell.knowing({"your-access-token": shell.run(token).body["access_token"]})


def test_004_retrieve_a_service_principal_authentication_token_1(shell: Shell, block: Block) -> None:
    answer = shell.run(block.text)
    assert answer.status == 200
    assert answer.body["access_token"].count(".") == 2


def test_004_retrieve_a_service_principal_authentication_token_2(shell: Shell, block: Block) -> None:
    answered = shell.run(block.other(1).text).body
    shown = json.loads(block.text)
    assert list(differences(shown, answered)) == []
    assert answered.keys() == shown.keys()
    assert answered["resource"] == shown["resource"]
    assert 0 < int(answered["expires_on"]) - int(answered["not_before"]) <= int(answered["expires_in"])


def test_004_retrieve_a_service_principal_authentication_token_3(signed_in: Shell, command: str) -> None:
    assert signed_in.run(command).status == 200
    assert signed_in.run(command.replace("Authorization", "Authentication")).status == 401


def test_004_get_a_list_of_resource_groups_associated_with_your_subscription_1(signed_in: Shell, block: Block) -> None:
    answer = signed_in.run(block.text)
    assert answer.status == 200
    assert signed_in.emulator.resource_group in [group["name"] for group in answer.body["value"]]


def test_004_get_a_list_of_resource_groups_associated_with_your_subscription_2(signed_in: Shell, block: Block) -> None:
    answered = signed_in.run(block.other(1).text).body
    assert list(differences(json.loads(block.text), answered)) == []


def test_004_drill_down_into_workspaces_and_their_resources_1(signed_in: Shell, block: Block) -> None:
    answer = signed_in.run(block.text)
    assert answer.status == 200
    assert signed_in.emulator.workspace in [each["name"] for each in answer.body["value"]]


def test_004_drill_down_into_workspaces_and_their_resources_2(signed_in: Shell, block: Block) -> None:
    listed = signed_in.run(block.other(1).text).body["value"]
    answered = next(each for each in listed if each["name"] == signed_in.emulator.workspace)
    assert list(differences(json.loads(block.text), answered)) == []


def test_004_drill_down_into_workspaces_and_their_resources_3(
    signed_in: Shell, block: Block, workspace: Workspace
) -> None:
    url = workspace.call("GET", str(workspace.id)).json()["properties"]["discoveryUrl"]
    answer = signed_in.run(f"curl {url}")
    assert answer.status == 200
    assert list(differences(json.loads(block.text), answer.body)) == []
    assert answer.body["api"] == signed_in.emulator.https_url


def test_004_drill_down_into_workspaces_and_their_resources_4(
    signed_in: Shell, block: Block, workspace: Workspace
) -> None:
    experiment = f"listed-{uuid.uuid4().hex[:8]}"
    workspace.submit("true", experimentName=experiment)
    answer = signed_in.run(block.text)
    assert answer.status == 200
    assert experiment in [each["name"] for each in answer.body["value"]]


def test_004_drill_down_into_workspaces_and_their_resources_5(
    signed_in: Shell, block: Block, workspace: Workspace
) -> None:
    model = registered(workspace)
    answer = signed_in.run(block.text)
    assert answer.status == 200
    assert f"{model}:1" in [each["id"] for each in answer.body["value"]]


def registered(workspace: Workspace) -> str:
    """The name of a model that is registered."""
    name = f"model-{uuid.uuid4().hex[:8]}"
    folder = workspace.data({"model.txt": "a model"}, f"models/{name}")
    workspace.put("model", name, "1", properties={"modelUri": folder, "modelType": "custom_model"})
    return name


def test_004_create_and_modify_resources_using_put_and_post_requests_1(
    signed_in: Shell, block: Block, workspace: Workspace
) -> None:
    name = cluster(workspace)
    answer = signed_in.run(block.text)
    assert answer.status == 200
    assert name in [each["name"] for each in answer.body["value"]]


def cluster(workspace: Workspace, name: str | None = None) -> str:
    """The name of a cluster that exists."""
    name = name or f"cpu-{uuid.uuid4().hex[:8]}"
    properties = {"vmSize": "Standard_DS3_v2", "scaleSettings": {"maxNodeCount": 2}}
    workspace.put("compute", name, location="local", properties={"computeType": "AmlCompute", "properties": properties})
    return name


def test_004_create_and_modify_resources_using_put_and_post_requests_2(
    signed_in: Shell, block: Block, workspace: Workspace
) -> None:
    name = f"cpu-{uuid.uuid4().hex[:8]}"
    values = {"your-compute-name": name, "your-azure-location": "westeurope", "adminUserName": "admin"}
    answer = signed_in.knowing(values).run(block.text)
    assert answer.status == 201
    while workspace.get("compute", name)["properties"]["provisioningState"] != "Succeeded":
        time.sleep(0.1)
    made = workspace.get("compute", name)["properties"]["properties"]
    assert made["vmSize"] == "Standard_D1"
    assert made["scaleSettings"] == {"maxNodeCount": 1, "minNodeCount": 0, "nodeIdleTimeBeforeScaleDown": "PT30M"}


@pytest.fixture
def started(signed_in: Shell, block: Block, workspace: Workspace) -> Any:
    """Starts the run of the document: the experiment, and the answer."""
    cluster(workspace, "cpu-compute")
    with zipfile.ZipFile(signed_in.folder / "train.zip", "w") as project:
        project.writestr("hello.py", block.other(1).text)
    # the command below has another name for what the sentence above calls definition.json
    (signed_in.folder / "runDefinition.json").write_text(block.other(2).text)
    experiment = f"my-first-{uuid.uuid4().hex[:8]}"
    place = signed_in.knowing({"your-experiment-name": experiment, "your-experiment-names": experiment})
    return place, place.run(block.other(3).text)


def test_004_create_an_experimental_run_1(started: Any, workspace: Workspace) -> None:
    _, answer = started
    workspace.until(answer.body["runId"], ["Completed"])
    assert "Hello, REST!" in workspace.log(answer.body["runId"])


def test_004_create_an_experimental_run_2(started: Any, block: Block, workspace: Workspace) -> None:
    _, answer = started
    job = workspace.get("job", answer.body["runId"])["properties"]
    configuration = json.loads(block.text)["Configuration"]
    assert job["computeId"].endswith(f"/computes/{configuration['Target']}")
    assert parse_duration(job["limits"]["timeout"]).total_seconds() == configuration["MaxRunDurationSeconds"]
    assert "hello.py 234" in job["command"]


def test_004_create_an_experimental_run_3(started: Any) -> None:
    _, answer = started
    assert answer.status == 200


def test_004_create_an_experimental_run_4(started: Any, block: Block) -> None:
    _, answer = started
    assert answer.body.keys() == json.loads(block.text).keys()
    assert isinstance(answer.body["runId"], str)


def test_004_create_an_experimental_run_5(started: Any, block: Block, workspace: Workspace) -> None:
    place, answer = started
    run_id = answer.body["runId"]
    watched = place.knowing({"your-run-id": run_id})
    assert watched.run(block.text).body["runId"] == run_id
    workspace.until(run_id)
    answer = watched.run(block.text)
    assert (answer.status, answer.body["status"]) == (200, "Completed")


def test_004_delete_resources_you_no_longer_need_1(signed_in: Shell, command: str, workspace: Workspace) -> None:
    model = registered(workspace)
    answer = signed_in.knowing({"your-model-id": f"{model}:1"}).run(command)
    assert answer.status == 200
    assert workspace.call("GET", workspace.id.child("model", model, "1"), ok=False).status_code == 404


def test_004_use_rest_to_score_a_deployed_model_1(shell: Shell, command: str, workspace: Workspace) -> None:
    services = ModelManagement(workspace)
    name, model = f"rest-{uuid.uuid4().hex[:8]}", services.model("doubles", {"factor.txt": "2"})
    deployed = services.deploy(services.request(name, [model], authEnabled=True))
    assert deployed["state"] == "Succeeded", deployed
    values = {
        "scoring-uri": services.service(name)["scoringUri"].removeprefix("https://"),
        "your-key": services.call("POST", f"services/{name}/listkeys").json()["primaryKey"],
        "model-specific-data-structure": "1.5",
    }
    answer = shell.knowing(values).run(command)
    assert (answer.status, answer.body["answer"]) == (200, [3])
    assert shell.knowing({**values, "your-key": "another"}).run(command).status == 401
    services.settle(services.call("DELETE", f"services/{name}"))


def test_004_create_a_workspace_using_rest_1(signed_in: Shell, command: str, workspace: Workspace) -> None:
    name = f"rest-{uuid.uuid4().hex[:8]}"
    depends = {
        "your-registry-name": "Microsoft.ContainerRegistry/registries",
        "your-keyvault-name": "Microsoft.Keyvault/vaults",
        "your-application-insights-name": "Microsoft.insights/components",
        "your-storage-account-name": "Microsoft.Storage/storageAccounts",
    }
    for resource_type in depends.values():
        workspace.call("PUT", f"{workspace.id.group}/providers/{resource_type}/of{name}", json={"location": "local"})
    values = {
        **dict.fromkeys(depends, f"of{name}"),
        "your-new-workspace-name": name,
        "desired-region": "westeurope",
        "your-workspace-friendly-name": "Made by REST",
        "your-workspace-description": "As the document has it",
    }
    answer = signed_in.knowing(values).run(command)
    assert answer.status == 202
    operation = answer.headers["location"]
    made = workspace.id.sibling("workspace", name)
    while workspace.call("GET", made).json()["properties"]["provisioningState"] != "Succeeded":
        time.sleep(0.1)
    assert signed_in.run(f"curl '{operation}' -H 'Authorization: Bearer {{your-access-token}}'").status in (200, 204)
    properties = workspace.call("GET", made).json()["properties"]
    assert properties["friendlyName"] == "Made by REST"
    assert properties["keyVault"].endswith(f"/of{name}")


def test_paths_in_the_table_of_004_are_served(document: str, workspace: Workspace) -> None:
    areas = set(re.findall(r"(\w+)/v\d\.0/", document.partition("|-|-|-|")[2].partition("\n\n")[0]))
    assert areas == {"artifact", "datastore", "hyperdrive", "modelmanagement", "execution", "history"}
    unknown = {area: workspace.call("GET", f"/{area}/nothing", ok=False).json() for area in areas}
    assert all("nothing" in json.dumps(answer) for answer in unknown.values())
    token = {"headers": {"Authorization": "Bearer none"}, "ok": False}
    assert {workspace.call("GET", f"/{area}/v1.0{workspace.id}", **token).status_code for area in areas} == {401}


def test_who_names_no_version_is_told_those_that_there_are_as_004_says(signed_in: Shell) -> None:
    url = "https://management.azure.com/subscriptions/{your-subscription-id}/resourceGroups/{your-resource-group}"
    path = "providers/Microsoft.MachineLearningServices/workspaces/{your-workspace-name}"
    answer = signed_in.run(f"curl '{url}/{path}' -H 'Authorization: Bearer {{your-access-token}}'")
    assert answer.status == 400
    assert "2019-11-01" in answer.body["error"]["message"]
