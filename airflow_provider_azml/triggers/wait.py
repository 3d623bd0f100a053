"""The one trigger: waits in the triggerer until an act of the service has ended."""

from __future__ import annotations

import asyncio
import math
import os
import time
from dataclasses import asdict, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_azml.exceptions import ApiError, ConnectionIncomplete, NotFound, WaitTimeout
from airflow_provider_azml.hooks.airflow_versions import conf
from airflow_provider_azml.rest import arm_ids, goals, pace, queueing
from airflow_provider_azml.rest.awaited_nodes import NODE
from airflow_provider_azml.rest.deadlines import Deadlines
from airflow_provider_azml.rest.following import Follower
from airflow_provider_azml.rest.patience import TOLERATE_ERRORS_SECONDS, Patience
from airflow_provider_azml.rest.standstill import Standstill
from airflow_provider_azml.rest.time_limits import within
from airflow_provider_azml.rest.waiting import Glance, Outcome, Ticket
from airflow_provider_azml.triggers import killing
from airflow_provider_azml.triggers.last_lines import LastLines
from airflow_provider_azml.triggers.waits import Borne
from airflow_provider_azml.triggers.watcher import watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from airflow_provider_azml.rest.flows import Json
    from airflow_provider_azml.rest.goals import GoalName
    from airflow_provider_azml.triggers.waits import Wait
    from airflow_provider_azml.triggers.watcher import Watcher

SHORTEST_SECONDS = 5.0
"""How long a task is deferred at least, unless ``[azml] shortest_deferral_seconds`` says otherwise.

Airflow's scheduler takes a task that comes back within some seconds of its deferral for one that was killed from
outside, and fails it without a word in its log: apache/airflow#66374, #67287, #72716. With 5 s that was never seen.
"""
FIRST_LOOK_SECONDS = LAST_LOOK_SECONDS = 60.0
"""How long the first look is waited for, and the one at a deadline, whatever the deadline."""
TELLING_SECONDS = 5.0
"""How long a look is told of at least, whatever the deadline: a job may write more than Airflow takes."""
SLOW_PAUSE_SECONDS = 10.0
"""To how long the pauses between errors grow at least; they are no reason to look less often than without them."""
CANCEL_SECONDS = 10.0
"""How long errors are borne of the request that cancels a job; Airflow gives a killed trigger 30 s."""
_DECIDING: set[asyncio.Task[None]] = set()
"""What finds out what becomes of the jobs of killed triggers; an event loop alone does not hold on to it."""


