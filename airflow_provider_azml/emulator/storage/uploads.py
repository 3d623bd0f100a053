"""What a request carries, on its way to becoming a blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_azml.emulator.storage.errors import BlobError

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from airflow_provider_azml.emulator.storage.blobs import Blobs


_MIB = 1 << 20
BLOB_BYTES = 5000 * _MIB
BLOCK_BYTES = 4000 * _MIB
APPENDED_BYTES = 100 * _MIB
LIST_BYTES = 16 * _MIB
"""50,000 blocks with ids of 64 bytes, and what is around them."""


async def received(blobs: Blobs, request: Request, most: int = BLOB_BYTES) -> Path:
    """Write the body of a request to a scratch file, for ``Blobs.adopt``; of a client that hangs up nothing stays.

    Args:
        blobs: The storage account.
        request: The request.
        most: How many bytes it may have.

    Raises:
        BlobError: It has more.

    Source: "Scalability and performance targets for Blob storage": 5,000 MiB for a Put Blob, 4,000 MiB for a block.
    """
    file = blobs.scratch()
    complete = False
    left = most
    try:
        with file.open("wb") as stream:
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    raise too_large()
                stream.write(chunk)
        complete = True
    finally:
        if not complete:
            file.unlink(missing_ok=True)
    return file


async def read(request: Request, most: int) -> bytes:
    """The body of a request, in memory.

    Raises:
        BlobError: It has more bytes than it may.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large()
    return bytes(body)


def too_large() -> BlobError:
    """The error for a body that is longer than blob storage takes."""
    return BlobError("RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit.")
