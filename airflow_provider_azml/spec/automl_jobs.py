"""AutoML jobs: the service tries algorithms and their parameters on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.spec import automl_search_spaces, job_io, jobs, running, sweep_parts
from airflow_provider_azml.spec.automl_tasks import METRICS, TASKS, VERBOSITY, in_words
from airflow_provider_azml.spec.rules import Rule, each, integer, lower, nested, translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.automl_tasks import Task
    from airflow_provider_azml.spec.source import Source

_TEST = "test_data"
_DATA_FIELDS = {"training_data": "trainingData", "validation_data": "validationData", _TEST: "testData"}
_RULES = (
    Rule("environment_id", "environmentId"),
    Rule("environment_variables", "environmentVariables"),
    Rule("resources", "resources", running.job_resources),
)
_SWEEP_RULES = (
    Rule("sampling_algorithm", "samplingAlgorithm", lower),
    Rule("early_termination", "earlyTermination", sweep_parts.early_termination),
)
_COUNT = (Rule("instance_count", "instance_count", integer),)
_NODE_RULES = (
    Rule("task", "task"),
    Rule("target_column_name", "target_column_name"),
    Rule("display_name", "display_name"),
    Rule("description", "description"),
    Rule("tags", "tags"),
    Rule("properties", "properties"),
    Rule("environment_id", "environment_id"),
    Rule("environment_variables", "environment_variables"),
    Rule("identity", "identity", nested(jobs.IDENTITY_IN_WORDS)),
    Rule("resources", "resources", lambda value: {**value, **translated(value, _COUNT)}),
    Rule("queue_settings", "queue_settings", each(lower)),
    Rule("log_verbosity", "log_verbosity", VERBOSITY.written),
)
_NODE_METRICS = {"classification": "accuracy"}
"""Default metrics of nodes that differ from those of jobs."""
_NODE_SWEEP_RULES = (
    Rule("sampling_algorithm", "sampling_algorithm", lower),
    Rule("early_termination", "early_termination", sweep_parts.early_termination_in_words),
)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of an AutoML job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    body = {**jobs.shared_properties(source, "AutoML", name), **translated(source.value, _RULES)}
    body["outputs"] = job_io.outputs(source)
    body["taskDetails"] = _details(source, TASKS[source.value["task"]])
    return jobs.placed(body, source.value)


def node(source: Source) -> Json:
    """An AutoML job as a node of a pipeline: in the keys and words of the file.

    Name, compute and outputs are the pipeline's to say.
    """
    value, task = source.value, TASKS[source.value["task"]]
    default = _NODE_METRICS.get(value["task"]) or task.metric or "accuracy"
    metric = Rule("primary_metric", "primary_metric", METRICS, default=default)

    def space(given: Mapping[str, Any]) -> Json:
        return automl_search_spaces.in_words(given, task.parameters)

    return {
        "type": "automl",
        **({} if value["task"].startswith("text_") else {"log_verbosity": VERBOSITY.written("info")}),
        **translated(value, _NODE_RULES),
        **translated(value, in_words((*task.plain, metric))),
        **{key: _bound_data(source, key) for key in _DATA_FIELDS if value.get(key) is not None},
        **translated(
            value,
            (
                Rule("limits", "limits", nested(in_words(task.limits)), default=None if task.is_table else {}),
                Rule("training_parameters", "training_parameters", nested(in_words(task.parameters))),
                Rule("search_space", "search_space", each(space)),
                Rule("sweep", "sweep", nested(_NODE_SWEEP_RULES)),
            ),
        ),
    }


def _bound_data(source: Source, key: str) -> str | Json:
    given = source.value[key]
    if isinstance(given, str):
        return given
    mode = {"mode": lower(given["mode"])} if given.get("mode") else {}
    return {"type": "mltable", "path": job_io.data_uri(source, given), **mode}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with an AutoML job besides what its schema says."""
    yield from jobs.compute_problems(source)
    yield from job_io.name_problems(source, "outputs")
    for key in _DATA_FIELDS:
        yield from job_io.input_problems(source, (key,))
        if isinstance(source.value.get(key), str):
            yield source.problem((key,), "in a pipeline alone may it be what another step made; give a path")
    task = TASKS.get(str(source.value.get("task")))
    if task and not task.is_table and "test_data_size" in source.value:
        yield source.problem(("test_data_size",), "only models for tables are tested", at_key=True)


def _details(source: Source, task: Task) -> Json:
    value = source.value
    details = {"taskType": task.type, "logVerbosity": VERBOSITY(value.get("log_verbosity") or "info")}
    if task.metric:
        details["primaryMetric"] = METRICS(value.get("primary_metric") or task.metric)
    return {
        **details,
        **translated(value, task.plain),
        **_data(source, is_table=task.is_table),
        **translated(value, _settings(task)),
    }


def _data(source: Source, *, is_table: bool) -> Json:
    return {
        field: {"jobInputType": "mltable", "uri": job_io.data_uri(source, source.value[key])}
        for key, field in _DATA_FIELDS.items()
        if source.value.get(key) is not None and (is_table or key != _TEST)
    }


def _settings(task: Task) -> tuple[Rule, ...]:
    def limits(value: Mapping[str, Any]) -> Json:
        return {**translated(value, task.limits), **(_UNSWEPT if task.is_table else {})}

    def space(value: Mapping[str, Any]) -> Json:
        return automl_search_spaces.in_service_s_words(value, task.parameters)

    return (
        Rule("limits", "limitSettings", limits, default=None if task.is_table else {}),
        Rule("training_parameters", task.parameters_field, lambda value: translated(value, task.parameters)),
        Rule("search_space", "searchSpace", each(space)),
        Rule("sweep", "sweepSettings", lambda value: translated(value, _SWEEP_RULES)),
    )


_UNSWEPT = {"sweepConcurrentTrials": 0, "sweepTrials": 0}
"""What azure-ai-ml sends with the limits of tables."""