class AzmlWaitTrigger(BaseTrigger):
    """Waits for one pending act and tells how it ended.

    Args:
        arm_id: The resource that is acted on.
        operation_url: Where the service tells how the act goes.
        goal: What is waited for, a key of ``rest.goals.GOALS``.
        wanted: The values that the goal takes, checked.
        azml_conn_id: Connection of type ``azml``.
        poll_seconds: Pause between two looks, in seconds.
        deadlines: When to give up, the fields of ``rest.deadlines.Deadlines``.
        tolerate_errors_seconds: How long errors in between are borne, in seconds.
        stream_logs: Whether a job's log is told as it grows.
        cancel_on_kill: Whether a job is cancelled when its task is killed or its time is up.
        max_tries: Up to which try number the task is tried again, as its task instance says.
        began: When the wait began, in seconds since the epoch; by default now.
        links: Links of the task so far, handed through to where it goes on.
    """

    def __init__(
        self,
        *,
        arm_id: str,
        operation_url: str | None = None,
        goal: GoalName = "ended",
        wanted: Json | None = None,
        azml_conn_id: str,
        poll_seconds: float,
        deadlines: Json | None = None,
        tolerate_errors_seconds: float = TOLERATE_ERRORS_SECONDS,
        stream_logs: bool = False,
        cancel_on_kill: bool = False,
        max_tries: int | None = None,
        began: float | None = None,
        links: dict[str, str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's triggers are not typed
        self.arm_id = arm_id
        self.operation_url = operation_url
        self.goal = goal
        self.wanted = wanted or {}
        self.azml_conn_id = azml_conn_id
        self.poll_seconds = poll_seconds
        self.deadlines = deadlines or {}
        self.tolerate_errors_seconds = tolerate_errors_seconds
        self.stream_logs = stream_logs
        self.cancel_on_kill = cancel_on_kill
        self.max_tries = max_tries
        self.began = time.time() if began is None else began
        self.links = links

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The trigger as Airflow stores it: names and ids, nothing secret."""
        fields = (
            "arm_id",
            "operation_url",
            "goal",
            "wanted",
            "azml_conn_id",
            "poll_seconds",
            "deadlines",
            "tolerate_errors_seconds",
            "stream_logs",
            "cancel_on_kill",
            "max_tries",
            "began",
            "links",
        )
        return f"{__name__}.{type(self).__name__}", {field: getattr(self, field) for field in fields}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire once with what :func:`outcome_of` reads."""
        fires_at = time.monotonic() + _shortest_seconds(os.environ.get("AIRFLOW__AZML__SHORTEST_DEFERRAL_SECONDS"))
        try:
            outcome = await self._outcome()
        except asyncio.CancelledError:
            if not killing.TELLS_KILLS:
                await self._killed_within(killing.KILL_SECONDS)
            raise
        except (ApiError, WaitTimeout, ConnectionIncomplete) as error:
            told = _told(error)
        else:
            told = {"outcome": asdict(replace(outcome, body={}))}
        await asyncio.sleep(fires_at - time.monotonic())
        yield self._event(told)

    async def _outcome(self) -> Outcome:
        """Wait until the act has ended.

        Raises:
            WaitTimeout: A deadline passed first.
            ApiError: An error of a look that did not pass in time.
            ConnectionIncomplete: The connection cannot be used.
        """
        pending = Ticket(self.arm_id, self.operation_url, {}, self.goal, self.wanted)
        async with watching(self.azml_conn_id, arm_ids.parse(self.arm_id).workspace) as watcher:
            clock = pace.steady_clock()
            follower = Follower(
                self.arm_id,
                self._tell,
                stream_logs=self.stream_logs,
                plane=watcher.plane,
                budget=watcher.line_budget,
                only_status=self.goal == NODE,
            )
            poll_seconds = pace.sane(self.poll_seconds)
            watched = watcher.watch(
                pending,
                poll_seconds=poll_seconds,
                waited_seconds=clock() - self.began,
                patience=Patience(
                    self.tolerate_errors_seconds, longest_pause_seconds=max(poll_seconds, SLOW_PAUSE_SECONDS)
                ),
                every_look=lambda: follower.wants_every_look,
            )
            with watched as wait:
                try:
                    return await self._end(watcher, wait, follower, clock)
                except WaitTimeout as late:
                    late.reasons = follower.problems
                    await self._explain(watcher, late)
                    late.cancelled = self._may_cancel and await self._cancel(watcher)
                    raise

    async def _end(self, watcher: Watcher, wait: Wait, follower: Follower, clock: Callable[[], float]) -> Outcome:
        """Hear of looks, and tell of them in this task, until one shows the end."""
        deadlines, standstill = Deadlines(**self.deadlines), Standstill()
        left, hurried = FIRST_LOOK_SECONDS, False
        while True:
            news = await wait.news(min(left, standstill.left(clock())))
            if isinstance(news, Borne):
                self.log.warning("Looking again in %.0f s: %s", news.pause, news.error)
            elif news and (news.outcome or not hurried):
                telling = watcher.follow(follower.look(news))
                await self._in_time(telling, math.inf if news.outcome else self._time_left(deadlines, wait, clock()))
                if news.outcome:
                    return news.outcome
            if outcome := standstill.outcome(news if isinstance(news, Glance) else None, clock()):
                return outcome
            news = None  # all that the service said of the job need not be held until the next look
            try:
                left, hurried = self._left_until(deadlines, wait, clock()), False
            except WaitTimeout:
                if hurried:
                    raise
                # it may have ended since the last look
                watcher.hurry(wait)
                left, hurried = LAST_LOOK_SECONDS, True

    def _time_left(self, deadlines: Deadlines, wait: Wait, now: float) -> float:
        """Seconds until the next deadline, also when there are none left."""
        try:
            return self._left_until(deadlines, wait, now)
        except WaitTimeout:
            return 0

    def _left_until(self, deadlines: Deadlines, wait: Wait, now: float) -> float:
        """Seconds until the next deadline.

        Raises:
            WaitTimeout: One has passed.
        """
        noun = goals.noun(self.arm_id, self.goal)
        return deadlines.check(self.arm_id, wait.status, now=now, began=self.began, noun=noun)

    async def _in_time(self, telling: Coroutine[None, None, None], left: float) -> None:
        """Tell of a look, but keep the deadline."""
        try:
            await within(max(left, TELLING_SECONDS) if math.isfinite(left) else None, telling)
        except asyncio.TimeoutError:
            self.log.warning("Not all that the job has written was told before its time was up")

    async def _explain(self, watcher: Watcher, late: WaitTimeout) -> None:
        """Let the error say why, unless the service is out of reach."""
        try:
            await watcher.arun(queueing.give_reasons(late, self.arm_id))
        except (ApiError, ConnectionIncomplete) as error:
            self.log.info("Why it has taken so long cannot be told: %s", error)

    async def on_kill(self) -> None:
        """Cancel the job if somebody ended its task; Airflow 3.3 calls this, older ones only cancel :meth:`run`.

        It is decided even when Airflow has given up waiting for that.
        """
        if not self._may_cancel:
            return
        deciding = asyncio.create_task(self._decide())
        _DECIDING.add(deciding)
        deciding.add_done_callback(_DECIDING.discard)
        await asyncio.shield(deciding)

    async def _decide(self) -> None:
        found = await killing.verdict(self.task_instance, self.links or {}, self.max_tries)
        noun, name = goals.noun(self.arm_id, self.goal), arm_ids.parse(self.arm_id).name
        if not found.cancel:
            self.log.info("%s %s goes on: %s", noun.capitalize(), name, found.reason)
            return
        self.log.info("Cancelling %s %s: %s", noun, name, found.reason)
        async with watching(self.azml_conn_id, arm_ids.parse(self.arm_id).workspace) as watcher:
            await self._cancel(watcher)

    async def _killed_within(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.on_kill(), seconds)
        except asyncio.TimeoutError:
            self.log.warning("Whether the job is to be cancelled is still being found out after %.0f s", seconds)

    @property
    def _may_cancel(self) -> bool:
        is_job = arm_ids.parse(self.arm_id).kind == "job"
        return self.cancel_on_kill and is_job and goals.GOALS[self.goal].cancel is not None

    async def _cancel(self, watcher: Watcher) -> bool:
        """Cancel the job, by its exact name, and say whether the service took it."""
        patience = Patience(CANCEL_SECONDS, refusal_seconds=0)
        noun, name = goals.noun(self.arm_id, self.goal).capitalize(), arm_ids.parse(self.arm_id).name
        while True:
            try:
                await watcher.arun(goals.cancel(watcher.plane, self.arm_id, self.goal, self.wanted))
            except NotFound:
                self.log.info("%s %s is not there, so there is nothing to cancel", noun, name)
                return False
            except ConnectionIncomplete as error:
                self.log.warning("%s %s could not be cancelled and goes on: %s", noun, name, error)
                return False
            except ApiError as error:
                try:
                    pause = patience.bear(error)
                except ApiError:
                    self.log.warning("%s %s could not be cancelled and may go on: %s", noun, name, error)
                    return False
                await asyncio.sleep(pause)
            else:
                self.log.info("%s %s is being cancelled", noun, name)
                return True

    @cached_property
    def _tell(self) -> Callable[[int, str], None]:
        """What is called with lines; those of a job's log are too many to be held."""
        return self.log.log if arm_ids.parse(self.arm_id).kind == "job" else LastLines(self.log.log)

    def _event(self, told: Json) -> TriggerEvent:
        payload = {**told, "deadlines": self.deadlines, "began": self.began, "links": self.links}
        if isinstance(self._tell, LastLines) and self._tell.held:
            payload["told"] = [*map(list, self._tell.held)]
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's triggers are not typed


@lru_cache(maxsize=1)
def _shortest_seconds(_variable: str | None) -> float:
    """How long a task is deferred at least; looking it up takes longer than all else that a trigger begins with."""
    seconds: float = conf.getfloat("azml", "shortest_deferral_seconds", fallback=SHORTEST_SECONDS)
    return seconds


def outcome_of(event: Json) -> Outcome:
    """How the act ended, read back from the trigger's event.

    Raises:
        AzmlError: The wait itself failed; it is raised here as it was there.
    """
    if "outcome" in event:
        return Outcome(**event["outcome"])
    kinds = {kind.__name__: kind for kind in (*ApiError.__subclasses__(), ApiError, WaitTimeout, ConnectionIncomplete)}
    raised = kinds[event["error"]]
    if raised is ConnectionIncomplete:
        raise ConnectionIncomplete(event["message"])
    raise raised(**event["fields"])


def _told(error: ApiError | WaitTimeout | ConnectionIncomplete) -> Json:
    """An error as JSON, so that the task raises it in its own process, where the user reads it."""
    fields = {} if isinstance(error, ConnectionIncomplete) else dict(vars(error))
    return {"error": type(error).__name__, "message": str(error), "fields": fields}
