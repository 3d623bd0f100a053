from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.operators.node_reasons import tell_reason
from airflow_provider_azml.rest.node_changes import why_it_ran
from airflow_provider_azml.rest.node_jobs import node_job
from tests.emulator.pipelines import Pipelines, client, command, pipelines  # noqa: F401 (fixtures)
from tests.rest.jobs import WORKSPACE
from tests.rest.scripted_service import Answer

if TYPE_CHECKING:
    from tests.rest.scripted_service import ScriptedService

ANONYMOUS = "azureml_anonymous"


def component(name: str, version: str) -> str:
    return WORKSPACE.child("component", name, version)


def environment(name: str, version: str) -> str:
    return f"azureml:{WORKSPACE.child('environment', name, version)}"


def pipeline(node: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A pipeline of one node, as azure-ai-ml sends it and the service shows it."""
    given = {"lr": {"value": "${{parent.inputs.lr}}", "job_input_type": "literal"}}
    own = {"type": "command", "inputs": given, "componentId": component(ANONYMOUS, "1"), "_source": "YAML.JOB"}
    inputs = {"lr": {"jobInputType": "literal", "value": "0.1"}}
    body = {"jobType": "Pipeline", "inputs": inputs, "settings": {"default_compute": "/c/cpu", "_source": "DSL"}}
    return {**body, "jobs": {"train": {**own, **(node or {})}}, **fields}


@pytest.fixture
def compare(service: ScriptedService, drive):
    def compared(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
        for name, properties in (("now", now), ("then", then)):
            service.answer("GET", WORKSPACE.child("job", name), Answer(body={"properties": properties}))
        return drive(why_it_ran(WORKSPACE, "now", "then", "train"))

    return compared


def specified(service: ScriptedService, component_id: str, **spec: Any) -> None:
    body = {"properties": {"componentSpec": {"command": "run", "environment": environment("e", "1"), **spec}}}
    service.answer("GET", component_id, Answer(body=body))


def test_a_value_that_changed_is_told_with_both(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    now = pipeline(inputs={"lr": {"jobInputType": "literal", "value": "0.2"}})
    assert compare(now, pipeline()) == ["input lr changed from 0.1 to 0.2"]


@pytest.mark.parametrize(("then", "told"), [({"api_key": "a"}, "changed"), ({}, "is new")])
def test_what_is_called_a_secret_is_not_told(service, compare, then, told):
    specified(service, component(ANONYMOUS, "1"))
    assert compare(pipeline({"inputs": {"api_key": "b"}}), pipeline({"inputs": then})) == [f"input api_key {told}"]


def test_nothing_has_changed_where_all_is_the_same(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    assert compare(pipeline(), pipeline()) == []


@pytest.mark.parametrize(
    ("now", "then", "expected"),
    [
        (
            {"uri": f"{WORKSPACE}/data/iris/versions/2"},
            {"uri": f"{WORKSPACE}/data/iris/versions/1"},
            "iris:1 to iris:2",
        ),
        (
            {"uri": f"azureml:/{WORKSPACE}/datastores/d/paths/b/".replace("resourceGroups", "resourcegroups")},
            {"uri": "azureml://datastores/d/paths/a/"},
            "azureml://datastores/d/paths/a/ to azureml://datastores/d/paths/b/",
        ),
        ({"uri": "https://a/b?sig=secret"}, {"uri": "https://a/c?sig=secret"}, "https://a/c to https://a/b"),
        ({"uri": "x" * 301}, {"value": ""}, f"'' to {'x' * 150}...{'x' * 150}"),
    ],
)
def test_data_is_named_shortly_and_without_signatures(service, compare, now, then, expected):
    specified(service, component(ANONYMOUS, "1"))
    (reason,) = compare(pipeline(inputs={"lr": now}), pipeline(inputs={"lr": then}))
    assert reason == f"input lr changed from {expected}"


def test_a_new_signature_is_a_change_that_is_not_shown(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    now, then = (pipeline(inputs={"lr": {"uri": f"https://a/b?sig={signed}"}}) for signed in "ab")
    assert compare(now, then) == ["input lr changed"]


def test_inputs_come_and_go(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    more = pipeline({"inputs": {"n": 3}})
    assert compare(more, pipeline()) == ["input n is new: 3", "input lr is not given any more"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"code": "azureml:/codes/2"}, ["the code of the component changed"]),
        ({"task": {"code": "azureml:/codes/2"}}, ["the code of the component changed"]),
        ({"environment": environment("e", "2")}, ["the environment changed from e:1 to e:2"]),
        ({"environment": environment("CliV2AnonymousEnvironment", "5f")}, ["the environment changed"]),
        ({"command": "run faster", "description": "new"}, ["the command of the component changed"]),
        ({"inputs": {"n": {"type": "integer"}}}, ["the inputs of the component changed"]),
    ],
)
def test_components_without_a_name_are_compared(service, compare, spec, expected):
    specified(service, component(ANONYMOUS, "1"))
    specified(service, component(ANONYMOUS, "2"), **spec)
    assert compare(pipeline({"componentId": component(ANONYMOUS, "2")}), pipeline()) == expected


@pytest.mark.parametrize("is_sweep", [False, True])
def test_components_that_cannot_be_read_are_named(compare, is_sweep):
    now, then = ({"componentId": component("prep", version)} for version in "21")
    if is_sweep:
        now, then = ({"componentId": None, "trial": trial} for trial in (now, then))
    assert compare(pipeline(now), pipeline(then)) == ["the component changed from prep:1 to prep:2"]


def test_what_the_node_itself_says_is_compared(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    now = pipeline(
        {"resources": {"instance_count": 2}, "environment": environment("e", "2"), "outputs": {"o": {}}, "tags": {}},
        settings={"default_compute": "/c/gpu"},
    )
    assert compare(now, pipeline({"environment": environment("e", "1")})) == [
        "the environment changed from e:1 to e:2",
        "the resources changed",
        "the settings of its outputs changed",
        "default_compute of the pipeline changed from cpu to gpu",
    ]


def test_what_a_parallel_node_runs_is_compared(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    tasks = ({"task": {"code": f"/codes/{version}", "program_arguments": "--x"}} for version in "21")
    assert compare(*(pipeline({**task, "mini_batch_size": "1"}) for task in tasks)) == ["the code changed"]


def test_what_is_never_used_again_is_told(service, compare):
    specified(service, component(ANONYMOUS, "1"), is_deterministic=False)
    assert compare(pipeline(), pipeline()) == ["its component has is_deterministic: false"]


def test_a_job_that_was_forced_is_not_used_again(service, drive, compare):
    specified(service, component(ANONYMOUS, "1"))
    forced = pipeline(settings={"default_compute": "/c/cpu", "force_rerun": True})
    (reason,) = compare(pipeline(), forced)
    assert reason == "job then, which ran before, has force_rerun, and what such a job makes is not used again"
    assert drive(why_it_ran(WORKSPACE, "then", "now", "train")) == ["force_rerun asks for it"]


def test_what_others_make_anew_may_be_the_reason(service, compare):
    specified(service, component(ANONYMOUS, "1"))
    node = {"inputs": {"d": {"value": "${{parent.jobs.prep.outputs.o}}"}}}
    assert compare(pipeline(node), pipeline(node)) == ["what it takes from prep may have been made anew"]


def test_without_a_job_to_compare_with_it_says_so(service, drive, compare):
    assert compare(pipeline(), pipeline(jobs={})) == ["job then, which ran before, has no node 'train'"]
    assert drive(why_it_ran(WORKSPACE, "now", "gone", "train")) == ["job gone, which ran before, is gone"]


def test_the_log_tells_why_a_node_of_the_emulator_ran(
    pipelines: Pipelines,  # noqa: F811 (the fixture)
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in pipelines.workspace.emulator.environment.items():
        monkeypatch.setenv(name, value)
    hook = AzmlHook("azml_default")

    def run(lr: float, line: str = "echo ${{inputs.lr}}") -> dict[str, Any]:
        jobs = {"train": command(line, {"lr": "${{parent.inputs.lr}}"})}
        name = pipelines.run(jobs, {"force_rerun": False}, inputs={"lr": lr})
        made = hook.run(node_job(hook.workspace_id, name, "train"))
        return {"name": name, "node": "group.train", "reused_from": made.reused_from, "child": made.name}

    def told(result: dict[str, Any], earlier: dict[str, Any] | None, *, forced: bool = False) -> str:
        caplog.clear()
        with caplog.at_level(logging.INFO, "azml"):
            tell_reason(hook, logging.getLogger("azml"), result, earlier, forced=forced)
        (record,) = [record for record in caplog.records if record.name == "azml"]
        return record.getMessage()

    first, second, third, fourth = run(0.25), run(0.25), run(0.75), run(0.75, "echo other ${{inputs.lr}}")
    assert told(first, None).startswith("ran because it is the first run")
    assert told(second, first) == f"reused from job {first['child']}"
    assert told(third, second) == f"ran because input lr changed from 0.25 to 0.75 (compared with job {second['name']})"
    assert "ran because the command of the component changed (" in told(fourth, third)
    assert told(third, second, forced=True) == "ran because force_rerun asks for it"
    gone = {**third, "name": "gone"}
    assert told(gone, third).startswith(f"ran; the service does not tell how it differs from job {third['name']}: ")
