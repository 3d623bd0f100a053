"""Which blobs of a folder have been told of: what is new is what differs from that."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.listed_blobs import ListedBlob

MOST_KEPT = 12_000
"""How many blobs a watermark tells apart: in five characters each, so that with all of them it stays below the 65535
bytes of ``[state_store] max_value_storage_bytes``."""
_BYTES = 4
_VERSION = 1


class ToldBlobs:
    """The blobs of one folder that have been told of, each with the ETag that it had then.

    While it lives it knows them all by name. What is stored of it, and made use of once after a restart, is smaller: a
    fingerprint of name and ETag for each, and where there are more than ``MOST_KEPT``, for those that were written
    last; what is as old as the rest counts as told of. That a fingerprint is by chance another blob's too comes once in
    some hundred thousand changes that fall into a restart.

    It goes by ETags and not by times alone, so that no clock has to be right, two changes within a second are two, and
    a blob that was renamed is new whenever it was written.

    Args:
        stored: What :meth:`stored` made; without it, what there is at first is not new.

    Raises:
        ValueError: It is something else.

    Attributes:
        unstored: Whether there is anything to store that was not there before.

    Example:
        >>> told = ToldBlobs(stored)
        >>> new = told.changes(listed)
        >>> told.tell(new)
        >>> stored = told.stored()
    """

    def __init__(self, stored: Json | None = None) -> None:
        self._blobs: dict[str, ListedBlob] | None = None
        self._kept: set[bytes] | None = None
        self._before = ""
        self.unstored = stored is None
        if stored is not None:
            self._kept, self._before = _read(stored)

    def changes(self, listed: Sequence[ListedBlob]) -> list[ListedBlob]:
        """The blobs that were added or changed since they were told of, in the order in which they were written.

        What is there no more is forgotten, so that it is new when it comes back.

        Args:
            listed: All blobs of the folder.
        """
        if self._blobs is None:
            self._blobs = {blob.name: blob for blob in listed if self._was_kept(blob)}
        told = self._blobs
        self._blobs = {blob.name: told[blob.name] for blob in listed if blob.name in told}
        new = [blob for blob in listed if blob.name not in told or told[blob.name].etag != blob.etag]
        return sorted(new, key=lambda blob: (blob.modified, blob.name))

    def tell(self, blobs: Iterable[ListedBlob]) -> None:
        """Count blobs as told of."""
        new = {blob.name: blob for blob in blobs}
        self._blobs = {**(self._blobs or {}), **new}
        self.unstored = self.unstored or bool(new)

    def stored(self) -> Json:
        """What to store, as JSON."""
        self.unstored = False
        newest = sorted((self._blobs or {}).values(), key=lambda blob: blob.modified, reverse=True)
        before = newest[MOST_KEPT].modified if newest[MOST_KEPT:] else ""
        marks = b"".join(sorted(_mark(blob) for blob in newest[:MOST_KEPT]))
        return {"version": _VERSION, "before": before, "told": base64.b85encode(marks).decode()}

    def _was_kept(self, blob: ListedBlob) -> bool:
        return self._kept is None or blob.modified <= self._before or _mark(blob) in self._kept


def _read(stored: Json) -> tuple[set[bytes], str]:
    if not isinstance(stored, dict) or stored.get("version") != _VERSION or not {"told", "before"} <= stored.keys():
        raise ValueError("it is of no version that is known here")
    marks = base64.b85decode(str(stored["told"]))
    return {marks[at : at + _BYTES] for at in range(0, len(marks), _BYTES)}, str(stored["before"])


def _mark(blob: ListedBlob) -> bytes:
    return hashlib.sha256(f"{blob.name}\0{blob.etag}".encode()).digest()[:_BYTES]
