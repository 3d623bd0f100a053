"""The expression language of ARM templates, as far as workspace templates use it.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions and template-expressions.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_azml.rest.flows import Json

_TOKEN = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[()\[\],.]))")
_UNIQUE_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class TemplateError(Exception):
    """A template cannot be evaluated; the message says what in it."""


class Scope(NamedTuple):
    """What the functions of an expression know.

    Args:
        parameter: The value of a parameter.
        variable: The value of a variable.
        subscription: What ``subscription()`` is.
        group: What ``resourceGroup()`` is.
        reference: The properties of a resource, by its id.
    """

    parameter: Callable[[str], Any]
    variable: Callable[[str], Any]
    subscription: Json
    group: Json
    reference: Callable[[str], Json]


def evaluate(value: Any, scope: Scope) -> Any:
    """A template value with all expressions in it evaluated.

    Raises:
        TemplateError: An expression is not one, or needs something that is not there.

    Example:
        >>> evaluate("[concat('a', parameters('b'))]", scope)
        'ax'
    """
    if isinstance(value, dict):
        return {evaluate(key, scope): evaluate(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
    if not isinstance(value, str) or not (value.startswith("[") and value.endswith("]")):
        return value
    if value.startswith("[["):
        return value[1:]
    return _Expression(value[1:-1], scope).value()


class _Expression:
    """One expression, read and evaluated from left to right."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._text = text
        self._scope = scope
        self._tokens = self._split()
        self._at = 0

    def value(self) -> Any:
        result = self._term()()
        if self._at != len(self._tokens):
            raise self._wrong(f"'{self._tokens[self._at]}' is not expected")
        return result

    def _split(self) -> list[str]:
        tokens, position = [], 0
        while position < len(self._text.rstrip()):
            found = _TOKEN.match(self._text, position)
            if found is None:
                raise self._wrong(f"'{self._text[position:]}' is not expected")
            tokens.append(found.group(0).strip())
            position = found.end()
        return tokens

    def _term(self) -> Callable[[], Any]:
        """Read a term; what is returned evaluates it, so that the branches of ``if`` can be left alone."""
        token = self._take()
        if token.startswith("'"):
            return lambda: token[1:-1].replace("''", "'")
        if token.lstrip("-").isdigit():
            return lambda: int(token)
        self._take("(")
        arguments: list[Callable[[], Any]] = []
        while self._peek() != ")":
            arguments.append(self._term())
            if self._peek() != ")":
                self._take(",")
        self._take(")")
        return self._path(lambda: self._call(token, arguments))

    def _path(self, holder: Callable[[], Any]) -> Callable[[], Any]:
        while self._peek() in (".", "["):
            if self._take() == ".":
                name = self._take()
                holder = self._item(holder, lambda name=name: name)  # type: ignore[misc]
            else:
                holder = self._item(holder, self._term())
                self._take("]")
        return holder

    def _item(self, holder: Callable[[], Any], key: Callable[[], Any]) -> Callable[[], Any]:
        def item() -> Any:
            try:
                return holder()[key()]
            except (KeyError, IndexError, TypeError) as error:
                raise self._wrong(f"there is no {key()!r} in it") from error

        return item

    def _call(self, name: str, arguments: Sequence[Callable[[], Any]]) -> Any:
        lowered = name.lower()
        if lowered == "if":
            return arguments[1]() if arguments[0]() else arguments[2]()
        if lowered == "and":
            return all(argument() for argument in arguments)
        if lowered == "or":
            return any(argument() for argument in arguments)
        function = _FUNCTIONS.get(lowered)
        if function is None:
            raise self._wrong(f"the emulator has no template function '{name}'")
        try:
            return function(self._scope, *(argument() for argument in arguments))
        except (TypeError, ValueError, AttributeError) as error:
            raise self._wrong(f"{name}: {error}") from error

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, expected: str | None = None) -> str:
        token = self._peek()
        if not token or (expected is not None and token != expected):
            raise self._wrong(f"'{expected or 'a value'}' is expected where '{token or 'the end'}' is")
        self._at += 1
        return token

    def _wrong(self, reason: str) -> TemplateError:
        return TemplateError(f"Unable to evaluate the template language expression '[{self._text}]': {reason}.")


