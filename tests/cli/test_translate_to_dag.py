"""``azml translate --to dag``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from airflow_provider_azml.dags import azml_dag
from airflow_provider_azml.dags.written.aml_files import written
from tests.airflow.running import Finished, run
from tests.cli.dag_files import ENVIRONMENT, UNKNOWN, Results, assert_tidy, dag_in, edges_of, node, pipeline, submitted
from tests.dags import pipeline_corpus, v1_files
from tests.dags.pipeline_corpus import ORACLE
from tests.emulator.execution import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from airflow_provider_azml.emulator.pytest_plugin import RunningEmulator
    from tests.cli.conftest import Done

CORPUS = sorted(pipeline_corpus.accepted()) if ORACLE.is_dir() else []
FOLDER = {"type": "uri_folder"}

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*the service refuses it:UserWarning", "ignore:.*not sent.*:UserWarning"
)


# -- the pipelines of Microsoft's examples -----------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.skipif(not CORPUS, reason="there is no ../shared")
@pytest.mark.filterwarnings("ignore:.*unknown key.*:UserWarning")
def test_the_tasks_of_examples_are_those_of_azml_dag_and_submit_the_same(tmp_path):
    for number, file in enumerate(CORPUS):
        text, _ = written(file)
        assert number % 10 or written(file)[0] == text
        assert str(ORACLE) not in text
        dag, told = dag_in(text, tmp_path / f"dag_{number}.py"), azml_dag(file)
        assert (set(dag.task_ids), edges_of(dag)) == (set(told.task_ids), edges_of(told)), file
        assert dag.dag_id == told.dag_id
        dag.fileloc, results = str(file.parent / "dag.py"), Results(file)
        for own, other in zip(dag.tasks, map(told.get_task, dag.task_ids), strict=True):
            seen = [(one.outlets, one.owner, one.task_display_name, one.retries) for one in (own, other)]
            assert seen[0] == seen[1], file
        for task_id in dag.task_ids if told.task_ids != ["job"] else ():
            found, wanted = (submitted(one, task_id, results) for one in (dag, told))
            if "token_key" in json.dumps(wanted, default=str):  # its name says that it is a secret
                found, wanted = ({**one, "inputs": {**one["inputs"], "token_key": None}} for one in (found, wanted))
            # that one's tasks fill in the whole file, and all fail of a template in one of its nodes
            assert wanted in (found, UNKNOWN), f"{file} {task_id}"
    assert_tidy(tmp_path)


# -- other pipelines ---------------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., str]:
    """Write a pipeline file with others beside it, and the DAG file of it."""

    def making(job: Mapping[str, Any], **others: Any) -> str:
        for name, content in {"pipeline": job, **others}.items():
            file = tmp_path / f"{name.replace('__', '/')}.yml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return written(tmp_path / "pipeline.yml")[0]

    return making


INNER = {
    "type": "pipeline",
    "inputs": {"lr": {"type": "number"}, "data": FOLDER, "word": {"type": "string", "optional": True}},
    "outputs": {"model": FOLDER},
    "jobs": {
        "train": {
            "type": "command",
            "component": "train.yml",
            "inputs": {
                "lr": "${{parent.inputs.lr}}",
                "data": "${{parent.inputs.data}}",
                "word": "${{parent.inputs.word}}",
            },
            "outputs": {"model": "${{parent.outputs.model}}"},
        }
    },
}
TRAIN = {
    "type": "command",
    "inputs": INNER["inputs"],
    "outputs": {"model": FOLDER},
    "command": "cat ${{inputs.data}}/x > ${{outputs.model}}/x\necho ${{inputs.lr}} $[[${{inputs.word}}]]\n",
    "environment": ENVIRONMENT,
}
NESTED = pipeline(
    {
        "prep": node("echo 1 > ${{outputs.o}}/x\n", outputs={"o": FOLDER}),
        "group": {
            "type": "pipeline",
            "component": "parts/inner.yml",
            "inputs": {
                "lr": "${{parent.inputs.rate}}",
                "data": "${{parent.jobs.prep.outputs.o}}",
                "word": "${{parent.inputs.word}}",
            },
        },
        "score": node("ls ${{inputs.m}}", inputs={"m": "${{parent.jobs.group.outputs.model}}"}),
    },
    inputs={"rate": 2, "word": ""},
    experiment_name="written-out",
    tags={"team": "risk"},
    description="Trains a model.\nAnd scores it.",
)


def bodies(finished: Finished, emulator: RunningEmulator) -> dict[str, Any]:
    """The jobs that the tasks of a run have made, without what is of the run."""
    found = {}
    names = {finished.value(task)["name"]: task for task in finished.states}
    for name, task in names.items():
        properties = Workspace(emulator).get("job", name)["properties"]
        kept = {key: item for key, item in properties.items() if key not in {"properties", "services", "status"}}
        text = json.dumps(kept, sort_keys=True)
        for one, other in names.items():
            text = text.replace(one, other)
        for one in {finished.value(task)["child"] for task in finished.states}:
            text = text.replace(one, "child")
        found[task] = json.loads(text)
    return found


def test_a_dag_file_submits_what_azml_dag_submits(make, tmp_path, azml_connection: str, azml_emulator: RunningEmulator):
    settings = {**NESTED["settings"], "force_rerun": True}  # else the second would have the results of the first
    text = make({**NESTED, "settings": settings}, parts__inner=INNER, parts__train=TRAIN)
    (tmp_path / "dags").mkdir()
    folder = tmp_path / "dags"
    (folder / "parts").symlink_to(tmp_path / "parts")
    ends = []
    for dag in (azml_dag(tmp_path / "pipeline.yml"), dag_in(text, folder / "pipeline.py")):
        for task in dag.tasks:
            task.azml_conn_id, task.poll_seconds, task.deferrable = azml_connection, 0.2, False
        ends.append(run(dag, run_conf={"rate": 3}))
        assert ends[-1].state == "success", ends[-1].errors
    told, own = (bodies(one, azml_emulator) for one in ends)
    assert set(own) == {"prep", "group.train", "score"}
    assert own == told
    assert own["group.train"]["inputs"]["lr"]["value"] == "3"
    assert [one.value("score")["node"] for one in ends] == ["score"] * 2


def test_a_nested_pipeline_is_a_group_that_names_the_components_of_its_folder(make, tmp_path):
    text = make(NESTED, parts__inner=INNER, parts__train=TRAIN)
    assert '"component": "./parts/train.yml"' in text
    assert 'with TaskGroup("group"):' in text
    assert "pipeline.yml" not in text
    assert str(tmp_path) not in text
    assert "    prep >> train >> score\n" in text
    assert "\"path\": \"{{ ti.xcom_pull('prep')['outputs']['o'] }}\"" in text
    assert '"lr": dag.param("rate")' in text
    assert '"word": dag.param("word")' in text
    assert text.startswith(
        '"""A pipeline of Azure ML, with a task for each of its steps.\n\nTrains a model.\nAnd scores'
    )
    dag = dag_in(text, tmp_path / "pipeline.py")
    assert (dag.description, dag.tags, dag.doc_md) == ("Trains a model.", {"team:risk"}, text.split('"""')[1])
    assert_tidy(tmp_path)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"word": "w", "day": "d", "mixed": "m", "rate": 5, "texts": "b"},
        {"word": None, "data": "azureml:other:2"},
        {"texts": "${{parent.inputs.rate}}"},
    ],
    ids=["nothing", "values", "null", "reference"],
)
def test_what_a_run_is_given_comes_to_the_same(given, make, tmp_path):
    takes = {
        name: f"${{{{parent.inputs.{name}}}}}" for name in ("rate", "data", "day", "mixed", "texts", "empty", "big")
    }
    inner = {**INNER, "inputs": {**INNER["inputs"], "word": {"type": "string", "optional": True, "default": "inner's"}}}
    group = {
        "type": "pipeline",
        "component": "parts/inner.yml",
        "inputs": {
            key: f"${{{{parent.inputs.{name}}}}}" for key, name in (("lr", "rate"), ("word", "word"), ("data", "data"))
        },
    }
    inputs = {
        "rate": 2,
        "word": None,
        "data": {"type": "uri_folder", "path": "azureml:sales:3", "mode": "ro_mount"},
        "day": "{{ ds }}",
        "mixed": "a {{ ds }} b",
        "texts": 'a\n"b"\n',
        "empty": "",
        "big": 2**60,
    }
    job = pipeline({"all": node("echo ${{inputs.rate}}", inputs=takes), "group": group}, inputs=inputs)
    text = make(job, parts__inner=inner, parts__train=TRAIN)
    dag, told = dag_in(text, tmp_path / "dag.py"), azml_dag(tmp_path / "pipeline.yml")
    results = Results(tmp_path / "pipeline.yml")
    for task_id in ("all", "group.train"):
        found, wanted = (in_text(submitted(one, task_id, results, **given)) for one in (dag, told))
        # of that file all tasks fail of what one input is given wrongly; here those that take it do
        assert found == wanted or (wanted == UNKNOWN and task_id == "group.train")
    assert_tidy(tmp_path / "dag.py")


