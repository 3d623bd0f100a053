"""Many watchers of a datastore, one poll loop: each folder is listed once for all who look at it."""

from __future__ import annotations

import asyncio
import contextvars
import math
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_azml.exceptions import ApiError, AuthError, NotFound
from airflow_provider_azml.hooks.azml import AzmlHook
from airflow_provider_azml.rest import datastores, listed_blobs, pace, wrapped_flows
from airflow_provider_azml.rest.patience import Patience
from airflow_provider_azml.triggers.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from airflow_provider_azml.rest.datastores import Container
    from airflow_provider_azml.rest.flows import Flow
    from airflow_provider_azml.rest.listed_blobs import ListedBlob

T = TypeVar("T")
REQUEST_SECONDS = 60.0
"""How long one request may take."""
GATHER_SECONDS = 0.5
"""How long after a watcher began its first look comes, so that those that begin together share it."""
SLOW_SECONDS = 300.0
"""How often is looked at least, after an error that has lasted, or will not pass by itself."""
_AGAIN_SECONDS = 3.0
"""When is looked again for what one look had too much of: long enough that Airflow makes runs in between."""
_LISTS_AT_ONCE = 8
_ACT = "changes are looked for in"


class DatastorePlace(NamedTuple):
    """A datastore, as a trigger names it; what is ``None`` the connection says."""

    azml_conn_id: str
    subscription_id: str | None
    resource_group: str | None
    workspace: str | None
    datastore: str


@dataclass(frozen=True)
class Look:
    """What there was in a folder at one instant.

    Args:
        blobs: All blobs right in it.
        again: Have it looked at again soon, rather than when it is due.
    """

    blobs: Sequence[ListedBlob]
    again: Callable[[], None] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Trouble:
    """A look that failed.

    Args:
        error: By what.
        pause: When it is tried again, in seconds.
        lasting: Whether that is later than usual, as it will hardly pass by itself.
    """

    error: Exception
    pause: float
    lasting: bool


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[DatastorePlace, DatastorePoll]] = WeakKeyDictionary()


@asynccontextmanager
async def polling(place: DatastorePlace) -> AsyncIterator[DatastorePoll]:
    """The poll loop of the running event loop for a datastore. The first who comes makes it, the last closes it.

    Example:
        >>> async with polling(place) as poll:
        ...     with poll.watch("incoming", poll_seconds=300) as watch:
        ...         async for look in watch.looks(): ...
    """
    polls = _polls.setdefault(asyncio.get_running_loop(), {})
    poll = polls.get(place)
    if poll is None or poll.stopped:
        poll = polls[place] = DatastorePoll(place)
    poll.users += 1
    try:
        yield poll
    finally:
        poll.users -= 1
        if not poll.users:
            if polls.get(place) is poll:
                del polls[place]
            await poll.close()


class Watch:
    """What one watcher wants to know of a folder.

    Only the latest look is kept for it: it shows all that those before did.

    Args:
        path: The folder.
        poll_seconds: Pause between two looks, in seconds.
        due: When the first is due, by the clock of the event loop.
        wake: Tells the poll loop that something is due sooner.
    """

    def __init__(self, path: str, poll_seconds: float, due: float, wake: Callable[[], None]) -> None:
        self.path = path
        self.poll_seconds = poll_seconds
        self.due = due
        self._wake = wake
        self._news: Look | Trouble | None = None
        self._told = asyncio.Event()

    async def looks(self) -> AsyncIterator[Look | Trouble]:
        """What is seen from now on, without end."""
        while True:
            await self._told.wait()
            self._told.clear()
            news, self._news = self._news, None
            if news is not None:
                yield news

    def tell(self, news: Look | Trouble) -> None:
        """Have the watcher know."""
        self._news = news
        self._told.set()

    def again(self) -> None:
        """Have the folder looked at again soon."""
        self.due = min(self.due, asyncio.get_running_loop().time() + min(_AGAIN_SECONDS, self.poll_seconds))
        self._wake()


