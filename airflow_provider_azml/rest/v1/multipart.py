"""Bodies of type ``multipart/form-data``, made while they are sent: no part is held in memory as a whole."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Content(Protocol):
    """What a part holds: its length is known, and it can be read more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...


@dataclass(frozen=True)
class Part:
    """A file in a form.

    Args:
        field: Name of the field.
        file: Name of the file.
        content: What it holds, in pieces.
        media_type: What that is.
    """

    field: str
    file: str
    content: Content
    media_type: str = "application/octet-stream"

    def head(self) -> bytes:
        """What stands before the content."""
        return (
            f'Content-Disposition: form-data; name="{self.field}"; filename="{self.file}"\r\n'
            f"Content-Type: {self.media_type}\r\n\r\n"
        ).encode()


@dataclass(frozen=True)
class Pieces:
    """A content that is there already."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[bytes]:
        yield self.data


@dataclass(frozen=True)
class Form:
    """The body of a request: some files, one after the other.

    Args:
        parts: The files.

    Example:
        >>> form = Form([Part("config", "config.json", Pieces(b"{}"), "application/json")])
        >>> request("POST", url, content=form, headers=form.headers)

    Source: https://datatracker.ietf.org/doc/html/rfc7578
    """

    parts: Sequence[Part]
    boundary: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request with this body; with its length, nothing between here and there cuts it up."""
        return {"Content-Type": f"multipart/form-data; boundary={self.boundary}", "Content-Length": str(len(self))}

    def __len__(self) -> int:
        own = sum(len(self._before(part)) + len(part.content) + 2 for part in self.parts)
        return own + len(self._end)

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            yield self._before(part)
            yield from part.content
            yield b"\r\n"
        yield self._end

    def _before(self, part: Part) -> bytes:
        return f"--{self.boundary}\r\n".encode() + part.head()

    @property
    def _end(self) -> bytes:
        return f"--{self.boundary}--\r\n".encode()
