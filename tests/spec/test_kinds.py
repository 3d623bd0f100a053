from __future__ import annotations

import pytest

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import kinds
from airflow_provider_azml.spec.kind_names import inferred
from airflow_provider_azml.spec.source import from_mapping
from airflow_provider_azml.spec.table import KINDS
from tests.spec.stand_in import TARGET, WS, StandIn

SCHEMAS = "https://azuremlschemas.azureedge.net/latest"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"$schema": f"{SCHEMAS}/commandJob.schema.json"}, "job"),
        ({"$schema": f"{SCHEMAS}/environment.schema.json", "type": "command"}, "environment"),
        ({"$schema": f"{SCHEMAS}/managedOnlineDeployment.schema.json"}, "online_deployment"),
        ({"$schema": f"{SCHEMAS}/kubernetesOnlineEndpoint.schema.json"}, "online_endpoint"),
        ({"$schema": f"{SCHEMAS}/amlCompute.schema.json"}, "compute"),
        ({"$schema": f"{SCHEMAS}/workspace.schema.json"}, "workspace"),
        ({"type": "command"}, "job"),
        ({"type": "AmlCompute"}, "compute"),
        ({"type": "mltable"}, "data"),
        ({"type": "mlflow_model"}, "model"),
        ({"type": "python_feed"}, "connection"),
        ({"name": "nightly", "create_job": "job.yml"}, "schedule"),
        ({"$schema": "http://azureml/sdk-2-0/Schedule.json"}, "schedule"),
        ({"$schema": "http://azureml/sdk-2-0/OneLakeDatastore.json"}, "datastore"),
    ],
)
def test_the_kind_that_a_file_tells(value: dict[str, str], kind: str) -> None:
    assert kinds.kind_of(from_mapping(value)) == kind


def test_a_type_that_one_kind_alone_has_tells_the_kind() -> None:
    kinds_of: dict[str, list[str]] = {}
    for kind in KINDS.keys() - {"schedule"}:  # whose rows have names of their own, not types
        for name in filter(None, KINDS[kind]):
            kinds_of.setdefault(name, []).append(kind)
    alone = {name: of[0] for name, of in kinds_of.items() if len(of) == 1}
    assert {name: inferred({"type": name}) for name in alone} == alone


def test_a_file_that_does_not_tell_its_kind() -> None:
    with pytest.raises(SpecError, match="give the kind: job, component"):
        kinds.kind_of(from_mapping({"name": "x"}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"type": "comand"}, "type: 'comand' is unknown; did you mean 'command'?"),
        (
            {"$schema": f"{SCHEMAS}/comandJob.schema.json"},
            "comandJob.schema.json' is unknown; did you mean 'commandJob'?",
        ),
    ],
)
def test_a_misspelt_word_that_would_tell_the_kind(value: dict[str, str], reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        kinds.kind_of(from_mapping(value))
    assert str(caught.value).endswith(reason)


def test_a_file_of_another_kind_than_is_said() -> None:
    source = from_mapping({"$schema": f"{SCHEMAS}/commandJob.schema.json", "command": "true"})
    with pytest.raises(
        SpecError, match=r"\$schema: says that this is a job, and it is none of kind environment"
    ) as caught:
        kinds.check(source, "environment")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    "text", ["${{input.lr}}", "${{ inputs.lr }}", "${{inputs.lr", "${{inputs.lr}", "${{name}}", "${{inputs}}"]
)
def test_what_only_looks_like_a_reference_is_a_warning(text: str) -> None:
    given = {"command": f"a {text} b ${{{{inputs.lr}}}}", "inputs": {"lr": 1}, "environment": "azureml:e:1"}
    warnings = kinds.check(from_mapping(given), "job")
    assert [warning.reason.partition("' ")[2] for warning in warnings] == [
        "stands for nothing; write ${{inputs.<name>}} or ${{outputs.<name>}}"
    ]


def test_changes_to_a_job_that_ran_are_checked_as_those_of_a_file() -> None:
    changes = {"type": "pipeline", "job": "azureml:j", "settings": {"default_compute": "azureml:"}}
    given = {"name": "s", "trigger": {"type": "cron", "expression": "0 1 * * *"}, "create_job": changes}
    with pytest.raises(SpecError, match=r"create_job\.settings\.default_compute: is 'azureml:'"):
        kinds.check(from_mapping(given), "schedule")


def test_a_kind_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="'jobs' is no kind of AML file"):
        kinds.check(from_mapping({}), "jobs")


def test_nothing_is_sent_for_a_source_that_is_wrong(service: StandIn) -> None:
    with pytest.raises(SpecError):
        service.run(kinds.apply(from_mapping({"command": "a"}), "job", TARGET))
    assert service.sent == []