def in_text(job: Any) -> Any:
    """A job whose inputs are text, as they are sent; or that there is none."""
    if not isinstance(job, dict):
        return job
    return {**job, "inputs": {name: it if isinstance(it, dict) else str(it) for name, it in job["inputs"].items()}}


def test_settings_of_airflow_stand_where_they_count(make, tmp_path):
    sidecar = {
        "dag": {"schedule": "@daily", "start_date": "2026-01-01", "tags": ["x"], "default_args": {"retries": 1}},
        "task_overrides": {
            "prep": {"retry_delay": "PT5M", "pool": "cpu", "on_failure_callback": "json.dumps"},
        },
        "after": {"late": ["prep"]},
    }
    jobs = {"late": node("echo late"), "prep": node("echo prep")}
    (tmp_path / "pipeline.airflow.yml").write_text(yaml.safe_dump(sidecar, sort_keys=False))
    text = make(pipeline(jobs))
    assert (
        '        retry_delay=timedelta(minutes=5),\n        pool="cpu",\n        on_failure_callback=dumps,\n' in text
    )
    assert 'start_date=pendulum.datetime(2026, 1, 1, tz="UTC")' in text
    assert '"retries": 1' in text
    dag = dag_in(text, tmp_path / "dag.py")
    assert edges_of(dag) == {("prep", "late")}
    assert dag.get_task("prep").retries == 1
    assert_tidy(tmp_path)


