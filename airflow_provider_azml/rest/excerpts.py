"""Excerpts: values and texts of others as a message or a log can bear them."""

from __future__ import annotations

import json

LONGEST = 120


def excerpt(value: object, longest: int = LONGEST) -> str:
    """The beginning of a JSON value, as JSON; however large it is, little more is looked at than is shown.

    Args:
        value: The value.
        longest: How many characters of it are shown.

    Example:
        >>> excerpt(["setosa"] * 1000, 20)
        '["setosa", "setosa",...'
    """
    text = ""
    cut = value[: longest + 1] if isinstance(value, str) else value
    for part in json.JSONEncoder(ensure_ascii=False).iterencode(cut):
        text += part
        if len(text) > longest:
            break
    return quoted(text, longest)


def quoted(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text on one line, with nothing in it that a console cannot print.

    Args:
        text: The text.
        longest: How many characters of it are shown.
    """
    looked_at = text[: 4 * longest]
    words = " ".join(looked_at.split())
    told = words if words.isprintable() else ascii(words)[1:-1]
    return told if len(told) <= longest and looked_at == text else f"{told[:longest].rstrip()}..."
