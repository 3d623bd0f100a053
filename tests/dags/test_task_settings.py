"""Settings of Airflow beside AML files: where they stand, which counts, and what is said of those that are wrong."""

from __future__ import annotations

import datetime as dt
import inspect
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, BaseNotifier, BaseOperator, TriggerRule

from airflow_provider_azml.dags.task_settings import TaskSettings, settings_of
from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.operators.base import AzmlOperator
from airflow_provider_azml.operators.files import AzmlSpecOperator
from airflow_provider_azml.operators.job_waiting import AzmlJobOperator
from airflow_provider_azml.operators.jobs import AzmlSubmitPipelineOperator
from airflow_provider_azml.spec import schema_files, sidecars

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS = {
    "prep": "command",
    "train.fit": "command",
    "train.tune": "sweep",
    "train.inner.fit": "command",
    "score": "spark",
}
UPSTREAM = {"train.fit": ["prep"], "score": ["train.tune"]}
OURS = (AzmlOperator, AzmlSpecOperator, AzmlJobOperator)
OF_THE_FILE = {"file", "spec", "base_path", "multiple_outputs", "self", "kwargs"}
NOT_IN_FILES = {
    *("allow_nested_operators", "doc", "doc_json", "doc_rst", "doc_yaml", "email", "email_on_failure"),
    *("email_on_retry", "end_date", "ignore_first_depends_on_past", "inlets", "logger_name", "map_index_template"),
    *("multiple_outputs", "outlets", "params", "post_execute", "pre_execute", "render_template_as_native_obj"),
    *("resources", "retry_policy", "sla", "start_date", "wait_for_past_depends_before_skipping"),
    *("self", "kwargs", "task_id", "dag", "task_group", "default_args", "do_xcom_push"),
}
"""What operators take that is code, is no longer used, or is what this package says itself."""


def told(context: Mapping[str, Any]) -> None:
    """A callback."""


class Told(BaseNotifier):
    """A notifier."""

    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel

    def notify(self, context: Any) -> None:
        """Do nothing."""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return tmp_path / "pipeline.yml"


def beside(pipeline: Path, text: str, *, folder: str = "") -> TaskSettings:
    """The settings of a pipeline with such a sidecar, and of its folder."""
    (pipeline.parent / "pipeline.airflow.yml").write_text(text)
    if folder:
        (pipeline.parent / ".airflow.yml").write_text(folder)
    return settings_of(pipeline, KINDS, upstream=UPSTREAM)


def refused(pipeline: Path, text: str, *, folder: str = "") -> list[str]:
    with pytest.raises(SpecError) as caught:
        beside(pipeline, text, folder=folder)
    return [str(problem).replace(f"{pipeline.parent}/", "") for problem in caught.value.problems]


