"""The component that a node of a pipeline runs: a file, one made before, or one made of the node itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.exceptions import SpecError
from airflow_provider_azml.spec import origins, references
from airflow_provider_azml.spec.labelled import DEFAULT, DefaultVersion
from airflow_provider_azml.spec.needs import Component
from airflow_provider_azml.spec.rules import lower, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.spec.needs import Named, Need
    from airflow_provider_azml.spec.source import Source

_DEFAULT = f"@{DEFAULT}"


@dataclass(frozen=True)
class Used:
    """What stands for the component of a node.

    Args:
        id: Its id.
        origin: Where it was written, as azure-ai-ml tells the service.
        declared: The component, where it is at hand.
    """

    id: str | Named | Need
    origin: str
    declared: Source | None = None


def key_of(node: Source) -> str:
    """The key of a node that names its component."""
    return "trial" if lower(node.value.get("type")) == "sweep" else "component"


def is_remote(text: str) -> bool:
    """Whether what names a component leads to one that was made before."""
    return text.startswith((references.PREFIX, *references.REGISTRIES))


def declared(node: Source) -> Source | None:
    """The component that a node brings along, in a file or inside of it; ``None`` where it brings none.

    Raises:
        SpecError: The file cannot be read.

    Source: azure-ai-ml 1.35.2 takes any tags of a component without a name of its own, and makes text of them.
    """
    key = key_of(node)
    given = node.value.get(key)
    if isinstance(given, dict):
        component = node.at(key)
    elif isinstance(given, str) and not is_remote(given):
        component = node.pulled(given)
    else:
        return None
    tags = component.value.get("tags")
    if not isinstance(tags, dict):
        return component
    return replace(component, value={**component.value, "tags": texts(tags)})


def found(node: Source) -> Source | SpecError | None:
    """As :func:`declared`, but with the reason where the file cannot be read."""
    try:
        return declared(node)
    except SpecError as error:
        return error


def used(node: Source, component: Source | None, spec: Callable[[Source], Json]) -> Used:
    """What stands for the component that a node names.

    Args:
        node: The node.
        component: The component, where the node brings it along.
        spec: Makes the specification of a component.
    """
    given: Any = node.value[key_of(node)]
    if component is None:
        return Used(registered(given), origins.of_id(given))
    if component.value.get("id"):  # it was shown or downloaded, and is there already
        named = str(component.value["id"])
        is_job = isinstance(given, dict) or given.startswith(references.FILE)
        return Used(named, origins.of_id(named) if is_job else origins.FILE, component)
    if isinstance(given, dict) or component.file is None:
        return Used(Component.of({**spec(component), "_source": origins.JOB}), origins.JOB, component)
    key = (component.file, "job" if given.startswith(references.FILE) else "file")
    made = node.opened.components
    if key not in made:
        body = spec(component)
        origin = origins.JOB if given.startswith(references.FILE) else str(body["_source"])
        made[key] = Used(Component.of({**body, "_source": origin}), origin, component)
    return made[key]


def registered(text: str) -> str | Named | Need:
    """The id of a component that was made before.

    Raises:
        BadReference: It has none of the forms that are taken.

    Source: azure-ai-ml 1.35.2: for components alone there is the label ``default`` besides ``latest``.
    """
    now, before = references.REGISTRIES
    if text.startswith(before):
        raise references.BadReference(f"{text!r} is the older way to name a registry; write {now}...")
    if text.startswith(references.PREFIX) and text.endswith(_DEFAULT):
        name = text.removeprefix(references.PREFIX).removesuffix(_DEFAULT)
        return DefaultVersion(name)
    return references.asset(text, "component")


def of_job(node: Source, component: Json, spec: Callable[[Source], Json]) -> Used:
    """The component that a job inside a pipeline becomes.

    Args:
        node: The job.
        component: The same as a component would be written in a file.
        spec: Makes the specification of a component.
    """
    source = replace(node, value=component)
    return Used(Component.of({**spec(source), "_source": origins.JOB}), origins.JOB, source)