def test_a_job_is_put_under_its_name_with_what_it_drags_in(service: StandIn) -> None:
    service.holds({f"{WS}/environments/e/versions": {"value": [{"name": "5"}]}})
    source = from_mapping({"type": "command", "name": "train-1", "command": "a", "environment": "azureml:e@latest"})
    ticket = service.run(kinds.apply(source, None, TARGET))
    assert ticket.arm_id == f"{WS}/jobs/train-1"
    name, body = service.sent[-1]
    assert name == f"PUT {WS}/jobs/train-1"
    assert body["properties"]["environmentId"] == f"{WS}/environments/e/versions/5"


@pytest.mark.parametrize(
    ("kind", "value", "arm_id"),
    [
        ("environment", {"name": "e", "version": 2, "image": "i"}, "environments/e/versions/2"),
        ("data", {"name": "d", "path": "https://x/y"}, "data/d/versions/1"),
        ("model", {"name": "m", "version": "v1", "path": "runs:/j/m"}, "models/m/versions/v1"),
        ("compute", {"name": "c", "type": "computeinstance"}, "computes/c"),
        ("online_endpoint", {"name": "scores"}, "onlineEndpoints/scores"),
        (
            "online_deployment",
            {"name": "blue", "endpoint_name": "scores", "instance_type": "s"},
            "onlineEndpoints/scores/deployments/blue",
        ),
    ],
)
def test_where_each_kind_goes(service: StandIn, kind: str, value: dict[str, object], arm_id: str) -> None:
    service.holds({WS: {"location": "westeurope"}})
    assert service.run(kinds.apply(from_mapping(value), kind, TARGET)).arm_id == f"{WS}/{arm_id}"
    assert service.sent[-1][0] == f"PUT {WS}/{arm_id}"


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("online_endpoint", {"traffic": {"a": 60, "b": "50"}}, "traffic: is 110 percent in all"),
        ("online_endpoint", {"identity": {"principal_id": "x"}}, "identity: 'type' is missing"),
        ("environment", {"build": {"path": "wasbs://c@a.blob.core.windows.net/p"}}, "build.path: .* or an https URL"),
        ("environment", {"image": "i", "datastore": "../d"}, "datastore: .* must be the name of a datastore"),
        ("data", {"path": "https://x/y", "auto_delete_setting": {"value": 30}}, "value: is 30; it must be text"),
        ("compute", {"type": "amlcompute", "tags": {"a": None}}, "tags.a: is empty; it must be text"),
        ("compute", {"type": "amlcompute", "ssh_settings": {}}, "ssh_settings: 'admin_username' is missing"),
        ("compute", {"type": "computeinstance", "create_on_behalf_of": {}}, "'user_tenant_id' is missing"),
        (
            "compute",
            {"type": "computeinstance", "custom_applications": [{"name": "a", "image": {"reference": "i"}}]},
            "'endpoints' is missing",
        ),
        (
            "compute",
            {"type": "computeinstance", "custom_applications": [{"endpoints": [{"target": "80", "published": 2.0}]}]},
            r"published: is 2.0; it must be from 1025(?s:.*)target: is 80; it must be from 1025",
        ),
        ("online_deployment", {"data_collector": {}}, "data_collector: 'collections' is missing"),
        (
            "online_deployment",
            {"data_collector": {"collections": {}, "sampling_rate": 2}},
            "sampling_rate: is 2; it must be at most 1",
        ),
        (
            "online_deployment",
            {"data_collector": {"collections": {"request": {"enabled": "true", "data": "https://x"}}}},
            "request.data: 'https://x' is no reference to a registered data",
        ),
    ],
)
def test_what_is_refused(kind: str, value: dict[str, object], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        kinds.check(from_mapping({"name": "abc", "endpoint_name": "scores", **value}), kind)


def test_when_data_is_deleted_is_counted_from_its_making(service: StandIn) -> None:
    given = {"name": "d", "version": 1, "path": "https://x/y", "auto_delete_setting": {"value": "30d"}}
    service.run(kinds.apply(from_mapping(given), "data", TARGET))
    setting = service.sent[-1][1]["properties"]["autoDeleteSetting"]
    assert setting == {"condition": "createdGreaterThan", "value": "30d"}


def test_data_without_a_name_is_anonymous(service: StandIn) -> None:
    service.run(kinds.apply(from_mapping({"path": "https://x/y"}), "data", TARGET))
    name, body = service.sent[-1]
    assert name.endswith("/versions/1")
    assert body["properties"]["isAnonymous"] is True