def _resource_id(scope: Scope, *parts: str) -> str:
    """``resourceId([subscription], [group], type, names...)``."""
    at = next((index for index, part in enumerate(parts) if "/" in part), None)
    if at is None:
        raise ValueError("there is no resource type among its arguments")
    scopes, kind, names = parts[:at], parts[at], parts[at + 1 :]
    subscription = scopes[-2] if len(scopes) > 1 else scope.subscription["subscriptionId"]
    group = scopes[-1] if scopes else scope.group["name"]
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{_interleave(kind, names)}"


def _subscription_resource_id(scope: Scope, *parts: str) -> str:
    scopes, kind, names = ((), parts[0], parts[1:]) if "/" in parts[0] else (parts[:1], parts[1], parts[2:])
    subscription = scopes[0] if scopes else scope.subscription["subscriptionId"]
    return f"/subscriptions/{subscription}/providers/{_interleave(kind, names)}"


def _interleave(kind: str, names: Sequence[str]) -> str:
    namespace, *types = kind.split("/")
    if len(types) != len(names):
        raise ValueError(f"type '{kind}' needs {len(types)} names, and has {len(names)}")
    return "/".join([namespace, *(part for pair in zip(types, names, strict=True) for part in pair)])


def _unique_string(_scope: Scope, *parts: str) -> str:
    digest = hashlib.sha256("\n".join(parts).encode()).digest()
    return "".join(_UNIQUE_LETTERS[octet % 32] for octet in digest[:13])


def _concat(_scope: Scope, *parts: Any) -> Any:
    if parts and isinstance(parts[0], list):
        return [item for part in parts for item in part]
    return "".join(str(part) for part in parts)


def _equals(_scope: Scope, one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return bool(one == other)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "parameters": lambda scope, name: scope.parameter(name),
    "variables": lambda scope, name: scope.variable(name),
    "subscription": lambda scope: scope.subscription,
    "resourcegroup": lambda scope: scope.group,
    "reference": lambda scope, arm_id, *_: scope.reference(arm_id),
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_resource_id,
    "uniquestring": _unique_string,
    "guid": lambda _scope, *parts: str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(parts))),
    "newguid": lambda _scope: str(uuid.uuid4()),
    "concat": _concat,
    "equals": _equals,
    "not": lambda _scope, value: not value,
    "empty": lambda _scope, value: not value,
    "bool": lambda _scope, value: str(value).lower() in ("true", "1"),
    "int": lambda _scope, value: int(value),
    "string": lambda _scope, value: value if isinstance(value, str) else json.dumps(value),
    "length": lambda _scope, value: len(value),
    "contains": lambda _scope, holder, item: item in holder,
    "coalesce": lambda _scope, *values: next((value for value in values if value is not None), None),
    "json": lambda _scope, text: json.loads(text),
    "null": lambda _scope: None,
    "true": lambda _scope: True,
    "false": lambda _scope: False,
    "array": lambda _scope, value: value if isinstance(value, list) else [value],
    "createarray": lambda _scope, *values: list(values),
    "createobject": lambda _scope, *pairs: dict(zip(pairs[::2], pairs[1::2], strict=True)),
    "union": lambda _scope, *parts: {key: value for part in parts for key, value in part.items()},
    "tolower": lambda _scope, text: text.lower(),
    "toupper": lambda _scope, text: text.upper(),
    "replace": lambda _scope, text, old, new: text.replace(old, new),
    "substring": lambda _scope, text, start, length=None: text[start : None if length is None else start + length],
    "take": lambda _scope, value, count: value[:count],
    "split": lambda _scope, text, sign: text.split(sign),
    "format": lambda _scope, text, *values: text.format(*values),
}