def test_the_last_node_runs_whatever_becomes_of_the_others(make, tmp_path):
    job = pipeline({"work": node("echo a"), "clean": node("echo b")})
    job["settings"]["on_finalize"] = "clean"
    dag = dag_in(make(job), tmp_path / "dag.py")
    assert dag.get_task("clean").is_teardown
    assert edges_of(dag) == {("work", "clean")}


def test_a_secret_of_the_file_becomes_a_variable(tmp_path):
    job = pipeline(
        {"a": node("echo ${{inputs.k}}", inputs={"k": "${{parent.inputs.api_key}}"})}, inputs={"api_key": "s3"}
    )
    (tmp_path / "pipeline.yml").write_text(yaml.safe_dump(job))
    text, remarks = written(tmp_path / "pipeline.yml")
    assert "s3" not in text
    assert 'inputs={"api_key": "{{ var.value.api_key }}"}' in text
    assert remarks == [
        "api_key is a secret of the file, which is not written: give Airflow's variable 'api_key' its value"
    ]


def test_names_that_python_and_the_file_itself_have_are_left_to_them(make, tmp_path):
    names = ["class", "dag", "print", "pendulum"]
    jobs = {"first": node("echo", outputs={"o": FOLDER})}
    jobs |= {name: node("ls ${{inputs.i}}", inputs={"i": "${{parent.jobs.first.outputs.o}}"}) for name in names}
    text = make(pipeline(jobs))
    assert all(f"    {name} = Azml" in text for name in ("first", "class_", "dag_", "print_", "pendulum"))
    assert set(dag_in(text, tmp_path / "dag.py").task_ids) == {"first", *names}
    assert_tidy(tmp_path)


def test_long_and_strange_texts_come_back_as_they_are(make, tmp_path):
    description = 'It\'s "said" \\\\ so"""\n- a list\n' + "Long. " * 60
    lines = "python -c \"print('it')\" " * 12 + "\n\techo ${{inputs.x}} \\\n  'a' \"b\" é \u200b\n"
    job = pipeline({"a": node(lines, inputs={"x": 1})}, description=description)
    text = make(job)
    dag = dag_in(text, tmp_path / "dag.py")
    assert dag.get_task("a").jobs["a"]["command"] == lines
    assert_tidy(tmp_path)


