"""Jinja and AML both write ``{{ }}``: what keeps Jinja's hands off ``${{inputs.x}}``."""

from __future__ import annotations

import re

_OPEN = "${{"
_SHIELDED = '${{ "{{" }}'
_STRING = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_PARTS = re.compile(
    r"\{%-?\s*raw\s*-?%\}.*?(?:\{%-?\s*endraw\s*-?%\}|\Z)"  # the author shielded this already
    r"|\{#.*?(?:#\}|\Z)"
    r"|\$\{\{"
    rf"|\{{\{{(?:{_STRING}|[^\"'}}]|\}}(?!\}}))*(?:\}}\}}|\Z)"  # an expression, whose strings may hold anything
    rf"|\{{%(?:{_STRING}|[^\"'%]|%(?!\}}))*(?:%\}}|\Z)",
    re.DOTALL,
)


def shield(text: str) -> str:
    """Mark AML's own expressions, so that rendering the text with Jinja leaves them as they are.

    Inside ``$[[...]]`` the same holds: its ``${{...}}`` stays, and a ``{{ ds }}`` is rendered. Neither ``trim_blocks``
    nor ``lstrip_blocks`` changes the result, because the shield is an expression and not a block.

    Args:
        text: A template that may hold AML expressions.

    Returns:
        A template that Jinja renders into the same text with its own expressions filled in, line for line.

    Example:
        >>> shield("python train.py --lr ${{inputs.lr}} --day {{ ds }}")
        'python train.py --lr ${{ "{{" }}inputs.lr}} --day {{ ds }}'
    """
    return _PARTS.sub(lambda part: _SHIELDED if part[0] == _OPEN else part[0], text)


def is_template(shielded: str) -> bool:
    """Whether a text that was shielded holds anything for Jinja besides the shields.

    Example:
        >>> is_template(shield("--lr ${{inputs.lr}}")), is_template(shield("--day {{ ds }}"))
        (False, True)
    """
    rest = shielded.replace(_SHIELDED, "")
    return any(begin in rest for begin in ("{{", "{%", "{#"))


def blanked(shielded: str, stand_in: str = "1") -> str:
    """A text that was shielded, as YAML that can be read before anything can be rendered, line for line.

    There is a 1 in place of each expression of Jinja, and nothing in place of its statements and comments.

    Args:
        shielded: The text.
        stand_in: What there is in place of an expression instead.

    Example:
        >>> blanked(shield("instance_count: {{ params.nodes }} # for ${{inputs.day}}"))
        'instance_count: 1 # for ${{inputs.day}}'
    """

    def blank(part: re.Match[str]) -> str:
        if part[0] == _OPEN:
            return _OPEN
        return (stand_in if part[0].startswith("{{") else "") + "\n" * part[0].count("\n")

    return _PARTS.sub(blank, shielded.replace(_SHIELDED, _OPEN))


def has_templates(value: object) -> bool:
    """Whether any text in a value is one for Jinja."""
    if isinstance(value, str):
        return is_template(shield(value))
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(has_templates(one) for one in inside)
