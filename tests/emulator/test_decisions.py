"""Pipelines whose nodes decide which others run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.execution import Workspace
from tests.emulator.pipelines import FOLDER
from tests.emulator.test_pipelines import refusal

if TYPE_CHECKING:
    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

OPTIONAL = {**FOLDER, "optional": True}


class Decided:
    """A pipeline that was put as azure-ai-ml puts it."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.workspace = Workspace(emulator).ensure()
        self.workspace.shared_environment()

    def node(self, command: str, given: dict[str, Any] | None = None, **ports: Any) -> dict[str, Any]:
        spec = {
            "type": "command",
            "command": command,
            "environment": f"azureml:{self.workspace.id}/environments/shared/versions/1",
            **ports,
        }
        name = f"c{abs(hash(str(spec)))}"
        component = self.workspace.put("component", name, "1", properties={"componentSpec": spec})
        return {"componentId": component, "type": "command", "inputs": given or {}}

    def run(self, name: str, jobs: dict[str, Any], **inputs: Any) -> str:
        given = {key: {"jobInputType": "literal", "value": value} for key, value in inputs.items()}
        properties = {"jobType": "Pipeline", "jobs": jobs, "inputs": given, "settings": {"force_rerun": True}}
        self.workspace.put("job", name, properties=properties)
        return self.workspace.until(name)

    def ran(self, name: str) -> dict[str, str]:
        children = self.workspace.history(f"runs/{name}/children")["value"]
        return {run["properties"]["azureml.moduleName"]: run["runId"] for run in children}


@pytest.fixture
def decided(azml_emulator: RunningEmulator) -> Decided:
    return Decided(azml_emulator)


def of(name: str, output: str) -> str:
    return f"${{{{parent.jobs.{name}.outputs.{output}}}}}"


@pytest.mark.parametrize(("word", "runs", "other"), [("True", "yes", "no"), ("false", "no", "yes")])
def test_a_value_that_a_node_has_written_decides(decided: Decided, word: str, runs: str, other: str) -> None:
    write = {"outputs": {"o": FOLDER}}
    join = {
        "i": {"job_input_type": "literal", "value": of("yes", "o")},
        "j": {"job_input_type": "literal", "value": of("no", "o")},
    }
    jobs = {
        "evaluate": decided.node(f"echo {word} > ${{{{outputs.good}}}}", outputs={"good": {"type": "boolean"}}),
        "choose": {
            "type": "if_else",
            "condition": of("evaluate", "good"),
            "true_block": "${{parent.jobs.yes}}",
            "false_block": ["${{parent.jobs.no}}"],
        },
        "yes": decided.node("echo yes > ${{outputs.o}}/t", **write),
        "no": decided.node("echo no > ${{outputs.o}}/t", **write),
        "join": decided.node(
            "cat $[[${{inputs.i}}/t]] $[[${{inputs.j}}/t]]", join, inputs={"i": OPTIONAL, "j": OPTIONAL}
        ),
        "needs": decided.node("cat ${{inputs.i}}/t ${{inputs.j}}/t", join, inputs={"i": FOLDER, "j": FOLDER}),
    }
    name = f"decided-{runs}"
    assert decided.run(name, jobs) == "Completed"
    ran = decided.ran(name)
    assert set(ran) == {"evaluate", runs, "join"}
    assert decided.workspace.log(ran["join"]).split() == [runs]
    log = decided.workspace.download(decided.workspace.details(name)["logFiles"]["logs/azureml/executionlogs.txt"])
    assert f"The condition of the job 'choose' is {word.lower()}." in log
    assert f"The job '{other}' is not run." in log


def test_an_input_decides_and_what_is_neither_true_nor_false_fails(decided: Decided) -> None:
    jobs = {
        "choose": {"type": "if_else", "condition": "${{parent.inputs.big}}", "true_block": "${{parent.jobs.a}}"},
        "a": decided.node("echo a"),
        "literal": {"type": "if_else", "condition": False, "true_block": "${{parent.jobs.b}}"},
        "b": {"type": "if_else", "condition": True, "true_block": "${{parent.jobs.c}}"},
        "c": decided.node("echo c"),
    }
    assert decided.run("by-input", jobs, big="true") == "Completed"
    assert set(decided.ran("by-input")) == {"a"}
    assert decided.run("by-word", jobs, big="perhaps") == "Failed"
    message = decided.workspace.details("by-word")["error"]["error"]["message"]
    assert "the condition of its job 'choose' is 'perhaps', neither true nor false" in message


def test_values_are_handed_on(decided: Decided) -> None:
    given = {"n": {"job_input_type": "literal", "value": of("count", "n")}}
    jobs = {
        "count": decided.node("echo 41 > ${{outputs.n}}", outputs={"n": {"type": "integer"}}),
        "more": decided.node("echo $((${{inputs.n}} + 1))", given, inputs={"n": {"type": "integer"}}),
    }
    assert decided.run("handed-on", jobs) == "Completed"
    assert decided.workspace.log(decided.ran("handed-on")["more"]).split() == ["42"]


TELL = r"""python - <<'END'
import json, os, urllib.request
uri = os.environ["MLFLOW_TRACKING_URI"].replace("mlflow/v2.0", "mlflow/v1.0").replace("mlflow/v1.0", "history/v1.0")
run = os.environ["AZUREML_RUN_ID"]
told = {"runId": run, "properties": {"azureml.pipeline.control": json.dumps({"good": False})}}
headers = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}
request = urllib.request.Request(uri + "/runs/" + run, json.dumps(told).encode(), headers, method="PATCH")
urllib.request.urlopen(request).read()
END
"""


def test_a_value_that_run_history_is_told_decides_as_mldesigner_tells_it(decided: Decided) -> None:
    jobs = {
        "evaluate": decided.node(TELL, outputs={"good": {"type": "boolean"}}),
        "choose": {
            "type": "if_else",
            "condition": of("evaluate", "good"),
            "true_block": "${{parent.jobs.yes}}",
            "false_block": "${{parent.jobs.no}}",
        },
        "yes": decided.node("echo yes"),
        "no": decided.node("echo no"),
    }
    assert decided.run("told", jobs) == "Completed"
    assert set(decided.ran("told")) == {"evaluate", "no"}


DECIDES = {"type": "if_else", "condition": True}
BLOCKS = ("true_block", "false_block")
A, B = "${{parent.jobs.a}}", "${{parent.jobs.b}}"


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        ({"a": {"type": "if_else", "true_block": B}, "b": {}}, "its job 'a' has no condition"),
        ({"a": DECIDES}, "names no node in true_block or false_block"),
        ({"a": {**DECIDES, **dict.fromkeys(BLOCKS, B)}, "b": {"inputs": {"i": FOLDER}}}, "names 'b' in both blocks"),
        ({"a": {**DECIDES, "true_block": B}}, "'b', which is none of its jobs (it has: a)"),
        ({"a": {**DECIDES, "true_block": A}}, "its jobs wait for each other: a -> a"),
    ],
)
def test_decisions_that_cannot_be_are_refused(
    azml_emulator: RunningEmulator, nodes: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(azml_emulator, nodes)["message"]