@pytest.mark.parametrize(
    ("jobs", "reason"),
    [
        (
            {
                "choose": {"type": "if_else", "condition": True, "true_block": "${{parent.jobs.c}}"},
                "c": node("echo"),
            },
            r"pipeline\.yml:\d+:\d+: jobs\.choose\.type: decides what runs, which cannot be written out",
        ),
        ({"a": node("echo"), "b": {"type": "command", "component": "gone.yml"}}, r"gone\.yml"),
    ],
    ids=["decides", "missing"],
)
def test_what_cannot_be_written_out_is_named(jobs, reason, make):
    from airflow_provider_azml.exceptions import SpecError

    with pytest.raises(SpecError, match=reason):
        make(pipeline(jobs))


def test_a_pipeline_of_cli_v1_is_written_as_what_it_is_today(tmp_path):
    for name, content in v1_files.FILES.items():
        (tmp_path / name).write_text(content)
    text, remarks = written(tmp_path / "pipeline.yml")
    assert remarks == []
    assert 'params={"Word": Param("two words", type="string"), "Seed": Param(7, type="integer")},' in text
    dag, told = dag_in(text, tmp_path / "dag.py"), azml_dag(tmp_path / "pipeline.yml")
    assert (dag.task_ids, edges_of(dag)) == (told.task_ids, edges_of(told))
    results = Results(tmp_path / "pipeline.yml")
    assert [submitted(dag, task, results) for task in dag.task_ids] == [
        submitted(told, task, results) for task in told.task_ids
    ]
    assert_tidy(tmp_path / "dag.py")


# -- other files, and the command line ---------------------------------------------------------------------------


def test_a_job_becomes_a_task_with_its_keys(folder, azml: Callable[..., Done]):
    done = azml("translate", "--to", "dag", "train.yml")
    assert (done.code, done.err) == (0, "")
    dag = dag_in(done.out, folder / "dag.py")
    (task,) = dag.tasks
    assert (dag.dag_id, task.task_id, type(task).__name__) == ("train", "job", "AzmlSubmitCommandJobOperator")
    assert (task.code, task.inputs) == ("./src", {"data": {"type": "uri_folder", "path": "azureml:sales:3"}})
    assert_tidy(folder / "dag.py")


def test_a_schedule_becomes_its_timetable_and_its_job(folder, azml: Callable[..., Done]):
    (folder / "nightly.yml").write_text(
        "name: nightly\ntrigger: {type: recurrence, frequency: week, interval: 2, time_zone: UTC, "
        "schedule: {hours: 9, minutes: [0, 30], week_days: [monday]}, start_time: '2026-01-05T00:00:00'}\n"
        "create_job: ./pipeline.yml\n"
    )
    (folder / "pipeline.yml").write_text(yaml.safe_dump(pipeline({"a": node("echo")})))
    done = azml("translate", "--to", "dag", "nightly.yml")
    assert (done.code, done.err) == (0, "")
    dag, told = dag_in(done.out, folder / "dag.py"), azml_dag(folder / "nightly.yml")
    assert dag.timetable == told.timetable
    assert (dag.dag_id, dag.start_date, dag.task_ids) == (told.dag_id, told.start_date, told.task_ids)
    assert dag.get_task("job").display_name == told.get_task("job").display_name
    assert dag.get_task("job").jobs["a"]["command"] == "echo"
    assert_tidy(folder / "dag.py")


@pytest.mark.parametrize("option", [["--json"], ["--var", "ds=1"], ["--no-templates"], ["--follow-symlinks"]])
def test_options_of_requests_are_refused(option, folder, azml: Callable[..., Done]):
    done = azml("translate", "--to", "dag", *option, "train.yml")
    assert (done.code, done.out) == (2, "")
    assert f"{option[0]} does not go with --to dag" in done.err


def test_problems_name_the_file_as_the_command_line_does(folder, azml: Callable[..., Done]):
    (folder / "train.yml").write_text((folder / "train.yml").read_text().replace("command: python", "comand: python"))
    done = azml("translate", "--to", "dag", "train.yml")
    assert (done.code, done.out) == (1, "")
    assert "\ntrain.yml:4:1: comand: unknown key; did you mean 'command'?\n" in f"\n{done.err}"
    (folder / "data.yml").write_text("type: uri_folder\nname: sales\npath: ./src\n")
    done = azml("translate", "--to", "dag", "data.yml")
    assert done.err == "data.yml:1:1: is a data; the DAG file of a schedule or of a job can be had\n"


def test_values_are_put_over_the_file_s(folder, azml: Callable[..., Done]):
    assert 'compute="azureml:gpu"' in azml("translate", "--to", "dag", "--set", "compute=azureml:gpu", "train.yml").out
