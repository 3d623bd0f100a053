"""A few threads for everything that one drive of a flow does at once, however deeply it lies in each other."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self

T = TypeVar("T")
R = TypeVar("R")
_GLANCE_SECONDS = 0.1
_GRACE_SECONDS = 3.0


class Stopped(Exception):
    """What goes on beside this has failed, so that this is not wanted any more."""


class Group:
    """Things that go on beside each other and end together: when one fails, the rest stops where it may.

    Args:
        within: The group that this one is a part of.
    """

    def __init__(self, within: Group | None = None) -> None:
        self._within = within
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether anybody wants it to stop."""
        return self._stopped.is_set() or (self._within is not None and self._within.stopped)

    def stop(self) -> None:
        """Let everything in it stop."""
        self._stopped.set()

    def check(self) -> None:
        """Stop here if that is wanted.

        Raises:
            Stopped: It is.
        """
        if self.stopped:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait, unless it is to stop.

        Raises:
            Stopped: It is.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            self._stopped.wait(min(left, _GLANCE_SECONDS) if self._within else left)
        self.check()


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """What came of things that were done beside each other.

    Args:
        results: The results, in the order of the things; only those that there are, if there are errors.
        errors: The errors, in the same order.
    """

    results: Sequence[R]
    errors: Sequence[Exception]


class Workers:
    """Threads that are there while a flow is driven, made when they are first needed.

    Who asks for work does some of it: so whatever asks for work while it works needs no thread more, and nothing waits
    for a thread that waits for it.

    Args:
        count: How many threads there may be, besides the one that asks.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ThreadPoolExecutor | None = None
        self._making = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            # who interrupts does not want to wait for what is under way
            self._pool.shutdown(wait=not kind or issubclass(kind, Exception), cancel_futures=True)

    def each(self, do: Callable[[T, Group], R], things: Sequence[T], within: Group) -> Outcome[R]:
        """Do something with each of many things, some at a time; the first error stops the rest.

        Raises:
            Stopped: The group that this is a part of is to stop.
        """
        group = Group(within)
        left = deque(enumerate(things))
        results: dict[int, R] = {}
        errors: dict[int, Exception] = {}

        def work() -> None:
            while left and not group.stopped:
                try:
                    place, thing = left.popleft()
                except IndexError:  # another was quicker
                    return
                try:
                    results[place] = do(thing, group)
                except Stopped:
                    return
                except Exception as error:  # noqa: BLE001 (whoever asked for the work gets it)
                    errors[place] = error
                    group.stop()
                except BaseException:
                    group.stop()
                    raise

        others = [self._submit(work) for _ in range(min(len(things) - 1, self._count))]
        try:
            work()
            for other in [other for other in others if not other.cancel()]:
                other.result()  # raises what ended its thread, e.g. SystemExit; nothing may be missing unnoticed
        except BaseException:
            group.stop()
            for other in others:
                other.cancel()
            wait(others, _GRACE_SECONDS)  # so that nothing is taken from under requests that are about to end
            raise
        within.check()
        return Outcome([results[place] for place in sorted(results)], [errors[place] for place in sorted(errors)])

    def _submit(self, work: Callable[[], None]) -> Future[None]:
        with self._making:
            if not self._pool:
                self._pool = ThreadPoolExecutor(self._count)
        return self._pool.submit(work)
