"""Whether a JSON value is what a document shows, whatever its values are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def differences(shown: object, answered: object, where: str = "") -> Iterator[str]:
    """Where an answer lacks what a document shows, or has another type there.

    What the document shows as null can be anything or nothing, and what the answer has as null is of any type; of
    a list the first item is compared. What the answer has besides is its own.
    """
    if shown is None or answered is None:
        return
    if type(shown) is not type(answered):
        yield f"{where}: {type(answered).__name__}, not {type(shown).__name__}"
    elif isinstance(shown, dict) and isinstance(answered, dict):
        for key, value in shown.items():
            inner = f"{where}.{key}".lstrip(".")
            if key not in answered and value is not None:
                yield f"{inner}: missing"
            else:
                yield from differences(value, answered.get(key), inner)
    elif isinstance(shown, list) and isinstance(answered, list) and shown:
        if not answered:
            yield f"{where}: empty"
        else:
            yield from differences(shown[0], answered[0], f"{where}[0]")
