"""What a request carries, on its way to becoming a blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from airflow_provider_azml.emulator.storage.blobs import Blobs


async def received(blobs: Blobs, request: Request) -> Path:
    """Write the body of a request to a scratch file, for ``Blobs.adopt``; of a client that hangs up nothing stays."""
    file = blobs.scratch()
    complete = False
    try:
        with file.open("wb") as stream:
            async for chunk in request.stream():
                stream.write(chunk)
        complete = True
    finally:
        if not complete:
            file.unlink(missing_ok=True)
    return file
