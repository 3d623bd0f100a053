"""Many waits, few requests: all that one event loop waits for in a workspace is looked at by one watcher."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_azml.exceptions import ApiError, AuthError
from airflow_provider_azml.rest import arm_ids, pace, wrapped_flows
from airflow_provider_azml.rest.awaited_endpoints import requests_at_once
from airflow_provider_azml.rest.goals import GOALS
from airflow_provider_azml.rest.history import DataPlane, data_plane
from airflow_provider_azml.rest.line_budget import LineBudget
from airflow_provider_azml.rest.resources import RESOURCES
from airflow_provider_azml.rest.run_states import MOST_JOBS, refused, run_states, without_token
from airflow_provider_azml.rest.waiting import Glance, last_of, look, look_at_each
from airflow_provider_azml.triggers.session import Session
from airflow_provider_azml.triggers.waits import Borne, Lane, Wait

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence

    from airflow_provider_azml.rest.arm_ids import WorkspaceId
    from airflow_provider_azml.rest.flows import Flow, Json
    from airflow_provider_azml.rest.patience import Patience
    from airflow_provider_azml.rest.run_states import RunStates
    from airflow_provider_azml.rest.waiting import Ticket

T = TypeVar("T")
_log = logging.getLogger(__name__)
_JOB = RESOURCES["job"]
REQUEST_SECONDS = 60.0
"""How long one request may take."""
GATHER_SECONDS = 0.5
"""How long after a wait began its first look comes, so that those that begin together are looked at together."""
_BATCHES_AT_ONCE = 8
_LOOKS_AT_ONCE = 16
_PROBE_REQUESTS_AT_ONCE = 512
"""Requests of looks at what models answer. Models may take their time, and one that hangs must hold no other up."""
_PROBE_SPACING_SECONDS = 0.04
"""How long after one of those looks the next begins: each reads a deployment, and Resource Manager takes 25 reads a
second (see :func:`pace.ease_seconds`). On a busy event loop, besides, answers would look slower than they are."""
_FOLLOWED_AT_ONCE = 64
_LOOKED_AT_TOGETHER = 1000
_LARGE_BYTES = 1_000_000
"""Answers of more are asked for in smaller parts: reading one holds the event loop up."""
_FEWEST_JOBS = 10
_WITHOUT_HISTORY_SECONDS, _WITHOUT_TOKEN_SECONDS = 3600.0, 60.0
"""For how long run history is not asked, after it refused to be, or after there was no token for it."""
_AHEAD_SECONDS, _MOST_DOUBLINGS = 1.0, 10
"""When a job is looked at again whose end only run history knows yet, and how often that pause is doubled."""

_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, WorkspaceId], Watcher]] = WeakKeyDictionary()
_budgets: WeakKeyDictionary[asyncio.AbstractEventLoop, LineBudget] = WeakKeyDictionary()


@asynccontextmanager
async def watching(azml_conn_id: str, workspace: WorkspaceId) -> AsyncIterator[Watcher]:
    """The watcher of the running event loop for what a connection reaches in a workspace.

    The first who comes makes it, the last who goes closes it.

    Args:
        azml_conn_id: Connection of type ``azml``.
        workspace: Where that is which is waited for.

    Example:
        >>> async with watching("azml_default", workspace) as watcher:
        ...     with watcher.watch(ticket, poll_seconds=15, waited_seconds=0, patience=Patience()) as wait:
        ...         seen = await wait.news(60)
    """
    watchers = _watchers.setdefault(asyncio.get_running_loop(), {})
    key = (azml_conn_id, workspace)
    watcher = watchers.get(key)
    if watcher is None or watcher.stopped:
        watcher = watchers[key] = Watcher(Session(azml_conn_id), workspace)
    watcher.users += 1
    try:
        yield watcher
    finally:
        watcher.users -= 1
        if not watcher.users:
            if watchers.get(key) is watcher:
                del watchers[key]
            await watcher.close()


class Watcher:
    """Looks at what others wait for, and tells them.

    Args:
        session: What requests are sent by.
        workspace: Where that is which is waited for.

    Attributes:
        line_budget: What all logs share that are told on the event loop, whichever the workspace.
    """

    def __init__(self, session: Session, workspace: WorkspaceId) -> None:
        self.users = 0
        self.plane = DataPlane(workspace)
        self.line_budget = _budgets.setdefault(asyncio.get_running_loop(), LineBudget())
        self._session = session
        self._waits: set[Wait] = set()
        self._jobs = Lane(_BATCHES_AT_ONCE)
        self._each = Lane(_LOOKS_AT_ONCE)
        self._together = Lane(_LOOKS_AT_ONCE)
        self._probes = Lane(_PROBE_REQUESTS_AT_ONCE)
        self._looks: set[asyncio.Task[None]] = set()
        self._following = asyncio.Semaphore(_FOLLOWED_AT_ONCE)
        self._wake = asyncio.Event()
        self._finding = asyncio.Lock()
        self._most_jobs = MOST_JOBS
        self._history_from = -math.inf
        # whoever comes first must not have what is logged for all
        self._polling: asyncio.Task[None] = contextvars.Context().run(asyncio.create_task, self._poll())
        self._polling.add_done_callback(self._break_off)

    @contextmanager
    def watch(
        self,
        ticket: Ticket,
        *,
        poll_seconds: float,
        waited_seconds: float,
        patience: Patience,
        every_look: Callable[[], bool] = lambda: False,
    ) -> Iterator[Wait]:
        """Have something looked at for as long as the block lasts.

        Args:
            ticket: What is waited for.
            poll_seconds: Pause between two looks, in seconds.
            waited_seconds: How long it has been waited for already, by whomever.
            patience: How long errors are borne.
            every_look: Asked after each look whether it is to be heard of though nothing has changed.
        """
        named, now = arm_ids.parse(ticket.arm_id), asyncio.get_running_loop().time()
        is_job = named.kind == "job" and GOALS[ticket.goal].in_history and not ticket.operation_url
        wait = Wait(ticket, named.name, is_job, poll_seconds, now - waited_seconds, patience, every_look)
        self._waits.add(wait)
        self._put(wait, now + min(GATHER_SECONDS, poll_seconds))
        try:
            yield wait
        finally:
            wait.over = True
            self._waits.discard(wait)
            if wait.probing:
                wait.probing.cancel()

    def hurry(self, wait: Wait) -> None:
        """Look at something now, and tell what was seen, be it new or not."""
        wait.hurried = True
        self._put(wait, asyncio.get_running_loop().time())

    async def arun(self, flow: Flow[T]) -> T:
        """Drive a flow in the task of whoever calls; its requests are sent once."""
        return await self._session.arun(wrapped_flows.once(flow, timeout_seconds=REQUEST_SECONDS))

    async def follow(self, flow: Flow[T]) -> T:
        """Drive a flow that tells of what is waited for; of those that ask the service only so many go on at once."""
        try:
            step = next(flow)
        except StopIteration as done:
            value: T = done.value
            return value
        async with self._following:
            return await self.arun(wrapped_flows.resumed(flow, step))

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
                next_at = min(lane.due_at() for lane in (self._jobs, self._each, self._together, self._probes))
                timer = loop.call_at(next_at, self._wake.set) if math.isfinite(next_at) else None
                try:
                    await self._wake.wait()
                finally:
                    if timer:
                        timer.cancel()
        finally:
            await self._session.aclose_after(self._looks)

    def _break_off(self, polling: asyncio.Task[None]) -> None:
        error = None if polling.cancelled() else polling.exception()
        for wait in self._waits:
            wait.fail(error if isinstance(error, Exception) else RuntimeError("the watcher was stopped"))

    def _begin_due(self, now: float) -> None:
        while self._jobs.due_at() <= now:
            waits = self._jobs.take(now, self._most_jobs)
            if len(waits) > 1 and now >= self._history_from:
                self._begin(self._jobs, waits, self._look_at_many(waits))
                continue
            for wait in waits:
                self._each.put(wait, now)
        while self._together.due_at() <= now:
            at_one: dict[str, list[Wait]] = {}
            for wait in self._together.take(now, _LOOKED_AT_TOGETHER):
                at_one.setdefault(f"{wait.ticket.goal} {wait.ticket.arm_id}", []).append(wait)
            for waits in at_one.values():
                self._begin(self._together, waits, self._look_at_each(waits))
        while self._each.due_at() <= now:
            (wait,) = self._each.take(now, 1)
            self._begin(self._each, [wait], self._look_at_one(wait, self._each))
        while self._probes.due_at() <= now:
            (wait,) = self._probes.take(now, 1)
            self._probes.hold(now + _PROBE_SPACING_SECONDS)
            if wait.probing is None or wait.probing.done():  # else that look is told to whoever is in a hurry
                looking = self._look_at_one(wait, self._probes)
                wait.probing = self._begin(self._probes, [wait], looking, requests_at_once(wait.ticket.wanted))

    def _begin(
        self, lane: Lane, waits: Sequence[Wait], looking: Coroutine[None, None, None], requests: int = 1
    ) -> asyncio.Task[None]:
        lane.begin(requests)
        task = asyncio.create_task(_guarded(waits, looking))
        self._looks.add(task)
        task.add_done_callback(partial(self._ended, lane, requests))
        return task

    def _ended(self, lane: Lane, requests: int, task: asyncio.Task[None]) -> None:
        lane.end(requests)
        self._looks.discard(task)
        self._wake.set()

    def _put(self, wait: Wait, due: float) -> None:
        if wait.over:
            return
        self._lane(wait).put(wait, due)
        self._wake.set()

    def _lane(self, wait: Wait) -> Lane:
        """Whose requests look at something first."""
        if wait.is_job:
            return self._jobs
        goal, is_of_resource = GOALS[wait.ticket.goal], not wait.ticket.operation_url
        if goal.probe and is_of_resource:
            return self._probes
        return self._together if goal.find_each and is_of_resource else self._each

    # -- looking -------------------------------------------------------------------------------------------------

    async def _look_at_one(self, wait: Wait, lane: Lane) -> None:
        try:
            seen = await self.arun(look(wait.ticket, self.plane))
        except ApiError as error:
            self._failed(lane, [wait], error)
        else:
            self._ease(lane, seen.requests_left)
            self._seen(wait, seen)

    async def _look_at_each(self, waits: Sequence[Wait]) -> None:
        """Look once for all who wait for parts of one resource."""
        try:
            found = await self.arun(look_at_each(self.plane, [wait.ticket for wait in waits]))
        except ApiError as error:
            self._failed(self._together, waits, error)
            return
        for wait, seen in zip(waits, found, strict=True):
            self._seen(wait, seen)

    async def _look_at_many(self, waits: Sequence[Wait]) -> None:
        of_job: dict[str, list[Wait]] = {}
        for wait in waits:
            of_job.setdefault(wait.name, []).append(wait)
        try:
            states = await self._ask_run_history(list(of_job))
        except ApiError as error:
            if refused(error):
                self._do_without_history(waits, error)
            else:
                self._failed(self._jobs, waits, error)
            return
        self._ease(self._jobs, states.requests_left)
        self._fit(states.size)
        for job, same in of_job.items():
            for wait in same:
                self._told(wait, states.runs.get(job))

    async def _ask_run_history(self, jobs: Sequence[str]) -> RunStates:
        plane = self.plane
        async with self._finding:
            if plane.api is None:
                plane.api = await self.arun(data_plane(plane.workspace))
        return await self.arun(run_states(plane.api, plane.workspace, jobs))

    def _do_without_history(self, waits: Sequence[Wait], error: ApiError) -> None:
        now = asyncio.get_running_loop().time()
        seconds = _WITHOUT_TOKEN_SECONDS if without_token(error) else _WITHOUT_HISTORY_SECONDS
        if now >= self._history_from:
            _log.warning("Jobs are looked at one by one for %.0f s, as run history tells of none: %s", seconds, error)
        self._history_from, self.plane.api = now + seconds, None
        for wait in waits:
            self._each.put(wait, now)

    def _ease(self, lane: Lane, requests_left: float) -> None:
        if pause := pace.ease_seconds(requests_left):
            lane.hold(asyncio.get_running_loop().time() + pause)

    def _fit(self, size: int) -> None:
        if size > _LARGE_BYTES:
            self._most_jobs = max(self._most_jobs // 2, _FEWEST_JOBS)

    # -- what was seen -------------------------------------------------------------------------------------------

    def _told(self, wait: Wait, run: Json | None) -> None:
        """Take what run history tells of a job; of its end the resource itself has the last word."""
        if run is None or run["status"] in _JOB.good | _JOB.bad:
            wait.claimed = min(wait.claimed + 1, _MOST_DOUBLINGS) if run else 0
            self._each.put(wait, asyncio.get_running_loop().time())
            return
        wait.claimed = 0
        self._seen(wait, Glance(run["status"], run=run, known=run["status"] in _JOB.active))

    def _seen(self, wait: Wait, seen: Glance) -> None:
        if wait.over:
            return
        now = asyncio.get_running_loop().time()
        wait.patience.relieved()
        new, wait.status, wait.hurried = wait.hurried or seen.status != wait.status, seen.status, False
        if seen.outcome:
            wait.over = True
        else:
            waited = now - wait.began
            wait.pause = pace.pause_seconds(wait.poll_seconds, waited, seen.retry_after, seen.again_seconds)
            if wait.claimed:
                wait.pause = min(wait.pause, _AHEAD_SECONDS * 2.0**wait.claimed)
            self._put(wait, now + wait.pause)
        if new or seen.outcome or wait.every_look():
            wait.tell(seen)

    def _failed(self, lane: Lane, waits: Sequence[Wait], error: ApiError) -> None:
        now = asyncio.get_running_loop().time()
        if error.retry_after:
            lane.hold(now + min(error.retry_after, pace.LONGEST_HOLD_SECONDS))
        if isinstance(error, AuthError):
            self._begin(self._each, (), self._session.reread())
        for wait in waits:
            try:
                pause = wait.patience.bear(error)
            except ApiError:
                wait.fail(last_of(wait.ticket, error, wait.status))
                continue
            wait.pause = pause
            self._put(wait, now + pause)
            wait.warn(Borne(error, pause))


async def _guarded(waits: Sequence[Wait], looking: Coroutine[None, None, None]) -> None:
    """Whatever a look fails by is told to those who wait for it; nobody waits for ever."""
    try:
        await looking
    except Exception as error:  # noqa: BLE001 (it is raised in their tasks)
        if not waits:
            _log.exception("Reading the connection again failed")
        for wait in waits:
            wait.fail(error)
