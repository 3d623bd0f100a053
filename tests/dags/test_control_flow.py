"""Pipeline files whose nodes decide which others run, as tasks of a DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.exceptions import SpecError
from tests.airflow.running import Finished, run
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import DAG

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator

BARE = {"image": "local", "conda_file": {"name": "bare", "dependencies": ["python=3.11"]}}
BOOLEAN = {"type": "boolean", "is_control": True}


def component(command: str, inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None) -> Any:
    return {
        "component": {
            "type": "command",
            "command": command,
            "environment": BARE,
            "inputs": inputs or {},
            "outputs": outputs or {},
        }
    }


def of(name: str, output: str | None = None) -> str:
    return f"${{{{parent.jobs.{name}{f'.outputs.{output}' if output else ''}}}}}"


def node(command: str, given: dict[str, Any] | None = None, **ports: Any) -> dict[str, Any]:
    made = component(command, **ports)
    return {**made, "inputs": given} if given else made


EVALUATE = node(
    "echo true > ${{outputs.good}}; echo no > ${{outputs.text}}",
    outputs={"good": BOOLEAN, "text": {"type": "uri_file"}},
)
WRITES = {"o": {"type": "uri_folder"}}
TAKES = {"i": {"type": "uri_folder", "optional": True}, "j": {"type": "uri_folder", "optional": True}}


def written(folder: Path, jobs: dict[str, Any], **more: Any) -> Path:
    settings = {"default_compute": "azureml:serverless", **more.pop("settings", {})}
    file = folder / "pipeline.yml"
    file.write_text(yaml.safe_dump({"type": "pipeline", "settings": settings, "jobs": jobs, **more}, sort_keys=False))
    return file


def finished(file: Path, connection: str, run_conf: dict[str, Any] | None = None, **given: Any) -> Finished:
    arguments = {"azml_conn_id": connection, "poll_seconds": 0.2}
    dag = azml_dag(file, dag_id=f"control-{file.parent.name}"[:100], default_args=arguments, **given)
    return run(dag, run_conf=run_conf)


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}


BRANCHES = {
    "evaluate": EVALUATE,
    "choose": {
        "type": "if_else",
        "condition": of("evaluate", "good"),
        "true_block": of("yes"),
        "false_block": [of("no")],
    },
    "yes": node("echo yes > ${{outputs.o}}/t", outputs=WRITES),
    "no": node("echo no > ${{outputs.o}}/t", outputs=WRITES),
    "join": node(
        "echo $[[$(cat ${{inputs.i}}/t)]] $[[$(cat ${{inputs.j}}/t)]]",
        {"i": of("yes", "o"), "j": of("no", "o")},
        inputs=TAKES,
    ),
    "needs": node(
        "cat ${{inputs.i}}/t ${{inputs.j}}/t",
        {"i": of("yes", "o"), "j": of("no", "o")},
        inputs={**TAKES, "j": {"type": "uri_folder"}},
    ),
    "after_no": node("cat ${{inputs.i}}/t", {"i": of("no", "o")}, inputs=TAKES),
    "file": {"type": "if_else", "condition": of("evaluate", "text"), "true_block": of("last")},
    "last": node("echo last"),
}


def test_a_decision_is_a_branch_and_what_follows_it_bears_what_was_left_out(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    done = finished(written(tmp_path, BRANCHES), azml_connection)
    assert done.errors == {}
    assert done.states == {
        "evaluate": "success",
        "choose": "success",
        "yes": "success",
        "no": "skipped",
        "join": "success",
        "needs": "skipped",
        "after_no": "skipped",
        "file": "success",
        "last": "skipped",
    }
    assert done.value("evaluate")["values"]["good"] == "true"
    assert done.value("choose") == {"node": "choose", "condition": True, "runs": ["yes"], "skips": ["no"]}
    assert Workspace(azml_emulator).log(done.value("join")["child"]).split() == ["yes"]


@pytest.mark.parametrize("render", ["job", "watch"])
def test_the_same_nodes_run_where_azure_ml_decides(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator, render: Any
) -> None:
    jobs = {name: one for name, one in BRANCHES.items() if name not in {"file", "last"}}
    done = finished(written(tmp_path, jobs), azml_connection, render=render)
    assert done.errors == {}
    workspace = Workspace(azml_emulator)
    job = done.value("job" if render == "job" else "azml_job")["name"]
    ran = {
        run["properties"]["azureml.moduleName"]: run["runId"]
        for run in workspace.history(f"runs/{job}/children")["value"]
    }
    assert set(ran) == {"evaluate", "yes", "join"}
    assert workspace.log(ran["join"]).split() == ["yes"]
    if render == "watch":
        assert {name: done.states[name] for name in (*ran, "no", "needs", "after_no")} == {
            **dict.fromkeys(ran, "success"),
            **dict.fromkeys(("no", "needs", "after_no"), "skipped"),
        }


def test_tasks_of_blocks_come_after_the_branch(tmp_path: Path) -> None:
    dag = azml_dag(written(tmp_path, BRANCHES))
    assert edges(dag) >= {("evaluate", "choose"), ("choose", "yes"), ("choose", "no"), ("yes", "join"), ("no", "join")}
    rules = {task.task_id: task.trigger_rule.value for task in dag.tasks}
    assert {name for name, rule in rules.items() if rule != "all_success"} == {"join", "needs", "after_no"}
    assert rules["join"] == "none_failed_min_one_success"


@pytest.mark.parametrize(("given", "runs"), [(True, "yes"), ("off", "no")])
def test_an_input_decides(tmp_path: Path, azml_connection: str, given: Any, runs: str) -> None:
    jobs = {
        "choose": {
            "type": "if_else",
            "condition": "${{parent.inputs.big}}",
            "true_block": of("yes"),
            "false_block": of("no"),
        },
        "yes": node("echo yes"),
        "no": node("echo no"),
    }
    done = finished(written(tmp_path, jobs, inputs={"big": given}), azml_connection)
    assert done.errors == {}
    assert {name for name, state in done.states.items() if state == "success"} == {"choose", runs}


def test_decisions_inside_of_components_and_about_them(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    inner = {
        "type": "pipeline",
        "inputs": {"deep": {"type": "boolean"}},
        "jobs": {
            "inside": {"type": "if_else", "condition": "${{parent.inputs.deep}}", "false_block": of("shallow")},
            "shallow": node("echo shallow"),
            "always": node("echo always"),
        },
    }
    (tmp_path / "inner.yml").write_text(yaml.safe_dump(inner))
    group = {"type": "pipeline", "component": "./inner.yml", "inputs": {"deep": "${{parent.inputs.deep}}"}}
    jobs = {
        "choose": {"type": "if_else", "condition": True, "true_block": of("taken"), "false_block": of("left")},
        "taken": group,
        "left": group,
    }
    done = finished(written(tmp_path, jobs, inputs={"deep": True}), azml_connection)
    assert done.errors == {}
    assert {name: state for name, state in done.states.items() if state == "success"} == dict.fromkeys(
        ("choose", "taken.inside", "taken.always"), "success"
    )
    assert set(done.states.values()) == {"success", "skipped"}


def test_a_condition_that_is_neither_true_nor_false_fails_with_its_place(tmp_path: Path, azml_connection: str) -> None:
    jobs = {
        "choose": {"type": "if_else", "condition": "${{parent.inputs.big}}", "true_block": of("yes")},
        "yes": node("echo yes"),
    }
    done = finished(written(tmp_path, jobs, inputs={"big": "perhaps"}), azml_connection)
    assert done.states == {"choose": "failed", "yes": "upstream_failed"}
    assert "jobs.choose.condition: comes to 'perhaps', which is neither true nor false" in str(done.errors["choose"])


TRAIN = node(
    "echo ${{inputs.n}} > ${{outputs.o}}/t; echo ${{inputs.n}}0 > ${{outputs.score}}",
    inputs={"n": {"type": "integer"}},
    outputs={**WRITES, "score": {"type": "integer"}},
)


def test_a_loop_is_a_task_that_is_mapped_over_its_items(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    jobs = {
        "train": TRAIN,
        "each": {
            "type": "parallel_for",
            "body": of("train"),
            "items": {"one": {"n": 1}, "more": {"n": "${{parent.inputs.k}}"}},
            "max_concurrency": 1,
        },
        "after": node(
            "cat ${{inputs.t}}/MLTable; echo ${{inputs.s}}",
            {"t": of("each", "o"), "s": of("each", "score")},
            inputs={"t": {"type": "mltable"}, "s": {"type": "string"}},
        ),
    }
    done = finished(written(tmp_path, jobs, inputs={"k": 4}), azml_connection)
    assert done.errors == {}
    assert set(done.states.values()) == {"success"}
    assert [item["name"] for item in done.value("each.items")] == ["one", "more"]
    told = done.value("each.outputs")
    assert told["values"] == {"score": '["10", "40"]'}
    log = Workspace(azml_emulator).log(done.value("after")["child"])
    assert '"type": "mltable"' in log
    assert log.count('"folder": "azureml://') == 2
    assert '["10", "40"]' in log.replace("\\", "")


def names_of(done: Finished, task_id: str) -> list[str]:
    """What the UI calls the mapped instances of a task."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        asked = select(TaskInstance.rendered_map_index).where(
            TaskInstance.run_id == done.dag_run.run_id,
            TaskInstance.dag_id == done.dag_run.dag_id,
            TaskInstance.task_id == task_id,
        )
        return sorted(str(name) for name in session.scalars(asked.order_by(TaskInstance.map_index)))


