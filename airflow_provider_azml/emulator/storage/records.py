"""What is known of a blob, and how the database keeps it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["BlockBlob", "AppendBlob"]
AFTER_ALL = "\U0010ffff"
"""Sorts after everything that a name can hold, so that what begins with a prefix is a range of the index."""
Row = tuple[str, str, str, int, str, str, Kind, str, str, int]


@dataclass(frozen=True)
class Blob:
    """What is known of a blob.

    Args:
        container: Its container.
        name: Its name.
        file: Name of the file that holds its bytes.
        size: How many bytes it has.
        etag: Changes whenever the blob does.
        modified: When it last changed.
        kind: Whether it was put at once or in blocks, or grows at its end.
        content_type: Its media type.
        metadata: What clients noted on it.
        blocks: How many blocks were appended to it.
    """

    container: str
    name: str
    file: str
    size: int
    etag: str
    modified: datetime
    kind: Kind
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    blocks: int = 0

    def row(self) -> Row:
        """Its row in the table of blobs."""
        return (
            self.container,
            self.name,
            self.file,
            self.size,
            self.etag,
            self.modified.isoformat(),
            self.kind,
            self.content_type,
            json.dumps(dict(self.metadata)),
            self.blocks,
        )


def blob_of(row: Row) -> Blob:
    """The blob of a row."""
    container, name, file, size, etag, modified, kind, content_type, metadata, blocks = row
    moment = datetime.fromisoformat(modified)
    return Blob(container, name, file, size, etag, moment, kind, content_type, json.loads(metadata), blocks)
