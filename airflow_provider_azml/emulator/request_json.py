"""The JSON of requests: what is taken of it can be kept, and answered again."""

from __future__ import annotations

import json
import math
from typing import NoReturn

_DEEPEST = 100
_LARGEST = 2**63


def parsed(raw: bytes) -> object:
    """The value that the body of a request holds.

    Numbers that JSON has no word for, or that no 64 bits hold, halves of characters, and values nested in each other
    without end are refused here: whatever is kept of them would break each answer that it is in.

    Args:
        raw: The body.

    Raises:
        ValueError: It is not JSON, or holds such a value; the message says which.

    Example:
        >>> parsed(b'{"value": 1e999}')
        Traceback (most recent call last):
        ValueError: the number 1e999 is too large
    """
    try:
        value = json.loads(raw, parse_constant=_refuse, parse_float=_float, parse_int=_int)
    except RecursionError:
        raise _too_deep() from None
    # most bodies are too short to be deep, or hold nothing but ASCII
    if raw.count(b"{") + raw.count(b"[") > _DEEPEST:
        _check_depth(value)
    if b"\\u" in raw or not raw.isascii():
        _check_characters(value)
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _too_large(text)
    return number


def _int(text: str) -> int:
    number = int(text) if len(text) <= len(str(-_LARGEST)) else _LARGEST
    if not -_LARGEST <= number < _LARGEST:
        raise _too_large(text)
    return number


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        below: list[object] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        level = below
    if level:
        raise _too_deep()


def _check_characters(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.end].encode("unicode_escape").decode()
        raise ValueError(f"it holds {half}, which is half of a character") from None


def _too_deep() -> ValueError:
    return ValueError(f"it is nested deeper than {_DEEPEST} levels")


def _too_large(text: str) -> ValueError:
    shown = text if len(text) <= len(str(_LARGEST)) + 1 else f"{text[:10]}..."
    return ValueError(f"the number {shown} is too large")
