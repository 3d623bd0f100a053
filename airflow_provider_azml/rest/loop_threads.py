"""An event loop in a thread, for blocking callers that signals interrupt.

A signal that arrives while the main thread runs an event loop ends up in whichever callback runs just then, and asyncio
logs what a callback raises instead of passing it on: the time limit of a task would be lost.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_GLANCE_SECONDS = 1.0
_GRACE_SECONDS = 3.0


class _LoopThread(threading.Thread, Generic[T]):
    """Runs a coroutine on an event loop, and keeps how it ended."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        super().__init__(name="azml-event-loop", daemon=True)
        self._make = make
        self._context = contextvars.copy_context()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._called_off = False
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.results: list[T] = []

    def run(self) -> None:
        try:
            self._context.run(asyncio.run, self._main())
        except BaseException as error:  # noqa: BLE001 (whoever waits for it gets it)
            self.error = error
        finally:
            self.ended.set()

    def call_off(self) -> None:
        """Let the coroutine end where it waits."""
        self._called_off = True
        if self._loop and self._task:
            try:
                self._loop.call_soon_threadsafe(self._task.cancel)
            except RuntimeError:  # the loop is closed: it has just ended
                return

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if not self._called_off:
            self.results.append(await self._make())


def run_in_thread(make: Callable[[], Coroutine[Any, Any, T]], glance: Callable[[], None]) -> T:
    """Run a coroutine to its end on an event loop of its own, in a thread of its own; what it answers.

    Args:
        make: Makes the coroutine.
        glance: What is done every second meanwhile; what it raises ends the coroutine, as does whatever a handler of
            signals raises in this thread.

    Raises:
        BaseException: Whatever the coroutine, ``glance`` or a handler raised.
    """
    thread = _LoopThread(make)
    thread.start()
    try:
        while not thread.ended.wait(_GLANCE_SECONDS):
            glance()
    except BaseException:
        thread.call_off()
        thread.ended.wait(_GRACE_SECONDS)
        raise
    thread.join()
    if thread.error is not None:
        raise thread.error
    return thread.results[0]