def test_a_loop_over_a_pipeline_component_is_a_mapped_group(
    tmp_path: Path, azml_connection: str, azml_emulator: RunningEmulator
) -> None:
    inner = {
        "type": "pipeline",
        "inputs": {"n": {"type": "integer"}},
        "outputs": {"told": {"type": "uri_folder"}},
        "jobs": {
            "write": node(
                "echo ${{inputs.n}} > ${{outputs.o}}/t",
                {"n": "${{parent.inputs.n}}"},
                inputs={"n": {"type": "integer"}},
                outputs=WRITES,
            ),
            "read": {
                **node(
                    "cat ${{inputs.i}}/t > ${{outputs.o}}/t",
                    {"i": of("write", "o")},
                    inputs={"i": {"type": "uri_folder"}},
                    outputs=WRITES,
                ),
                "outputs": {"o": "${{parent.outputs.told}}"},
            },
        },
    }
    (tmp_path / "inner.yml").write_text(yaml.safe_dump(inner))
    jobs = {
        "rows": node('echo \'[{"n": 5}, {"n": 6}]\' > ${{outputs.rows}}', outputs={"rows": {"type": "uri_file"}}),
        "each": {"type": "parallel_for", "body": of("run"), "items": of("rows", "rows")},
        "run": {"type": "pipeline", "component": "./inner.yml"},
        "after": node("cat ${{inputs.t}}/MLTable", {"t": of("each", "told")}, inputs={"t": {"type": "mltable"}}),
    }
    done = finished(written(tmp_path, jobs), azml_connection)
    assert done.errors == {}
    assert set(done.states.values()) == {"success"}
    assert names_of(done, "run.read") == ["n=5", "n=6"]
    assert Workspace(azml_emulator).log(done.value("after")["child"]).count('"folder"') == 2