class DatastorePoll:
    """Lists folders of a datastore for whoever watches them.

    Args:
        place: The datastore.
    """

    def __init__(self, place: DatastorePlace) -> None:
        self.users = 0
        self._place = place
        self._session = Session(place.azml_conn_id)
        self._watches: set[Watch] = set()
        self._patience: dict[str, Patience] = {}
        self._container: Container | None = None
        self._opening = asyncio.Lock()
        self._listing = asyncio.Semaphore(_LISTS_AT_ONCE)
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._began = asyncio.get_running_loop().time()
        # whoever comes first must not have what is logged for all
        self._polling: asyncio.Task[None] = contextvars.Context().run(asyncio.create_task, self._poll())

    @contextmanager
    def watch(self, path: str, *, poll_seconds: float) -> Iterator[Watch]:
        """Have a folder looked at for as long as the block lasts; at once, then at each full ``poll_seconds``.

        Args:
            path: The folder, without slashes at its ends.
            poll_seconds: Pause between two looks, in seconds.
        """
        pause = pace.sane(poll_seconds)
        due = asyncio.get_running_loop().time() + min(GATHER_SECONDS, pause)
        watch = Watch(path, pause, due, self._wake.set)
        self._watches.add(watch)
        self._wake.set()
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    async def read_blob(self, name: str) -> str | None:
        """The text of a small blob of the datastore's container; ``None`` when there is none.

        Raises:
            AzmlError: The service refused, or the connection cannot be used.
        """
        return await self._opened(lambda container: listed_blobs.read_blob(container, name))

    async def write_blob(self, name: str, text: str) -> None:
        """Write a small blob of the datastore's container.

        Raises:
            AzmlError: The service refused, or the connection cannot be used.
        """
        await self._opened(lambda container: listed_blobs.write_blob(container, name, text))

    @property
    def stopped(self) -> bool:
        """Whether it looks no more."""
        return self._polling.done()

    async def close(self) -> None:
        """Stop looking, and close all connections."""
        self._polling.cancel()
        await asyncio.wait([self._polling])

    # -- when to look --------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._wake.clear()
                self._begin_due(loop.time())
                waiting = (watch.due for watch in self._watches if watch.path not in self._looks)
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._until(min(waiting, default=math.inf)))
        finally:
            await self._session.aclose_after(self._looks.values())

    def _until(self, due: float) -> float | None:
        return max(0.0, due - asyncio.get_running_loop().time()) if math.isfinite(due) else None

    def _begin_due(self, now: float) -> None:
        for path in {watch.path for watch in self._watches if watch.due <= now} - self._looks.keys():
            # those that are due in a moment are served as well
            watches = [watch for watch in self._watches if watch.path == path and watch.due <= now + GATHER_SECONDS]
            for watch in watches:
                watch.due = self._next(watch.poll_seconds, now)
            self._looks[path] = asyncio.create_task(self._look(path, watches))

    def _next(self, poll_seconds: float, now: float) -> float:
        """The next full ``poll_seconds`` since the loop began, so that watchers with the same pause share looks."""
        passed = math.floor((now + min(GATHER_SECONDS, poll_seconds / 2) - self._began) / poll_seconds)
        return self._began + (passed + 1) * poll_seconds

    # -- looking -------------------------------------------------------------------------------------------------

    async def _look(self, path: str, watches: Sequence[Watch]) -> None:
        try:
            async with self._listing:
                blobs = await self._opened(lambda container: listed_blobs.blobs_in(container, path))
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told, and does not end the watchers)
            self._failed(path, watches, error)
        else:
            self._patience.pop(path, None)
            for watch in watches:
                watch.tell(Look(blobs, watch.again))
        finally:
            self._looks.pop(path, None)
            self._wake.set()

    def _failed(self, path: str, watches: Sequence[Watch], error: Exception) -> None:
        pause, lasting = self._pause(path, error)
        now = asyncio.get_running_loop().time()
        for watch in watches:
            trouble = Trouble(error, max(pause, watch.poll_seconds) if lasting else pause, lasting)
            watch.due = now + trouble.pause
            watch.tell(trouble)

    def _pause(self, path: str, error: Exception) -> tuple[float, bool]:
        if not isinstance(error, ApiError):
            return SLOW_SECONDS, True
        try:
            return self._patience.setdefault(path, Patience()).bear(error), False
        except ApiError:
            return SLOW_SECONDS, True

    async def _opened(self, use: Callable[[Container], Flow[T]]) -> T:
        """What comes of a flow in the container.

        What the storage refuses, e.g. a SAS that has run out, is asked for again.
        """
        had = self._container
        container = had or await self._open()
        try:
            return await self._arun(use(container))
        except (AuthError, NotFound) as error:
            if self._container is container:
                self._container = None
            if isinstance(error, AuthError):
                await self._session.reread()
            if had is None:  # it was just asked for
                raise
        return await self._arun(use(await self._open()))

    async def _open(self) -> Container:
        async with self._opening:  # whoever comes meanwhile waits for the one who was first
            if not self._container:
                hook, place = await self._session.hook(), self._place
                named = AzmlHook(place.azml_conn_id, place.subscription_id, place.resource_group, place.workspace)
                named.settings = hook.settings
                flow = datastores.opened(named.workspace_id, hook.cloud, place.datastore, act=_ACT)
                self._container = await self._arun(flow)
            return self._container

    async def _arun(self, flow: Flow[T]) -> T:
        return await self._session.arun(wrapped_flows.once(flow, timeout_seconds=REQUEST_SECONDS))
