"""Command jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.spec import environments, job_io, jobs, local_paths, references, running
from airflow_provider_azml.spec.rules import Rule, nested, sendable, some_seconds, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_azml.exceptions import Problem
    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.marks import Path
    from airflow_provider_azml.spec.source import Source

_OLD_BRACES = re.compile(r"(?<!\{)\{(inputs|outputs|search_space)\.([^{}]*)\}(?!\})")
_REFERENCE = re.compile(r"\$\{\{(inputs|outputs)\.([\w.-]+)\}\}")
_ODD_REFERENCE = re.compile(r"\$\{\{(?!(?:inputs|outputs|search_space)\.[\w.-]{1,200}\}\})[^{}\n]{0,200}\}{0,2}")
"""What looks like a reference and is none: azure-ai-ml sends it, and the command gets it as it stands."""
_OPTIONAL = re.compile(r"\$\[\[(?:(?!\$\[\[).)*?\]\]|\[[\w.\s-]*\$\{\{inputs\.[\w.-]+\}\}\]", re.DOTALL)
_LIMITS = nested((Rule("timeout", "timeout", some_seconds),))


def command_line(text: str) -> str:
    """A command with the references in the older single braces written in the current ones."""
    return _OLD_BRACES.sub(r"${{\1.\2}}", text)


_TRIAL_RULES = (
    Rule("command", "command", command_line),
    Rule("environment_variables", "environmentVariables", sendable, default={}),
    Rule("distribution", "distribution", running.job_distribution),
    Rule("resources", "resources", running.job_resources),
)
_RULES = (Rule("limits", "limits", lambda value: {"jobLimitsType": "Command", **_LIMITS(value)}),)


def properties(source: Source, name: str | None) -> Json:
    """The ``properties`` of a command job.

    Args:
        source: The job.
        name: Its name; ``None`` inside something else.
    """
    value = source.value
    body = {**jobs.shared_properties(source, "Command", name), **trial(source), **translated(value, _RULES)}
    body["inputs"] = job_io.inputs(source)
    body["outputs"] = job_io.outputs(source)
    return jobs.placed(body, value)


def trial(source: Source) -> Json:
    """What a command job and each trial of a sweep have: command, code, environment and how processes work together."""
    body = translated(source.value, _TRIAL_RULES)
    body["environmentId"] = environments.used(source, ("environment",), may_be_named=False)
    code = jobs.code_id(source, ("code",))
    return body if code is None else {**body, "codeId": code}


def problems(source: Source) -> Iterator[Problem]:
    """What is wrong with a command job besides what its schema says."""
    value = source.value
    yield from environments.problems(source, ("environment",))
    yield from job_io.problems(source)
    yield from code_problems(source)
    if isinstance(value.get("command"), str):
        yield from unknown_references(source, command_line(value["command"]))


def code_problems(source: Source) -> Iterator[Problem]:
    """What keeps the code of a job from being uploaded."""
    code = source.value.get("code")
    if not isinstance(code, str) or references.is_arm_id(code):
        return
    if references.is_in_registry(code):
        yield source.problem(("code",), "a job takes no code of a registry; name a local folder")
    else:
        yield from local_paths.problems(source, ("code",), code)


def unknown_references(source: Source, command: str, path: Path = ("command",)) -> Iterator[Problem]:
    """References to inputs and outputs that the job lacks; what stands in ``$[[...]]`` or ``[...]`` may lack one."""
    needed = _OPTIONAL.sub("", command)
    for place, name in dict.fromkeys(_REFERENCE.findall(needed)):
        known = source.value.get(place) or {}
        if isinstance(known, dict) and name not in known and (place, name) != ("outputs", "default"):
            listed = ", ".join(known) or "none"
            reason = f"${{{{{place}.{name}}}}} is not among the {place} of the job ({listed})"
            yield source.problem(path, reason)
    for text in dict.fromkeys(_ODD_REFERENCE.findall(needed)):
        reason = f"{text!r} stands for nothing; write ${{{{inputs.<name>}}}} or ${{{{outputs.<name>}}}}"
        yield source.problem(path, reason, severity="warning")
