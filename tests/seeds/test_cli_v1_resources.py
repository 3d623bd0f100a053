"""Document 000, "Install and use the CLI extension for Azure Machine Learning": installing, resources, computes."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from tests.seeds import pages

if TYPE_CHECKING:
    from tests.seeds.bench import Bench
    from tests.seeds.documents import Block

pytestmark = pytest.mark.shared


def test_000_connect_the_cli_to_your_azure_subscription_1(bench: Bench, block: Block) -> None:
    works, said = bench.do(block.text)
    assert works, said


def installed(block: Block) -> str:
    """What replaces the command, which names this distribution; it is not done."""
    entry = pages.entries()[pages.words(block.text)]
    *command, name = pages.words(entry.code.removeprefix("$ "))
    assert name == distribution("airflow-provider-azml").name
    return " ".join(command)


def test_000_install_the_extension_1(block: Block) -> None:
    assert installed(block) == "pip install"


def test_000_update_the_extension_1(block: Block) -> None:
    assert installed(block) == "pip install --upgrade"


def test_000_remove_the_extension_1(block: Block) -> None:
    assert installed(block) == "pip uninstall"


def test_000_resource_management_1(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["id"] == bench.id.group


def test_000_resource_management_2(bench: Bench, block: Block) -> None:
    assert bench.do(block.text)["id"] == str(bench.id)


def test_000_resource_management_3(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    attached = json.loads((bench.folder / ".azureml" / "config.json").read_text())
    assert attached["subscription_id"] == bench.id.subscription_id
    assert (attached["resource_group"], attached["workspace_name"]) == (bench.id.resource_group, bench.id.name)
    written = sorted(file.name for file in (bench.folder / ".azureml").iterdir())
    assert sum(name.endswith(".runconfig") for name in written) == 2
    assert "conda_dependencies.yml" in written
    assert str(AzmlHook(config_path=str(bench.folder)).workspace_id) == str(bench.id)


def test_000_resource_management_4(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    made = bench.get("datastore", "datastorename")["properties"]
    assert (made["datastoreType"], made["accountName"], made["containerName"]) == (
        "AzureBlob",
        "accountname",
        "containername",
    )


def test_000_resource_management_5(bench: Bench, block: Block) -> None:
    (bench.folder / "sourcepath").mkdir()
    (bench.folder / "sourcepath" / "flowers.csv").write_text("5.1,3.5\n")
    own = bench.get("datastore", "workspaceblobstore")["properties"]
    names = ("datastoreType", "accountName", "containerName", "endpoint", "protocol")
    credentials = {"credentialsType": "None"}
    bench.put(
        "datastore", "datastorename", properties={**{each: own[each] for each in names}, "credentials": credentials}
    )
    uploaded = bench.do(block.text)
    assert uploaded["datastore"] == "datastorename"
    assert bench.run_and_read("cat ${{inputs.x}}/flowers.csv", uploaded["uri"]) == "5.1,3.5\n"


def test_000_resource_management_6(bench: Bench, block: Block) -> None:
    bench.do(block.text)
    made = bench.get("compute", "myaks")["properties"]
    assert (made["computeType"], made["resourceId"].rpartition("/")[2]) == ("Kubernetes", "myaks")


def without(bench: Bench, name: str) -> None:
    """Delete a compute, whatever it is: the document has a cluster and an instance of one name."""
    bench.drop(bench.id.child("compute", name), underlyingResourceAction="Delete")


def shown(bench: Bench, name: str) -> tuple[str, dict[str, Any]]:
    """Type and properties of a compute."""
    made = bench.get("compute", name)["properties"]
    return made["computeType"], made["properties"]


def test_000_compute_clusters_1(bench: Bench, block: Block) -> None:
    without(bench, "cpu")
    bench.do(block.text)
    kind, made = shown(bench, "cpu")
    assert (kind, made["vmSize"]) == ("AmlCompute", "STANDARD_D3_V2")
    assert (made["scaleSettings"]["minNodeCount"], made["scaleSettings"]["maxNodeCount"]) == (1, 1)


def test_000_compute_clusters_2(bench: Bench, block: Block) -> None:
    without(bench, "cpu-cluster")
    bench.do(block.text)
    _, made = shown(bench, "cpu-cluster")
    assert (made["vmSize"], made["scaleSettings"]["maxNodeCount"]) == ("Standard_NC6", 5)
    (given,) = bench.get("compute", "cpu-cluster")["identity"]["userAssignedIdentities"]
    assert given.endswith("/userAssignedIdentities/myidentity")


def test_000_compute_clusters_3(bench: Bench, block: Block) -> None:
    without(bench, "cpu-cluster")
    bench.do(block.text)
    assert bench.get("compute", "cpu-cluster")["identity"]["type"] == "SystemAssigned"


def test_000_compute_clusters_4(bench: Bench, block: Block) -> None:
    without(bench, "cpu-cluster")
    bench.do(block.other(3).text)
    bench.do(block.text)
    (given,) = bench.get("compute", "cpu-cluster")["identity"]["userAssignedIdentities"]
    assert given.endswith("/userAssignedIdentities/myidentity")


def test_000_compute_clusters_5(bench: Bench, block: Block) -> None:
    without(bench, "cpu-cluster")
    bench.do(block.other(2).text)
    bench.do(block.text)
    assert bench.get("compute", "cpu-cluster")["identity"]["type"] == "SystemAssigned"


def instance(bench: Bench, block: Block) -> None:
    """Have the instance of the document."""
    without(bench, "cpu")
    bench.do(block.other(1).text)


def test_000_compute_instance_1(bench: Bench, block: Block) -> None:
    without(bench, "cpu")
    bench.do(block.text)
    kind, made = shown(bench, "cpu")
    assert (kind, made["vmSize"], made["state"]) == ("ComputeInstance", "STANDARD_D3_V2", "Running")


def test_000_compute_instance_2(bench: Bench, block: Block) -> None:
    instance(bench, block)
    assert bench.do(block.text)["state"] == "Stopped"


def test_000_compute_instance_3(bench: Bench, block: Block) -> None:
    instance(bench, block)
    bench.do(block.other(2).text)
    assert bench.do(block.text)["state"] == "Running"


def test_000_compute_instance_4(bench: Bench, block: Block) -> None:
    instance(bench, block)
    assert bench.do(block.text)["state"] == "Running"
    assert shown(bench, "cpu")[1]["lastOperation"]["operationName"] == "Restart"


def test_000_compute_instance_5(bench: Bench, block: Block) -> None:
    instance(bench, block)
    assert bench.do(block.text)["status"] == "Deleted"
    assert bench.call("GET", bench.id.child("compute", "cpu"), ok=False).status_code == 404
