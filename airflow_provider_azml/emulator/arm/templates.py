"""ARM templates: a template and its parameters become the resources to put, in the order of what depends on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_azml.emulator.arm.template_expressions import Scope, TemplateError, evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_azml.rest.flows import Json

_KEPT = ("location", "tags", "sku", "kind", "identity", "properties", "plan", "zones")


@dataclass(frozen=True)
class TemplateResource:
    """A resource of a template.

    Args:
        kind: Its type, e.g. ``Microsoft.Storage/storageAccounts``.
        name: Its name, with a slash between parent and child.
        group: The resource group that it goes to; empty for the deployment's own.
        depends_on: Ids or names of what must be there first.
        declared: What the template says of it, expressions and all.
    """

    kind: str
    name: str
    group: str
    depends_on: tuple[str, ...]
    declared: Json = field(repr=False)

    @property
    def path(self) -> str:
        """What follows ``/providers/`` in its id."""
        namespace, *types = self.kind.split("/")
        names = self.name.split("/")
        return "/".join([namespace, *(part for pair in zip(types, names, strict=True) for part in pair)])


class Template:
    """A template with the values of its parameters.

    Args:
        template: The template.
        parameters: ``{name: {"value": ...}}``.
        subscription: What ``subscription()`` is in it.
        group: What ``resourceGroup()`` is in it.
        reference: Looks up the properties of a resource by id.

    Raises:
        TemplateError: A parameter has no value, or one that is not allowed, or is not one of the template's.
    """

    def __init__(
        self,
        template: Json,
        parameters: Mapping[str, Json],
        *,
        subscription: Json,
        group: Json,
        reference: Callable[[str], Json],
    ) -> None:
        self._declared: Mapping[str, Json] = template.get("parameters") or {}
        self._given = {name.lower(): value for name, value in parameters.items()}
        self._variables = {name.lower(): value for name, value in (template.get("variables") or {}).items()}
        self._resources: list[Json] = template.get("resources") or []
        self._outputs: Mapping[str, Json] = template.get("outputs") or {}
        self._values: dict[str, Any] = {}
        self._scope = Scope(self.parameter, self._variable, subscription, group, reference)
        known = {name.lower() for name in self._declared}
        if unknown := sorted(name for name in parameters if name.lower() not in known):
            raise TemplateError(f"The template parameters '{', '.join(unknown)}' are not declared in the template.")
        for name in self._declared:
            self.parameter(name)

    def parameter(self, name: str) -> Any:
        """The value of a parameter.

        Raises:
            TemplateError: It has none, or one that is not allowed.
        """
        key = name.lower()
        if key in self._values:
            return self._values[key]
        declared = next((value for known, value in self._declared.items() if known.lower() == key), None)
        if declared is None:
            raise TemplateError(f"The template parameter '{name}' is not found.")
        # azure-ai-ml sends null for what it leaves to the default
        if self._given.get(key, {}).get("value") is not None:
            value = self._given[key]["value"]
        elif "defaultValue" in declared:
            value = evaluate(declared["defaultValue"], self._scope)
        else:
            raise TemplateError(f"The value for the template parameter '{name}' is not provided.")
        allowed = declared.get("allowedValues")
        self._values[key] = value if allowed is None else _allowed(name, value, allowed)
        return value

    def resources(self) -> list[TemplateResource]:
        """The resources whose condition holds, each after what it depends on.

        Raises:
            TemplateError: An expression is wrong, or resources depend on each other in a circle.
        """
        waiting = list(self._wanted(self._resources, "", ""))
        ordered: list[TemplateResource] = []
        while waiting:
            ready = [one for one in waiting if not any(_depends(one, other) for other in waiting if other is not one)]
            if not ready:
                names = ", ".join(f"'{one.name}'" for one in waiting)
                raise TemplateError(f"Circular dependency detected on resources {names}.")
            ordered += ready
            waiting = [one for one in waiting if one not in ready]
        return ordered

    def body(self, resource: TemplateResource) -> Json:
        """What to PUT for a resource; evaluated when it is asked for, since it may look at what was put before.

        Raises:
            TemplateError: An expression is wrong.
        """
        kept = {key: resource.declared[key] for key in _KEPT if key in resource.declared}
        evaluated: Json = evaluate(kept, self._scope)
        return evaluated

    def outputs(self) -> Json:
        """The outputs, once everything is there."""
        return {
            name: {"type": declared.get("type"), "value": evaluate(declared.get("value"), self._scope)}
            for name, declared in self._outputs.items()
        }

    def shown_parameters(self) -> Json:
        """All parameters with their values, without those of secret ones."""
        secret = {
            name for name, declared in self._declared.items() if declared.get("type", "").lower().startswith("secure")
        }
        return {
            name: {"type": declared.get("type"), **({} if name in secret else {"value": self.parameter(name)})}
            for name, declared in self._declared.items()
        }

    def _variable(self, name: str) -> Any:
        if name.lower() not in self._variables:
            raise TemplateError(f"The template variable '{name}' is not found.")
        return evaluate(self._variables[name.lower()], self._scope)

    def _wanted(self, declared: list[Json], kind: str, name: str) -> Iterator[TemplateResource]:
        for one in declared:
            condition = evaluate(one.get("condition", True), self._scope)
            if not (condition is True or str(condition).lower() == "true"):
                continue
            own_name = str(evaluate(one["name"], self._scope))
            resource = TemplateResource(
                kind=f"{kind}/{one['type']}" if kind else str(one["type"]),
                name=f"{name}/{own_name}" if name else own_name,
                group=str(evaluate(one.get("resourceGroup", ""), self._scope)),
                depends_on=tuple(str(evaluate(item, self._scope)).lower() for item in one.get("dependsOn") or ()),
                declared=one,
            )
            yield resource
            yield from self._wanted(one.get("resources") or [], resource.kind, resource.name)


def _allowed(name: str, value: Any, allowed: list[Any]) -> Any:
    """A value in the spelling of the template."""
    # azure-ai-ml 1.35.2 gives a project the name that Python has for its hub's word: PublicNetworkAccessType.ENABLED
    word = str(value).removeprefix("PublicNetworkAccessType.").lower()
    found = next((one for one in allowed if one == value or str(one).lower() == word), None)
    if found is None:
        raise TemplateError(
            f"The provided value {value!r} for the template parameter '{name}' is not valid; "
            f"the allowed values are {', '.join(map(str, allowed))}."
        )
    return found


def _depends(one: TemplateResource, other: TemplateResource) -> bool:
    """Whether one names the other among what it depends on, by id or by name, or lives under it."""
    if f"{one.path}/".lower().startswith(f"{other.path}/".lower()):
        return True
    path = other.path.lower()
    return any(item == path or item.endswith(f"/{path}") or item == other.name.lower() for item in one.depends_on)