def test_a_loop_comes_as_a_whole_after_and_before_others(tmp_path: Path) -> None:
    jobs = {
        "first": node("echo"),
        "train": TRAIN,
        "each": {"type": "parallel_for", "body": of("train"), "items": [{"n": 1}], "max_concurrency": 3},
        "last": node("echo"),
    }
    dag = azml_dag(written(tmp_path, jobs), after={"each": ["first"], "last": ["each"]})
    assert edges(dag) == {
        ("first", "each.items"),
        ("each.items", "train"),
        ("each.items", "each.outputs"),
        ("train", "each.outputs"),
        ("each.outputs", "last"),
    }
    assert dag.get_task("train").max_active_tis_per_dagrun == 3


def test_nodes_that_a_run_chooses_run_whatever_would_decide(tmp_path: Path, azml_connection: str) -> None:
    jobs = {
        "choose": {"type": "if_else", "condition": False, "true_block": of("yes"), "false_block": of("no")},
        "yes": node("echo yes"),
        "no": node("echo no"),
        "train": TRAIN,
        "each": {"type": "parallel_for", "body": of("train"), "items": [{"n": 1}, {"n": 2}]},
    }
    done = finished(written(tmp_path, jobs), azml_connection, run_conf={"azml_only": ["yes"]})
    assert done.errors == {}
    assert {name for name, state in done.states.items() if state == "success"} == {"choose", "yes"}
    done = finished(written(tmp_path, jobs), azml_connection, run_conf={"azml_skip": ["choose", "yes", "no"]})
    assert {name for name, state in done.states.items() if state == "success"} == {
        "each.items",
        "train",
        "each.outputs",
    }


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a loop until something holds": (
        {
            "train": node(
                "echo",
                {"n": 1},
                inputs={"n": {"type": "integer"}},
                outputs={"again": BOOLEAN, "n": {"type": "integer"}},
            ),
            "until": {
                "type": "do_while",
                "body": of("train"),
                "condition": "again",
                "mapping": {"n": "n"},
                "limits": {"max_iteration_count": 2},
            },
        },
        "jobs.until.type: cannot become tasks: a DAG has no circles; render the pipeline as job or watch",
    ),
    "an output of a body": (
        {
            "train": TRAIN,
            "each": {"type": "parallel_for", "body": of("train"), "items": [{"n": 1}]},
            "after": node("ls ${{inputs.i}}", {"i": of("train", "o")}, inputs=TAKES),
        },
        "jobs.after: takes an output of the body of 'each'; write ${{parent.jobs.each.outputs...}}",
    ),
}


