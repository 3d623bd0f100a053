"""Sweep jobs: a command that is tried with many values of its parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import command_jobs, environments, job_io, jobs, running, sweep_parts
from airflow_provider_azml.spec.rules import Rule, each, integer, lower, nested, seconds, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.source import Source

_SHORTEST = 60
_SEARCHED = re.compile(r"\$\{\{search_space\.([\w.-]+)\}\}")


def _timeout(value: object) -> str | None:
    """Seconds as a duration; less than a minute is a minute, and 0 is no limit."""
    given = integer(value)
    return seconds(max(given, _SHORTEST)) if given else None


_LIMITS = nested((
    Rule("max_total_trials", "maxTotalTrials", integer),
    Rule("max_concurrent_trials", "maxConcurrentTrials", integer),
    Rule("timeout", "timeout", _timeout),
    Rule("trial_timeout", "trialTimeout", _timeout),
))
_RULES = (
    Rule("search_space", "searchSpace", each(sweep_parts.distribution), default={}),
    Rule("sampling_algorithm", "samplingAlgorithm", sweep_parts.sampling_algorithm),
    Rule("objective", "objective", nested((Rule("goal", "goal", lower), Rule("primary_metric", "primaryMetric")))),
    Rule("early_termination", "earlyTermination", sweep_parts.early_termination),
    Rule("limits", "limits", lambda value: {"jobLimitsType": "Sweep", **_LIMITS(value)}),
    Rule("resources", "resources", running.job_resources),
)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a sweep job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    body = {**jobs.shared_properties(source, "Sweep", name), **translated(source.value, _RULES)}
    body.pop("services", None)  # azure-ai-ml reads them, and does not send them
    body["inputs"] = job_io.inputs(source)
    body["outputs"] = job_io.outputs(source)
    body["trial"] = command_jobs.trial(source.at("trial"))
    if "resources" not in body and "resources" in body["trial"]:
        body["resources"] = body["trial"]["resources"]
    return jobs.placed(body, source.value)


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a sweep job besides what its schema says."""
    trial = source.at("trial")
    yield from jobs.compute_problems(source)
    yield from environments.problems(trial, ("environment",))
    yield from job_io.problems(source)
    yield from command_jobs.code_problems(trial)
    space = source.value.get("search_space")
    known = space if isinstance(space, dict) else {}
    yield from job_io.name_problems(source, "search_space")
    command = trial.value.get("command")
    if isinstance(command, str):
        line = command_jobs.command_line(command)
        yield from command_jobs.unknown_references(source, line, ("trial", "command"))
        for name in dict.fromkeys(_SEARCHED.findall(line)):
            if name not in known:
                listed = ", ".join(map(str, known)) or "none"
                reason = f"${{{{search_space.{name}}}}} is not among the parameters that are searched ({listed})"
                yield source.problem(("trial", "command"), reason)
