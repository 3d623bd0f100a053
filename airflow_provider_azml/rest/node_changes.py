"""Why a node of a pipeline ran again: what was sent for it that is not as it was the last time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_azml.rest import flows
from airflow_provider_azml.rest.secret_names import is_secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json

_OF_NO_CONSEQUENCE = frozenset({
    *("_source", "$schema", "name", "version", "display_name", "description", "tags", "properties", "experiment_name"),
    *("is_deterministic", "continue_on_step_failure", "force_rerun"),
})
_COMPARED_APART = frozenset({"inputs", "componentId", "trial", "environment", "outputs"})
_VERSIONED = re.compile(r"/(?P<name>[^/]+)/versions/(?P<version>[^/]+)$")
_ANONYMOUS = frozenset({"azureml_anonymous", "CliV2AnonymousEnvironment"})
_BINDING = re.compile(r"\$\{\{\s*parent\.inputs\.([\w.-]+)\s*\}\}")
_FROM_NODE = re.compile(r"\$\{\{\s*parent\.jobs\.([\w-]+)\.outputs\.")
_SHORT = re.compile(r"^azureml://subscriptions/.+?/workspaces/[^/]+/")
_HALF = 150


def why_it_ran(workspace: WorkspaceId, job: str, earlier: str, node: str) -> Flow[list[str]]:
    """Reasons for which the service may have run a node instead of using again what it made before.

    Args:
        workspace: Where both pipeline jobs are.
        job: Name of the pipeline job in which the node ran.
        earlier: Name of the one before.
        node: The node's name in both.

    Returns:
        What has changed, in words that end a sentence which begins with "it ran because"; none if nothing has.

    Raises:
        ApiError: The service cannot be asked.

    Example:
        >>> yield from why_it_ran(workspace, "pipeline-2", "pipeline-1", "train")
        ['input lr changed from 0.1 to 0.2', 'the code of the component changed']

    Source: https://learn.microsoft.com/azure/machine-learning/how-to-debug-pipeline-reuse-issues (what has to be the
    same: component, code, environment, inputs, settings of outputs, run settings).
    """
    now = (yield from flows.get(workspace.child("job", job)))["properties"]
    if _is_forced(now):
        return ["force_rerun asks for it"]
    found = yield from flows.find(workspace.child("job", earlier))
    if found is None:
        return [f"job {earlier}, which ran before, is gone"]
    then: Json = found["properties"]
    own, before = _node_of(now, node), _node_of(then, node)
    if own is None or before is None:
        return [f"job {earlier}, which ran before, has no node {node!r}"]
    components = yield from _changes_of_components(_component_of(own), _component_of(before))
    reasons = [*_changed_inputs((now, own), (then, before)), *components, *_changed_node(own, before)]
    reasons += _changed_values("{} of the pipeline", now.get("settings") or {}, then.get("settings") or {})
    if _is_forced(then):
        reasons.append(f"job {earlier}, which ran before, has force_rerun, and what such a job makes is not used again")
    return reasons or _made_anew(own)


def _is_forced(pipeline: Json) -> bool:
    return str((pipeline.get("settings") or {}).get("force_rerun")).lower() == "true"


def _node_of(pipeline: Json, node: str) -> Json | None:
    found = (pipeline.get("jobs") or {}).get(node)
    return found if isinstance(found, dict) else None


def _component_of(node: Json) -> str:
    trial = node.get("trial")
    return str(node.get("componentId") or (trial.get("componentId") if isinstance(trial, dict) else "") or "")


def _changed_inputs(now: tuple[Json, Json], then: tuple[Json, Json]) -> Iterator[str]:
    """Inputs with another value, each a pipeline and its node."""
    values, before = _values(*now), _values(*then)
    for name in dict.fromkeys([*values, *before]):
        if values.get(name) == before.get(name):
            continue
        if name not in before:
            yield f"input {name} is new" + ("" if is_secret(name) else f": {_shown(values[name])}")
        elif name not in values:
            yield f"input {name} is not given any more"
        else:
            shown = [_shown(given[name]) for given in (before, values)]
            is_told = shown[0] != shown[1] and not is_secret(name)
            yield f"input {name} changed" + (f" from {shown[0]} to {shown[1]}" if is_told else "")


def _values(pipeline: Json, node: Json) -> dict[str, str]:
    """Input -> what it is given, with the inputs of the pipeline put in."""
    outer = {name: _given(entry) for name, entry in (pipeline.get("inputs") or {}).items()}
    inner = {name: _given(entry) for name, entry in (node.get("inputs") or {}).items()}
    return {name: _BINDING.sub(lambda found: outer.get(found[1], found[0]), text) for name, text in inner.items()}


def _given(entry: object) -> str:
    """The value of an input: a literal, or where its data is."""
    if isinstance(entry, dict):
        return str(next((entry[key] for key in ("uri", "path", "value") if entry.get(key) is not None), "nothing"))
    return str(entry)


def _shown(value: str) -> str:
    """A value as a log shows it: without what a URL is signed with, and of a long one both ends."""
    named = _named(value.partition("?")[0] if "://" in value else value)
    short = _SHORT.sub("azureml://", named) or "''"
    return short if len(short) <= 2 * _HALF else f"{short[:_HALF]}...{short[-_HALF:]}"


def _named(reference: str) -> str:
    """An ARM id of a version as ``name:version``."""
    found = _VERSIONED.search(reference) if "/subscriptions/" in reference.lower() else None
    return f"{found['name']}:{found['version']}" if found else reference


def _changes_of_components(now: str, then: str) -> Flow[list[str]]:
    spec = yield from _spec_of(now)
    if now == then:
        is_fickle = str(spec.get("is_deterministic", True)).lower() == "false"
        return ["its component has is_deterministic: false"] if is_fickle else []
    before = yield from _spec_of(then)
    changed = [*_changed_component(spec, before)] if spec and before else []
    return changed or [_changed_to("the component", then, now)]


def _spec_of(component: str) -> Flow[Json]:
    """A component as its file has it; nothing of one that is not in the workspace."""
    found = (yield from flows.find(component)) if component.startswith("/subscriptions/") else None
    return _mapping(_mapping((found or {}).get("properties")).get("componentSpec"))


def _changed_component(now: Json, then: Json) -> Iterator[str]:
    yield from _changed_parts(now, then, " of the component")
    yield from (f"the {key} of the component changed" for key in ("inputs", "outputs") if now.get(key) != then.get(key))


def _changed_node(now: Json, then: Json) -> Iterator[str]:
    yield from _changed_parts(now, then, "")
    if now.get("outputs") != then.get("outputs"):
        yield "the settings of its outputs changed"


def _changed_parts(now: Json, then: Json, of: str) -> Iterator[str]:
    """What has changed in a node or component; what a parallel one runs is in its ``task``."""
    own, before = _parts(now), _parts(then)
    yield from _changed_environment(own, before)
    for key in sorted({*own, *before} - _OF_NO_CONSEQUENCE - _COMPARED_APART):
        if own.get(key) != before.get(key):
            yield f"the {key}{of} changed"


def _parts(spec: Json) -> Json:
    task = spec.get("task")
    return {**{key: value for key, value in spec.items() if key != "task"}, **task} if isinstance(task, dict) else spec


def _changed_environment(now: Json, then: Json) -> Iterator[str]:
    if now.get("environment") != then.get("environment"):
        yield _changed_to("the environment", str(then.get("environment")), str(now.get("environment")))


def _changed_to(what: str, then: str, now: str) -> str:
    """That something changed, with both names where it has names."""
    names = [_named(reference) for reference in (then, now)]
    told = not any(name.partition(":")[0] in _ANONYMOUS or name in ("", "None") for name in names)
    return f"{what} changed from {names[0]} to {names[1]}" if told else f"{what} changed"


def _changed_values(called: str, now: Mapping[str, object], then: Mapping[str, object]) -> Iterator[str]:
    for key in sorted({*now, *then} - _OF_NO_CONSEQUENCE):
        if now.get(key) != then.get(key):
            last = [str(value).rpartition("/")[2] for value in (then.get(key), now.get(key))]
            yield f"{called.format(key)} changed from {last[0]} to {last[1]}"


def _made_anew(node: Json) -> list[str]:
    """What may be the reason when nothing has changed that is sent."""
    made_by = dict.fromkeys(_FROM_NODE.findall(str(node.get("inputs"))))
    return [f"what it takes from {', '.join(made_by)} may have been made anew"] if made_by else []


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