@pytest.mark.parametrize(("jobs", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_become_tasks_is_refused_with_its_place(
    tmp_path: Path, jobs: dict[str, Any], expected: str
) -> None:
    file = written(tmp_path, jobs)
    with pytest.raises(SpecError) as refused:
        azml_dag(file)
    assert expected in str(refused.value)
    assert refused.value.problems[0].line
    assert azml_dag(file, render="job").task_ids == ["job"]


def test_what_azure_ml_decides_has_no_task_where_it_runs_the_whole(tmp_path: Path) -> None:
    dag = azml_dag(written(tmp_path, BRANCHES), render="watch")
    assert {"evaluate", "yes", "no", "join"} <= set(dag.task_ids)
    assert not {"choose", "file"} & set(dag.task_ids)
    loop = {"type": "parallel_for", "body": of("train"), "items": [{"n": 1}]}
    after = node("ls ${{inputs.i}}", {"i": of("each", "o")}, inputs=TAKES)
    dag_of_loop = azml_dag(written(tmp_path, {"train": TRAIN, "each": loop, "after": after}), render="watch")
    assert set(dag_of_loop.task_ids) == {"azml_submit", "azml_job", "after"}
    assert edges(dag) >= {("evaluate", "yes"), ("evaluate", "no"), ("evaluate", "last"), ("yes", "join")}


def test_the_last_node_runs_whatever_has_become_of_the_others(tmp_path: Path, azml_connection: str) -> None:
    jobs = {"first": node("echo"), "bad": node("exit 3"), "then": node("echo"), "last": node("echo")}
    jobs["then"]["inputs"] = {}
    settings = {"on_init": "first", "on_finalize": "last"}
    done = finished(written(tmp_path, jobs, settings=settings), azml_connection)
    assert (done.state, done.states["first"], done.states["bad"], done.states["last"]) == (
        "failed",
        "success",
        "failed",
        "success",
    )
    assert done.states["then"] == "success"
