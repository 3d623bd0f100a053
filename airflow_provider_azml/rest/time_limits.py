"""Time limits of what runs on an event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def within(seconds: float | None, doing: Coroutine[Any, Any, T]) -> T:
    """What a coroutine answers, unless it takes too long.

    Up to Python 3.11 ``asyncio.wait_for`` takes a cancellation that comes at the moment of the answer for the answer,
    and whoever was cancelled goes on (python/cpython#86296). This one never does.

    Args:
        seconds: How long it may take; ``None`` for any time.
        doing: The coroutine; it is cancelled when its time is up, or when whoever waits for it is.

    Raises:
        asyncio.TimeoutError: It took too long.

    Example:
        >>> response = await within(60, pipeline.send_request(sent))
    """
    if seconds is None:
        return await doing
    task = asyncio.create_task(doing)
    try:
        await asyncio.wait([task], timeout=seconds)
        if task.done():
            return task.result()
        raise asyncio.TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # has been looked at: asyncio would complain
