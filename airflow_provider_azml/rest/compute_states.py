"""States of computes: when one is as a wait wants it, and when it never will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import Problem, SpecError
from airflow_provider_azml.rest.readings import Reading, errors, failed
from airflow_provider_azml.rest.resources import RESOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_azml.rest.flows import Json

INSTANCE, CLUSTER = "ComputeInstance", "AmlCompute"
REACHED: Mapping[str, Mapping[str, frozenset[str]]] = {
    INSTANCE: {"Running": frozenset({"Running", "JobRunning"}), "Stopped": frozenset({"Stopped"})},
    CLUSTER: {"Steady": frozenset({"Steady"})},
}
"""Type of a compute -> state that can be waited for -> the service's words that are it."""
STATES = tuple(state for states in REACHED.values() for state in states)
"""All states that can be waited for."""
_CALLED = {INSTANCE: "a compute instance", CLUSTER: "a cluster"}
_WORD = {INSTANCE: "state", CLUSTER: "allocationState"}
_BROKEN = frozenset({"CreateFailed", "SetupFailed", "UserSetupFailed", "Unusable", "Deleting"})
_BETWEEN = frozenset({
    "Creating",
    "JobRunning",
    "Resizing",
    "Restarting",
    "Running",
    "SettingUp",
    "Starting",
    "Steady",
    "Stopped",
    "Stopping",
    "Unknown",
    "UserSettingUp",
})
"""Sources: ``ComputeInstanceState`` and ``AmlComputeProperties.allocationState`` of the 2024-04-01 OpenAPI file."""


def checked(wanted: Json) -> Json:
    """What is wanted of a compute, as templates leave it -> as :func:`read` takes it.

    Args:
        wanted: ``state``, one of ``STATES``; ``min_nodes``, a number, or text that is one.

    Raises:
        SpecError: One of them cannot be.
    """
    state, least = wanted.get("state") or None, wanted.get("min_nodes")
    if state is not None and state not in STATES:
        raise _refused("state", f"is {state!r:.80}; it must be {_listed(STATES)}")
    if least in (None, "", "None"):
        return {"state": state, "min_nodes": None}
    try:
        count = int(str(least))
    except ValueError:
        count = 0
    if count < 1 or isinstance(least, bool):
        raise _refused("min_nodes", f"is {least!r:.80}; it must be a whole number of nodes, 1 or more")
    if state not in {None, *REACHED[CLUSTER]}:
        raise _refused("min_nodes", f"goes with clusters, and state={state!r} is one of {_CALLED[INSTANCE]}")
    return {"state": state, "min_nodes": count}


def read(body: Json, wanted: Json) -> Reading:
    """What a compute's body means to somebody who wants it in a state, or with so many nodes."""
    properties = body.get("properties") or {}
    made, row = str(properties.get("provisioningState") or ""), RESOURCES["compute"]
    if made not in row.good:
        broken = made in row.bad or made == "Deleting"
        return failed(made, body) if broken else Reading(made, known=made in row.active)
    kind, inner = str(properties.get("computeType")), properties.get("properties") or {}
    word = str(inner.get(_WORD.get(kind, "")) or made)
    never = _never(kind, inner, wanted)
    if never:
        return Reading(word, "bad", message=never)
    if word in _BROKEN:
        return failed(word, body)
    reached = not wanted["state"] or word in REACHED[kind][wanted["state"]]
    nodes = usable_nodes(inner) if wanted["min_nodes"] else None
    if reached and (nodes is None or nodes >= wanted["min_nodes"]):
        return Reading(word, "good")
    return Reading(_explained(word, nodes, body, wanted), known=word in _BETWEEN)


def usable_nodes(inner: Mapping[str, Any]) -> int | None:
    """How many nodes of a cluster can run jobs, as far as the service shows it.

    Source: ``NodeStateCounts`` and ``currentNodeCount`` of the 2024-04-01 OpenAPI file.
    """
    counts = inner.get("nodeStateCounts")
    if not counts:
        shown = inner.get("currentNodeCount")
        return None if shown is None else int(shown)
    return int(counts.get("idleNodeCount") or 0) + int(counts.get("runningNodeCount") or 0)


def told(body: Json) -> Json:
    """What a result tells of a compute: the state of an instance, allocation and usable nodes of a cluster."""
    inner = body["properties"].get("properties") or {}
    kind = body["properties"].get("computeType")
    state = {"state": inner.get(_WORD[kind])} if kind in _WORD else {}
    return {**state, "nodes": usable_nodes(inner)} if kind == CLUSTER else state


def _never(kind: str, inner: Mapping[str, Any], wanted: Json) -> str | None:
    """Why what is wanted cannot come."""
    state, least = wanted["state"], wanted["min_nodes"]
    if state and state not in REACHED.get(kind, {}):
        of = " or ".join(repr(other) for other in REACHED.get(kind, ())) or "no state; it is provisioned or not"
        return f"it is {_CALLED.get(kind, kind)}, which never is {state!r}; it can be waited for to be {of}"
    if not least:
        return None
    if kind != CLUSTER or usable_nodes(inner) is None:
        return f"min_nodes={least} cannot be waited for: the service shows no nodes of it ({_CALLED.get(kind, kind)})"
    most = (inner.get("scaleSettings") or {}).get("maxNodeCount")
    if most is not None and int(most) < least:
        return f"it never has the {least} nodes of min_nodes: its maximum is {most}"
    return None


def _explained(word: str, nodes: int | None, body: Json, wanted: Json) -> str:
    """The status of a compute that is not there yet, with what may hold it up."""
    told = word if nodes is None else f"{word}, {nodes} of {wanted['min_nodes']} nodes"
    last = (body["properties"].get("properties") or {}).get("lastOperation") or {}
    if str(last.get("operationStatus", "")).endswith("Failed"):
        told += f", last operation {last.get('operationName')}: {last['operationStatus']}"
    return "; ".join([told, *(f"{code}: {message}" for code, message in errors(body))])


def _listed(words: tuple[str, ...]) -> str:
    *others, last = (repr(word) for word in words)
    return f"{', '.join(others)} or {last}"


def _refused(name: str, reason: str) -> SpecError:
    return SpecError([Problem("<arguments>", 0, 0, name, reason)])
