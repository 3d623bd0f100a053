"""Lines of a text that comes in pieces of bytes, as a terminal would show them in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_BYTES = 64 * 1024
_MARKS, _CONTINUES = 0b1100_0000, 0b1000_0000
"""Bits of a byte of UTF-8 that tell what it is, and those of one that goes on with a character."""


class LogLines:
    r"""Cuts a growing text into lines.

    A line is held back until it has ended. Of a progress bar, which writes itself over and over behind carriage
    returns, the last state is kept. Pieces may end inside a character: only whole lines are decoded, and a line end is
    never a part of one.

    Example:
        >>> lines = LogLines()
        >>> list(lines.feed(b"10%\r20%\rdone\nepo"))
        ['done']
        >>> list(lines.feed(b"ch 1\n"))
        ['epoch 1']
    """

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, content: bytes) -> Iterator[str]:
        """The lines that end in the next piece, decoded as they are taken; one that is very long comes in parts."""
        *ended, begun = (self._begun + content).split(b"\n")
        begun = _last_state(begun)
        while len(begun) > _LONGEST_BYTES:
            part = begun[: _whole_characters(begun, _LONGEST_BYTES)]
            ended.append(part)
            begun = begun[len(part) :]
        self._begun = begun
        return map(_shown, ended)

    def end(self) -> list[str]:
        """The line that the text ends with, if it has no line end."""
        line, self._begun = _shown(self._begun), b""
        return [line] if line else []


def _shown(line: bytes) -> str:
    return _last_state(line).rstrip(b"\r").decode("utf-8", "replace")


def _last_state(line: bytes) -> bytes:
    """What a terminal shows of a line last that is not blank; what stands behind it stays, as the line may go on."""
    seen = line.rstrip(b"\r \t")
    return line[seen.rfind(b"\r") + 1 :]


def _whole_characters(text: bytes, most: int) -> int:
    """How many bytes, at most so many, end where a character of UTF-8 does."""
    end = most
    while end > most - 3 and text[end] & _MARKS == _CONTINUES:
        end -= 1
    return end