def refused_arguments(*arguments: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        settings_of(None, KINDS, *arguments, upstream=UPSTREAM)
    return [str(problem) for problem in caught.value.problems]


# -- which settings count ------------------------------------------------------------------------------------------


def test_without_settings_there_are_none(pipeline: Path) -> None:
    settings = settings_of(pipeline, KINDS)
    assert (settings.for_task("prep"), settings.after, settings.dag) == ({}, {}, {})
    assert settings.for_dag({"tags": ["a"]}) == {"tags": ["a"]}


def test_the_more_special_key_counts_wherever_it_stands(pipeline: Path) -> None:
    text = """\
task_overrides:
  train.inner.fit: {owner: node}
  train.inner: {owner: inner, pool: inner}
  train: {owner: outer, pool: outer, queue: outer}
  "*.fit": {owner: pattern, pool: pattern, queue: pattern, executor: pattern}
  kind:command: {owner: kind, pool: kind, queue: kind, executor: kind, retries: 1}
  "*": {owner: all, pool: all, queue: all, executor: all, retries: 0, deferrable: true}
"""
    assert beside(pipeline, text).for_task("train.inner.fit") == {
        "owner": "node",
        "pool": "inner",
        "queue": "outer",
        "executor": "pattern",
        "retries": 1,
        "deferrable": True,
    }


def test_the_nearer_place_counts_however_special_the_other_is(pipeline: Path) -> None:
    folder = "task_overrides: {prep: {owner: folder, pool: folder, queue: folder}, other_pipelines_node: {retries: 1}}"
    (pipeline.parent / ".airflow.yml").write_text(folder)
    (pipeline.parent / "pipeline.airflow.yml").write_text("task_overrides: {kind:command: {owner: file, pool: file}}")
    settings = settings_of(pipeline, KINDS, {"*": {"owner": "call"}})
    assert settings.for_task("prep") == {"owner": "call", "pool": "file", "queue": "folder"}


def test_of_two_patterns_the_later_counts(pipeline: Path) -> None:
    text = 'task_overrides: {"p*": {retries: 1}, "*p": {retries: 2}}'
    assert beside(pipeline, text).for_task("prep") == {"retries": 2}


def test_a_task_that_is_no_node_gets_what_all_and_its_kind_get() -> None:
    given = {"*": {"pool": "a"}, "kind:pipeline": {"retries": 1}, "pr*": {"queue": "b"}}
    assert settings_of(None, KINDS, given).for_task("job", "pipeline") == {"pool": "a", "retries": 1}
    assert settings_of(None, KINDS, given).for_task("job") == {"pool": "a"}


def test_what_the_dag_is_given(pipeline: Path) -> None:
    text = "dag: {schedule: '@daily', tags: [b], default_args: {retries: 2}, max_active_runs: 1}"
    folder = "dag: {tags: [a], default_args: {retries: 1, owner: team}, max_active_runs: 4, catchup: true}"
    settings = beside(pipeline, text, folder=folder)
    assert settings.for_dag({"tags": ["c"], "default_args": {"pool": "p"}, "schedule": None}) == {
        "schedule": None,
        "tags": ["a", "b", "c"],
        "default_args": {"retries": 2, "owner": "team", "pool": "p"},
        "max_active_runs": 1,
        "catchup": True,
    }


@pytest.mark.parametrize("name", ["pipeline.airflow.yml", "pipeline.airflow.yaml", "pipeline.yml.airflow.yml"])
def test_names_of_sidecars(pipeline: Path, name: str) -> None:
    (pipeline.parent / name).write_text("task_overrides: {prep: {retries: 1}}")
    assert settings_of(pipeline, KINDS).for_task("prep") == {"retries": 1}
    pipeline.touch()
    assert sidecars.aml_files_of(pipeline.with_name(name)) == [pipeline]


def test_two_sidecars_of_a_file(pipeline: Path) -> None:
    (pipeline.parent / "pipeline.airflow.yaml").write_text("{}")
    first, second = refused(pipeline, "{}")
    assert first.endswith("there are pipeline.airflow.yml and pipeline.airflow.yaml; keep one of them")
    assert second.startswith("pipeline.airflow.yml: ")


def test_an_empty_sidecar(pipeline: Path) -> None:
    assert beside(pipeline, "# nothing yet\n").for_task("prep") == {}


# -- values --------------------------------------------------------------------------------------------------------


def test_values_are_as_airflow_takes_them(pipeline: Path) -> None:
    text = """\
dag:
  start_date: "2026-01-31T09:00:00+01:00"
  dagrun_timeout: P1DT30M
  on_failure_callback: [tests.dags.test_task_settings.told]
task_overrides:
  prep:
    retry_delay: 90
    execution_timeout: PT1H30M
    max_retry_delay:
    azml_conn_id: "{{ params.connection }}"
    stream_logs: "{{ params.verbose }}"
    queue_timeout_seconds: 60
    on_failure_callback: {callback: tests.dags.test_task_settings.Told, arguments: {channel: "#ml"}}
    on_retry_callback: [tests.dags.test_task_settings.told, {callback: builtins.print, arguments: {sep: ""}}]
    trigger_rule: all_done
"""
    settings = beside(pipeline, text)
    assert settings.dag["start_date"] == dt.datetime(2026, 1, 31, 8, tzinfo=dt.timezone.utc)
    assert settings.dag["dagrun_timeout"] == dt.timedelta(days=1, minutes=30)
    assert settings.dag["on_failure_callback"] == [told]
    prep = settings.for_task("prep")
    assert (prep["retry_delay"], prep["execution_timeout"]) == (dt.timedelta(seconds=90), dt.timedelta(hours=1.5))
    assert prep["on_failure_callback"].channel == "#ml"
    first, second = prep["on_retry_callback"]
    assert first is told
    assert isinstance(second, partial)
    with DAG("d", schedule=None, **settings.dag):
        task = AzmlSubmitPipelineOperator(task_id="prep", file="pipeline.yml", **prep)
    assert task.trigger_rule == TriggerRule.ALL_DONE
    assert task.azml_conn_id == "{{ params.connection }}"


def test_schedules(pipeline: Path) -> None:
    trigger = "{type: cron, expression: '0 9 * * 1-5', time_zone: Europe/Berlin}"
    assert "Europe/Berlin" in beside(pipeline, f"dag: {{schedule: {trigger}}}").dag["schedule"].summary
    (asset,) = beside(pipeline, "dag: {schedule: ['s3://bucket/rows']}").dag["schedule"]
    assert asset.uri == "s3://bucket/rows"
    assert beside(pipeline, "dag: {schedule: '30 6 * * *'}").dag["schedule"] == "30 6 * * *"
    assert beside(pipeline, "dag: {schedule: }").dag["schedule"] is None


def test_in_python_whatever_operators_take() -> None:
    given = {"retry_delay": dt.timedelta(minutes=1), "outlets": [], "on_failure_callback": told, "retries": 1}
    assert settings_of(None, KINDS, MappingProxyType({"prep": MappingProxyType(given)})).for_task("prep") == given


# -- order ---------------------------------------------------------------------------------------------------------


def test_after_of_nodes_components_and_patterns(pipeline: Path) -> None:
    (pipeline.parent / "pipeline.airflow.yml").write_text('after: {score: [train, prep], "*.tune": prep}')
    settings = settings_of(pipeline, KINDS, after={"train": ["train.fit"]}, upstream=UPSTREAM)
    assert settings.after == {
        "train.tune": ("prep", "train.fit"),
        "train.inner.fit": ("train.fit",),
        "score": ("train.fit", "train.tune", "train.inner.fit", "prep"),
    }


def test_circles_are_told_with_the_data_in_them(pipeline: Path) -> None:
    circle = "makes a circle, of which each runs before the next: train.fit -> train.tune -> score -> prep -> train.fit"
    assert refused(pipeline, "after:\n  prep: [score]\n  train.tune:\n  - train.fit\n") == [
        f"pipeline.airflow.yml:2:10: after.prep[0]: {circle}",
        f"pipeline.airflow.yml:4:5: after['train.tune'][0]: {circle}",
    ]


# -- what is wrong -------------------------------------------------------------------------------------------------

WRONG = {
    "keys": (
        "task_overrides:\n  prep: {retrys: 1}\n  scor: {}\nretries: 3\n",
        [
            "2:10: task_overrides.prep.retrys: unknown key; did you mean 'retries'?",
            "3:3: task_overrides.scor: there is no such node; did you mean 'score'?",
            "4:1: retries: unknown key; it belongs under 'dag.default_args'",
        ],
    ),
    "task at the top": (
        "prep: {retries: 1}\n'*': {retries: 1}\n",
        [
            "1:1: prep: unknown key; what a task is told stands under 'task_overrides'",
            "2:1: *: unknown key; what a task is told stands under 'task_overrides'",
        ],
    ),
    "node without those around it": (
        "task_overrides: {tune: {}}\nafter: {tune: inner}\n",
        [
            "1:18: task_overrides.tune: there is no such node; did you mean 'train.tune'?",
            "2:9: after.tune: there is no such node; did you mean 'train.tune'?",
            "2:15: after.tune: 'inner': there is no such node; did you mean 'train.inner'?",
        ],
    ),
    "pattern and kind": (
        'task_overrides: {"zz*": {}, "kind:swep": {}, "kind:automl": {}}\n',
        [
            (
                "1:18: task_overrides.zz*: there is no such node; there are prep, train.fit, train.tune, "
                "train.inner.fit, score, train, train.inner"
            ),
            "1:29: task_overrides['kind:swep']: there are no nodes of type 'swep'; did you mean 'kind:sweep'?",
        ],
    ),
    "values": (
        """\
task_overrides:
  '*':
    retries: '3'
    execution_timeout: 1h
    pool: '{{ ds }}'
    stream_logs: maybe
    on_existing: attaxch
    trigger_rule: all_don
    retry_on: [cuota]
""",
        [
            "3:14: task_overrides.*.retries: is '3'; it must be a whole number",
            (
                "4:24: task_overrides.*.execution_timeout: is '1h'; it must be a number of seconds up to 52 weeks, or "
                "a duration such as PT1H30M"
            ),
            "5:11: task_overrides.*.pool: is '{{ ds }}'; it must be a name; Airflow renders no templates here",
            "6:18: task_overrides.*.stream_logs: is 'maybe'; it must be a template, if it is text",
            "7:18: task_overrides.*.on_existing: is 'attaxch'; it must be one of attach, fail; did you mean 'attach'?",
            (
                "8:19: task_overrides.*.trigger_rule: is 'all_don'; it must be one of "
                + ", ".join(schema_files.part(sidecars.SCHEMA, "/$defs/task/properties/trigger_rule")["enum"])
                + "; did you mean 'all_done'?"
            ),
            (
                "9:16: task_overrides.*.retry_on[0]: is 'cuota'; it must be one of user_error, system_error, quota, "
                "preemption; did you mean 'quota'?"
            ),
        ],
    ),
    "DAG": (
        "dag:\n  schedule: daily\n  start_date: 2026-01-01\n  catchup: 'yes'\n",
        [
            (
                "2:13: dag.schedule: is 'daily'; it must be a cron expression, or one of @continuous, @daily, @hourly, "
                "@monthly, @once, @quarterly, @weekly, @yearly"
            ),
            "3:15: dag.start_date: is 2026-01-01, which YAML takes for a date; it must be text; quote it",
            "4:12: dag.catchup: is 'yes'; it must be true or false",
        ],
    ),
    "trigger": (
        "dag:\n  schedule: {type: recurrence, frequency: day, interval: 0}\n",
        ["2:13: dag.schedule: interval: 0 must be an integer, 1 or more, of 32 bits"],
    ),
    "callbacks": (
        "dag: {on_failure_callback: alerts}\n",
        [
            (
                "1:28: dag.on_failure_callback: is 'alerts'; it must be the dotted name of a function, e.g. "
                "team.alerts.tell"
            )
        ],
    ),
    "callbacks that are not there": (
        """\
task_overrides:
  prep:
    on_failure_callback: tests.nowhere.told
    on_retry_callback: os.sep
    on_success_callback:
    - callback: tests.dags.test_task_settings.Told
""",
        [
            (
                "3:26: task_overrides.prep.on_failure_callback: 'tests.nowhere.told' leads to nothing: "
                "ModuleNotFoundError: No module named 'tests.nowhere'"
            ),
            "4:24: task_overrides.prep.on_retry_callback: 'os.sep' is '/', which cannot be called",
            (
                "6:7: task_overrides.prep.on_success_callback[0]: tests.dags.test_task_settings.Told takes no such "
                "arguments: Told.__init__() missing 1 required positional argument: 'channel'"
            ),
        ],
    ),
    "itself": ("after: {prep: [prep]}\n", ["1:16: after.prep[0]: is to run after itself"]),
    "list": ("- prep\n", ["1:1: holds no keys and values"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_everything_wrong_is_told_with_its_place(pipeline: Path, case: str) -> None:
    text, expected = WRONG[case]
    assert refused(pipeline, text) == [f"pipeline.airflow.yml:{problem}" for problem in expected]


def test_values_that_only_look_right_are_told(pipeline: Path) -> None:
    text = """\
dag:
  start_date: '2026-02-31'
  dagrun_timeout: P99999999999D
  schedule: ['']
task_overrides:
  prep: {execution_timeout: PT0S}
  score: {retry_delay: P60W}
"""
    found = refused(pipeline, text)
    assert [problem.split("; ")[0].split(", which")[0] for problem in found] == [
        "pipeline.airflow.yml:2:15: dag.start_date: is '2026-02-31'",
        "pipeline.airflow.yml:3:19: dag.dagrun_timeout: is 'P99999999999D'",
        "pipeline.airflow.yml:4:14: dag.schedule[0]: is ''",
        "pipeline.airflow.yml:6:29: task_overrides.prep.execution_timeout: is 'PT0S'",
        "pipeline.airflow.yml:7:24: task_overrides.score.retry_delay: is 'P60W'",
    ]


def test_what_is_wrong_in_both_sidecars_is_told_at_once(pipeline: Path) -> None:
    folder = "after: {prep: [score]}\ndag: {tag: [a], schedule: '@daily'}\n"
    found = refused(pipeline, "task_overrides: {scor: {}}\n", folder=folder)
    assert found == [
        ".airflow.yml:1:1: after: is for one file; put it into that file's own, e.g. pipeline.airflow.yml",
        ".airflow.yml:2:7: dag.tag: unknown key; did you mean 'tags'?",
        ".airflow.yml:2:17: dag.schedule: is for one file; put it into that file's own, e.g. pipeline.airflow.yml",
        "pipeline.airflow.yml:1:18: task_overrides.scor: there is no such node; did you mean 'score'?",
    ]


def test_what_is_wrong_with_arguments_is_told() -> None:
    assert refused_arguments({"scor": {}, "prep": {"retrys": 1}, "train": 3}) == [
        "<arguments>: task_overrides.prep.retrys: unknown key; did you mean 'retries'?",
        "<arguments>: task_overrides.scor: there is no such node; did you mean 'score'?",
        "<arguments>: task_overrides.train: is 3; it must be a mapping",
    ]
    assert refused_arguments(["prep"], "prep") == [
        "<arguments>: after: is 'prep'; it must be a mapping",
        "<arguments>: task_overrides: is ['prep']; it must be a mapping",
    ]
    assert refused_arguments({3: {}})[0].startswith("<arguments>: task_overrides.3: there is no such node; there are ")
    assert refused_arguments({}, {"prep": 3, "scor": ["prep"]}) == [
        "<arguments>: after.prep: is 3; it must be a name, or a list of names",
        "<arguments>: after.scor: there is no such node; did you mean 'score'?",
    ]


# -- the schema and the operators ----------------------------------------------------------------------------------


def properties() -> Mapping[str, Any]:
    return schema_files.part(sidecars.SCHEMA, "/$defs/task/properties")


def test_the_schema_has_what_operators_take() -> None:
    ours = {name for operator in OURS for name in inspect.signature(operator.__init__).parameters} - OF_THE_FILE
    theirs = set(inspect.signature(BaseOperator.__init__).parameters) - NOT_IN_FILES
    assert set(properties()) == ours | theirs


def test_the_schema_takes_templates_where_operators_render_them() -> None:
    rendered = {key for key, said in properties().items() if said.get("x-templated")}
    assert rendered == set(properties()) & set(AzmlSubmitPipelineOperator.template_fields)


def test_the_schema_has_the_trigger_rules_of_airflow() -> None:
    assert sorted(properties()["trigger_rule"]["enum"]) == sorted(rule.value for rule in TriggerRule)
