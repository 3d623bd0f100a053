# ruff: noqa: F811 (the arguments of tests are fixtures that are imported)
"""Pipelines: nodes really run, each with what others made for it; azure-ai-ml submits and looks at them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.pipelines import FOLDER, client, command, pipelines, script_folder  # noqa: F401 (fixtures)
from tests.emulator.test_sweeps import TRAIN

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.emulator.pipelines import Pipelines

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore")]


def test_outputs_of_nodes_are_inputs_of_others(pipelines: Pipelines, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = pipelines.workspace
    name = pipelines.submit(
        {
            "make": command(
                "echo making; sleep 1; echo ${{inputs.words}} > ${{outputs.made}}/words.txt",
                {"words": "${{parent.inputs.greeting}}"},
                outputs={"made": FOLDER},
            ),
            "use": command(
                "tee ${{outputs.copy}}/copy.txt < ${{inputs.made}}/words.txt",
                {"made": "${{parent.jobs.make.outputs.made}}"},
                outputs={"copy": "${{parent.outputs.result}}"},
                display_name="Use what was made",
            ),
        },
        inputs={"greeting": "hello there"},
        outputs={"result": FOLDER},
    )
    pipelines.client.jobs.stream(name)
    streamed = capsys.readouterr().out
    assert "Streaming logs/azureml/executionlogs.txt" in streamed
    assert "Submitting 1 runs, first five are: " in streamed

    assert pipelines.client.jobs.get(name).status == "Completed"
    pipelines.client.jobs.download(name, download_path=pipelines.folder / "got", output_name="result")
    assert (pipelines.folder / "got/named-outputs/result/copy.txt").read_text() == "hello there\n"
    runs = pipelines.children(name)
    assert [*runs] == ["make", "use"]
    assert f"Completing processing run id {runs['use']['runId']}." in workspace.artifact(
        name, "logs/azureml/executionlogs.txt"
    )
    for key, run in runs.items():
        assert (run["runType"], run["parentRunId"], run["rootRunId"]) == ("azureml.StepRun", name, name)
        assert run["properties"]["azureml.pipelinerunid"] == name
        assert run["tags"]["azureml.nodeid"] == run["properties"]["azureml.nodeid"]
        job = workspace.get("job", run["runId"])["properties"]
        assert (job["jobType"], job["status"]) == ("Command", "Completed")
        assert job["displayName"] == {"make": "make", "use": "Use what was made"}[key]
    assert pipelines.log(name, "make") == "making\n"
    assert pipelines.log(name, "use") == "hello there\n"

    listed = {job.name: job for job in pipelines.client.jobs.list(parent_job_name=name)}
    assert {*listed} == {run["runId"] for run in runs.values()}
    pipeline = workspace.get("job", name)["properties"]
    assert pipeline["properties"]["azureml.parameters"] == '{"greeting":"hello there"}'
    assert pipeline["properties"]["azureml.continue_on_step_failure"] == "False"
    everything = [job["name"] for job in workspace.call("GET", workspace.id.child("job")).json()["value"]]
    assert name in everything
    assert not {*listed} & {*everything}


def test_nodes_that_need_nothing_of_each_other_run_beside_each_other(pipelines: Pipelines) -> None:
    wait = "for other in a b; do touch $SHARED/{name}; until [ -e $SHARED/$other ]; do sleep 0.05; done; done"
    shared = {"SHARED": str(pipelines.folder)}
    pipelines.run({key: command(wait.replace("{name}", key), environment_variables=shared) for key in ("a", "b")})


def test_nodes_wait_for_their_compute_and_write_to_their_datastore(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    scale = {"scaleSettings": {"maxNodeCount": 1, "minNodeCount": 0}, "vmSize": "Standard_DS3_v2"}
    cluster = {"computeType": "AmlCompute", "properties": scale}
    workspace.put("compute", "single", location="local", properties=cluster)
    nodes = {key: command("sleep 0.2; echo x > ${{outputs.o}}/x", outputs={"o": FOLDER}) for key in ("a", "b")}
    nodes["b"]["compute"] = "${{parent.inputs.where}}"
    where = {"default_compute": "azureml:single", "default_datastore": "azureml:workspaceartifactstore"}
    name = pipelines.run(nodes, where, inputs={"where": "single"})
    first, second = sorted(pipelines.children(name).values(), key=lambda run: run["startTimeUtc"])
    assert first["endTimeUtc"] <= second["startTimeUtc"]
    assert (first["target"], second["target"]) == ("single", "single")
    uri = workspace.get("job", first["runId"])["properties"]["outputs"]["o"]["uri"]
    assert uri.startswith("azureml://datastores/workspaceartifactstore/paths/azureml/")
    assert workspace.output(first["runId"], "o", "x") == "x\n"


def test_registered_components_have_defaults_and_optional_inputs(pipelines: Pipelines) -> None:
    greet = pipelines.component(
        type="command",
        environment="azureml:shared:1",
        inputs={
            "who": {"type": "string"},
            "times": {"type": "integer", "default": 2},
            "mark": {"type": "string", "optional": True},
        },
        outputs={"text": FOLDER},
        command="echo ${{inputs.who}} ${{inputs.times}} $[[and ${{inputs.mark}}]] | tee ${{outputs.text}}/out.txt",
    )
    name = pipelines.run(
        {
            "plain": {"type": "command", "component": greet, "inputs": {"who": "you"}},
            "full": {
                "type": "command",
                "component": greet,
                "inputs": {"who": "a ${{parent.inputs.kind}} one", "times": 3, "mark": "!"},
            },
            "after": {
                "type": "command",
                "component": pipelines.reader(),
                "inputs": {"i": "${{parent.jobs.plain.outputs.text}}", "who": "${{parent.jobs.plain.inputs.who}}"},
            },
        },
        inputs={"kind": "good"},
    )
    assert pipelines.log(name, "plain") == "you 2\n"
    assert pipelines.log(name, "full") == "a good one 3 and !\n"
    assert pipelines.log(name, "after") == "you 2\nyou\n"
    run = pipelines.children(name)["plain"]
    assert run["properties"]["azureml.moduleid"].endswith(f"/components/{greet.split(':')[1]}/versions/1")


def test_the_default_version_of_a_component_is_its_newest(pipelines: Pipelines) -> None:
    greet = {"type": "command", "environment": "azureml:shared:1", "command": "echo hello"}
    name = pipelines.component(**greet).split(":")[1]
    pipelines.component(**{**greet, "name": name, "version": "newer", "command": "echo welcome"})
    job = pipelines.run({"greet": {"type": "command", "component": f"azureml:{name}@default"}})
    assert pipelines.log(job, "greet") == "welcome\n"
    assert pipelines.client.components.get(name).version == "newer"
    workspace = pipelines.workspace
    found = workspace.call("GET", workspace.id.child("component", name, "azureml_default")).json()
    assert (found["name"], found["properties"]["componentSpec"]["version"]) == ("newer", "newer")
    missing = workspace.call("GET", workspace.id.child("component", "none", "azureml_default"), ok=False)
    assert missing.status_code == 404


def test_pipelines_are_nested(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    inner = pipelines.component(
        type="pipeline",
        inputs={
            "word": {"type": "string"},
            "again": {"type": "string", "default": "again"},
            "mark": {"type": "string", "optional": True},
        },
        outputs={"result": FOLDER},
        jobs={
            "maybe": {
                "type": "command",
                "component": pipelines.reader(),
                "inputs": {"i": "${{parent.jobs.second.outputs.o}}", "who": "${{parent.inputs.mark}}"},
            },
            "first": command(
                "echo ${{inputs.word}} > ${{outputs.o}}/x",
                {"word": "${{parent.inputs.word}}"},
                outputs={"o": FOLDER},
            ),
            "second": command(
                "cat ${{inputs.i}}/x - <<< ${{inputs.again}} > ${{outputs.o}}/y",
                {"i": "${{parent.jobs.first.outputs.o}}", "again": "${{parent.inputs.again}}"},
                outputs={"o": "${{parent.outputs.result}}"},
            ),
        },
    )
    asset = f"nested-{uuid.uuid4().hex[:8]}"
    name = pipelines.run(
        {
            "inner": {
                "type": "pipeline",
                "component": inner,
                "inputs": {"word": "deep"},
                "outputs": {"result": "${{parent.outputs.all}}"},
            },
            "last": command("cat ${{inputs.i}}/y", {"i": "${{parent.jobs.inner.outputs.result}}"}),
        },
        outputs={"all": {**FOLDER, "name": asset, "version": "4"}},
    )
    assert pipelines.log(name, "last") == "deep\nagain\n"
    nested = pipelines.children(name)["inner"]
    assert workspace.get("job", nested["runId"])["properties"]["jobType"] == "Pipeline"
    assert pipelines.statuses(nested["runId"]) == dict.fromkeys(["first", "second", "maybe"], "Completed")
    assert pipelines.log(nested["runId"], "maybe") == "deep\nagain\n"
    deepest = pipelines.children(nested["runId"])["second"]
    assert (deepest["rootRunId"], deepest["properties"]["azureml.rootpipelinerunid"]) == (name, name)
    assert workspace.run_and_read("cat ${{inputs.x}}/y", f"azureml:{asset}:4") == "deep\nagain\n"


def test_a_whole_pipeline_may_be_a_component(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    node = command("echo ${{inputs.w}} > ${{outputs.o}}/y", {"w": "${{parent.inputs.word}}"})
    whole = pipelines.component(
        type="pipeline",
        inputs={"word": {"type": "string"}, "again": {"type": "string", "default": "again"}},
        outputs={"result": FOLDER},
        jobs={"only": {**node, "outputs": {"o": "${{parent.outputs.result}}"}}},
    )
    component = workspace.id.child("component", whole.split(":")[1], "1")
    properties = {"jobType": "Pipeline", "componentId": component}
    path = workspace.id.child("job", f"whole-{uuid.uuid4().hex[:8]}")
    refused = workspace.call("PUT", path, json={"properties": properties}, ok=False)
    assert "it lacks the required input 'word'" in refused.json()["error"]["message"]

    properties["inputs"] = {"word": {"jobInputType": "literal", "value": "whole"}}
    workspace.call("PUT", path, json={"properties": properties})
    name = path.rpartition("/")[2]
    workspace.until(name, ["Completed"])
    assert workspace.output(name, "result", "y") == "whole\n"
    noted = workspace.get("job", name)["properties"]["properties"]
    assert noted["azureml.parameters"] == '{"word":"whole","again":"again"}'


def test_what_a_pipeline_names_is_registered_by_the_node_that_writes_it(pipelines: Pipelines) -> None:
    """Also where the pipeline fails later on, and once where it completes."""
    workspace, asset = pipelines.workspace, f"made-{uuid.uuid4().hex[:8]}"
    made = command("echo 1 > ${{outputs.made}}/one.txt", outputs={"made": "${{parent.outputs.kept}}"})
    use = {"made": "${{parent.jobs.make.outputs.made}}"}
    names = [
        pipelines.submit(
            {"make": made, "use": command(line, use)}, outputs={"kept": {**FOLDER, "name": asset, "version": version}}
        )
        for line, version in (("false ${{inputs.made}}", "1"), ("ls ${{inputs.made}}", "2"))
    ]
    for name, status, version in zip(names, ("Failed", "Completed"), ("1", "2"), strict=True):
        workspace.until(name, [status])
        step = pipelines.children(name)["make"]["runId"]
        assert f"/{step}/" in workspace.get("data", asset, version)["properties"]["dataUri"]
    assert workspace.get("data", asset)["properties"]["nextVersion"] == "3"


def test_sweeps_are_nodes(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    trial = pipelines.component(
        type="command",
        environment="azureml:shared:1",
        code=str(script_folder(pipelines.folder, TRAIN.replace("AZUREML_SWEEP_lr", "AZUREML_SWEEP_rate"))),
        inputs={"rate": {"type": "number"}, "word": {"type": "string", "default": "tried"}},
        outputs={"model": {"type": "custom_model"}},
        command=(
            "python -c 'from train import *; log(-(lr - 0.3) ** 2)'"
            " && echo ${{inputs.word}} ${{inputs.rate}} | tee ${{outputs.model}}/m.txt"
        ),
    )
    name = pipelines.run({
        "tune": {
            "type": "sweep",
            "trial": trial,
            "search_space": {"rate": {"type": "choice", "values": [0.1, 0.3]}},
            "objective": {"goal": "maximize", "primary_metric": "auc"},
            "sampling_algorithm": "grid",
            "limits": {"max_total_trials": 2, "max_concurrent_trials": 2, "timeout": 600},
            "early_termination": {"type": "bandit", "slack_factor": 9, "evaluation_interval": 5},
        },
        "use": {
            "type": "command",
            "component": pipelines.reader(),
            "inputs": {"i": "${{parent.jobs.tune.outputs.model}}"},
        },
    })
    assert pipelines.log(name, "use") == "tried 0.3\n"
    sweep = pipelines.children(name)["tune"]
    job = workspace.get("job", sweep["runId"])["properties"]
    assert (job["jobType"], job["limits"]["timeout"]) == ("Sweep", "PT10M")
    assert job["earlyTermination"]["policyType"] == "Bandit"
    assert job["properties"]["best_child_run_id"] == f"{sweep['runId']}_1"
    trials = workspace.history(f"runs/{sweep['runId']}/children")["value"]
    assert [trial["rootRunId"] for trial in trials] == [name, name]


def test_identical_steps_are_not_run_again(pipelines: Pipelines, tmp_path: Path) -> None:
    workspace, again = pipelines.workspace, {"force_rerun": False}
    code = str(script_folder(pipelines.folder, TRAIN))

    def nodes(word: str = "same") -> dict[str, Any]:
        seed = {"seed": "${{parent.inputs.seed}}"}
        line = "python -c 'from train import *; log(lr)' && echo ${{inputs.seed}} | tee ${{outputs.o}}/x"
        make = command(line, seed, outputs={"o": FOLDER}, code=code, environment_variables={"AZUREML_SWEEP_lr": "0.5"})
        bound = {"i": "${{parent.jobs.make.outputs.o}}"}
        show = command("cat ${{inputs.i}}/x; echo $WORD", bound, environment_variables={"WORD": word})
        return {"make": make, "show": show}

    inputs = {"seed": uuid.uuid4().hex}
    first = pipelines.run(nodes(), again, inputs=inputs)
    originals = pipelines.children(first)
    second = pipelines.run(nodes(), again, inputs=inputs)
    for key, run in pipelines.children(second).items():
        original = originals[key]
        properties = run["properties"]
        assert (properties["azureml.isreused"], properties["azureml.reusedrunid"]) == ("true", original["runId"])
        assert properties["azureml.reusednodeid"] == original["properties"]["azureml.nodeid"]
        assert properties["azureml.reusedpipelinerunid"] == first
        assert run["status"] == "Completed"
        assert pipelines.log(second, key) == pipelines.log(first, key)
    reused = pipelines.children(second)["make"]["runId"]
    tracking = f"/mlflow/v2.0{workspace.id}/api/2.0/mlflow/metrics/get-history"
    logged = workspace.call("GET", tracking, params={"run_id": reused, "metric_key": "auc"}).json()["metrics"]
    assert [metric["value"] for metric in logged] == [0.5]
    assert workspace.output(reused, "o", "x") == f"{inputs['seed']}\n"
    pipelines.client.jobs.download(reused, download_path=tmp_path / "got", output_name="o")
    assert (tmp_path / "got/named-outputs/o/x").read_text() == f"{inputs['seed']}\n"
    assert f"for run id {reused}." in workspace.artifact(second, "logs/azureml/executionlogs.txt")

    def reuses(word: str, settings: dict[str, Any], given: dict[str, str]) -> list[bool]:
        name = pipelines.run(nodes(word), settings, inputs=given)
        return ["azureml.isreused" in run["properties"] for run in pipelines.children(name).values()]

    assert reuses("other", again, inputs) == [True, False]
    assert reuses("same", again, {"seed": uuid.uuid4().hex}) == [False, False]
    assert reuses("same", {"force_rerun": True}, inputs) == [False, False]


def test_what_the_emulator_cannot_run_is_simulated_and_says_so(pipelines: Pipelines) -> None:
    workspace = pipelines.workspace
    count = {
        "type": "spark",
        "code": str(script_folder(pipelines.folder, "print('never')")),
        "entry": {"file": "train.py"},
        "args": "--to ${{outputs.counted}}",
        "resources": {"instance_type": "standard_e4s_v3", "runtime_version": "3.4"},
        "conf": {
            **{f"spark.{part}.cores": 1 for part in ("driver", "executor")},
            **{f"spark.{part}.memory": "2g" for part in ("driver", "executor")},
            "spark.executor.instances": 1,
        },
        "outputs": {"counted": {"type": "uri_folder", "mode": "direct"}},
    }
    search = {
        "type": "automl",
        "task": "classification",
        "primary_metric": "accuracy",
        "target_column_name": "y",
        "training_data": "${{parent.inputs.table}}",
        "limits": {"max_trials": 2},
        "outputs": {"best_model": {"type": "mlflow_model"}},
    }
    name = pipelines.run(
        {
            "count": count,
            "search": search,
            "after": {
                "type": "command",
                "component": pipelines.reader(),
                "inputs": {"i": "${{parent.jobs.count.outputs.counted}}"},
            },
        },
        inputs={"table": {"type": "mltable", "path": workspace.data({"MLTable": "paths: []"}, "table")}},
    )
    runs = pipelines.children(name)
    jobs = {key: workspace.get("job", runs[key]["runId"])["properties"] for key in ("count", "search")}
    assert (jobs["count"]["jobType"], jobs["count"]["entry"]["file"]) == ("Spark", "train.py")
    assert (jobs["search"]["jobType"], jobs["search"]["taskDetails"]["taskType"]) == ("AutoML", "Classification")
    assert jobs["search"]["taskDetails"]["trainingData"]["uri"].endswith("/table/")
    assert {job["properties"]["azml.simulated"] for job in jobs.values()} == {"true"}
    assert "This Spark job is simulated" in pipelines.log(name, "count")
    # it fails on a folder with nothing in it
    assert runs["after"]["status"] == "Completed"
    types = {key: pipelines.client.jobs.get(run["runId"]).type for key, run in runs.items()}
    assert types == {"count": "spark", "search": "automl", "after": "command"}


@pytest.mark.parametrize(
    ("nodes", "target", "reason"),
    [
        ({}, "jobs", "it has no jobs"),
        ({"a": {"type": "do_while"}}, "jobs.a", "its job 'a' is of type 'do_while': the emulator does not repeat"),
        ({"a": {"type": "parallel_for"}}, "jobs.a", "does not repeat"),
        ({"a": {"type": "data_transfer"}}, "jobs.a", "the emulator runs "),
        ({"a": {"type": "command"}}, "jobs.a", "its job 'a' names no component"),
        ({"a": {"componentId": "azureml://registries/r/components/c"}}, "jobs.a.componentId", "has no components"),
        ({"a": {"inputs": {"i": FOLDER}, "partition_keys": ["k"]}}, "jobs.a", "has partition_keys"),
        ({"a": {"inputs": {"i": "${{parent.inputs.x}}"}}}, "jobs.a", "the pipeline's input 'x' (it has: none)"),
        ({"a": {"inputs": {"i": "${{parent.jobs.b.outputs.x}}"}}}, "jobs.a", "'b', which is none of its jobs"),
        ({"a": {"inputs": {"i": "${{parent.jobs.a.outputs.x}}"}}}, "jobs.a", "none of the outputs of 'a'"),
        ({"a": {"inputs": {"i": "${{parent.jobs.a.outputs.o}}"}}}, "jobs", "its jobs wait for each other: a -> a"),
        ({"a": {"inputs": {}}}, "jobs.a.inputs", "its job 'a' lacks the required input 'i'"),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused(
    azml_emulator: RunningEmulator, nodes: dict[str, Any], target: str, reason: str
) -> None:
    error = refusal(azml_emulator, nodes)
    assert (error["code"], error["target"]) == ("ValidationError", f"properties.{target}")
    assert reason in error["message"]


def test_nodes_that_run_before_and_after_others_stand_alone(azml_emulator: RunningEmulator) -> None:
    nodes = {"a": {"inputs": {"i": FOLDER}}, "b": {"inputs": {"i": "${{parent.jobs.a.outputs.o}}"}}}
    error = refusal(azml_emulator, nodes, on_init="c")
    assert error["target"] == "properties.settings.on_init"
    assert "its on_init 'c' is none of its jobs (it has: a, b)" in error["message"]
    for settings in ({"on_init": "a"}, {"on_finalize": "b"}):
        error = refusal(azml_emulator, nodes, **settings)
        assert "takes something from others, or they from it" in error["message"]


def refusal(emulator: RunningEmulator, nodes: dict[str, Any], **settings: str) -> dict[str, Any]:
    """The error with which a pipeline of nodes is refused; those with inputs run a component that needs one."""
    workspace = Workspace(emulator).ensure()
    spec = {"type": "command", "command": "true", "inputs": {"i": FOLDER}, "outputs": {"o": FOLDER}}
    component = workspace.put("component", "needy", "1", properties={"componentSpec": spec})
    filled = {key: {"componentId": component, **node} if "inputs" in node else node for key, node in nodes.items()}
    properties = {"jobType": "Pipeline", "jobs": filled, "settings": settings}
    answer = workspace.call("PUT", workspace.id.child("job", "refused"), json={"properties": properties}, ok=False)
    assert answer.status_code == 400
    error: dict[str, Any] = answer.json()["error"]
    return error
