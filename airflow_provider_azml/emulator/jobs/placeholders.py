"""The command of a job: ``${{inputs.x}}`` and ``${{outputs.x}}`` filled in, each value one word to the shell.

Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command, and for ``$[[...]]``
reference-yaml-component-command.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from airflow_provider_azml.exceptions import AzmlError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\$\{\{\s*([\w.\-]+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


class CommandError(AzmlError):
    """A command refers to something that the job does not have."""


def fill_in(command: str, values: Mapping[str, str]) -> str:
    """A job's command with its placeholders replaced.

    Args:
        command: Shell text with ``${{inputs.x}}``, ``${{outputs.x}}`` and, around what depends on an optional input,
            ``$[[...]]``.
        values: Dotted name, e.g. ``inputs.x``, -> value.

    Raises:
        CommandError: A placeholder has no value.

    Example:
        >>> fill_in("train --data ${{inputs.d}} $[[--lr ${{inputs.lr}}]]", {"inputs.d": "my file"})
        "train --data 'my file' "
    """
    text = _OPTIONAL.sub(lambda found: _block(found[1], values), command)
    filled: list[str] = []
    quote = ""
    position = 0
    for found in _PLACEHOLDER.finditer(text):
        before = text[position : found.start()]
        quote = _quote_after(before, quote)
        filled += [before, _quoted(_value(found[1], values), quote)]
        position = found.end()
    return "".join([*filled, text[position:]])


def _block(content: str, values: Mapping[str, str]) -> str:
    return content if all(name in values for name in _PLACEHOLDER.findall(content)) else ""


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        known = ", ".join(sorted(values)) or "none"
        raise CommandError(f"the command refers to ${{{{{name}}}}}, which the job does not have (it has: {known})")
    return values[name]


def _quote_after(text: str, quote: str) -> str:
    """The quote that is open after ``text``, when ``quote`` is open before it."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
    return quote


def _quoted(value: str, quote: str) -> str:
    if quote == "'":
        return value.replace("'", "'\"'\"'")
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", value)
    return shlex.quote(value)
